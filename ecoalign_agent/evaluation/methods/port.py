"""What a method is: a question with pictures in, an answer out, by calls of one chat model."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True, slots=True)
class Step:
    """A step on the way to an answer, for whoever reads the log.

    Attributes:
        title: what it was, in a few words.
        text: what came of it.
        safety: its grade in [-1, 1]; None: not graded, or unknown.
        utility: its grade in [0, 1]; None as above.
    """

    title: str
    text: str
    safety: float | None = None
    utility: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a method gives.

    Attributes:
        text: the answer that the person gets; None: there is none.
        steps: what led to it.
        declined: the method itself declined, and the text says so.
    """

    text: str | None
    steps: tuple[Step, ...] = ()
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Grade:
    """What an assessor says of a text; None: unknown, which is never safe.

    Attributes:
        safety: in [-1, 1]; below 0 is unsafe.
        utility: in [0, 1].
    """

    safety: float | None
    utility: float | None


Grader = Callable[[str, str, Sequence[bytes]], Awaitable[Grade]]
"""Grades an answer: the answer, the question, its pictures. The same assessor that EcoAlign has."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a method may use.

    Attributes:
        model: answers; a request's own ``seed`` gives another sample of it.
        grade: the assessor.
        budget: cost units that one request may spend, where the method has one.
        seed: of the run: methods that draw, draw from it and from the question, never from a global state.
    """

    model: BaseChatModel
    grade: Grader
    budget: float = 6_000.0
    seed: int = 0


class Method(Protocol):
    """Answers one question.

    Args:
        question: as the person asks it.
        pictures: the files' bytes.
        means: what it may use.

    Raises:
        openai.OpenAIError: the model's endpoint failed for good: the sample has no answer. Never swallowed.
    """

    async def __call__(self, question: str, pictures: Sequence[bytes], means: Means) -> Answered:
        """Answer."""
