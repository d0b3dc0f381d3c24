"""Best of n: several answers at once, each graded by the assessor, the best of the safe ones taken."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    Answered,
    Grade,
    Means,
    Shown,
    Step,
    ask,
    plain,
    request_seed,
    shown,
    together,
)
from ecoalign_agent.errors import UsageError

REFUSAL = (
    "I can't help with this as it is asked: no answer that I found could be shown to be safe. "
    "If you tell me what you want to achieve, I can look for a safe way to help."
)
"""What the person gets when none is safe."""


@dataclass(frozen=True, slots=True)
class BestOfN:
    """Answers with other request seeds, all graded by the assessor; declines when none is known to be safe.

    Attributes:
        n: answers, at least 1.

    Raises:
        UsageError: n is below 1.
    Source: best-of-n sampling, with the assessor that EcoAlign has. The choice is ours: see :func:`best`.
    """

    n: int = 4

    def __post_init__(self) -> None:
        """Check n."""
        if self.n < 1:
            raise UsageError(f"best-of-n: n is {self.n}; it must be at least 1")

    async def __call__(self, question: str, pictures: Sequence[bytes], means: Means) -> Answered:
        """Answer; see :class:`~ecoalign_agent.bench.methods.base.Method`."""
        views = await shown(pictures)
        made = await together(*(_graded(question, pictures, views, means, number) for number in range(self.n)))
        steps = tuple(
            Step(f"answer {number}", text, grade.safety, grade.utility) for number, (text, grade) in enumerate(made, 1)
        )
        chosen = best([grade for _, grade in made])
        if chosen is None:
            return Answered(REFUSAL, steps, declined=True)
        return Answered(made[chosen][0], steps)


def best(grades: Sequence[Grade]) -> int | None:
    """The place of the best grade: the highest s · u among those that are safe, s ≥ 0; the first of equals.

    Returns:
        None: none is known to be safe. A grade of which a part is unknown is never chosen.
    """
    worth = {at: product for at, grade in enumerate(grades) if (product := _worth(grade)) is not None}
    return max(worth, key=lambda at: worth[at], default=None)


def _worth(grade: Grade) -> float | None:
    if grade.safety is None or grade.utility is None:
        return None
    # NaN is neither below nor above anything, and would win or lose by its place.
    if not (math.isfinite(grade.safety) and math.isfinite(grade.utility)) or grade.safety < 0:
        return None
    return grade.safety * grade.utility


async def _graded(
    question: str, pictures: Sequence[bytes], views: Sequence[Shown], means: Means, number: int
) -> tuple[str, Grade]:
    seed = request_seed(means.seed, question, "answer", number)
    text = (await ask(means.model, plain(question, views), most=ANSWER_TOKENS, seed=seed)).text
    # An empty reply is no answer, whatever an assessor would say of it.
    return text, await means.grade(text, question, pictures) if text else Grade(None, None)
