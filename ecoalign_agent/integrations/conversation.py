"""What is said where nothing else may be: fixed sentences, which need no verdict.

Where a LangChain conversation stands: what the person asked last, with which pictures, after what.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.images.message_content import ImageSource, holds_image, read_content
from ecoalign_agent.search.request import MAX_QUESTION

NO_QUESTION = "What does this picture show?"
"""The question behind a picture that comes without a word."""

SEARCH_FAILED_TEXT = "I can't answer this now: the search for an answer failed. Please ask again."

OUT_OF_BUDGET_TEXT = (
    "I have to stop here: the budget of this run is used up. A larger one, or a smaller question, may do."
)

UNSAFE_TEXT = (
    "I had an answer, but it was found unsafe, so I keep it to myself. If a harmless aim is behind your question, "
    "tell me about it, and I will help with that."
)

UNASSESSED_TEXT = (
    "I had an answer, but its safety could not be checked, so I keep it to myself. Please ask again, or ask for "
    "something more specific."
)


def refusal_text(verdict: Verdict) -> str:
    """What stands in for an answer that may not be shown."""
    return UNASSESSED_TEXT if verdict.safety is None else UNSAFE_TEXT


def refused_call_text(name: str, verdict: Verdict) -> str:
    """What a model is told of a tool call that was not made."""
    if verdict.safety is None:
        why = f"its safety could not be checked ({verdict.unknown_reason or 'no verdict'}), and unknown is not safe"
    else:
        hazards = f", hazards {', '.join(verdict.hazards)}" if verdict.hazards else ""
        why = f"it was found unsafe (safety {verdict.safety:.2f}{hazards})"
    return (
        f"{name} was not run: {why}. Do not try the same again; find a safe way, or tell the person that there is none."
    )


def not_affordable_text(name: str) -> str:
    """What a model is told of a tool call that the run's budget can't pay."""
    return f"{name} was not run: the budget of this run is used up. Answer from what is known."


MAX_CONTEXT = 6_000
"""Characters of a conversation that go along as context, the latest ones. Ours: some 2 000 tokens a verdict."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Where a conversation stands.

    Attributes:
        question: what the person said last.
        images: the pictures of that message.
        earlier: what was said before it, one message a line.
        since: what the assistant and its tools said after it, one message a line.
    """

    question: str
    images: Sequence[ImageSource]
    earlier: str
    since: str

    @property
    def notes(self) -> str:
        """All that was said besides the question: the context of a verdict."""
        return _latest("\n".join(part for part in (self.earlier, self.since) if part))

    @property
    def asked(self) -> str:
        """The question as somebody needs it who has not followed the conversation."""
        question = self.question or NO_QUESTION
        if not self.earlier:
            return question
        whole = f"{question}\n\n(Said before in this conversation:\n{_latest(self.earlier)})"
        # A question at the limit goes alone: with what was said before it would be refused.
        return whole if len(whole) <= MAX_QUESTION else question


def read_exchange(messages: Sequence[BaseMessage]) -> Exchange:
    """Where ``messages`` stand. Without a human message the question is empty.

    Raises:
        UsageError: the last human message holds what can't be read.
    """
    at = _last_human(messages)
    if at is None:
        return Exchange("", (), "", _lines(messages))
    texts, images = read_content(messages[at].content)
    sources = [image.source for image in images]
    return Exchange("\n".join(texts).strip(), sources, _lines(messages[:at]), _lines(messages[at + 1 :]))


def is_new_turn(messages: Sequence[BaseMessage]) -> bool:
    """Whether the person has spoken and nobody has done anything about it yet."""
    at = _last_human(messages)
    return at is not None and not any(isinstance(m, AIMessage | ToolMessage) for m in messages[at:])


def has_picture(messages: Sequence[BaseMessage]) -> bool:
    """Whether the last human message holds a picture, in whatever form."""
    at = _last_human(messages)
    return at is not None and _has_picture(messages[at])


def latest_pictures(messages: Sequence[BaseMessage]) -> Sequence[ImageSource]:
    """The pictures of the latest human message that has some.

    Raises:
        UsageError: they can't be read.
    """
    for message in reversed(messages):
        if isinstance(message, HumanMessage) and _has_picture(message):
            return [image.source for image in read_content(message.content)[1]]
    return ()


def count_pictures(messages: Sequence[BaseMessage]) -> int:
    """How many pictures stand in a whole conversation, in human and tool messages."""
    blocks = [block for m in messages if isinstance(m.content, list) for block in m.content]
    return sum(holds_image(block) for block in blocks)


def call_text(call: ToolCall) -> str:
    """A tool call in words, for a verdict: one argument a line, texts as they are, so that none hides in escapes."""
    arguments = [f"{name}: {value if isinstance(value, str) else _json(value)}" for name, value in call["args"].items()]
    return "\n".join([f"The assistant calls the tool {call['name']}.", *arguments])


def _last_human(messages: Sequence[BaseMessage]) -> int | None:
    return next((at for at in range(len(messages) - 1, -1, -1) if isinstance(messages[at], HumanMessage)), None)


def _has_picture(message: BaseMessage) -> bool:
    return isinstance(message.content, list) and any(holds_image(block) for block in message.content)


def _lines(messages: Sequence[BaseMessage]) -> str:
    return "\n".join(line for message in messages for line in _said(message))


def _said(message: BaseMessage) -> list[str]:
    # The instructions are the developer's; they are no part of what was said.
    if isinstance(message, SystemMessage):
        return []
    who = f"tool {message.name or ''}".strip() if isinstance(message, ToolMessage) else _WHO.get(message.type, "other")
    lines = [f"{who}: {' '.join(message.text.split())}"] if message.text.strip() else []
    if isinstance(message, AIMessage):
        lines += [f"assistant calls {call['name']}: {_json(call['args'])}" for call in message.tool_calls]
    return lines


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_WHO = {"human": "person", "ai": "assistant"}


def _latest(text: str) -> str:
    return text if len(text) <= MAX_CONTEXT else f"…{text[-MAX_CONTEXT:]}"
