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

State = Literal["settled", "unread", "open"]
"""The answer is known; there is text that was not read; all that can be read has been read."""

_FORECASTS: dict[State, dict[str, tuple[float, tuple[tuple[str, float], ...]]]] = {
    # Answering settles the question, everything else only delays it.
    "settled": {
        "answer": (0.9, ()),
        "reason": (0.0, (("answer", 0.9),)),
        "fuse": (0.0, (("answer", 0.9),)),
        "look": (-0.3, (("answer", 0.9),)),
    },
    # A look at what was not read is the way to an answer.
    "unread": {
        "look": (0.4, (("answer", 0.85),)),
        "fuse": (-0.2, (("answer", 0.3),)),
        "reason": (-0.6, (("look", 0.3), ("answer", 0.7))),
        "answer": (-0.8, ()),
    },
    # An honest answer is what is left; branches may still know more together than alone.
    "open": {
        "fuse": (0.1, (("answer", 0.6),)),
        "answer": (-0.2, ()),
        "reason": (-0.4, (("answer", -0.2),)),
        "look": (-0.5, (("answer", -0.2),)),
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
        fusable: ids of thoughts that could be joined, the tip first; fewer than two: none.
    """

    known: Known
    places: Sequence[Place]
    grade: Grade
    fusable: Sequence[str] = ()

    @property
    def state(self) -> State:
        """How much is known."""
        return "settled" if self.known.found.is_sure else "unread" if self.places else "open"


@dataclass(frozen=True, slots=True)
class _Aim:
    kind: str
    text: str
    place: Place | None = None


def propose_actions(outlook: Outlook, *, kinds: frozenset[str], most: int) -> list[dict[str, Any]]:
    """At most ``most`` actions of the ``kinds`` allowed, best first; looks don't crowd the answer out."""
    aims = [aim for aim in _aims(outlook) if aim.kind in kinds]
    kept = aims[:most]
    answer = next((aim for aim in aims if aim.kind == "answer"), None)
    if answer is not None and answer not in kept and most >= 2:
        kept[-1] = answer
    return [_action(aim, outlook) for aim in kept]


def _aims(outlook: Outlook) -> list[_Aim]:
    question, found = outlook.known.question, outlook.known.found
    topic = " ".join(question.topic)[:_MOST] or question.wanted
    sought = {"unknown": "answer", "money": "amount"}.get(question.wanted, question.wanted)
    reason = _Aim("reason", f"Work out what the text that was read says about {topic}.")
    if outlook.state == "settled":
        return [_Aim("answer", f"Answer the person with {found.value[:_MOST] or 'what the text says'}."), reason]
    looks = [_Aim("look", f"Read the {p[1]} there to find the {sought} ({topic}).", p) for p in outlook.places]
    fuse = [_Aim("fuse", f"Join what the thoughts say about {topic}.")] if len(outlook.fusable) >= 2 else []
    return [*looks, *fuse, _Aim("answer", f"Answer the person as far as the {sought} is known."), reason]


def _action(aim: _Aim, outlook: Outlook) -> dict[str, Any]:
    utility, steps = _FORECASTS[outlook.state][aim.kind]
    number, _, box = aim.place or (0, "", None)
    return {
        "kind": aim.kind,
        "aim": aim.text,
        "picture": number,
        "box": list(box) if box else None,
        "parents": list(outlook.fusable[:3]) if aim.kind == "fuse" else [],
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
