"""OpenAI's messages as one question with its context and pictures.

The last user message is the question. Earlier messages, system messages included, become quoted context within the
fence that every prompt draws around a question: data, not instructions. Ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecoalign_agent.llm.turns import CONTEXT_HEADING, PERSON, QUESTION_HEADING
from ecoalign_agent.server.errors import ApiError
from ecoalign_agent.server.openai_schema import ChatMessage, ContentPart

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
