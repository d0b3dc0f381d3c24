"""One call to the embedded model: task, parameters, data and pictures, as they travel beside the prompt's words.

No wording of a prompt is parsed. Messages without the metadata of :mod:`ecoalign_agent.llm.prompts` are a conversation:
its last human turn is the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from ecoalign_agent.images.message_content import MessageImage
from ecoalign_agent.llm.prompts import PROMPT_METADATA_KEY, read_message_content
from ecoalign_agent.llm.turns import split_turns

NOTHING = "(none)"
"""Stands in an empty fence."""


@dataclass(frozen=True, slots=True)
class PromptInput:
    """One call, taken apart.

    Attributes:
        task: name of the prompt, such as ``alignment/scan``; None: a plain conversation, answered in words.
        question: the last turn of the person.
        earlier: the person's turns before it, oldest first: context alone.
        data: the fenced inputs of the prompt by name.
        parameters: values that came beside the words.
        pictures: every picture sent, in order.
        recent: numbers of the pictures that came with the last turn; empty: all count.
        text: all words of all messages, for counting tokens.
    """

    task: str | None
    question: str
    earlier: tuple[str, ...]
    data: Mapping[str, str]
    parameters: Mapping[str, Any]
    pictures: tuple[MessageImage, ...]
    recent: tuple[int, ...]
    text: str

    def get(self, name: str) -> str:
        """The parameter or the fenced data ``name`` as text; "" where there is none."""
        value = self.parameters.get(name, self.data.get(name, ""))
        return "" if not isinstance(value, str) or value.strip() == NOTHING else value.strip()

    def thoughts(self, name: str) -> list[tuple[str, str, str]]:
        """Id, kind and text of the thoughts in the parameter ``name``."""
        return list(self.parameters.get(name, ()))

    def asking(self, question: str) -> "PromptInput":
        """The same call about another question."""
        return replace(self, question=question, earlier=())


def read_messages(messages: Sequence[BaseMessage]) -> PromptInput:
    """Take the messages of one call apart. Never raises for what they hold."""
    texts: list[str] = []
    pictures: list[MessageImage] = []
    metadata: Mapping[str, Any] = {}
    asked: list[str] = []
    for message in messages:
        text = read_message_content(message.content, pictures)
        texts.append(text)
        if isinstance(message, HumanMessage):
            asked.append(text.strip())
            metadata = message.additional_kwargs.get(PROMPT_METADATA_KEY) or metadata
    words = "\n".join(texts)
    if not metadata:
        question = asked[-1] if asked else ""
        return PromptInput(None, question, tuple(asked[:-1]), {}, {}, tuple(pictures), (), words)
    data = metadata["data"]
    turns = split_turns(data.get("question", "").strip())
    recent = tuple(number for number in turns.pictures if number < len(pictures))
    return PromptInput(
        metadata["task"], turns.question, tuple(turns.earlier), data, metadata, tuple(pictures), recent, words
    )
