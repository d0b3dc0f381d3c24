"""Assessors of other packages and of a caller: any object with ``async def assess(self, case)``.

The rest has defaults: its name is its class's, it has no prompts, it grades safety and utility, a request is assessed
as a case without a candidate, and without a parameter ``meter`` it costs nothing of the budget. An object that is no
assessor is refused when it is given; whatever goes wrong in one during a run makes that verdict unknown.
"""

import inspect
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ecoalign_agent.assessors.base import (
    AssessmentInput,
    Assessor,
    BuiltInAssessor,
    CallSize,
    Verdict,
    thought_call_size,
)
from ecoalign_agent.errors import BudgetError, ModelError, UsageError
from ecoalign_agent.llm.meter import Meter

_ADVICE = "give a name, a LangChain chat model, or an object with `async def assess(self, case) -> Verdict`"


def as_assessor(candidate: object) -> Assessor:
    """``candidate`` itself where it is built in, else as a :class:`CustomAssessor`; a UsageError: it is no assessor."""
    if isinstance(candidate, BuiltInAssessor | CustomAssessor) and isinstance(candidate, Assessor):
        return candidate
    return CustomAssessor(candidate)


class CustomAssessor:
    """An assessor object that is not built in, with defaults for what it lacks.

    Raises:
        UsageError: a class, or an object without an asynchronous method ``assess`` of one input.
    """

    def __init__(self, assessor: object) -> None:
        if isinstance(assessor, type):
            raise UsageError(f"assessor {assessor.__name__} is a class: give an object of it, {assessor.__name__}(…)")
        self.wrapped = assessor
        self._assess = _Method(assessor, "assess")
        self._assess_request = _Method(assessor, "assess_request") if hasattr(assessor, "assess_request") else None
        self.endpoint = getattr(assessor, "endpoint", None)
        self.name = str(getattr(assessor, "name", None) or type(assessor).__name__)
        self.prompts: Sequence[str] = tuple(map(str, getattr(assessor, "prompts", None) or ()))
        self.grades_utility = bool(getattr(assessor, "grades_utility", True))
        calls = getattr(assessor, "calls", None)
        default = (thought_call_size("unknown"),) if self._assess.takes_meter else ()
        self.calls: Sequence[CallSize] = default if calls is None else calls

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """The object's verdict; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await self._verdict(self._assess, case, meter)

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """The object's verdict on the request; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        if self._assess_request is not None:
            return await self._verdict(self._assess_request, case, meter)
        verdict = await self._verdict(self._assess, replace(case, candidate=""), meter)
        return verdict if verdict.safety is None else replace(verdict, utility=0.0)

    async def _verdict(self, method: "_Method", case: AssessmentInput, meter: Meter) -> Verdict:
        try:
            verdict = await method(case, meter)
        except (BudgetError, ModelError):
            raise
        except Exception as error:  # noqa: BLE001 - code of somebody else's may raise anything; it fails closed
            line = " ".join(str(error).split())[:200]
            return self._unknown(f"failed with {type(error).__name__}" + (f": {line}" if line else ""))
        if not isinstance(verdict, Verdict):
            return self._unknown(f"returned {type(verdict).__name__} where a Verdict is due")
        cost: object = verdict.cost
        if not isinstance(cost, int | float) or not math.isfinite(cost) or cost < 0:
            return self._unknown(f"returned a verdict with the cost {cost!r}")
        return verdict

    def _unknown(self, problem: str) -> Verdict:
        return Verdict(None, None, 0.0, unknown_reason=f"assessor {self.name} {problem}")


class _Method:
    """An asynchronous method of one input, with or without a keyword ``meter``."""

    def __init__(self, assessor: object, name: str) -> None:
        kind, method = type(assessor).__name__, getattr(assessor, name, None)
        if not callable(method):
            raise UsageError(f"assessor is of type {kind}, without a method {name}: {_ADVICE}")
        if not inspect.iscoroutinefunction(method):
            raise UsageError(
                f"assessor of type {kind}: {name} is not asynchronous: write `async def {name}(self, case)`"
            )
        signature = inspect.signature(method)
        self._method: Callable[..., Awaitable[object]] = method
        self.takes_meter = _fits(signature, meter=None)
        if not self.takes_meter and not _fits(signature):
            raise UsageError(
                f"assessor of type {kind}: {name}{signature} can't be called with one input: "
                f"write `async def {name}(self, case)`, or with `*, meter` where model calls are paid for"
            )

    async def __call__(self, case: AssessmentInput, meter: Meter) -> object:
        return await (self._method(case, meter=meter) if self.takes_meter else self._method(case))


def _fits(signature: inspect.Signature, **keywords: object) -> bool:
    try:
        signature.bind(None, **keywords)
    except TypeError:
        return False
    return True
