"""The methods by name: those compared with, the rewriter, EcoAlign, both; and EcoAlign's ablations and sweeps.

A name may be followed by a colon and settings, separated by commas: ``ecoalign:last-step``, ``ecoalign:paper,no-cost``,
``ecoalign:budget=2500,k=0.1``, ``bavt:budget=3000``.
"""

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.evaluation.methods.catalogue import METHODS
from ecoalign_agent.settings import PRESETS

Searching = Literal["ecoalign", "vlmguard", "vlmguard+ecoalign"]

SEARCHES: tuple[Searching, ...] = ("vlmguard", "ecoalign", "vlmguard+ecoalign")
"""Those that are built from this package's own facades."""

ALL = (*METHODS, *SEARCHES)
"""Every method, in the order of the tables."""

SELF_ASSESSED = "self-assessed"
"""The ablation without an independent assessor: no knob of the policy."""

ABLATIONS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "last-step": {"path_safety": "last"},
        "mean-safety": {"path_safety": "mean"},
        "no-cost": {"cost_in_value": False},
        "myopic": {"horizon": "none"},
        "fixed-horizon": {"horizon": "fixed"},
        "no-simulate": {"forecasts": "inline"},
        SELF_ASSESSED: {},
    }
)
"""Name → what of the policy it changes."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One method, with its settings.

    Attributes:
        name: as it stands in tables, settings included.
        kind: the method's own name.
        policy: of EcoAlign's search; None: this method has none.
        budget: cost units for one request, of a method that has a budget but no policy; None: as the run says.
        self_assessed: the answering model grades itself, whatever assessor the run has.
    """

    name: str
    kind: str
    policy: Policy | None = None
    budget: float | None = None
    self_assessed: bool = False
    changes: Mapping[str, object] = field(default_factory=dict)

    @property
    def searches(self) -> bool:
        """Whether it is one of this package's own."""
        return self.kind in SEARCHES


def chosen(name: str, *, policy: Policy | None = None, budget: float | None = None) -> Chosen:
    """The method behind a name.

    Args:
        name: a method's, with settings after a colon where wanted.
        policy: what EcoAlign's settings start from; None: the default.
        budget: cost units for one request, for every method that has a budget; None: the policy's own.

    Raises:
        UsageError: there is no such method, ablation or knob; the message says which there are.
        PolicyError: a knob's value is out of range.
    """
    kind, _, told = name.partition(":")
    if kind not in ALL:
        raise UsageError(f"method {name!r}: there is none of that name; there are {', '.join(ALL)}")
    parts = [part.strip() for part in told.split(",") if part.strip()]
    base = policy or Policy()
    if kind in METHODS:
        takes = {"budget"} if kind == "bavt" else set()
        changes = _changes(name, parts)
        if unknown := sorted({*changes, *(part for part in parts if part in ABLATIONS)} - takes):
            told = "it takes budget=UNITS at most" if takes else "it takes none"
            raise UsageError(f"method {name!r}: {kind} has no setting {unknown[0]!r}; {told}")
        given = changes.get("budget", base.budget if budget is None else budget)
        return Chosen(name, kind, budget=_number(name, "budget", given))
    if kind == "vlmguard":
        if parts:
            raise UsageError(f"method {name!r}: vlmguard takes no settings")
        return Chosen(name, kind)
    presets = [part for part in parts if part in PRESETS]
    if len(presets) > 1:
        raise UsageError(f"method {name!r}: one preset at most, not {' and '.join(presets)}")
    if presets:
        base = Policy.from_mapping({"preset": presets[0]})
    if base.assessors:
        raise UsageError("policy: it names assessors; here one chat model grades, and --assessor names it")
    if budget is not None:
        base = base.replace(budget=budget)
    changes = _changes(name, [part for part in parts if part not in PRESETS])
    try:
        governed = base.replace(**changes) if changes else base
    except PolicyError as error:
        raise PolicyError(f"method {name!r}: {error}") from error
    return Chosen(name, kind, governed, self_assessed=SELF_ASSESSED in parts, changes=changes)


def ablations(kind: str = "ecoalign") -> list[str]:
    """The names of all ablations of EcoAlign."""
    return [f"{kind}:{name}" for name in ABLATIONS]


def _changes(name: str, parts: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    knobs = [knob.name for knob in dataclasses.fields(Policy)]
    for part in parts:
        key, equals, value = part.partition("=")
        if part in ABLATIONS:
            changes |= ABLATIONS[part]
        elif equals and key in knobs:
            changes[key] = _value(value)
        else:
            settings = f"presets {', '.join(PRESETS)}; ablations {', '.join(ABLATIONS)}; knobs such as budget=2500"
            raise UsageError(f"method {name!r}: no setting {part!r}; there are {settings}")
    return changes


def _value(text: str) -> object:
    """A value as TOML writes it; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _number(name: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise UsageError(f"method {name!r}: {key} is {value!r}; write a number above 0")
    return float(value)
