"""What a call's tokens cost: usage in parts, and the tariff that turns the parts into one number.

Source: ours. The paper counts the text and visual tokens processed; see `Tariff.processed`.

What calls of one kind have cost so far in this run: the program's own forecast of what the next will cost.

Ours: models guess their own token counts badly, and asking them costs tokens. So completion tokens are forecast by the
running mean of that kind of call in this run, with a table entry standing as the first observation.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ecoalign_agent.errors import PolicyError

_MILLION = 1_000_000.0

_NEXT_TO_NOTHING = 1e-6
"""Money for a million completion tokens of a free model."""


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens of one call or of many, kept apart: each part has its own price.

    Raises:
        ValueError: a part is negative.
    """

    text: int = 0
    """Prompt tokens that are text and were not cached."""
    image: int = 0
    """Prompt tokens that stand for pictures."""
    cached: int = 0
    """Prompt tokens that the provider served from its cache."""
    completion: int = 0
    """Tokens written by the model; reasoning tokens are among them."""
    estimated: bool = False
    """True: the provider reported nothing usable for at least one call, so our estimate stands in for it."""

    def __post_init__(self) -> None:
        for part, count in (
            ("text", self.text),
            ("image", self.image),
            ("cached", self.cached),
            ("completion", self.completion),
        ):
            if count < 0:
                raise ValueError(f"usage: {part} is {count}; a token count can't be negative")

    @property
    def prompt(self) -> int:
        """All prompt tokens: text, image and cached."""
        return self.text + self.image + self.cached

    @property
    def total(self) -> int:
        """All tokens processed: prompt and completion."""
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


@dataclass(frozen=True, slots=True)
class Tariff:
    """Cost units per token, part by part.

    The default weights are completion-token equivalents: the price ratios common among hosted models.

    Raises:
        PolicyError: a weight is negative, not finite or not a number, or completion tokens are free (a thought's
            cost must be positive, or its return is undefined).
    Source: ours.
    """

    text: float = 0.25
    """Cost units for one text prompt token, at least 0."""
    image: float = 0.25
    """Cost units for one image token, at least 0."""
    cached: float = 0.10
    """Cost units for one cached prompt token, at least 0."""
    completion: float = 1.0
    """Cost units for one completion token, above 0."""
    name: str = "completion-token equivalents"
    """What one cost unit is, in words: printed beside every figure."""

    def __post_init__(self) -> None:
        for part, weight in (
            ("text", self.text),
            ("image", self.image),
            ("cached", self.cached),
            ("completion", self.completion),
        ):
            if isinstance(weight, bool) or not isinstance(weight, int | float):
                raise PolicyError(f"tariff: {part} is {weight!r}; a weight is a number of cost units per token")
            if not math.isfinite(weight) or weight < 0:
                raise PolicyError(f"tariff: {part} is {weight!r}; a weight is finite and at least 0")
        if self.completion <= 0:
            raise PolicyError(f"tariff: completion is {self.completion!r}; it must be above 0, or thoughts are free")

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

        Raises:
            PolicyError: a price is negative, not finite, or that of completion tokens is 0.
        """
        return cls(
            text=text / _MILLION,
            image=(text if image is None else image) / _MILLION,
            cached=(text if cached is None else cached) / _MILLION,
            completion=completion / _MILLION,
            name=currency,
        )

    def cost(self, usage: Usage) -> float:
        """What these tokens cost, in cost units: Σ weight · tokens over the four parts."""
        return (
            self.text * usage.text
            + self.image * usage.image
            + self.cached * usage.cached
            + self.completion * usage.completion
        )


@dataclass(frozen=True, slots=True)
class Money(Tariff):
    """The wish to reckon in money: every model by its own price, which is looked up when the models are known.

    It is no tariff yet: whoever builds the search puts the models' tariffs in its place, or refuses.
    """

    name: str = "money"
    prices: str | None = None
    """A file of prices, read before the shipped ones; None: as the caller or the environment says."""

    def cost(self, usage: Usage) -> float:
        """There is none yet.

        Raises:
            PolicyError: always.
        """
        raise PolicyError(f"tariff: money is no price yet: {usage.total} tokens of an unknown model can't be reckoned")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost in money, per million tokens, as somebody published it.

    Raises:
        PolicyError: a price is negative, not finite or not a number.
    """

    text: float
    """For uncached prompt text."""
    image: float
    """For image tokens."""
    cached: float
    """For prompt tokens served from the provider's cache."""
    completion: float
    """For completion tokens."""
    currency: str
    """Such as "USD"."""
    source: str
    """Where the prices were read, in words."""
    date: str
    """The day on which they were known to hold, as YYYY-MM-DD."""

    def __post_init__(self) -> None:
        for part in ("text", "image", "cached", "completion"):
            price = getattr(self, part)
            if isinstance(price, bool) or not isinstance(price, int | float) or not 0 <= price < math.inf:
                raise PolicyError(f"price: {part} is {price!r}; a price is a finite number per million tokens")

    @property
    def free(self) -> bool:
        """Whether nothing is billed, whatever is used."""
        return max(self.text, self.image, self.cached, self.completion) == 0

    def cost(self, usage: Usage) -> float:
        """What these tokens cost, in units of `currency`."""
        parts = (
            self.text * usage.text,
            self.image * usage.image,
            self.cached * usage.cached,
            self.completion * usage.completion,
        )
        return math.fsum(parts) / _MILLION

    def tariff(self) -> Tariff:
        """The same as a tariff: one cost unit is one unit of `currency`.

        Completion tokens weigh at least a millionth of a millionth, so that what is free has a defined return.
        """
        return Tariff.priced(
            text=self.text,
            image=self.image,
            cached=self.cached,
            completion=max(self.completion, _NEXT_TO_NOTHING),
            currency=self.currency,
        )


def dearest(tariffs: Iterable[Tariff]) -> Tariff:
    """A tariff that is nowhere below any of ``tariffs``: the highest weight of each part.

    Raises:
        ValueError: there is none.
    """
    known = list(tariffs)
    return Tariff(
        text=max(tariff.text for tariff in known),
        image=max(tariff.image for tariff in known),
        cached=max(tariff.cached for tariff in known),
        completion=max(tariff.completion for tariff in known),
        name=known[0].name,
    )


TYPICAL_TOKENS: dict[str, int] = {
    "scan": 350,
    "plan": 90,
    "propose": 220,
    "simulate": 160,
    "reason": 70,
    "look": 80,
    "fuse": 70,
    "answer": 80,
    "synthesize": 100,
    "decline": 80,
    "assess": 30,
}
"""Completion tokens of a call before any of its kind was seen in the run."""

MAX_TOKENS: dict[str, int] = {
    "scan": 1_000,
    "plan": 300,
    "propose": 700,
    "simulate": 600,
    "reason": 300,
    "look": 400,
    "fuse": 300,
    "answer": 500,
    "synthesize": 600,
    "decline": 250,
    "assess": 120,
}
"""Completion tokens a call of that kind may use at the most; what is left of the budget can lower it."""

MIN_TOKENS: dict[str, int] = {
    "scan": 400,
    "plan": 80,
    "propose": 200,
    "simulate": 150,
    "reason": 80,
    "look": 80,
    "fuse": 80,
    "answer": 120,
    "synthesize": 160,
    "decline": 80,
    "assess": 48,
}
"""Completion tokens below which a call of that kind is not worth making: it would be cut off."""


@dataclass(frozen=True, slots=True)
class CompletionStats:
    """Running means of completion tokens by kind of call.

    Attributes:
        means: kind → mean completion tokens, the first guess counted as one observation.
        counts: kind → observations, the first guess included.
    """

    means: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def expected(self, kind: str) -> float:
        """Completion tokens that the next call of ``kind`` will likely use.

        Raises:
            KeyError: there is no such kind of call.
        """
        return self.means.get(kind, float(TYPICAL_TOKENS[kind]))

    def seen(self, kind: str, completion: int) -> "CompletionStats":
        """What is known after one more call of ``kind`` used ``completion`` tokens."""
        count = self.counts.get(kind, 1)
        mean = self.expected(kind)
        return replace(
            self,
            means=self.means | {kind: mean + (completion - mean) / (count + 1)},
            counts=self.counts | {kind: count + 1},
        )
