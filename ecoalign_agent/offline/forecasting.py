"""Actions with their forecasts, and imagined futures: what a step will bring, from what is known so far. Ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ecoalign_agent.offline.brief import Box
from ecoalign_agent.offline.grading import Grade
from ecoalign_agent.offline.knowledge import Known

Place = tuple[int, str, Box]
"""A place worth a closer look: number of the picture, what is there, and where."""

_MOST = 160
"""Characters of a question or a value that an aim repeats."""

State = Literal["settled", "joinable", "unread", "open"]
"""The answer is known; another branch knows it; there is text that was not read; all that can be read has been."""

_FORECASTS: dict[State, dict[str, tuple[float, tuple[tuple[str, float], ...]]]] = {
    # Answering settles the question, everything else only delays it.
    "settled": {
        "answer": (0.9, ()),
        "reason": (0.0, (("answer", 0.9),)),
        "fuse": (0.0, (("answer", 0.9),)),
        "look": (-0.3, (("answer", 0.9),)),
    },
    "joinable": {
        "fuse": (0.4, (("answer", 0.9),)),
        "look": (-0.3, (("answer", 0.3),)),
        "reason": (-0.6, (("answer", -0.5),)),
        "answer": (-0.8, ()),
    },
    # A look at what was not read is the way to an answer.
    "unread": {
        "look": (0.4, (("answer", 0.85),)),
        "fuse": (-0.5, (("look", 0.3), ("answer", 0.7))),
        "reason": (-0.6, (("look", 0.3), ("answer", 0.7))),
        "answer": (-0.8, ()),
    },
    # An honest answer is all that is left.
    "open": {
        "answer": (-0.5, ()),
        "fuse": (-0.7, (("answer", -0.5),)),
        "reason": (-0.7, (("answer", -0.5),)),
        "look": (-0.7, (("answer", -0.5),)),
    },
}
"""State of knowledge → kind of action → raw utility of the step, and of the steps after it."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What forecasts are made from.

    Attributes:
        known: what is known on this path.
        places: where a closer look is worth it, the most promising first.
        grade: of the request; its safety caps every forecast of safety.
        joined: ids of two thoughts that together know the answer; empty where there are none.
        done: kinds of the thoughts that there are already.
    """

    known: Known
    places: Sequence[Place]
    grade: Grade
    joined: tuple[str, ...] = ()
    done: frozenset[str] = frozenset()

    @property
    def state(self) -> State:
        """How much is known."""
        if self.known.found.is_sure:
            return "settled"
        return "joinable" if self.joined else "unread" if self.places else "open"


@dataclass(frozen=True, slots=True)
class _Aim:
    kind: str
    text: str
    place: Place | None = None


def propose_actions(outlook: Outlook, *, kinds: frozenset[str], most: int) -> list[dict[str, Any]]:
    """At most ``most`` actions of the ``kinds`` allowed, best first; looks don't crowd the answer out.

    None where nothing new can come of it: every step costs money.
    """
    aims = [aim for aim in _aims(outlook, can_answer="answer" in kinds) if aim.kind in kinds]
    kept = aims[:most]
    if aims and aims[-1].kind == "answer" and most >= 2:
        kept = [*aims[:-1][: most - 1], aims[-1]]
    return [_action(aim, outlook) for aim in kept]


def _aims(outlook: Outlook, *, can_answer: bool) -> list[_Aim]:
    question, found = outlook.known.question, outlook.known.found
    topic = " ".join(question.topic)[:_MOST] or question.wanted
    sought = {"unknown": "answer", "money": "amount"}.get(question.wanted, question.wanted)
    thinking = [] if can_answer or "reason" in outlook.done else [_Aim("reason", f"Work out what is known of {topic}.")]
    answer = _Aim("answer", f"Answer the person as far as the {sought} is known.")
    looks = [
        _Aim("look", f"Read the {what} there to find the {sought} ({topic}).", (n, what, box))
        for n, what, box in outlook.places
    ]
    match outlook.state:
        case "settled":
            return [_Aim("answer", f"Answer the person with {found.value[:_MOST] or 'what the text says'}."), *thinking]
        case "joinable":
            return [_Aim("fuse", f"Join what the thoughts say about {topic}."), *looks, *thinking]
        case "unread":
            return [*looks, *thinking, answer]
        case _:
            # Saying once that it is not known is enough.
            return thinking if "answer" in outlook.done else [*thinking, answer]


def _action(aim: _Aim, outlook: Outlook) -> dict[str, Any]:
    utility, steps = _FORECASTS[outlook.state][aim.kind]
    number, _, box = aim.place or (0, "", None)
    return {
        "kind": aim.kind,
        "aim": aim.text,
        "picture": number,
        "box": list(box) if box else None,
        "parents": list(outlook.joined) if aim.kind == "fuse" else [],
        "safety": outlook.grade.safety,
        "utility": utility,
        "next": [{"kind": k, "safety": outlook.grade.safety, "utility": u} for k, u in steps[:2]],
    }


def imagine(
    actions: Sequence[tuple[int, str]], outlook: Outlook, *, unread: bool, horizon: int
) -> list[dict[str, Any]]:
    """One imagined future of each action, given as (number, kind), cut to ``horizon`` steps.

    Args:
        actions: number and kind of each.
        outlook: what is known; places need not be.
        unread: there is text that was not read yet.
        horizon: steps at most.
    """
    table = _FORECASTS["unread" if unread and outlook.state == "open" else outlook.state]
    safety = outlook.grade.safety
    return [
        {
            "action": number,
            "safety": safety,
            "utility": table[kind][0],
            "steps": [{"kind": k, "safety": safety, "utility": u} for k, u in table[kind][1][: max(0, horizon)]],
        }
        for number, kind in actions
        if kind in table
    ]
