"""Reserve for the final answer: the part of a budget, and of a deadline, that pays for it and for its assessments.

A is the cost of writing the answer, V the most that one assessment of it costs, σ what the last call of an assessment
may fall short of its maximum, n how often the answer is assessed, B the budget, L what is left of it, and R what is
reserved already, all in cost units::

    reserve(n)       = A + n · V - σ                               minimum: n_min assessments, maximum: n_max
    initial          = min(max(minimum, min(maximum, 0.3 · B)), max(L, 0))
    for a path       = max(R, minimum, min(maximum, L))            with A and V as the path's text makes them
    for a refusal    = max(R, min(maximum, L))
    reassessment     = max(0, min(R, maximum) - minimum)           what answers may use before the end
    assessment share = Z + r · min(t, t_max),   t = (F - Z - P) / (w + r)

Source: ours.
"""

from dataclasses import dataclass

MAX_INITIAL_SHARE = 0.3
"""Share of the budget up to which more than the minimum is reserved at first: a small budget must leave a search."""

MAX_DEADLINE_SHARE = 0.25

ENDING_CALLS = 2
"""Calls that time is reserved for: writing the answer and assessing it."""


@dataclass(frozen=True, slots=True)
class AnswerReserve:
    """Costs of the final answer with its assessments, and the amounts that follow from them, in cost units."""

    minimum: float
    """An answer with the fewest assessments that the policy allows."""
    maximum: float
    """An answer with the most assessments: once more without its disclaimers."""

    def __post_init__(self) -> None:
        if not self.minimum <= self.maximum:
            raise ValueError(f"answer reserve: maximum is {self.maximum!r}, must be at least {self.minimum!r}")

    @classmethod
    def of_costs(
        cls, *, answer: float, assessment: float, slack: float, min_assessments: int, max_assessments: int
    ) -> "AnswerReserve":
        """The reserve from the costs of its calls: A, V, σ, n_min and n_max of the module's formulas."""
        return cls(answer + (min_assessments * assessment - slack), answer + (max_assessments * assessment - slack))

    def initial(self, *, total: float, left: float) -> float:
        """Amount to reserve before the search: the maximum if that leaves most of the budget, at least the minimum.

        Never more than is left: a scan that cost more than expected may have used a part of the minimum.

        Args:
            total: B, before it is lowered for risk.
            left: L, neither spent nor held by calls; a present reserve is in it.
        """
        wanted = max(self.minimum, min(self.maximum, MAX_INITIAL_SHARE * total))
        return min(wanted, max(0.0, left))

    def for_path(self, *, reserved: float, left: float) -> float:
        """Amount to reserve when the answer may follow from a longer path, whose text these costs include."""
        return max(reserved, self.minimum, min(self.maximum, left))

    def for_refusal(self, *, reserved: float, left: float) -> float:
        """Amount to reserve when nothing will be explored: all assessments of a refusal, as far as they fit."""
        return max(reserved, min(self.maximum, left))

    def reassessment(self, reserved: float) -> float:
        """Part of the present reserve that any answer may use for its assessments: what is beyond the minimum."""
        return max(0.0, min(self.maximum, reserved) - self.minimum)

    def needed_for_answer(self, max_cost: float, *, reserved: float) -> float:
        """Amount that must be free to buy an answer that costs `max_cost` with its assessments during the search."""
        return max(0.0, max_cost - self.reassessment(reserved))


def assessment_share(
    free: float,
    *,
    assessments: float,
    prompt: float,
    token: float,
    reread_token: float,
    min_tokens: float,
    max_tokens: float,
) -> float | None:
    """Amount to hold for the assessments of a text while the text is written. None: a usable text does not fit.

    A longer text has dearer assessments, so the amount grows with the length t that is left to write.

    Args:
        free: F, what text and assessments may use together.
        assessments: Z, the assessments of an empty text.
        prompt: P, the prompt of the call that writes the text.
        token: w, one written token; above 0.
        reread_token: r, the same token in all prompts that read it later.
        min_tokens: length below which a text is not worth writing.
        max_tokens: t_max, length that the call may write at most.
    """
    tokens = (free - assessments - prompt) / (token + reread_token)
    return None if tokens < min_tokens else assessments + reread_token * min(tokens, max_tokens)


def seconds_for_answer(deadline: float | None, *, calls: int, seconds: float) -> float:
    """Seconds of a deadline reserved for the final answer and its assessment.

    Two calls of the mean length so far, at most a quarter of the deadline; 0 without a deadline or before any call.
    """
    if deadline is None or not calls:
        return 0.0
    return min(MAX_DEADLINE_SHARE * deadline, ENDING_CALLS * seconds / calls)
