"""Where stories are played: a real graph and a real facade over a scripted model."""

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from PIL import Image

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import BudgetTooSmallError
from ecoalign_agent.events.events import Event
from ecoalign_agent.events.result import Result
from ecoalign_agent.testing import AnyReply, ScriptedCall, ScriptedModel, task_replies, verdict_reply

QUESTION = "When is it open?"

Part = AnyReply | Callable[[ScriptedCall], AnyReply]


async def run_search(
    policy: Policy | None = None,
    question: str = QUESTION,
    images: Sequence[bytes] = (),
    *,
    delay: float = 0.0,
    **parts: Part,
) -> tuple[Result, ScriptedModel]:
    """The result of one question, and the model that was asked."""
    model = ScriptedModel(task_replies(**parts), delay=delay)
    return await EcoAlign(model, policy=policy).ask(question, images), model


async def collect_events(
    policy: Policy | None = None, question: str = QUESTION, images: Sequence[bytes] = (), **parts: Part
) -> tuple[list[Event], ScriptedModel]:
    """The events of one question, and the model that was asked."""
    model = ScriptedModel(task_replies(**parts))
    return [event async for event in EcoAlign(model, policy=policy).stream(question, images)], model


async def min_budget(policy: Policy | None = None) -> float:
    """The least budget that the program itself advises for ``QUESTION`` without a picture."""
    with pytest.raises(BudgetTooSmallError) as error:
        await run_search((policy or Policy()).replace(budget=1e-9))
    found = re.search(r"the least is about ([\d.e-]+)", str(error.value))
    assert found is not None
    return float(found[1])


def assess_by_words(
    grades: Mapping[str, AnyReply], otherwise: AnyReply | None = None
) -> Callable[[ScriptedCall], AnyReply]:
    """An assessor that goes by what the candidate contains; the first match counts."""

    def grade(call: ScriptedCall) -> AnyReply:
        found = (grade for words, grade in grades.items() if words in call["candidate"])
        return next(found, verdict_reply() if otherwise is None else otherwise)

    return grade


def propose_by_tip(proposals: Mapping[str, list[dict[str, Any]]]) -> Callable[[ScriptedCall], AnyReply]:
    """A proposer that goes by the words of the last thought, at the root "(none)"; without a match it has no idea."""

    def propose(call: ScriptedCall) -> AnyReply:
        tip = call["path"].splitlines()[-1]
        found = (actions for words, actions in proposals.items() if words in tip)
        return {"actions": next(found, []), "merge": [], "prune": []}

    return propose


def events_of_kind(events: Sequence[Event], kind: str) -> list[Any]:
    """The events of one kind."""
    return [event for event in events if event.kind == kind]


def final_result(events: Sequence[Event]) -> Result:
    """The result that the last event carries."""
    last = events[-1]
    assert last.kind in {"answered", "declined", "failed"}
    return last.result


def picture(width: int = 40, height: int = 30, colour: tuple[int, int, int] = (10, 120, 200)) -> bytes:
    """A picture in one colour, as a PNG file."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), colour).save(file, "PNG")
    return file.getvalue()
