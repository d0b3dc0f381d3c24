"""Cost of a call: token usage in parts, the tariff that turns it into one number, and completion tokens to expect.

The paper counts the text and visual tokens processed: `Tariff.processed`. The rest is ours. Models guess their own
token counts badly, so the completion tokens of a call are forecast by the running mean of its kind in this run, with a
table entry as the first observation.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, NamedTuple

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated

from ecoalign_agent.economics.validation import one_line_errors
from ecoalign_agent.errors import PolicyError

_MILLION = 1_000_000.0

_NEXT_TO_NOTHING = 1e-6
"""Money for a million completion tokens of a free model."""

TOKEN_PARTS = ("text", "image", "cached", "completion")
"""Parts of a call's tokens that have prices of their own."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one call or of many, by parts that have prices of their own; none is negative."""

    text: int = 0
    """Prompt tokens that are text and were not cached."""
    image: int = 0
    """Prompt tokens that stand for pictures."""
    cached: int = 0
    """Prompt tokens that the provider served from its cache."""
    completion: int = 0
    """Tokens generated, including reasoning tokens."""
    estimated: bool = False
    """True: at least one call's provider reported nothing usable, so that our estimate is used."""

    def __post_init__(self) -> None:
        for part in TOKEN_PARTS:
            if (count := getattr(self, part)) < 0:
                raise ValueError(f"usage: {part} is {count}; a token count can't be negative")

    @property
    def prompt(self) -> int:
        """All prompt tokens."""
        return self.text + self.image + self.cached

    @property
    def total(self) -> int:
        """All tokens processed."""
        return self.prompt + self.completion

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            text=self.text + other.text,
            image=self.image + other.image,
            cached=self.cached + other.cached,
            completion=self.completion + other.completion,
            # A sum is only as certain as its least certain part.
            estimated=self.estimated or other.estimated,
        )


_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_STRICT = ConfigDict(strict=True, extra="forbid")


@validated(frozen=True, config=_STRICT)
class Tariff:
    """Cost units per token, part by part. Source: ours.

    The default weights are completion-token equivalents: the price ratios common among hosted models. No weight is
    negative, and that of completion tokens is above 0: a thought's cost must be positive, or its return is undefined.
    """

    text: _Amount = 0.25
    image: _Amount = 0.25
    cached: _Amount = 0.10
    completion: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    name: str = "completion-token equivalents"
    """The cost unit in words: printed beside every figure."""

    _errors = one_line_errors("tariff", PolicyError)

    @classmethod
    def processed(cls) -> "Tariff":
        """Every processed token counts 1, the cached ones too. Source: EcoAlign, cost of a thought."""
        return cls(text=1.0, image=1.0, cached=1.0, completion=1.0, name="processed tokens")

    @classmethod
    def priced(
        cls,
        *,
        text: float,
        completion: float,
        image: float | None = None,
        cached: float | None = None,
        currency: str = "USD",
    ) -> "Tariff":
        """A tariff in money: prices are per million tokens, one cost unit is one unit of `currency`.

        A budget and a policy's `unit` are then in money too: choose both to fit. Without a price of their own, image
        and cached tokens cost what text costs.
        """
        return cls(
            text=text / _MILLION,
            image=(text if image is None else image) / _MILLION,
            cached=(text if cached is None else cached) / _MILLION,
            completion=completion / _MILLION,
            name=currency,
        )

    def cost(self, usage: Usage) -> float:
        """Cost of these tokens, in cost units: Σ weight · tokens over the four parts."""
        return (
            self.text * usage.text
            + self.image * usage.image
            + self.cached * usage.cached
            + self.completion * usage.completion
        )


@validated(frozen=True, config=_STRICT)
class MonetaryTariff(Tariff):
    """Request for a tariff in money: every model by its own price, to be looked up when the models are known.

    It has no weights of its own: the factory replaces it by the models' tariffs, or refuses.
    """

    name: str = "money"
    prices: str | None = None
    """A file of prices, read before the shipped ones; None: the caller's or the environment's."""

    def cost(self, usage: Usage) -> float:
        """Not defined: raises PolicyError always."""
        raise PolicyError(f"tariff: money is no price yet: {usage.total} tokens of an unknown model can't be priced")


@validated(frozen=True, config=_STRICT)
class Price:
    """Published price of a model's tokens in money, per million tokens."""

    text: _Amount
    image: _Amount
    cached: _Amount
    completion: _Amount
    currency: str
    source: str
    """Publication of the prices, in words."""
    date: str
    """Day on which they were known to hold, as YYYY-MM-DD."""

    _errors = one_line_errors("price", PolicyError)

    @property
    def free(self) -> bool:
        """True if nothing is billed, whatever is used."""
        return max(self.text, self.image, self.cached, self.completion) == 0

    def cost(self, usage: Usage) -> float:
        """Cost of these tokens, in units of `currency`."""
        parts = (
            self.text * usage.text,
            self.image * usage.image,
            self.cached * usage.cached,
            self.completion * usage.completion,
        )
        return math.fsum(parts) / _MILLION

    def tariff(self) -> Tariff:
        """The same as a tariff: one cost unit is one unit of `currency`.

        Completion tokens weigh at least a millionth of a millionth, so that a free model has a defined return.
        """
        return Tariff.priced(
            text=self.text,
            image=self.image,
            cached=self.cached,
            completion=max(self.completion, _NEXT_TO_NOTHING),
            currency=self.currency,
        )


def max_tariff(tariffs: Iterable[Tariff]) -> Tariff:
    """A tariff that is nowhere below any of these, which are one at least: the highest weight of each part."""
    known = list(tariffs)
    weights = {part: max(getattr(tariff, part) for tariff in known) for part in TOKEN_PARTS}
    return Tariff(**weights, name=known[0].name)


class TokenRange(NamedTuple):
    """Completion tokens of one kind of call."""

    typical: int
    """Before any call of the kind was seen in a run."""
    min: int
    """Below this a call is not worth making: it would be cut off."""
    max: int
    """The most a call may use; what is left of the budget can lower it."""


CALL_TOKENS: dict[str, TokenRange] = {
    "scan": TokenRange(350, 400, 1_000),
    "plan": TokenRange(90, 80, 300),
    "propose": TokenRange(220, 200, 700),
    "simulate": TokenRange(160, 150, 600),
    "synthesize": TokenRange(100, 160, 600),
    "decline": TokenRange(80, 80, 250),
    "assess": TokenRange(30, 48, 120),
}
"""Completion tokens of the calls that carry out no action; those of the actions stand in `search.actions`."""


@dataclass(frozen=True, slots=True)
class CompletionStats:
    """Completion tokens of the calls of one run, by kind of call."""

    totals: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def mean(self, kind: str, typical: float) -> float:
        """Completion tokens that the next call of `kind` will likely use; `typical` counts as the first observation."""
        return (typical + self.totals.get(kind, 0)) / (1 + self.counts.get(kind, 0))

    def with_call(self, kind: str, completion: int) -> "CompletionStats":
        """The statistics after one more call."""
        return CompletionStats(
            self.totals | {kind: self.totals.get(kind, 0) + completion},
            self.counts | {kind: self.counts.get(kind, 0) + 1},
        )
