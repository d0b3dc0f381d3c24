"""What a request for an answer comes to once it is read: all that a run needs, checked before it costs anything."""

import secrets
from dataclasses import dataclass

from ecoalign_agent.alignment.request import checked_question
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.serving.conversation import Conversation, conversation_of
from ecoalign_agent.serving.faults import ApiError, fault_of
from ecoalign_agent.serving.policies import BASE, is_base, ordered, unknown_model
from ecoalign_agent.serving.service import Service
from ecoalign_agent.serving.wire import ChatRequest, read_request


@dataclass(frozen=True, slots=True)
class Order:
    """One request, read and checked.

    Attributes:
        run_id: of the run; drawn here, never the client's.
        model: as the client named it, one of the known ones.
        conversation: what is asked.
        policy: how; None: the actor is asked as it is.
        notes: for the receipt: what was ignored, what was clamped.
        progress: whether events are wanted.
        stream: whether the answer is.
        usage: whether a stream ends with its usage.
        longest: completion tokens that the client allows.
    """

    run_id: str
    model: str
    conversation: Conversation
    policy: Policy | None
    notes: tuple[str, ...]
    progress: bool
    stream: bool
    usage: bool
    longest: int | None


def order_of(body: bytes, service: Service) -> Order:
    """Read a request.

    Raises:
        ApiError: it can't be answered; nothing was spent.
    """
    request, ignored = read_request(body)
    policy, clamped, progress = _governed(request, service)
    conversation = conversation_of(request.messages, most_images=service.config.most_images)
    try:
        checked_question(conversation.question)
    except UsageError as error:
        raise fault_of(error) from None
    notes = [f"accepted without effect: {', '.join(ignored)}"] if ignored else []
    return Order(
        run_id=secrets.token_hex(16),
        model=BASE if policy is None else request.model,
        conversation=conversation,
        policy=policy,
        notes=(*notes, *clamped),
        progress=progress,
        stream=bool(request.stream),
        usage=bool(request.stream_options and request.stream_options.include_usage),
        longest=request.longest,
    )


def _governed(request: ChatRequest, service: Service) -> tuple[Policy | None, list[str], bool]:
    if is_base(request.model):
        if not service.config.allow_base:
            raise ApiError(
                404,
                f"the bare model is not served here; there are: {', '.join(service.models)}",
                param="model",
                code="model_not_found",
            )
        if request.ecoalign:
            said = "the bare model has no options: nothing governs it"
            raise ApiError(400, said, param="ecoalign", code="unsupported_parameter")
        return None, [], False
    if request.model not in service.policies:
        raise unknown_model(request.model, service.models)
    return ordered(service.policies[request.model], request.ecoalign or {}, request.longest)
