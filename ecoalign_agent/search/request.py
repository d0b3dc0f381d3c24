"""The request: as a state holds it, with its run's id, and as the model calls after the scan see it."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import HumanMessage

from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.images.message_content import ImageSource, checked_image_source, is_url, read_content
from ecoalign_agent.images.sources import url_not_fetched
from ecoalign_agent.images.store import ImageStore

MAX_QUESTION = 100_000
"""Characters that a question may have; more would be spent on reading it than on answering."""

MAX_ADDRESSES = 16
"""Pictures of one request that may be named by their URLs: each takes up to ten seconds."""

MAX_RUN_ID = 128
EMPTY_TEXT = "(none)"

_SHOWN = 40
_RUN_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_RUN_ID}}}")


def validate_run_id(run_id: object) -> str:
    """The id, or a ``UsageError``: it names threads and files, and stands in logs, and must not lead elsewhere."""
    # A whole match: `$` would let a line break pass at the end.
    if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id):
        return run_id
    # ascii(): what it was can't be written into a terminal as it is.
    given = ascii(run_id)
    shown = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…"
    raise UsageError(f"run id {shown} can't be used: write 1 to {MAX_RUN_ID} of the characters A-Z, a-z, 0-9, _ and -")


def get_run_id(state: Mapping[str, Any]) -> str:
    """The id of the run that a state belongs to, validated; one is drawn where it is missing or empty."""
    run_id = state.get("run_id")
    # An ended run leaves it empty, so that the next one of the thread draws its own.
    return uuid.uuid4().hex if run_id is None or run_id == "" else validate_run_id(run_id)


def validate_question(question: object) -> str:
    """The question, stripped, or a ``UsageError``."""
    if not isinstance(question, str):
        raise UsageError(f"the question is of type {type(question).__name__}: give it as text")
    question = question.strip()
    if not question:
        raise UsageError("the question is empty: say what you want to know")
    if len(question) > MAX_QUESTION:
        raise UsageError(f"the question has {len(question):,} characters, the limit is {MAX_QUESTION:,}: shorten it")
    return question


def request_content(state: Mapping[str, Any], *, addresses: bool = False) -> tuple[str, Sequence[ImageSource]]:
    """Question and encoded pictures of a request, or a ``UsageError``.

    ``addresses``: pictures may be named by their URLs.
    """
    images = state.get("images") or []
    if not isinstance(images, list | tuple):
        raise UsageError(f"images is of type {type(images).__name__}: give a list of bytes or data URLs")
    sources = [checked_image_source(image) for image in images]
    question = state.get("question")
    if not question:
        message = next((m for m in reversed(state.get("messages", [])) if isinstance(m, HumanMessage)), None)
        if message is None:
            raise UsageError("nothing to answer: give `question`, or `messages` with a human message in it")
        texts, inline = read_content(message.content)
        question, sources = "\n".join(texts), [*(image.source for image in inline), *sources]
    question = validate_question(question)
    named = next((source for source in sources if is_url(source)), None)
    if named is not None and not addresses:
        raise url_not_fetched(str(named))
    return question, sources


async def fetch_pictures(state: Mapping[str, Any], image_store: ImageStore) -> dict[str, Any]:
    """The changes of a request that names pictures by their URLs: they are fetched once, and go on as bytes."""
    question, images = request_content(state, addresses=image_store.fetches)
    named = sum(map(is_url, images))
    if not named:
        return {}
    if named > MAX_ADDRESSES:
        raise UsageError(f"{named} image URLs in one request, at most {MAX_ADDRESSES} are fetched: send files instead")
    return {"question": question, "images": [(await image_store.open(image)).data for image in images]}


@dataclass(frozen=True, slots=True)
class RegionOfInterest:
    """A region worth a closer look: `box` is left, top, right, bottom as fractions of picture number `picture`."""

    picture: int
    description: str
    box: list[float]


@dataclass(frozen=True, slots=True)
class ScanFindings:
    """Findings of the scan."""

    caption: str
    seen_text: str
    hazard: str
    safety: float
    """s0 in [-1, 1], after a confirmation where there was one."""
    regions: list[RegionOfInterest] = field(default_factory=list)
    harmless_part: str = ""
    """Part of a harmful request that could be answered on its own, in the scan's words; "": none."""
    partial: bool = False
    """True: the assessor, too, finds the whole harmful. Only the harmless part is asked for."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request after the scan."""

    question: str
    """The person's question; where only a part of it is asked for, that part."""
    pictures: Sequence[Picture]
    views: Sequence[ImageView]
    findings: ScanFindings
    strategy: str
    """Text of the strategy thought; `EMPTY_TEXT` without one."""

    @property
    def caption(self) -> str:
        """The caption, or `EMPTY_TEXT`."""
        return self.findings.caption or EMPTY_TEXT

    @property
    def seen_text(self) -> str:
        """The text in the pictures, or `EMPTY_TEXT`."""
        return self.findings.seen_text or EMPTY_TEXT

    def inputs(self, **more: str) -> dict[str, str]:
        """Inputs of a prompt: question, caption, text in the pictures, and `more`."""
        return {"question": self.question, "caption": self.caption, "seen_text": self.seen_text, **more}


def single_line(text: str) -> str:
    """`text` on one line, so that it can't imitate another line of a list."""
    return " ".join(text.split())


def box_line(box: Iterable[float]) -> str:
    """A box as prompts show it."""
    return "[" + ", ".join(f"{edge:.2f}" for edge in box) + "]"


def thought_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts as prompts show them, one a line; without the root, whose content is caption and seen text."""
    return "\n".join(f"[{t.id} {t.kind}] {single_line(t.text)}" for t in thoughts if t.kind != "root") or EMPTY_TEXT


def thought_texts(thoughts: Iterable[Thought]) -> list[tuple[str, str, str]]:
    """Id, kind and text of thoughts, without root and strategy: a parameter of calls to stand-in models."""
    return [(t.id, t.kind, t.text) for t in thoughts if t.kind not in {"root", "strategy"}]


def step_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts for prompts that show the strategy apart: without it, so that it is sent and paid once."""
    return thought_lines(t for t in thoughts if t.kind != "strategy")
