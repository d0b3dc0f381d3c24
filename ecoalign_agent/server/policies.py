"""The model names of clients and their policies; a request can tighten a policy, never loosen it."""

import difflib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError
from ecoalign_agent.events.result import Note
from ecoalign_agent.server.errors import ApiError

UNASSESSED_MODEL = "ecoalign/base"
"""The actor alone: nothing is assessed."""

_LOWER = frozenset(
    {"budget", "deadline", "max_answer_tokens", "max_rounds", "width", "branching", "batch", "max_horizon"}
    | {"risk_floor"}
)
_HIGHER = frozenset({"caution", "satisfied_safety"})
_SWITCHED = {"draft": False, "assess_answers_twice": True}
"""Settings that a request may set: to a lower number, to a higher one, to this value. Each way is the tighter one."""

REQUEST_OPTIONS = (*sorted(_LOWER | _HIGHER | _SWITCHED.keys()), "progress")


class TightenedPolicy(NamedTuple):
    """The policy of a request, notes for its receipt, and whether it wants events."""

    policy: Policy
    notes: list[Note]
    progress: bool


def policies_within(ceiling: Policy) -> dict[str, Policy]:
    """The policies by the model names of clients; none may spend more than ``ceiling``."""
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
    """Whether a model's name means the actor alone."""
    return model.endswith("/base")


def unknown_model(model: str, known: list[str]) -> ApiError:
    """404, with the names of all models."""
    shown = model if model.isprintable() and len(model) <= 60 else ascii(model)[:60]
    text = f"there is no model {shown!r} here; there are: {', '.join(known)}"
    return ApiError(404, text, param="model", code="model_not_found")


def tighten_policy(policy: Policy, options: Mapping[str, Any], max_answer_tokens: int | None = None) -> TightenedPolicy:
    """A named policy under a request's options; an option that asks for more is clamped and noted."""
    settings = dict(options)
    progress = settings.pop("progress", False)
    if not isinstance(progress, bool):
        raise _option_error("progress", "must be true or false")
    notes: list[Note] = []
    for setting, value in settings.items():
        policy = _tighten(policy, setting, value, notes)
    if max_answer_tokens is not None:
        policy = _tighten(policy, "max_answer_tokens", min(max_answer_tokens, 1_000_000), notes)
    return TightenedPolicy(policy, notes, progress)


def _tighten(policy: Policy, setting: str, value: object, notes: list[Note]) -> Policy:
    if setting not in REQUEST_OPTIONS:
        nearest = difflib.get_close_matches(setting[:60], REQUEST_OPTIONS, n=1, cutoff=0.0)[0]
        text = f"there is no such option; the nearest is {nearest!r} (all: {', '.join(REQUEST_OPTIONS)})"
        raise _option_error(setting[:60] if setting.isprintable() else "…", text)
    if value is None:
        raise _option_error(setting, "is null; leave it out")
    try:
        changed = policy.replace(**{setting: value})
    except PolicyError as error:
        raise ApiError(400, str(error), param=f"ecoalign.{setting}", code="invalid_value") from None
    limit, requested = getattr(policy, setting), getattr(changed, setting)
    if setting in _SWITCHED:
        looser = requested is not _SWITCHED[setting] and limit is _SWITCHED[setting]
    elif setting in _LOWER:
        looser = requested > (math.inf if limit is None else limit)
    else:
        looser = requested < limit
    if looser:
        text = f"clamped: {setting} {requested!r} was asked for, {limit!r} is this server's limit"
        notes.append(Note(code="option_clamped", text=text))
        return policy
    return changed


def _option_error(option: str, text: str) -> ApiError:
    return ApiError(400, f"ecoalign.{option}: {text}", param=f"ecoalign.{option}", code="invalid_value")
