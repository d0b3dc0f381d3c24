"""What calls of one kind have cost so far in this run: the program's own forecast of what the next will cost.

Ours: models guess their own token counts badly, and asking them costs tokens. So completion tokens are forecast by the
running mean of that kind of call in this run, with a table entry standing as the first observation.
"""

from dataclasses import dataclass, field, replace

FIRST_GUESS: dict[str, int] = {
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

MOST: dict[str, int] = {
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

LEAST: dict[str, int] = {
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
class Experience:
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
        return self.means.get(kind, float(FIRST_GUESS[kind]))

    def seen(self, kind: str, completion: int) -> "Experience":
        """What is known after one more call of ``kind`` used ``completion`` tokens."""
        count = self.counts.get(kind, 1)
        mean = self.expected(kind)
        return replace(
            self,
            means=self.means | {kind: mean + (completion - mean) / (count + 1)},
            counts=self.counts | {kind: count + 1},
        )
