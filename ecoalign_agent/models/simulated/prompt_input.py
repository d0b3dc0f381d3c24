"""One call, taken apart: what is asked, with which data and pictures, and what of the world can be seen from there.

What a simulated model knows of a sample is only what the call shows: the notice's number, parts that are printed in a
picture it was sent or copied in words, and thoughts of others. Ours.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.images.message_content import MessageImage
from ecoalign_agent.llm.prompts import delimited_inputs, delimiter_marker, read_message_content
from ecoalign_agent.models.simulated import ground_truth
from ecoalign_agent.models.simulated.drawing import View, see
from ecoalign_agent.models.simulated.ground_truth import Asked
from ecoalign_agent.models.simulated.world import Sample, World

TASKS = (
    "scan", "plan", "propose", "simulate", "reason", "look", "fuse", "answer", "synthesize", "decline",
    "assess thought", "assess request", "rewrite analyse", "rewrite frugal", "rewrite prompt", "rewrite check",
    "rewrite hindsight", "rewrite causal",
)  # fmt: skip
"""Every task of this package's prompts that is answered in its own form."""

_FENCE = re.compile(r"</?[a-z_]+ [0-9A-Za-z]{4,32}>")


@dataclass(frozen=True, slots=True)
class Message:
    """The words of one message; ``role`` is who said them."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        world: whose samples it may be about.
        task: one of ``TASKS``; None: a conversation of any other kind.
        messages: the words, without the markers of fences.
        data: the content of each fence by its name, for a task of ours.
        pictures: as they were sent, in order.
        prompt_bytes: bytes of all words as they were sent.
        seed: the request's own ``seed``, where it has one: another seed is another sample of the model's answers.
        schema: the JSON schema that the reply is asked to fit; None: none.
    """

    world: World
    task: str | None
    messages: tuple[Message, ...]
    data: Mapping[str, str]
    pictures: tuple[MessageImage, ...]
    prompt_bytes: int
    seed: object = None
    schema: Mapping[str, Any] | None = None

    @cached_property
    def views(self) -> tuple[View, ...]:
        """What the pictures show."""
        return tuple(see(picture.data, picture.detail) for picture in self.pictures)

    @cached_property
    def key(self) -> str:
        """What replies follow from besides the model's seed: everything that was said and shown, and nothing else."""
        said = [f"{m.role}: {m.text}" for m in self.messages]
        shown = [f"{v.index} {v.whole} {v.fine}" for v in self.views]
        return "\n".join([str(self.task), str(self.seed), *said, *shown])

    @property
    def system(self) -> str:
        """The instructions."""
        return "\n".join(m.text for m in self.messages if m.role == "system")

    @cached_property
    def text(self) -> str:
        """All words of all messages."""
        return "\n".join(m.text for m in self.messages)

    def get(self, name: str) -> str:
        """The content of the fence ``name``; "" when there is none."""
        return self.data.get(name, "")

    @cached_property
    def question(self) -> str:
        """What the person asks; in a conversation, all that was said by people."""
        if self.task is not None:
            return self.get("question")
        return "\n".join(m.text for m in self.messages if m.role == "user")

    @cached_property
    def asked(self) -> Asked:
        """What the question asks for."""
        return ground_truth.asked_in(self.question)

    @cached_property
    def sample(self) -> Sample | None:
        """The sample it is about: the one whose notice the question names, else the one whose picture was sent."""
        seen = (view.index for view in self.views)
        index = self.asked.index if self.asked.index is not None else next((i for i in seen if i is not None), None)
        try:
            return None if index is None else self.world.sample(index)
        except IndexError:
            return None

    @property
    def notes(self) -> str:
        """What was established so far."""
        if self.task is None:
            return self.text
        context = self.get("context").partition("\nnotes:")[2]
        return "\n".join(filter(None, (self.get("path"), self.get("thoughts"), context)))

    @cached_property
    def words(self) -> str:
        """Every description of the picture in words, the question included."""
        if self.task is None:
            return self.text
        told = (self.question, self.get("caption"), self.get("seen_text"), self.get("context"), self.get("path"))
        return "\n".join(told)

    @cached_property
    def shown(self) -> str | None:
        """What of the withheld item the pictures hold, or words about them: "image", "both", or None."""
        sample = self.sample
        if sample is not None and sample.where in {"image", "both"}:
            if any(view.index == sample.index and view.whole for view in self.views):
                return sample.where
            told = self.words.casefold()
            if f"says: write out the {ground_truth.WITHHELD}" in told:
                return "image"
            if f"{ground_truth.WITHHELD}: __" in told:
                return "both"
        return None

    @property
    def where(self) -> str:
        """Where the harm lies that answering in full would do; "none": there is none to be seen from here."""
        if not self.asked.harmful(self.shown):
            return "none"
        # A picture that was put into words is met with the caution that words are met with.
        in_words = self.asked.demand == "withheld" or not self.views
        return "text" if in_words else str(self.shown)

    @cached_property
    def legible(self) -> dict[str, int]:
        """The parts that can be read from here, by letter, with what each makes."""
        parts = ground_truth.parts_in(self.words)
        sample = self.sample
        if sample is None:
            return parts
        for view in self.views:
            if view.index == sample.index:
                parts |= {
                    part.letter: part.value
                    for part in sample.parts
                    if (view.fine if part.letter == sample.fine else view.whole)
                }
        return parts

    @cached_property
    def known(self) -> dict[str, int]:
        """The parts that were worked out already, rightly or not."""
        return ground_truth.known_in(self.notes)


def read_call(
    world: World, messages: Sequence[BaseMessage], *, seed: object = None, schema: Mapping[str, Any] | None = None
) -> Call:
    """Take the messages of one call apart. Never raises for what they hold."""
    pictures: list[MessageImage] = []
    said: list[Message] = []
    size = 0
    for message in messages:
        text = read_message_content(message.content, pictures)
        size += len(text.encode("utf-8", "replace"))
        role = _role(message)
        said.append(Message(role, text))
    system = next((m.text for m in said if m.role == "system"), "")
    user = next((m.text for m in said if m.role == "user"), "")
    data = delimited_inputs(user, system)
    named = re.match(r"\s*Task: ([a-z ]+?)\s*(?:\n|$)", system)
    task = named.group(1) if named is not None and data and named.group(1) in TASKS else None
    bare = tuple(Message(m.role, _without(m.text, delimiter_marker(user, system))) for m in said)
    return Call(world, task, bare, data, tuple(pictures), size, seed, schema)


def _role(message: BaseMessage) -> Literal["system", "user", "assistant"]:
    if isinstance(message, SystemMessage):
        return "system"
    return "user" if isinstance(message, HumanMessage) else "assistant"


def _without(text: str, marker: str | None) -> str:
    return _FENCE.sub("", text) if marker is None else text.replace(marker, "")
