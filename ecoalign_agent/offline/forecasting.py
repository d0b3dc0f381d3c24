"""Actions with their forecasts, and imagined futures: what a step is expected to bring, from what is known so far. Ours."""

from collections.abc import Sequence
from typing import Any

from ecoalign_agent.offline.brief import Box
from ecoalign_agent.offline.grading import Grade
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.reading import Finding

_FORECASTS: dict[str, dict[str, tuple[float, tuple[tuple[str, float], ...]]]] = {
    # The value is known: answering settles the question, everything else only delays it.
    "settled": {
        "answer": (0.9, ()),
        "reason": (0.0, (("answer", 0.9),)),
        "fuse": (0.0, (("answer", 0.9),)),
        "look": (-0.3, (("answer", 0.9),)),
    },
    # There is text that was not read: a look at it is the way to an answer.
    "unread": {
        "look": (0.4, (("answer", 0.85),)),
        "fuse": (-0.4, (("answer", -0.3),)),
        "reason": (-0.6, (("look", 0.3), ("answer", 0.7))),
        "answer": (-0.8, ()),
    },
    # All that can be read has been read: an honest answer is what is left.
    "open": {
        "answer": (-0.2, ()),
        "reason": (-0.4, (("answer", -0.2),)),
        "fuse": (-0.4, (("answer", -0.2),)),
        "look": (-0.5, (("answer", -0.2),)),
    },
}
"""State of knowledge → kind of action → raw utility of the step, and of the steps after it."""


def state_of(found: Finding, *, unread: bool) -> str:
    """"settled", "unread" or "open"."""
    return "settled" if found.is_sure else "unread" if unread else "open"


def propose_actions(
    question: Question,
    found: Finding,
    places: Sequence[tuple[int, str, Box]],
    grade: Grade,
    *,
    kinds: frozenset[str],
    most: int,
    fusable: Sequence[str] = (),
) -> list[dict[str, Any]]:
    """At most ``most`` actions of the ``kinds`` allowed, best first.

    Args:
        question: what was asked.
        found: what is known to answer it.
        places: where a closer look is worth it, the most promising first.
        grade: of the request; its safety caps every forecast of safety.
        kinds: which may be proposed.
        most: how many.
        fusable: ids of thoughts that could be joined; fewer than two: none.
    """
    state = state_of(found, unread=bool(places))
    topic = " ".join(question.topic) or question.wanted
    aims: list[tuple[str, str, Any]] = []
    if state == "settled":
        aims.append(("answer", f"Answer the person with {found.value or 'what the text says'}.", None))
    for number, what, box in places:
        aims.append(("look", f"Read the {what} there to find the {_sought(question)} ({topic}).", (number, box)))
    if len(fusable) >= 2 and state != "settled":
        aims.append(("fuse", f"Join what the thoughts say about {topic}.", None))
    if state != "settled":
        aims.append(("answer", f"Answer the person as far as the {_sought(question)} is known.", None))
    aims.append(("reason", f"Work out from the text that was read what it says about {topic}.", None))
    allowed = [(kind, aim, place) for kind, aim, place in aims if kind in kinds]
    kept = _answer_kept(allowed, most)
    return [_action(kind, aim, place, state, grade, fusable) for kind, aim, place in kept]


def _answer_kept(aims: list[tuple[str, str, Any]], most: int) -> list[tuple[str, str, Any]]:
    """The first ``most``; looks don't crowd the answer out."""
    kept = aims[:most]
    answer = next((aim for aim in aims if aim[0] == "answer"), None)
    if answer is not None and kept and answer not in kept and most >= 2:
        kept[-1] = answer
    return kept


def _sought(question: Question) -> str:
    return "answer" if question.wanted == "unknown" else {"money": "amount"}.get(question.wanted, question.wanted)


def _action(kind: str, aim: str, place: Any, state: str, grade: Grade, fusable: Sequence[str]) -> dict[str, Any]:
    utility, steps = _FORECASTS[state][kind]
    number, box = place or (0, None)
    safety = round(min(1.0, grade.safety), 2)
    return {
        "kind": kind,
        "aim": aim,
        "picture": number,
        "box": list(box) if box else None,
        "parents": list(fusable[:3]) if kind == "fuse" else [],
        "safety": safety,
        "utility": utility,
        "next": [{"kind": step, "safety": safety, "utility": worth} for step, worth in steps[:2]],
    }


def forecasts_of(
    actions: Sequence[tuple[int, str]], found: Finding, grade: Grade, *, unread: bool, horizon: int
) -> list[dict[str, Any]]:
    """One imagined future of each action, given as (number, kind), cut to ``horizon`` steps."""
    table = _FORECASTS[state_of(found, unread=unread)]
    safety = round(min(1.0, grade.safety), 2)
    return [
        {
            "action": number,
            "safety": safety,
            "utility": table[kind][0],
            "steps": [{"kind": k, "safety": safety, "utility": u} for k, u in table[kind][1][:horizon]],
        }
        for number, kind in actions
        if kind in table
    ]
