"""How a knob's value is checked, and how a file's entries become knobs. Every complaint names knob, value and limit.

The policy of a search: every knob with its meaning, range and source, and the presets.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ecoalign_agent.economics.cost import Money, Tariff
from ecoalign_agent.economics.valuation import PathSafety, look_ahead_horizon
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


_POSITIVE = Span(0, open=True)
_SHARE = Span(0, 1)
_POSITIVE_SHARE = Span(0, 1, open=True)
_COUNT = Span(1, 1_000, whole=True)
# Fewer would not even hold a refusal.
_ANSWER_TOKENS = Span(16, 1_000_000, whole=True)
_SAFETY = Span(-1, 1)

_NUMBERS = {
    "budget": _POSITIVE,
    "risk_floor": _POSITIVE_SHARE,
    "k": _SHARE,
    "unit": _POSITIVE,
    "max_horizon": Span(0, 100, whole=True),
    "discount": _POSITIVE_SHARE,
    "width": _COUNT,
    "branching": _COUNT,
    "batch": _COUNT,
    "caution": _SHARE,
    "satisfied_safety": _SHARE,
    "satisfied_utility": _SHARE,
    "max_rounds": _COUNT,
    "merge_similarity": _POSITIVE_SHARE,
    # The best Γ and the three extremes must have room.
    "label_cap": Span(4, 1_000_000, whole=True),
}
_CHOICES: dict[str, tuple[object, ...]] = {
    "value": ("rate", "npv"),
    "forecasts": ("inline", "simulated", "auto"),
    "path_safety": ("minimum", "last", "mean"),
    "choice": ("satisfied", "gamma"),
    "answers": ("early", "end"),
    "horizon": ("shrinking", "fixed", "none"),
    "cost_in_value": (True, False),
    "draft": (True, False),
    "confirm_decline": (True, False),
    "partial": (True, False),
    "assess_answers_twice": (True, False),
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How one request is governed. "Paper" in a field's note: EcoAlign's own; else the decision is ours.

    Raises:
        PolicyError: a knob is out of range or of the wrong type; the message names knob, value and limit.
    """

    budget: float = 6_000.0
    """B_max in cost units of the tariff, above 0: the most one request may spend, everything included."""
    risk_floor: float = 0.5
    """Share of the budget that the riskiest request still gets, in (0, 1]."""
    k: float = 0.05
    """Steps of look-ahead for each unit left, in [0, 1]; 0 is the myopic search. Paper: 0.05."""
    unit: float = 20.0
    """What one unit of the paper's budget is, in cost units, above 0. The paper does not say."""
    max_horizon: int = 5
    """h_max: the most steps of look-ahead, in [0, 100]."""
    discount: float = 0.95
    """δ in (0, 1]: the time value of compute. Paper: 0.95."""
    width: int = 1
    """Open tips expanded in one round, in [1, 1000]."""
    branching: int = 3
    """Actions asked for at each tip, at most, in [1, 1000]."""
    batch: int = 2
    """Actions executed in one round, at most, in [1, 1000]."""
    value: Literal["rate", "npv"] = "rate"
    """How an action is valued: by the rate of return, or by net present value. Paper: "npv"."""
    forecasts: Literal["inline", "simulated", "auto"] = "auto"
    """Who looks ahead: the proposal, the simulate node, or the latter only when it can change the choice. Paper:
    "simulated"."""
    path_safety: PathSafety = "minimum"
    """A path's safety: the weakest link. Paper, as are the ablations "last" and "mean": for measuring only."""
    tariff: Tariff = field(default_factory=Tariff)
    """What tokens cost; "money": each model its own price, budget in its currency. Paper: `Tariff.processed()`."""
    choice: Literal["satisfied", "gamma"] = "satisfied"
    """Which answer is taken at the end: a good enough one first, or the highest Γ. Paper: "gamma"."""
    answers: Literal["early", "end"] = "early"
    """Whether answering is an action like others, or comes when the search is over. Paper: "end"."""
    caution: float = 0.5
    """A request whose safety s0 is below gets a strategy first, and no draft; in [0, 1]."""
    satisfied_safety: float = 0.5
    """The S that an answer's path needs to satisfy, in [0, 1]."""
    satisfied_utility: float = 0.8
    """The u that an answer itself needs to satisfy, in [0, 1]."""
    max_rounds: int = 12
    """Rounds of the search, at most, in [1, 1000]."""
    deadline: float | None = None
    """Seconds that one request may take, above 0; None: no limit."""
    max_answer_tokens: int | None = None
    """Completion tokens that the text given out may have, at least 16; None: what a call may write."""
    merge_similarity: float = 0.9
    """How alike two thoughts must be to become one, in (0, 1]: token set ratio on normalised text."""
    label_cap: int = 256
    """Pareto labels kept for one thought, at most; at least 4."""
    cost_in_value: bool = True
    """False compares by S · U: the paper's ablation without cost, for measuring only."""
    horizon: Literal["shrinking", "fixed", "none"] = "shrinking"
    """How the look-ahead follows the budget. Paper, as are the ablations "fixed" and "none": for measuring only."""
    draft: bool = True
    """True: the scan may answer a harmless, plain request at once. Paper: false."""
    confirm_decline: bool = True
    """True: a request is declined unexplored only if the assessor agrees with the scan. Paper: false."""
    partial: bool = True
    """True: of a request that is unsafe as a whole, a part that is harmless on its own is answered. Paper: false."""
    assess_answers_twice: bool = False
    """True: an answer is graded twice, and the lower grade counts."""
    review_below: float | None = None
    """A safe thought or answer whose s lies below this waits for a person's verdict, in [-1, 1]; None: none does."""
    assessors: tuple[str, ...] = ()
    """Who grades, by name, such as "openai:gpt-4.1-mini" or "moderation:omni-moderation-latest"; of several the lowest
    grade counts. Empty: as the environment says, else the actor itself."""

    def __post_init__(self) -> None:
        for knob, span in _NUMBERS.items():
            object.__setattr__(self, knob, require_number(knob, getattr(self, knob), span))
        if self.deadline is not None:
            object.__setattr__(self, "deadline", require_number("deadline", self.deadline, _POSITIVE))
        if self.max_answer_tokens is not None:
            require_number("max_answer_tokens", self.max_answer_tokens, _ANSWER_TOKENS)
        if self.review_below is not None:
            object.__setattr__(self, "review_below", require_number("review_below", self.review_below, _SAFETY))
        for knob, choices in _CHOICES.items():
            require_choice(knob, getattr(self, knob), choices)
        object.__setattr__(self, "tariff", tariff_from(self.tariff))
        object.__setattr__(self, "assessors", require_names("assessors", self.assessors))

    @classmethod
    def frugal(cls) -> Policy:
        """Less than half the budget, two actions at a tip, and no call that only looks ahead."""
        return cls(budget=2_500.0, forecasts="inline", branching=2)

    @classmethod
    def strict(cls) -> Policy:
        """A strategy sooner, safer answers, tighter budgets for risk, and every answer graded twice."""
        return cls(caution=0.7, satisfied_safety=0.7, risk_floor=0.35, assess_answers_twice=True)

    @classmethod
    def paper(cls) -> Policy:
        """The paper's own form: every processed token counts 1, values by NPV, the answer at the end."""
        return cls(
            tariff=Tariff.processed(),
            budget=30_000.0,
            value="npv",
            forecasts="simulated",
            choice="gamma",
            answers="end",
            draft=False,
            confirm_decline=False,
            partial=False,
        )

    @classmethod
    def from_mapping(cls, entries: Mapping[str, object]) -> Policy:
        """A policy as a TOML file holds it: knobs by name, and `preset` to start from.

        `preset` is "default", "frugal", "strict" or "paper"; `tariff` is "equivalents", "processed", "money", a table
        with any of text, image, cached and completion, or a table with `prices`, a file.

        Raises:
            PolicyError: an unknown knob or preset (the nearest known one is named), or a value out of range.
        """
        knobs = dict(entries)
        preset = knobs.pop("preset", "default")
        presets: dict[str, Callable[[], Policy]] = {
            "default": cls,
            "frugal": cls.frugal,
            "strict": cls.strict,
            "paper": cls.paper,
        }
        if not isinstance(preset, str) or preset not in presets:
            raise PolicyError(f"policy: preset is {preset!r}, must be one of {', '.join(map(repr, presets))}")
        known = {knob.name for knob in dataclasses.fields(cls)}
        require_known(knobs, known | {"preset"}, of="policy")
        return presets[preset]().replace(**knobs)

    def replace(self, **knobs: object) -> Policy:
        """The same policy with these knobs set otherwise; a tariff may be written as in a file.

        Raises:
            PolicyError: an unknown knob, or a value out of range.
        """
        require_known(knobs, {knob.name for knob in dataclasses.fields(self)}, of="policy")
        checked: dict[str, Any] = dict(knobs)  # __post_init__ checks every one of them
        return dataclasses.replace(self, **checked)

    def budget_for_risk(self, s0: float) -> float:
        """B = B_max · (floor + (1 - floor) · max(s0, 0)): riskier requests are governed more tightly.

        Args:
            s0: the safety of the request as the scan sees it, in [-1, 1].

        Raises:
            ValueError: s0 is out of range or not a number.
        """
        if math.isnan(s0) or not -1.0 <= s0 <= 1.0:
            raise ValueError(f"the request's safety is {s0!r}, not in [-1, 1]")
        return self.budget * (self.risk_floor + (1.0 - self.risk_floor) * max(s0, 0.0))

    def horizon_at(self, budget: float, spent: float) -> int:
        """How many steps to look ahead, with this much of that budget (cost units) spent.

        Raises:
            ValueError: an amount is not finite.
        Source: EcoAlign, dynamic horizon and its ablations.
        """
        if self.horizon == "none":
            return 0
        if self.horizon == "fixed":
            return self.max_horizon
        return look_ahead_horizon(k=self.k, budget=budget, spent=spent, unit=self.unit, cap=self.max_horizon)

    @property
    def ablated(self) -> list[str]:
        """The ablation knobs that are not at their default: a result under one says so."""
        defaults = (("path_safety", "minimum"), ("cost_in_value", True), ("horizon", "shrinking"))
        return [knob for knob, default in defaults if getattr(self, knob) != default]
