"""Best of n: several answers at once, each assessed; the best of the safe ones is taken."""

from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    EncodedImage,
    Method,
    MethodAnswer,
    MethodContext,
    MethodStep,
    call_model,
    encode_images,
    gather_calls,
    question_messages,
    request_seed,
)
from ecoalign_agent.errors import UsageError

REFUSAL = (
    "I can't help with this as it is asked: no answer that I found could be shown to be safe. "
    "If you tell me what you want to achieve, I can look for a safe way to help."
)
"""The answer when no candidate is safe."""


@dataclass(frozen=True, slots=True)
class BestOfN:
    """Answers with different request seeds, all assessed; declines when none is known to be safe.

    Attributes:
        n: answers, at least 1.

    Raises:
        UsageError: n is below 1.
    Source: best-of-n sampling, with EcoAlign's assessor. The choice is ours: see :func:`best_verdict`.
    """

    n: int = 4

    def __post_init__(self) -> None:
        """Check n."""
        if self.n < 1:
            raise UsageError(f"best-of-n: n is {self.n}; it must be at least 1")

    async def __call__(self, question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
        """Answer a question."""
        images = await encode_images(pictures)
        candidates = await gather_calls(
            *(_assessed_answer(question, pictures, images, context, number) for number in range(self.n))
        )
        steps = tuple(
            MethodStep(f"answer {number}", text, verdict.safety, verdict.utility)
            for number, (text, verdict) in enumerate(candidates, 1)
        )
        best = best_verdict([verdict for _, verdict in candidates])
        if best is None:
            return MethodAnswer(REFUSAL, steps, declined=True)
        return MethodAnswer(candidates[best][0], steps)


def best_verdict(verdicts: Sequence[Verdict]) -> int | None:
    """Index of the highest s · u among the safe verdicts, s ≥ 0; of equals the first.

    Returns:
        None: none is known to be safe. A verdict of which a part is unknown is never chosen.
    """
    worth = {
        index: verdict.safety * verdict.utility
        for index, verdict in enumerate(verdicts)
        if verdict.safety is not None and verdict.utility is not None and verdict.safety >= 0
    }
    return max(worth, key=lambda index: worth[index], default=None)


async def _assessed_answer(
    question: str, pictures: Sequence[bytes], images: Sequence[EncodedImage], context: MethodContext, number: int
) -> tuple[str, Verdict]:
    seed = request_seed(context.seed, question, "answer", number)
    messages = question_messages(question, images)
    text = (await call_model(context.model, messages, max_tokens=ANSWER_TOKENS, seed=seed)).text
    # An empty reply is no answer, whatever an assessor would say of it.
    return text, await context.assess(text, question, pictures) if text else Verdict(None, None, 0.0)


_BEST_OF_FOUR = BestOfN()

BEST_OF_N = Method(
    "best-of-n",
    f"{_BEST_OF_FOUR.n} answers, the best that the assessor finds safe",
    _BEST_OF_FOUR,
    max_calls=2 * _BEST_OF_FOUR.n,
)
