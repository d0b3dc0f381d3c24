"""The methods by name, and the settings behind a name, after a colon and separated by commas.

``ecoalign:last-step``, ``ecoalign:paper,no-cost``, ``ecoalign:budget=2500,k=0.1``, ``module:Name:budget=3000``.
"""

import dataclasses
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from ecoalign_agent.bench.methods.base import Method
from ecoalign_agent.bench.methods.baselines import ADASHIELD, BASE_METHOD, BEST_OF_N, COD, COT, ECSO, SAFETY_PROMPT
from ecoalign_agent.bench.methods.bavt import BAVT
from ecoalign_agent.bench.methods.ecoalign import ABLATIONS, ECOALIGN, SELF_ASSESSED, VLMGUARD, VLMGUARD_ECOALIGN
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.extensions import extension_names, is_reference, load_extension
from ecoalign_agent.settings import POLICY_PRESETS

METHODS: dict[str, Method] = {
    method.key: method
    for method in (
        BASE_METHOD,
        COT,
        COD,
        SAFETY_PROMPT,
        ECSO,
        ADASHIELD,
        BEST_OF_N,
        BAVT,
        VLMGUARD,
        ECOALIGN,
        VLMGUARD_ECOALIGN,
    )
}
"""Every method by its key, in the order of the tables."""

_GROUP: Final = "ecoalign_agent.methods"


@dataclass(frozen=True, slots=True)
class ConfiguredMethod:
    """A method with its settings; ``name`` is its name in tables, settings included.

    Attributes:
        policy: of EcoAlign's search; None: the method takes none.
        budget: cost units for one request; None: the method is bound by no budget.
        self_assessed: the answering model assesses itself, whatever assessor the run has.
    """

    name: str
    method: Method
    policy: Policy | None = None
    budget: float | None = None
    self_assessed: bool = False


def find_method(name: str) -> Method:
    """The method of a name without settings: ours, an installed package's, or ``module:Name``; else UsageError."""
    if name in METHODS:
        return METHODS[name]
    if name not in extension_names(_GROUP) and not is_reference(name):
        raise UsageError(f"method {name!r}: there is none of that name; there are {', '.join(method_names())}")
    found = load_extension(_GROUP, name)
    if not isinstance(found, Method):
        raise UsageError(
            f"method {name!r}: is {type(found).__name__}, must be a Method of ecoalign_agent.bench.methods.base"
        )
    return found


def method_names() -> list[str]:
    """Names of all methods, those of installed packages last."""
    return [*METHODS, *(name for name in extension_names(_GROUP) if name not in METHODS)]


def split_method_name(name: str) -> tuple[str, str]:
    """Split a name into method and settings: the method of ``module:Name:budget=3000`` is ``module:Name``."""
    method, _, settings = name.partition(":")
    if method in method_names():
        return method, settings
    attribute, _, further = settings.partition(":")
    return (f"{method}:{attribute}", further) if is_reference(f"{method}:{attribute}") else (method, settings)


def configure_method(name: str, *, policy: Policy | None = None, budget: float | None = None) -> ConfiguredMethod:
    """The method behind a name, with its settings after a colon.

    ``policy`` is the start of EcoAlign's settings, and ``budget``, in cost units, that of every method that has one.

    Raises:
        UsageError: there is no such method, ablation or setting; the message lists the existing ones.
        PolicyError: a setting's value is out of range.
    """
    key, settings = split_method_name(name)
    method = find_method(key)
    parts = [part.strip() for part in settings.split(",") if part.strip()]
    start = policy or Policy()
    if method.takes_policy:
        governed = _configure_policy(name, parts, start, budget)
        return ConfiguredMethod(name, method, governed, governed.budget, self_assessed=SELF_ASSESSED in parts)
    changes = {key: value for key, _, value in (part.partition("=") for part in parts)}
    if unknown := sorted(changes.keys() - ({"budget"} if method.takes_budget else set())):
        accepted = "budget=UNITS at most" if method.takes_budget else "none"
        raise UsageError(f"method {name!r}: {key} has no setting {unknown[0]!r}; it takes {accepted}")
    if not method.takes_budget:
        return ConfiguredMethod(name, method)
    units = _value(changes["budget"]) if "budget" in changes else start.budget if budget is None else budget
    if isinstance(units, bool) or not isinstance(units, int | float) or not units > 0:
        raise UsageError(f"method {name!r}: budget is {units!r}; write a number above 0")
    return ConfiguredMethod(name, method, budget=float(units))


def _configure_policy(name: str, parts: Sequence[str], start: Policy, budget: float | None) -> Policy:
    presets = [part for part in parts if part in POLICY_PRESETS]
    if len(presets) > 1:
        raise UsageError(f"method {name!r}: one preset at most, not {' and '.join(presets)}")
    if presets:
        start = Policy.from_mapping({"preset": presets[0]})
    if start.assessors:
        raise UsageError("policy: it names assessors; here one chat model assesses, and --assessor names it")
    changes: dict[str, Any] = {} if budget is None else {"budget": budget}
    fields = [setting.name for setting in dataclasses.fields(Policy)]
    for part in parts:
        key, equals, value = part.partition("=")
        if part in ABLATIONS:
            changes |= ABLATIONS[part]
        elif equals and key in fields:
            changes[key] = _value(value)
        elif part not in POLICY_PRESETS:
            accepted = (
                f"presets {', '.join(POLICY_PRESETS)}; ablations {', '.join(ABLATIONS)}; settings such as budget=2500"
            )
            raise UsageError(f"method {name!r}: no setting {part!r}; there are {accepted}")
    try:
        return start.replace(**changes) if changes else start
    except PolicyError as error:
        raise PolicyError(f"method {name!r}: {error}") from error


def _value(text: str) -> object:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def expand_method_names(names: Sequence[str], *, ablations: bool, sweeps: Sequence[str]) -> tuple[str, ...]:
    """Write out the methods of the command line, each once, in order; "all" is every one of ours.

    ``ablations`` adds EcoAlign and every ablation of it; a sweep such as ``budget=1500,3000`` EcoAlign with each value.
    """
    expanded = [method for name in names for method in (METHODS if name == "all" else (name,))]
    if ablations:
        expanded += ["ecoalign", *(f"ecoalign:{ablation}" for ablation in ABLATIONS)]
    for sweep in sweeps:
        key, equals, values = sweep.partition("=")
        if not equals or not values:
            raise UsageError(f"--sweep {sweep!r}: write SETTING=VALUE,VALUE, such as budget=1500,3000,6000")
        expanded += [f"ecoalign:{key}={value.strip()}" for value in values.split(",")]
    return tuple(dict.fromkeys(expanded))
