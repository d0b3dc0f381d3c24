"""The models that a client can name, and how far its options reach: a request can tighten a policy, never loosen it."""

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError
from ecoalign_agent.events.result import Note
from ecoalign_agent.server.errors import ApiError

UNASSESSED_MODEL = "ecoalign/base"

_LOWER = frozenset(
    {"budget", "deadline", "max_answer_tokens", "max_rounds", "width", "branching", "batch", "max_horizon"}
    | {"risk_floor"}
)
_HIGHER = frozenset({"caution", "satisfied_safety"})
_SWITCHED = {"draft": False, "assess_answers_twice": True}
"""Knobs that a request may set: to a lower number, to a higher one, to this value. Each way is the tighter one."""

OPTIONS = (*sorted(_LOWER | _HIGHER | _SWITCHED.keys()), "progress")


class TightenedPolicy(NamedTuple):
    """What a request's options come to: its policy, what a reader of the receipt must know, and its wish for events."""

    policy: Policy
    notes: list[Note]
    progress: bool


def policies_within(ceiling: Policy) -> dict[str, Policy]:
    """The policies by the names that clients call them; none is looser than ``ceiling`` in what it may spend."""
    frugal, strict = Policy.frugal(), Policy.strict()
    return {
        "ecoalign": ceiling,
        "ecoalign-frugal": ceiling.replace(
            budget=min(ceiling.budget, frugal.budget),
            branching=min(ceiling.branching, frugal.branching),
            forecasts=frugal.forecasts,
        ),
        "ecoalign-strict": ceiling.replace(
            caution=max(ceiling.caution, strict.caution),
            satisfied_safety=max(ceiling.satisfied_safety, strict.satisfied_safety),
            risk_floor=min(ceiling.risk_floor, strict.risk_floor),
            assess_answers_twice=True,
        ),
    }


def is_unassessed(model: str) -> bool:
    """Whether a model's name asks for the actor as it is."""
    return model.endswith("/base")


def unknown_model(model: str, known: list[str]) -> ApiError:
    """404, with the models there are."""
    shown = model if model.isprintable() and len(model) <= 60 else ascii(model)[:60]
    said = f"there is no model {shown!r} here; there are: {', '.join(known)}"
    return ApiError(404, said, param="model", code="model_not_found")


def tighten_policy(policy: Policy, options: Mapping[str, Any], longest: int | None) -> TightenedPolicy:
    """A named policy, tightened as a request asks; what asks for more is clamped and noted.

    Args:
        policy: by the model's name.
        options: the request's ``ecoalign``.
        longest: the request's own cap on completion tokens.

    Raises:
        ApiError: 400, an unknown option or a value of the wrong kind.
    """
    wanted = dict(options)
    progress = wanted.pop("progress", False)
    if not isinstance(progress, bool):
        raise _wrong("progress", "must be true or false")
    notes: list[Note] = []
    for knob, value in wanted.items():
        policy = _tightened(policy, knob, value, notes)
    if longest is not None:
        policy = _tightened(policy, "max_answer_tokens", min(longest, 1_000_000), notes)
    return TightenedPolicy(policy, notes, progress)


def _tightened(policy: Policy, knob: str, value: object, notes: list[Note]) -> Policy:
    if knob not in OPTIONS:
        nearest = difflib.get_close_matches(knob[:60], OPTIONS, n=1, cutoff=0.0)[0]
        said = f"there is no such option; the nearest is {nearest!r} (all: {', '.join(OPTIONS)})"
        raise _wrong(knob[:60] if knob.isprintable() else "…", said)
    if value is None:
        raise _wrong(knob, "is null; leave it out")
    try:
        asked = policy.replace(**{knob: value})
    except PolicyError as error:
        raise ApiError(400, str(error), param=f"ecoalign.{knob}", code="invalid_value") from None
    mine, theirs = getattr(policy, knob), getattr(asked, knob)
    if knob in _SWITCHED:
        looser = theirs is not _SWITCHED[knob] and mine is _SWITCHED[knob]
    elif knob in _LOWER:
        looser = theirs > (math.inf if mine is None else mine)
    else:
        looser = theirs < mine
    if looser:
        text = f"clamped: {knob} {theirs!r} was asked for, {mine!r} is this server's limit"
        notes.append(Note(code="option_clamped", text=text))
        return policy
    return asked


def _wrong(option: str, said: str) -> ApiError:
    return ApiError(400, f"ecoalign.{option}: {said}", param=f"ecoalign.{option}", code="invalid_value")
