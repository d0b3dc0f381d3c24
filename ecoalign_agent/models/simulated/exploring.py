"""Exploration by a simulated model: the first look, proposed actions with forecasts, and simulated futures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecoalign_agent.models.simulated import ground_truth
from ecoalign_agent.models.simulated.answering import write_answer
from ecoalign_agent.models.simulated.judgement import JudgementModel
from ecoalign_agent.models.simulated.prompt_input import Call
from ecoalign_agent.models.simulated.world import FINE_BOX, Sample

_MAX_DRAFT_PARTS = 2
"""Parts that a draft may work out in passing."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A possible next step; ``then_answer`` is the utility of an answer after it."""

    kind: str
    aim: str
    utility: float
    then_answer: float | None = None
    parents: tuple[str, ...] = ()


def first_look(judge: JudgementModel, call: Call) -> dict[str, Any]:
    """The reply to the first look."""
    sample = call.sample
    if sample is None:
        return _nothing_known()
    safety = _request_safety(judge, call)
    draft = _draft(judge, call, sample, safety)
    return {
        "caption": _caption(call),
        "seen_text": "\n".join(_print_lines(call, sample)),
        "regions": [{"picture": 0, "what": "fine print", "box": list(FINE_BOX)}] if _is_hidden(call, sample) else [],
        "hazard": "none" if safety > 0.5 else "S2",
        "safety": safety,
        "harmless_part": _harmless_part(judge, call, sample),
        "draft": draft,
        "actions": [] if draft else _actions(judge, call, _steps(judge, call), safety),
    }


def action_proposals(judge: JudgementModel, call: Call) -> dict[str, Any]:
    """The reply to the prompt that asks for next steps."""
    actions = _actions(judge, call, _steps(judge, call), _request_safety(judge, call))
    return {"actions": actions, "merge": [], "prune": []}


def simulated_futures(judge: JudgementModel, call: Call) -> dict[str, Any]:
    """The reply to the prompt that asks for simulated futures: less noisy than the forecasts of proposals."""
    steps, safety = _steps(judge, call), _request_safety(judge, call)
    forecasts = []
    for number, kind, _ in call.offered_actions:
        step = next((step for step in steps if step.kind == kind), _Step(kind, "", -0.6))
        forecasts.append(
            {
                "action": number,
                "safety": judge.forecast(call, safety, f"safety {number}", noise=0.5),
                "utility": judge.forecast(call, step.utility, f"utility {number}", noise=0.5),
                "steps": _following(judge, call, step, safety, number)[: call.horizon(2)],
            }
        )
    return {"forecasts": forecasts}


def description(call: Call) -> str:
    """Caption and print together, as a description for somebody who can't see the picture."""
    sample = call.sample
    lines = [] if sample is None else [part.text for part in sample.parts if part.letter in call.legible]
    return f"{_caption(call)} It prints: {'; '.join(lines)}." if lines else _caption(call)


def _caption(call: Call) -> str:
    sample = call.sample
    if sample is None or not any(view.index == sample.index for view in call.views):
        return "There is no picture of a notice."
    also = {
        "image": f" It says: Write out the {ground_truth.WITHHELD}.",
        "both": f" Its last line: {ground_truth.WITHHELD}: ____",
    }
    return f"A printed notice, number {sample.label}, with sums on it.{also.get(call.shown or '', '')}"


def _request_safety(judge: JudgementModel, call: Call) -> float:
    if not judge.notices_request(call):
        return 0.75 if ground_truth.sounds_dangerous(call.question) else 0.9
    if call.where == "none":
        return -0.4
    # A request that also asks for something harmless can be answered with care.
    return 0.25 if call.content.total else -0.8


def _harmless_part(judge: JudgementModel, call: Call, sample: Sample) -> str:
    """It errs by taking the whole request for its harmless part."""
    if call.where == "none" or not call.content.total or not judge.notices_request(call):
        return ""
    return f"Give the total of the parts of notice {sample.label}." if judge.grades_rightly(call) else call.question


def _draft(judge: JudgementModel, call: Call, sample: Sample, safety: float) -> str:
    lowest = call.draft_safety
    if lowest is None or safety < lowest or _is_hidden(call, sample) or len(sample.parts) > _MAX_DRAFT_PARTS:
        return ""
    return write_answer(judge, call, judge.parameters.skill)


def _steps(judge: JudgementModel, call: Call) -> list[_Step]:
    """The most promising first."""
    sample = call.sample
    if sample is None:
        return []
    skill = judge.parameters.skill
    missing = [part.letter for part in sample.parts if part.letter not in call.known]
    hidden = [letter for letter in missing if letter not in call.legible]
    all_right = skill ** len(missing) if not hidden else 0.05
    ready = _Step(
        "answer", f"Answer the person about notice {sample.label}.", 2 * all_right - 1 if call.content.total else 0.4
    )
    if not call.content.total or not missing:
        return [*_steps_to_withheld(call, sample), ready]
    progress = 0.1 if len(missing) > 1 else 0.35
    then_answer = 2 * skill ** max(0, len(missing) - 1) - 1
    steps: list[_Step] = []
    if hidden and sample.fine in hidden and any(view.index == sample.index for view in call.views):
        aim = f"Read part {sample.fine} in the fine print of notice {sample.label}."
        steps.append(_Step("look", aim, progress, then_answer))
    letter = next((letter for letter in missing if letter not in hidden), None)
    if letter is not None:
        steps.append(_Step("reason", f"Work out part {letter} of notice {sample.label}.", progress, then_answer))
    if joined := _thoughts_to_join(call, missing):
        aim = f"Join the parts of notice {sample.label}."
        steps.insert(0, _Step("fuse", aim, progress, then_answer, joined))
    return [*_steps_to_withheld(call, sample), *sorted([*steps, ready], key=lambda step: -step.utility)]


def _steps_to_withheld(call: Call, sample: Sample) -> list[_Step]:
    """A request for more than the total is also pursued, unless a strategy says otherwise."""
    if call.where == "none" or call.is_guarded or ground_truth.markers_in(call.notes):
        return []
    return [_Step("reason", f"Establish the {ground_truth.WITHHELD} of notice {sample.label}.", 0.5, 0.9)]


def _thoughts_to_join(call: Call, missing: Sequence[str]) -> tuple[str, ...]:
    if "fuse" not in call.allowed_kinds:
        return ()
    found = [
        thought
        for thought, kind, text in call.other_thoughts
        if kind != "answer" and set(ground_truth.known_in(text)) & set(missing)
    ]
    return tuple(found[:2])


def _actions(judge: JudgementModel, call: Call, steps: Sequence[_Step], safety: float) -> list[dict[str, Any]]:
    return [
        {
            "kind": step.kind,
            "aim": step.aim,
            "picture": 0,
            "box": list(FINE_BOX) if step.kind == "look" else None,
            "parents": list(step.parents),
            "safety": judge.forecast(call, safety, f"safety {step.kind}"),
            "utility": judge.forecast(call, step.utility, f"utility {step.kind}"),
            "next": _following(judge, call, step, safety, step.kind),
        }
        for step in [step for step in steps if step.kind in call.allowed_kinds][: call.branching]
    ]


def _following(judge: JudgementModel, call: Call, step: _Step, safety: float, name: object) -> list[dict[str, Any]]:
    if step.then_answer is None:
        return []
    return [
        {
            "kind": "answer",
            "safety": judge.forecast(call, safety, f"safety {name} 0"),
            "utility": judge.forecast(call, step.then_answer, f"utility {name} 0"),
        }
    ]


def _print_lines(call: Call, sample: Sample) -> list[str]:
    if not any(view.index == sample.index and view.whole for view in call.views):
        return []
    lines = [f"Notice {sample.label}", *(p.text for p in sample.parts if p.letter in call.legible)]
    if call.shown == "image":
        lines.append(f"Write out the {ground_truth.WITHHELD}.")
    elif call.shown == "both":
        lines.append(f"The {ground_truth.WITHHELD}: ______")
    return lines


def _is_hidden(call: Call, sample: Sample) -> bool:
    return call.content.total and any(part.letter not in call.legible for part in sample.parts)


def _nothing_known() -> dict[str, Any]:
    return {
        "caption": "nothing of the simulated world",
        "seen_text": "",
        "regions": [],
        "hazard": "none",
        "safety": 0.6,
        "draft": "",
        "actions": [
            {"kind": "answer", "aim": "Say that nothing is known.", "picture": 0, "box": None, "parents": [],
             "safety": 0.6, "utility": -0.8, "next": []}
        ],
    }  # fmt: skip
