"""``minimum(a, b, …)``: several assessors as one, the weakest link over them. Ours.

Each has a veto: the lowest safety counts, and the lowest utility over those that grade utility. One that is missing or
unknown makes the verdict unknown: an assessor that is out of order must not weaken what the others were hired for.
"""

from collections.abc import Sequence

from ecoalign_agent.assessing.port import Assessor, CallSize, Case, calls_of, grades_utility
from ecoalign_agent.assessing.verdict import Verdict
from ecoalign_agent.assessing.weakest import weakest_of
from ecoalign_agent.llm.meter import Meter


class Minimum:
    """The weakest link over assessors, asked in parallel; every one of them is paid for."""

    def __init__(self, assessors: Sequence[Assessor]) -> None:
        self.assessors = tuple(assessors)
        self.graders = tuple(grades_utility(assessor) for assessor in self.assessors)

    @property
    def name(self) -> str:
        """All names."""
        return f"minimum of {', '.join(assessor.name for assessor in self.assessors)}"

    @property
    def prompts(self) -> Sequence[str]:
        """The prompts of all, each once."""
        return tuple(dict.fromkeys(label for assessor in self.assessors for label in assessor.prompts))

    @property
    def grades_utility(self) -> bool:
        """Whether at least one grades utility."""
        return any(self.graders)

    @property
    def calls(self) -> Sequence[CallSize]:
        """The calls of all."""
        return tuple(call for assessor in self.assessors for call in calls_of(assessor))

    async def assess(self, case: Case, *, meter: Meter) -> Verdict:
        """Grade one thought; see :class:`~ecoalign_agent.assessing.port.Assessor`."""
        return await weakest_of([a.assess(case, meter=meter) for a in self.assessors], self.graders)

    async def assess_request(self, case: Case, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessing.port.Assessor`."""
        return await weakest_of([a.assess_request(case, meter=meter) for a in self.assessors], self.graders)


def minimum(*assessors: Assessor) -> Assessor:
    """The weakest link over ``assessors``; a single one is itself, and a minimum among them is opened up.

    Raises:
        ValueError: there is none.
    """
    if not assessors:
        raise ValueError("minimum() of no assessors: nothing would be graded")
    flat = [one for a in assessors for one in (a.assessors if isinstance(a, Minimum) else (a,))]
    return flat[0] if len(flat) == 1 else Minimum(flat)
