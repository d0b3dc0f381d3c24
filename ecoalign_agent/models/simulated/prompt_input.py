"""The input of one call: task, data, pictures and parameters, read from the wording of its messages.

The only module that knows how prompts are worded. A simulated model knows of a sample what the call shows and no more:
the notice's number, parts that are printed in a picture it was sent or copied in words, and thoughts of others. Ours.
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
from ecoalign_agent.models.simulated.drawing import PictureView, read_view
from ecoalign_agent.models.simulated.ground_truth import RequestContent
from ecoalign_agent.models.simulated.world import Sample, World

KNOWN_TASKS = (
    "scan", "plan", "propose", "simulate", "reason", "look", "fuse", "answer", "synthesize", "decline",
    "assess thought", "assess request", "rewrite analyse", "rewrite frugal", "rewrite prompt", "rewrite check",
    "rewrite hindsight", "rewrite causal",
)  # fmt: skip
"""Every task of this package's prompts that is answered in its own form."""

VerdictForm = Literal["safe or unsafe", "yes if safe", "yes if harmful"]

_DELIMITER = re.compile(r"</?[a-z_]+ [0-9A-Za-z]{4,32}>")
_ACTION = re.compile(r"^(\d+)\. \[(\w+)\] (.*)$", re.MULTILINE)
_THOUGHT = re.compile(r"^\[(\w+) (\w+)\] (.*)$", re.MULTILINE)
_KIND = re.compile(r"^(reason|look|fuse|answer):", re.MULTILINE)
_DRAFT = re.compile(r'"draft":.*\bsafety is at least (-?\d+(?:\.\d+)?)')
_BRANCHING = re.compile(r'"actions": at most (\d+)')
_HORIZON = re.compile(r"at most (\d+), each")
_PART = re.compile(r"\bpart ([a-d])\b")
_TRANSCRIPT = re.compile(r"It reads: [^.]*\.")

_STEPWISE = re.compile(
    r"step[- ]by[- ]step|chain[- ]of[- ]thought|think (?:it )?(?:through|carefully|first)", re.IGNORECASE
)
_SHORTHAND = re.compile(r"\b(?:five|5) words\b|\bchain[- ]of[- ]draft\b|\bminimal draft\b", re.IGNORECASE)
_CAREFUL = re.compile(r"\b(?:harm(?:ful)?|unsafe|illegal|unlawful|unethical|safely|safety|dangerous)\b", re.IGNORECASE)
_VERDICT = re.compile(r"\byes\b.{0,20}\bno\b|\bsafe\b.{0,10}\bor\b.{0,10}\bunsafe\b", re.IGNORECASE | re.DOTALL)
_YES_IF_SAFE = re.compile(r"\b(?:is|was|be) (?:\w+ ){0,4}(?:safe|harmless)\b")
_NEXT_STEP = re.compile(r"\bnext step\b", re.IGNORECASE)
_DESCRIBE = re.compile(r"\b(?:describe|caption)\b", re.IGNORECASE)
_SCALE = re.compile(
    r"\b(?:rate|score|grade|rating)\b.{0,200}?\b(?:from|between)?\s*(-?\d+(?:\.\d+)?)\s*(?:to|and|–|-)\s*(\d+(?:\.\d+)?)\b",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """The words of one message."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Call:
    """One call.

    Attributes:
        task: None: a conversation of any other kind.
        messages: the words, without the markers of delimiters.
        data: the delimited inputs by name, for a task of ours.
        prompt_bytes: of all words as they were sent.
        seed: the request's own ``seed``: another one is another sample of the model's answers.
        schema: the JSON schema of the reply.
    """

    world: World
    task: str | None
    messages: tuple[PromptMessage, ...]
    data: Mapping[str, str]
    pictures: tuple[MessageImage, ...]
    prompt_bytes: int
    seed: object = None
    schema: Mapping[str, Any] | None = None

    @cached_property
    def views(self) -> tuple[PictureView, ...]:
        """The content of the pictures."""
        return tuple(read_view(picture.data, picture.detail) for picture in self.pictures)

    @cached_property
    def key(self) -> str:
        """All that replies follow from besides the model's seed: the words and the content of the pictures."""
        words = [f"{m.role}: {m.text}" for m in self.messages]
        views = [f"{v.index} {v.whole} {v.fine}" for v in self.views]
        return "\n".join([str(self.task), str(self.seed), *words, *views])

    @property
    def system(self) -> str:
        """The instructions."""
        return "\n".join(m.text for m in self.messages if m.role == "system")

    @cached_property
    def text(self) -> str:
        """All words of all messages."""
        return "\n".join(m.text for m in self.messages)

    def get(self, name: str) -> str:
        """The delimited input ``name``; "" when there is none."""
        return self.data.get(name, "")

    @cached_property
    def question(self) -> str:
        """The person's question; in a conversation, the words of all user messages."""
        if self.task is not None:
            return self.get("question")
        return "\n".join(m.text for m in self.messages if m.role == "user")

    @cached_property
    def content(self) -> RequestContent:
        """What the question requests."""
        return ground_truth.parse_request(self.question)

    @cached_property
    def sample(self) -> Sample | None:
        """The sample it is about: the one whose notice the question names, else the one whose picture was sent."""
        indices = (index for index in (self.content.index, *(view.index for view in self.views)) if index is not None)
        try:
            return next(map(self.world.sample, indices), None)
        except IndexError:
            return None

    @property
    def notes(self) -> str:
        """The words of thoughts so far."""
        if self.task is None:
            return self.text
        context = self.get("context").partition("\nnotes:")[2]
        return "\n".join(filter(None, (self.get("path"), self.get("thoughts"), context)))

    @cached_property
    def words(self) -> str:
        """Every description of the picture in words, the question included."""
        if self.task is None:
            return self.text
        return "\n".join((self.question, *(self.get(name) for name in ("caption", "seen_text", "context", "path"))))

    @cached_property
    def shown(self) -> str | None:
        """Content of the pictures, or of words about them, on the withheld item: "image", "both", or None."""
        sample = self.sample
        if sample is not None and sample.where in {"image", "both"}:
            if any(view.index == sample.index and view.whole for view in self.views):
                return sample.where
            words = self.words.casefold()
            if f"says: write out the {ground_truth.WITHHELD}" in words:
                return "image"
            if f"{ground_truth.WITHHELD}: __" in words:
                return "both"
        return None

    @property
    def where(self) -> str:
        """Place of the harm that a full answer would do; "none": the call shows none."""
        if not self.content.harmful(self.shown):
            return "none"
        # A picture that was put into words is met with the caution that words are met with.
        in_words = self.content.demand == "withheld" or not self.views
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

    # Parameters of this package's prompts.

    @property
    def offered_actions(self) -> list[tuple[int, str, str]]:
        """Number, kind and aim of each action that futures are simulated for."""
        return [(int(number), kind, aim) for number, kind, aim in _ACTION.findall(self.get("actions"))]

    @property
    def other_thoughts(self) -> list[tuple[str, str, str]]:
        """Id, kind and text of thoughts of other branches."""
        return _THOUGHT.findall(self.get("others"))

    @property
    def allowed_kinds(self) -> frozenset[str]:
        """Kinds of actions that may be proposed."""
        return frozenset(_KIND.findall(self.system))

    @property
    def branching(self) -> int:
        """Actions that may be proposed at most."""
        return _number(_BRANCHING, self.system, 3)

    @property
    def draft_safety(self) -> float | None:
        """Safety of the request from which on a draft is wanted; None: none is."""
        rule = _DRAFT.search(self.system)
        return None if rule is None else float(rule.group(1))

    def horizon(self, default: int) -> int:
        """Steps ahead that a simulated future may have."""
        return _number(_HORIZON, self.system, default)

    @property
    def aimed_part(self) -> str | None:
        """The letter of the part that the aim names."""
        found = _PART.search(self.get("aim"))
        return None if found is None else found.group(1)

    @property
    def is_guarded(self) -> bool:
        """True if the strategy asks to leave something out."""
        return "leave out" in self.get("strategy").casefold()

    @property
    def candidate_role(self) -> Literal["answer", "strategy", "thought"]:
        """The role of the candidate to be assessed."""
        if "the candidate is an answer to the person" in self.system:
            return "answer"
        return "strategy" if "the candidate is a strategy" in self.system else "thought"

    @property
    def transcript(self) -> str:
        """The sentence in which a question without picture copies the notice; "" without one."""
        found = _TRANSCRIPT.search(self.question)
        return found.group() if found else ""

    @property
    def preserved_facts(self) -> list[str]:
        """Facts that a rewritten question must keep."""
        return [line.strip() for line in self.get("keep").splitlines() if line.strip()]

    # Parameters of conversations: how other methods ask.

    @property
    def last_request(self) -> str:
        """The words of the last user message, with the instructions that hold throughout."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "") + "\n" + self.system

    @property
    def instructions(self) -> str:
        """All words but the model's own."""
        return "\n".join(m.text for m in self.messages if m.role != "assistant")

    @property
    def thinking(self) -> Literal["cot", "cod"] | None:
        """Thinking step by step, or in short drafts; None: neither is asked for."""
        if _SHORTHAND.search(self.instructions):
            return "cod"
        return "cot" if _STEPWISE.search(self.instructions) else None

    @property
    def is_careful(self) -> bool:
        """True if an instruction speaks of harm or safety."""
        return _CAREFUL.search(self.instructions) is not None

    @property
    def verdict(self) -> VerdictForm | None:
        """The form of the verdict that is asked for; None: none is."""
        last = self.last_request
        if _VERDICT.search(last) is None or _CAREFUL.search(last) is None:
            return None
        words = last.casefold()
        if re.search(r"\bunsafe\b", words) and not re.search(r"\byes\b", words):
            return "safe or unsafe"
        # "Is it safe?" and "Is it harmful?" are answered the other way round.
        return "yes if safe" if _YES_IF_SAFE.search(words) else "yes if harmful"

    @property
    def scale(self) -> tuple[float, float] | None:
        """The ends of the scale on which a grade is asked for; None: none is."""
        found = _SCALE.search(self.instructions)
        return (float(found.group(1)), float(found.group(2))) if found else None

    @property
    def asks_description(self) -> bool:
        """True if the picture is to be described."""
        return _DESCRIBE.search(self.last_request) is not None

    @property
    def asks_step(self) -> bool:
        """True if the next step alone is asked for."""
        return _NEXT_STEP.search(self.last_request) is not None


def _number(pattern: re.Pattern[str], text: str, default: int) -> int:
    found = pattern.search(text)
    return int(found.group(1)) if found else default


def read_call(
    world: World, messages: Sequence[BaseMessage], *, seed: object = None, schema: Mapping[str, Any] | None = None
) -> Call:
    """Parse the messages of one call. Never raises for what they hold."""
    pictures: list[MessageImage] = []
    parsed = [PromptMessage(_role(message), read_message_content(message.content, pictures)) for message in messages]
    size = sum(len(message.text.encode("utf-8", "replace")) for message in parsed)
    system = next((m.text for m in parsed if m.role == "system"), "")
    user = next((m.text for m in parsed if m.role == "user"), "")
    data = delimited_inputs(user, system)
    heading = re.match(r"\s*Task: ([a-z ]+?)\s*(?:\n|$)", system)
    task = heading.group(1) if heading is not None and data and heading.group(1) in KNOWN_TASKS else None
    marker = delimiter_marker(user, system)
    bare = (
        PromptMessage(m.role, _DELIMITER.sub("", m.text) if marker is None else m.text.replace(marker, ""))
        for m in parsed
    )
    return Call(world, task, tuple(bare), data, tuple(pictures), size, seed, schema)


def _role(message: BaseMessage) -> Literal["system", "user", "assistant"]:
    if isinstance(message, SystemMessage):
        return "system"
    return "user" if isinstance(message, HumanMessage) else "assistant"
