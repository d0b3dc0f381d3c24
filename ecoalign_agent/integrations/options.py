"""What the guard is told to do, checked once."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from ecoalign_agent.errors import UsageError


@dataclass(frozen=True, slots=True)
class Options:
    """The switches of the guard.

    Attributes:
        answer: whether turns with a picture or a high risk are answered by a search.
        risk_threshold: risk in [0, 1] above which a turn is answered by a search; None: only pictures count.
        gate_tools: which tools' calls are assessed before they run: all, none, or those of these names.
        check_final: whether what the agent says is assessed before anybody sees it.
        budget: cost units for a whole run; None: any.
    """

    answer: bool
    risk_threshold: float | None
    gate_tools: bool | frozenset[str]
    check_final: bool
    budget: float | None

    def gates(self, name: str) -> bool:
        """Whether a call of the tool ``name`` is assessed."""
        return self.gate_tools if isinstance(self.gate_tools, bool) else name in self.gate_tools


def checked(
    *,
    answer: bool,
    risk_threshold: float | None,
    gate_tools: bool | str | Collection[str],
    check_final: bool,
    budget: float | None,
) -> Options:
    """The options, as given.

    Raises:
        UsageError: a number is out of its range, or a switch has no effect as the others stand.
    """
    if risk_threshold is not None:
        if isinstance(risk_threshold, bool) or not 0.0 <= risk_threshold <= 1.0:
            raise UsageError(f"risk_threshold is {risk_threshold!r}: give a risk from 0 (harmless) to 1, or None")
        if not answer:
            raise UsageError("risk_threshold decides what a search answers, and answer is False: leave one of them out")
    if budget is not None and (isinstance(budget, bool) or not (math.isfinite(budget) and budget > 0)):
        raise UsageError(f"budget is {budget!r}: give cost units above 0, or None")
    names = frozenset(
        {gate_tools} if isinstance(gate_tools, str) else () if isinstance(gate_tools, bool) else gate_tools
    )
    gated = gate_tools if isinstance(gate_tools, bool) else names
    return Options(answer, risk_threshold, gated, check_final, budget)
