"""What a run comes to, as OpenAI's clients read it.

A declined request is an answer, too: its ``content`` is the refusal, for whoever shows it to a person, and the same
text stands in ``refusal``, OpenAI's own field, for programs; ``finish_reason`` is ``stop``, for nothing was cut or
filtered out of it. ``ecoalign.status`` tells the two apart in any case. Nothing that is given out is ever cut: where
every answer was longer than the client allows, it gets a refusal that fits, and ``finish_reason`` is ``length``.

What a request for an answer comes to once it is read: all that a run needs, checked before it costs anything.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Note, Result, Tokens
from ecoalign_agent.search.request import validate_question
from ecoalign_agent.server.conversation import ChatConversation, read_conversation
from ecoalign_agent.server.errors import ApiError, failed_run_error, to_api_error
from ecoalign_agent.server.openai_schema import ChatRequest, parse_chat_request
from ecoalign_agent.server.policies import UNASSESSED_MODEL, is_unassessed, tighten_policy, unknown_model
from ecoalign_agent.server.service import Service


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer on its way out.

    Attributes:
        text: the answer, or the refusal.
        refused: whether it is a refusal.
        finish: OpenAI's ``finish_reason``.
        usage: OpenAI's ``usage``: the tokens of all calls of the run.
        receipt: what stands under ``ecoalign``.
    """

    text: str
    refused: bool
    finish: str
    usage: dict[str, Any]
    receipt: dict[str, Any]

    @property
    def message(self) -> dict[str, Any]:
        """The message of a whole answer."""
        return {"role": "assistant", "content": self.text, "refusal": self.text if self.refused else None}


def to_outcome(result: Result, *, capped: bool = False) -> Outcome:
    """The outcome of a run.

    Args:
        result: of the run.
        capped: whether the client said how long the answer may be.

    Raises:
        ApiError: the run failed.
    """
    if result.status == "failed" or result.answer is None:
        raise failed_run_error(result)
    refused = result.status == "declined"
    cut = capped and refused and result.stop_reason != "unsafe_request" and result.has_note("reply_too_long")
    finish = "length" if cut else "stop"
    return Outcome(result.answer, refused, finish, openai_usage(result.cost.tokens), result.model_dump(mode="json"))


def openai_usage(tokens: Tokens) -> dict[str, Any]:
    """Tokens as OpenAI words them; pictures and what came from a cache are part of the prompt."""
    prompt = tokens.prompt + tokens.image + tokens.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "image_tokens": tokens.image},
    }


@dataclass(frozen=True, slots=True)
class AnswerRequest:
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
    conversation: ChatConversation
    policy: Policy | None
    notes: tuple[Note, ...]
    progress: bool
    stream: bool
    usage: bool
    longest: int | None


def read_answer_request(body: bytes, service: Service) -> AnswerRequest:
    """Read a request.

    Raises:
        ApiError: it can't be answered; nothing was spent.
    """
    request, ignored = parse_chat_request(body)
    policy, clamped, progress = _governed(request, service)
    conversation = read_conversation(request.messages, most_images=service.config.most_images)
    try:
        validate_question(conversation.question)
    except UsageError as error:
        raise to_api_error(error) from None
    text = f"accepted without effect: {', '.join(ignored)}"
    notes = [Note(code="option_ignored", text=text)] if ignored else []
    return AnswerRequest(
        run_id=secrets.token_hex(16),
        model=UNASSESSED_MODEL if policy is None else request.model,
        conversation=conversation,
        policy=policy,
        notes=(*notes, *clamped),
        progress=progress,
        stream=bool(request.stream),
        usage=bool(request.stream_options and request.stream_options.include_usage),
        longest=request.longest,
    )


def _governed(request: ChatRequest, service: Service) -> tuple[Policy | None, list[Note], bool]:
    if is_unassessed(request.model):
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
    return tighten_policy(service.policies[request.model], request.ecoalign or {}, request.longest)
