"""The state of a LangChain conversation: the person's last question with its pictures, and the messages around it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage

from ecoalign_agent.images.message_content import ImageSource, holds_image, read_content
from ecoalign_agent.llm.turns import EARLIER_HEADING, LISTED_PERSON
from ecoalign_agent.search.request import MAX_QUESTION

DEFAULT_QUESTION = "What does this picture show?"
"""The question of a picture without text."""

MAX_CONTEXT = 6_000
"""Characters of a conversation that serve as context, the latest ones. Ours: some 2 000 tokens a verdict."""

_SPEAKERS = {"human": LISTED_PERSON.removesuffix(": "), "ai": "assistant"}


@dataclass(frozen=True, slots=True)
class Exchange:
    """The text and the pictures of the last human message, and the messages before and after it, one a line."""

    question: str
    images: Sequence[ImageSource]
    earlier: str
    since: str

    @property
    def notes(self) -> str:
        """Everything but the question: the context of a verdict."""
        return _latest("\n".join(part for part in (self.earlier, self.since) if part))

    @property
    def standalone_question(self) -> str:
        """The question with the earlier conversation, for a reader who does not know it."""
        question = self.question or DEFAULT_QUESTION
        if not self.earlier:
            return question
        whole = f"{question}{EARLIER_HEADING}{_latest(self.earlier)})"
        # A question at the limit stands alone: with its context it would be refused.
        return whole if len(whole) <= MAX_QUESTION else question


def read_exchange(messages: Sequence[BaseMessage]) -> Exchange:
    """Split a conversation at its last human message, which must be readable; without one the question is empty."""
    index = _last_human(messages)
    if index is None:
        return Exchange("", (), "", _lines(messages))
    texts, images = read_content(messages[index].content)
    sources = [image.source for image in images]
    return Exchange("\n".join(texts).strip(), sources, _lines(messages[:index]), _lines(messages[index + 1 :]))


def is_new_turn(messages: Sequence[BaseMessage]) -> bool:
    """Whether no message of the assistant or a tool follows the last human message."""
    index = _last_human(messages)
    return index is not None and not any(isinstance(m, AIMessage | ToolMessage) for m in messages[index:])


def has_picture(messages: Sequence[BaseMessage]) -> bool:
    """Whether the last human message holds a picture, usable or not."""
    index = _last_human(messages)
    return index is not None and count_pictures(messages[index : index + 1]) > 0


def latest_pictures(messages: Sequence[BaseMessage]) -> Sequence[ImageSource]:
    """The pictures of the latest human message that has some; ``UsageError`` where they can't be read."""
    for message in reversed(messages):
        if isinstance(message, HumanMessage) and count_pictures([message]):
            return [image.source for image in read_content(message.content)[1]]
    return ()


def count_pictures(messages: Sequence[BaseMessage]) -> int:
    """The number of pictures in messages, usable or not."""
    blocks = [block for m in messages if isinstance(m.content, list) for block in m.content]
    return sum(holds_image(block) for block in blocks)


def describe_tool_call(call: ToolCall) -> str:
    """A tool call in words, for a verdict: one argument a line, texts unescaped so that none hides in escapes."""
    arguments = [f"{name}: {value if isinstance(value, str) else _json(value)}" for name, value in call["args"].items()]
    return "\n".join([f"The assistant calls the tool {call['name']}.", *arguments])


def _last_human(messages: Sequence[BaseMessage]) -> int | None:
    return next((n for n in range(len(messages) - 1, -1, -1) if isinstance(messages[n], HumanMessage)), None)


def _lines(messages: Sequence[BaseMessage]) -> str:
    return "\n".join(line for message in messages for line in _message_lines(message))


def _message_lines(message: BaseMessage) -> list[str]:
    # System messages are the developer's, no part of the conversation.
    if isinstance(message, SystemMessage):
        return []
    is_tool = isinstance(message, ToolMessage)
    speaker = f"tool {message.name or ''}".strip() if is_tool else _SPEAKERS.get(message.type, "other")
    lines = [f"{speaker}: {' '.join(message.text.split())}"] if message.text.strip() else []
    if isinstance(message, AIMessage):
        lines += [f"assistant calls {call['name']}: {_json(call['args'])}" for call in message.tool_calls]
    return lines


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _latest(text: str) -> str:
    return text if len(text) <= MAX_CONTEXT else f"…{text[-MAX_CONTEXT:]}"
