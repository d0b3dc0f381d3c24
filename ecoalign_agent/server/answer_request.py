"""A request for an answer, validated before it costs anything, and the outcome of its run as OpenAI's clients read it.

A declined request is an answer, too: the refusal stands in ``content`` and in ``refusal``, OpenAI's own field, and
``finish_reason`` is ``stop``; ``ecoalign.status`` tells the two apart. No text is ever cut: where every answer was
longer than the client allows, it gets a refusal that fits, and ``finish_reason`` is ``length``.
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
from ecoalign_agent.server.openai_schema import ChatCompletionRequest, chat_completion, parse_chat_request
from ecoalign_agent.server.policies import UNASSESSED_MODEL, is_unassessed, tighten_policy, unknown_model
from ecoalign_agent.server.service import Service


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a request.

    Attributes:
        text: the answer, or the refusal.
        refused: whether it is a refusal.
        finish_reason: OpenAI's.
        usage: OpenAI's ``usage``: the tokens of all calls of the run.
        receipt: the response's ``ecoalign``.
    """

    text: str
    refused: bool
    finish_reason: str
    usage: dict[str, Any]
    receipt: dict[str, Any]

    def completion(self, run_id: str, model: str) -> dict[str, Any]:
        """The response object of an answer in one piece."""
        message = {"role": "assistant", "content": self.text, "refusal": self.text if self.refused else None}
        return chat_completion(run_id, model, message, self.finish_reason, usage=self.usage, ecoalign=self.receipt)


def to_outcome(result: Result, *, limited: bool = False) -> Outcome:
    """The outcome of a run.

    Args:
        result: of the run.
        limited: whether the client limited the answer's length.

    Raises:
        ApiError: the run failed, or waits for a reviewer.
    """
    if result.status == "failed" or result.answer is None:
        raise failed_run_error(result)
    refused = result.status == "declined"
    cut = limited and refused and result.stop_reason != "unsafe_request" and result.has_note("reply_too_long")
    return Outcome(
        result.answer,
        refused,
        "length" if cut else "stop",
        openai_usage(result.cost.tokens),
        result.model_dump(mode="json"),
    )


def openai_usage(tokens: Tokens) -> dict[str, Any]:
    """Tokens as OpenAI's ``usage``; those of pictures and of caches are part of the prompt."""
    prompt = tokens.prompt + tokens.image + tokens.cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens.completion,
        "total_tokens": prompt + tokens.completion,
        "prompt_tokens_details": {"cached_tokens": tokens.cached, "image_tokens": tokens.image},
    }


@dataclass(frozen=True, slots=True)
class AnswerRequest:
    """One validated request.

    Attributes:
        run_id: of the run; drawn here, never the client's.
        model: a model name of this server.
        conversation: question, context, pictures.
        policy: of the run; None: the actor answers alone.
        notes: for the receipt: ignored fields, clamped options.
        progress: whether events are wanted.
        stream: whether the answer is to be streamed.
        include_usage: whether the stream ends with the usage.
        max_tokens: completion tokens that the client allows; None: not limited.
    """

    run_id: str
    model: str
    conversation: ChatConversation
    policy: Policy | None
    notes: tuple[Note, ...]
    progress: bool
    stream: bool
    include_usage: bool
    max_tokens: int | None


def read_answer_request(body: bytes, service: Service) -> AnswerRequest:
    """Parse and validate a request.

    Raises:
        ApiError: it can't be answered; nothing was spent.
    """
    request, ignored = parse_chat_request(body)
    policy, clamped, progress = _policy(request, service)
    conversation = read_conversation(request.messages, max_images=service.config.max_images)
    try:
        validate_question(conversation.question)
    except UsageError as error:
        raise to_api_error(error) from None
    notes = [Note(code="option_ignored", text=f"accepted without effect: {', '.join(ignored)}")] if ignored else []
    return AnswerRequest(
        run_id=secrets.token_hex(16),
        model=UNASSESSED_MODEL if policy is None else request.model,
        conversation=conversation,
        policy=policy,
        notes=(*notes, *clamped),
        progress=progress,
        stream=bool(request.stream),
        include_usage=bool(request.stream_options and request.stream_options.include_usage),
        max_tokens=request.max_answer_tokens,
    )


def _policy(request: ChatCompletionRequest, service: Service) -> tuple[Policy | None, list[Note], bool]:
    if not is_unassessed(request.model):
        if request.model not in service.policies:
            raise unknown_model(request.model, service.models)
        return tighten_policy(service.policies[request.model], request.ecoalign or {}, request.max_answer_tokens)
    if not service.config.allow_base:
        text = f"the bare model is not served here; there are: {', '.join(service.models)}"
        raise ApiError(404, text, param="model", code="model_not_found")
    if request.ecoalign:
        text = "the bare model has no options: nothing governs it"
        raise ApiError(400, text, param="ecoalign", code="unsupported_parameter")
    return None, [], False
