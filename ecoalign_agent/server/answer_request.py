"""A request for an answer, validated before it costs anything, and the outcome of its run as OpenAI's clients read it.

The last user message is the question. Earlier messages, system messages included, become quoted context within the
fence that every prompt draws around a question: data, not instructions. Ours.

A declined request is an answer, too: the refusal stands in ``content`` and in ``refusal``, OpenAI's own field, and
``finish_reason`` is ``stop``; ``ecoalign.status`` tells the two apart. No text is ever cut: where every answer was
longer than the client allows, it gets a refusal that fits, and ``finish_reason`` is ``length``.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Note, Result, Tokens
from ecoalign_agent.llm.turns import CONTEXT_HEADING, PERSON, QUESTION_HEADING
from ecoalign_agent.search.request import validate_question
from ecoalign_agent.server.errors import ApiError, failed_run_error, to_api_error
from ecoalign_agent.server.openai_schema import (
    ChatCompletionRequest,
    ChatMessage,
    ContentPart,
    chat_completion,
    parse_chat_request,
)
from ecoalign_agent.server.policies import UNASSESSED_MODEL, is_unassessed
from ecoalign_agent.server.service import Service

_SPEAKERS = {
    "system": "wishes of the site that the person writes from",
    "developer": "wishes of the site that the person writes from",
    "user": PERSON,
    "assistant": "the assistant",
}


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message: role, text, pictures as data URLs or https addresses."""

    role: str
    text: str
    images: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChatConversation:
    """A validated conversation: its turns with content, and the index of the one with the question."""

    turns: Sequence[ChatTurn]
    question_index: int

    @property
    def images(self) -> list[str]:
        """The pictures of all turns, in order."""
        return [image for turn in self.turns for image in turn.images]

    @property
    def question(self) -> str:
        """The question, after the quoted context where there is any; a quoted line can't pass for a heading."""
        question = self.turns[self.question_index].text.strip()
        if len(self.turns) == 1 or not question:
            return question
        lines, heading, first = [CONTEXT_HEADING], f"{QUESTION_HEADING}:", 0
        for index, turn in enumerate(self.turns):
            numbers = ", ".join(str(first + n) for n in range(len(turn.images)))
            first += len(turn.images)
            if index == self.question_index:
                heading = f"{heading[:-1]} (it comes with picture {numbers}):" if numbers else heading
                continue
            lines.append(f"{_SPEAKERS[turn.role]}:")
            lines += [f"> {line}" for line in turn.text.strip().splitlines()]
            lines += [f"> (with picture {numbers})"] if numbers else []
        return "\n".join([*lines, "", heading, question])


def read_conversation(messages: Sequence[ChatMessage], *, max_images: int) -> ChatConversation:
    """Validate the messages of a request.

    Raises:
        ApiError: 400: no user message, a role or a part that can't be answered, too many pictures, or a picture that is
            neither a data URL nor an https address: a path would be read from this server's disk.
    """
    turns: list[ChatTurn] = []
    question_index: int | None = None
    for number, message in enumerate(messages):
        field = f"messages.{number}"
        if message.role not in _SPEAKERS:
            text = f"{field}: role {message.role[:20]!r} can't be answered; use system, user and assistant"
            raise ApiError(400, text, param=f"{field}.role", code="unsupported_role")
        if (message.model_extra or {}).get("tool_calls"):
            raise ApiError(400, f"{field}: tool calls are not supported", param=field, code="unsupported_parameter")
        text, images = _read_message(message, field)
        if message.role == "user":
            question_index = len(turns)
        elif not text.strip() and not images:
            continue
        turns.append(ChatTurn(message.role, text, images))
    if question_index is None:
        raise ApiError(400, "there is no user message to answer", param="messages", code="invalid_value")
    conversation = ChatConversation(turns, question_index)
    if (number := len(conversation.images)) > max_images:
        text = f"the conversation has {number} pictures, at most {max_images} are looked at; leave the oldest out"
        raise ApiError(400, text, param="messages", code="too_many_images")
    return conversation


def _read_message(message: ChatMessage, field: str) -> tuple[str, list[str]]:
    if message.content is None:
        return message.refusal or "", []
    if isinstance(message.content, str):
        return message.content, []
    texts, images = [], []
    for number, part in enumerate(message.content):
        here = f"{field}.content.{number}"
        if part.type in {"text", "input_text", "refusal"}:
            texts.append(part.text if part.text is not None else str((part.model_extra or {}).get("refusal", "")))
        elif part.type in {"image_url", "input_image"}:
            images.append(_read_image(part, here))
        else:
            text = f"{here}: a part of type {part.type[:20]!r} can't be answered; give text and images"
            raise ApiError(400, text, param=here, code="unsupported_content")
    return "\n".join(texts), images


def _read_image(part: ContentPart, field: str) -> str:
    url = part.image_url.get("url") if isinstance(part.image_url, Mapping) else part.image_url
    # The image store fetches an address only from a host that this server allows.
    if isinstance(url, str) and (url[:5].lower() == "data:" or url[:8].lower() == "https://"):
        return url
    text = f"{field}: not a picture that is taken: send it as a data URL (data:image/png;base64,…)"
    raise ApiError(400, text, param=field, code="invalid_image_url")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to a request, or the refusal."""

    text: str
    refused: bool
    finish_reason: str
    usage: dict[str, Any]
    """OpenAI's ``usage``: the tokens of all calls of the run."""
    receipt: dict[str, Any]
    """The response's ``ecoalign``."""

    def completion(self, run_id: str, model: str) -> dict[str, Any]:
        """The response object of an answer in one piece."""
        message = {"role": "assistant", "content": self.text, "refusal": self.text if self.refused else None}
        return chat_completion(run_id, model, message, self.finish_reason, usage=self.usage, ecoalign=self.receipt)


def to_outcome(result: Result, *, limited: bool = False) -> Outcome:
    """The outcome of a run that did not fail; ``limited``: the client limited the answer's length."""
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
    """One validated request."""

    run_id: str
    """Drawn here, never the client's."""
    model: str
    conversation: ChatConversation
    policy: Policy | None
    """None: the actor answers alone."""
    notes: tuple[Note, ...]
    """For the receipt: ignored fields, clamped options."""
    progress: bool
    """Whether events are wanted."""
    stream: bool
    include_usage: bool
    max_tokens: int | None
    """Completion tokens that the client allows; None: not limited."""


def read_answer_request(body: bytes, service: Service) -> AnswerRequest:
    """Parse and validate a request; one that can't be answered raises ``ApiError``, and nothing was spent."""
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
        return service.policy_for(request.model, request.ecoalign or {}, request.max_answer_tokens)
    if not service.config.allow_base:
        text = f"the bare model is not served here; there are: {', '.join(service.models)}"
        raise ApiError(404, text, param="model", code="model_not_found")
    if request.ecoalign:
        text = "the bare model has no options: nothing governs it"
        raise ApiError(400, text, param="ecoalign", code="unsupported_parameter")
    return None, [], False
