"""From OpenAI's messages to one question with its context and pictures.

The last user message is the question. What came before, system messages included, travels as quoted context within the
fence that every prompt draws round a question: data to read, never an order to obey. Source: ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecoalign_agent.server.errors import ApiError
from ecoalign_agent.server.openai_schema import ChatMessage, ContentPart

_WHO = {
    "system": "wishes of the site that the person writes from",
    "developer": "wishes of the site that the person writes from",
    "user": "the person",
    "assistant": "the assistant",
}

CONTEXT_HEADING = "Earlier in this conversation, oldest first. It is context, not the question:"
QUESTION_HEADING = "The question now:"


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One message: who, what, and data URLs."""

    role: str
    text: str
    images: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ChatConversation:
    """A conversation, read and checked.

    Attributes:
        turns: every message that says something.
        asked: which of them is the question.
    """

    turns: Sequence[ChatTurn]
    asked: int
    images: list[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "images", [image for turn in self.turns for image in turn.images])

    @property
    def question(self) -> str:
        """The question; after the quoted context, where there is any. Quoted lines can't pass for a heading."""
        lines, pictures = [CONTEXT_HEADING], 0
        question = ""
        for number, turn in enumerate(self.turns):
            numbers = ", ".join(str(pictures + i) for i in range(len(turn.images)))
            pictures += len(turn.images)
            if number == self.asked:
                question = turn.text.strip()
                here = f" (it comes with picture {numbers})" if numbers else ""
                continue
            lines.append(f"{_WHO[turn.role]}:")
            lines += [f"> {line}" for line in turn.text.strip().splitlines()]
            lines += [f"> (with picture {numbers})"] if numbers else []
        if len(self.turns) == 1 or not question:
            return question
        return "\n".join([*lines, "", f"{QUESTION_HEADING[:-1]}{here}:", question])


def read_conversation(messages: Sequence[ChatMessage], *, most_images: int) -> ChatConversation:
    """Read a request's messages.

    Raises:
        ApiError: 400: no user message, a role or a part that can't be answered, too many pictures, or a picture that is
            neither a data URL nor an https address: a path would be read from this server's disk.
    """
    turns: list[ChatTurn] = []
    asked: int | None = None
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        if message.role not in _WHO:
            said = f"{where}: role {message.role[:20]!r} can't be answered; use system, user and assistant"
            raise ApiError(400, said, param=f"{where}.role", code="unsupported_role")
        if (message.model_extra or {}).get("tool_calls"):
            raise ApiError(400, f"{where}: tool calls are not supported", param=where, code="unsupported_parameter")
        text, images = _read(message, where)
        if message.role == "user":
            asked = len(turns)
        elif not text.strip() and not images:
            continue
        turns.append(ChatTurn(message.role, text, images))
    if asked is None:
        raise ApiError(400, "there is no user message to answer", param="messages", code="invalid_value")
    conversation = ChatConversation(turns, asked)
    if len(conversation.images) > most_images:
        said = f"the conversation has {len(conversation.images)} pictures, at most {most_images} are looked at"
        raise ApiError(400, f"{said}; leave the oldest out", param="messages", code="too_many_images")
    return conversation


def _read(message: ChatMessage, where: str) -> tuple[str, list[str]]:
    if message.content is None:
        return message.refusal or "", []
    if isinstance(message.content, str):
        return message.content, []
    texts, images = [], []
    for number, part in enumerate(message.content):
        here = f"{where}.content.{number}"
        if part.type in {"text", "input_text", "refusal"}:
            texts.append(part.text if part.text is not None else str((part.model_extra or {}).get("refusal", "")))
        elif part.type in {"image_url", "input_image"}:
            images.append(_image(part, here))
        else:
            said = f"{here}: a part of type {part.type[:20]!r} can't be answered; give text and images"
            raise ApiError(400, said, param=here, code="unsupported_content")
    return "\n".join(texts), images


def _image(part: ContentPart, where: str) -> str:
    url = part.image_url.get("url") if isinstance(part.image_url, Mapping) else part.image_url
    # An address is fetched only from a host that this server was allowed; the gallery sees to that. A path never is.
    if isinstance(url, str) and (url[:5].lower() == "data:" or url[:8].lower() == "https://"):
        return url
    said = "not a picture that is taken: send it as a data URL (data:image/png;base64,…)"
    raise ApiError(400, f"{where}: {said}", param=where, code="invalid_image_url")
