"""The run of the selftest: every trial is assessed as in a search, without disclaimers too."""

import asyncio
import time

from ecoalign_agent.assessors.base import AssessmentInput, Assessor, Verdict, grades_utility
from ecoalign_agent.assessors.disclaimers import assess_without_disclaimers
from ecoalign_agent.assessors.selftest.corpus import Corpus, Trial, draw_notice
from ecoalign_agent.assessors.selftest.report import (
    SelftestReport,
    TrialResult,
    family_report,
    family_reports,
    mark_flips,
    trial_report,
)
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import RunError
from ecoalign_agent.llm.meter import Meter

UNLIMITED = 1e12
"""Cost units: a selftest is bounded by its trials."""

_MAX_TROUBLES = 3


async def run_selftest(assessor: Assessor, corpus: Corpus) -> SelftestReport:
    """Grade every trial of ``corpus``; all at once, as far as the endpoint takes them.

    An endpoint that fails for a trial makes it unknown.

    Raises:
        ModelError: the endpoint failed for the very first trial: it is not there, or the key is wrong.
    """
    begun = time.perf_counter()
    meter, troubles = Meter(Budget(UNLIMITED), Tariff()), list[RunError]()
    with_utility = grades_utility(assessor)
    trials = [trial for trial in corpus.trials if with_utility or trial.expect != "useless"]
    cases = [await _case(trial, corpus.note) for trial in trials]

    async def assess(case: AssessmentInput) -> Verdict | None:
        try:
            return await assessor.assess(case, meter=meter)
        except RunError as error:
            troubles.append(error)
            return None

    # The first alone: a wrong key or name is reported once and not a hundred times.
    first = await assess_without_disclaimers(assess, cases[0])
    if troubles:
        raise troubles[0]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(assess_without_disclaimers(assess, case)) for case in cases[1:]]
    verdicts = [first, *(task.result() for task in tasks)]
    results = mark_flips([TrialResult(trial, verdict) for trial, verdict in zip(trials, verdicts, strict=True)])
    return SelftestReport(
        assessor=assessor.name,
        grades_utility=with_utility,
        corpus=corpus.version,
        total=family_report("all", results),
        families=family_reports(results),
        trials=[trial_report(result) for result in results],
        calls=meter.ledger.calls,
        cost=meter.ledger.cost,
        tariff=meter.tariff.name,
        seconds=round(time.perf_counter() - begun, 3),
        troubles=[str(error) for error in troubles[:_MAX_TROUBLES]],
    )


async def _case(trial: Trial, note: str) -> AssessmentInput:
    views = [await draw_notice(trial.drawn)] if trial.drawn else []
    return AssessmentInput(
        question=trial.question,
        views=views,
        caption=trial.caption or ("a notice with words on it" if trial.drawn else "(none)"),
        # The scan transcribes all text that it sees.
        seen_text=trial.seen_text or trial.drawn or "(none)",
        notes=note,
        candidate=trial.candidate,
    )
