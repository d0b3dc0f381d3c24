"""How a knob's value is checked, and how a file's entries become knobs. Every complaint names knob, value and limit."""

import difflib
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ecoalign_agent.economics.tariff import Money, Tariff
from ecoalign_agent.errors import PolicyError

_WHOLE_LIMIT = 10**15

_WEIGHTS = ("text", "image", "cached", "completion")


@dataclass(frozen=True, slots=True)
class Span:
    """The numbers that a knob may take."""

    low: float
    """The least one."""
    high: float = math.inf
    """The greatest one; infinity itself is never allowed."""
    open: bool = False
    """True: `low` itself is not allowed."""
    whole: bool = False
    """True: whole numbers only."""

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        low = f"above {self.low:g}" if self.open else f"at least {self.low:g}"
        return f"{kind} {low}" + (f" and at most {self.high:g}" if math.isfinite(self.high) else "")

    def admits(self, value: object) -> bool:
        """True where the value may be taken. A truth value is no number here, and neither is NaN."""
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        if not math.isfinite(value) or value > self.high:
            return False
        return value > self.low if self.open else value >= self.low


def require_number(knob: str, value: object, span: Span) -> int | float:
    """The value, as a float where fractions are allowed.

    Raises:
        PolicyError: it is no number, or out of range.
    """
    if isinstance(value, int) and abs(value) > _WHOLE_LIMIT:
        # Beyond floats, and beyond any use; not shown, for it may have thousands of digits.
        raise PolicyError(f"policy: {knob} is too large, must be {span}")
    if not span.admits(value):
        raise PolicyError(f"policy: {knob} is {value!r}, must be {span}")
    assert isinstance(value, int | float)  # noqa: S101 - admits has checked it; this tells the type checker
    return value if span.whole else float(value)


def require_choice(knob: str, value: object, choices: Collection[object]) -> None:
    """Check that a knob has one of its words, or of its truth values.

    Raises:
        PolicyError: it has not.
    """
    # 1 == True: equality alone would let numbers through as truth values.
    if not any(value is choice or (isinstance(value, str) and value == choice) for choice in choices):
        raise PolicyError(f"policy: {knob} is {value!r}, must be one of {', '.join(map(repr, choices))}")


def require_names(knob: str, value: object) -> tuple[str, ...]:
    """The value as a tuple of names.

    Raises:
        PolicyError: it is no list, or holds what is no name.
    """
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) and name.strip() for name in value):
        raise PolicyError(f"policy: {knob} is {value!r}, must be a list of names")
    return tuple(value)


def require_known(names: Collection[str], known: Collection[str], *, of: str) -> None:
    """Check that every name is a known one.

    Raises:
        PolicyError: one is not; the message names the nearest that is.
    """
    for name in names:
        if name not in known:
            nearest = difflib.get_close_matches(str(name), sorted(known), n=1, cutoff=0.0)
            raise PolicyError(f"{of}: there is no {name!r}; the nearest is {nearest[0]!r}")


def tariff_from(entry: object) -> Tariff:
    """A tariff as a policy file writes it.

    "equivalents", "processed", "money" (every model by its own price), a table with ``prices`` (the same, from that
    file), or a table of weights for each token.

    Raises:
        PolicyError: another word, an unknown part, or a weight out of range.
    """
    if isinstance(entry, Tariff):
        return entry
    if isinstance(entry, Mapping):
        require_known([str(part) for part in entry], (*_WEIGHTS, "prices"), of="policy: tariff")
        if "prices" not in entry:
            return Tariff(**entry, name="weights of the policy")
        if len(entry) > 1:
            raise PolicyError("policy: tariff has prices and weights; prices is a file and stands alone")
        file = entry["prices"]
        if not isinstance(file, str) or not file.strip():
            raise PolicyError(f"policy: tariff: prices is {file!r}, must be the name of a file")
        return Money(prices=file)
    words = {"equivalents": Tariff, "processed": Tariff.processed, "money": Money}
    if isinstance(entry, str) and entry in words:
        return words[entry]()
    known = ", ".join(map(repr, words))
    raise PolicyError(f"policy: tariff is {entry!r}, must be one of {known} or a table of weights")
