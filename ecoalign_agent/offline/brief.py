"""What one call asks for: our own prompts, taken apart again.

A prompt is recognised by the first line of its system message, ``Task: <name>``, and by a user message that opens with
a fence whose marker the system message names. Only what stands inside those fences is data; a fence imitated inside the
data carries another marker and stays text. Ours: the embedded model reads the same prompts as any hosted one.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.images.message_content import MessageImage
from ecoalign_agent.llm.prompts import delimited_inputs, read_message_content

TASKS = (
    "scan", "plan", "propose", "simulate", "reason", "look", "fuse", "answer", "synthesize", "decline",
    "assess thought", "assess request", "rewrite analyse", "rewrite frugal", "rewrite prompt", "rewrite check",
    "rewrite hindsight", "rewrite causal",
)  # fmt: skip
"""Every task that a prompt of this package can name."""

PLAIN = "plain"
"""The task of a message that stands alone, with no instructions of ours: it is a question, and is answered in words."""

Box = tuple[float, float, float, float]
"""left, top, right, bottom as fractions of a picture."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_BOX = re.compile(rf"\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]")
_KIND = re.compile(r"^\s*(?:[-*]\s*)?\W?(reason|look|fuse|answer)\W?\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Brief:
    """One call, taken apart.

    Attributes:
        task: one of ``TASKS``, or ``PLAIN``; None: not one of our prompts.
        system: the instructions; they hold nothing from outside.
        data: the content of each fence by its name; "(none)" reads as "".
        pictures: the pictures of the message, in order.
        text: all text of all messages, for counting tokens.
    """

    task: str | None
    system: str
    data: Mapping[str, str]
    pictures: tuple[MessageImage, ...]
    text: str

    def get(self, name: str) -> str:
        """The content of the fence ``name``; "" when there is none."""
        return self.data.get(name, "")

    def lines(self, name: str) -> list[str]:
        """The non-empty lines of the fence ``name``."""
        return [line.strip() for line in self.get(name).splitlines() if line.strip()]

    def number(self, pattern: str, default: int) -> int:
        """The whole number that the instructions name where ``pattern``'s first group matches, else ``default``."""
        found = re.search(pattern, self.system)
        return int(found.group(1)) if found else default

    @property
    def branching(self) -> int:
        """How many actions may be proposed."""
        return self.number(r'"actions": at most (\d+)', 3)

    @property
    def kinds(self) -> frozenset[str]:
        """Which kinds of actions may be proposed."""
        part = self.system.partition("Kinds:")[2].partition("\n\n")[0]
        return frozenset(_KIND.findall(part)) or frozenset({"reason", "look", "answer"})

    @property
    def draft_from(self) -> float | None:
        """The safety from which the scan may draft an answer; None: it may not."""
        rule = re.search(rf'"draft":.*\bsafety is at least ({_NUMBER})', self.system)
        return float(rule.group(1)) if rule else None

    @property
    def box(self) -> Box | None:
        """The part of the picture that a look shows, where the instructions say it."""
        found = boxes_in(self.system)
        return found[0] if found else None


def boxes_in(text: str) -> list[Box]:
    """All boxes of four fractions written in ``text``, such as ``[0.10, 0.20, 0.30, 0.40]``."""
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in _BOX.findall(text)]


def read_brief(messages: Sequence[BaseMessage]) -> Brief:
    """Take the messages of one call apart. Never raises: what is no prompt of ours has the task None."""
    texts: list[str] = []
    pictures: list[MessageImage] = []
    system = user = ""
    for message in messages:
        text = read_message_content(message.content, pictures)
        texts.append(text)
        if isinstance(message, SystemMessage) and not system:
            system = text
        elif isinstance(message, HumanMessage) and not user:
            user = text
    if user.strip() and len(messages) == 1:
        return Brief(PLAIN, "", {"question": user.strip()}, tuple(pictures), "\n".join(texts))
    task = re.match(r"\s*Task: ([a-z ]+?)\s*(?:\n|$)", system)
    data = delimited_inputs(user, system)
    known = task is not None and task.group(1) in TASKS and bool(data)
    name = task.group(1) if task is not None and known else None
    return Brief(name, system, data, tuple(pictures), "\n".join(texts))
