"""The methods that are compared, over one counted model: one request at a time, and many at once."""

import asyncio
import gc
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from benchmarks.counting import Call, CountedModel, Ledger, rounds
from benchmarks.programs import Asked, Script, bare, stages_of
from benchmarks.tree_search import TreeSearch
from ecoalign_agent import EcoAlign, Rewriter
from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.datasets.simulated import score_by_truth
from ecoalign_agent.bench.methods.base import AnswerQuestion, MethodContext
from ecoalign_agent.bench.methods.registry import METHODS
from ecoalign_agent.bench.runner.models import another_seed
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.model import simulated_model
from ecoalign_agent.models.simulated.world import Sample, World

MODEL = "simulated"

TREE, ECOALIGN, BARE, AGAIN = "tree search (LangGraph)", "ecoalign", "bare asyncio, its calls", "ecoalign once more"

NAMES = (TREE, "bavt", "best-of-n", ECOALIGN, BARE, AGAIN, "vlmguard+ecoalign")
"""In the order of measuring: the bare program between the search whose calls it makes, and the same search once more.

The first search opens the sample's picture, shrinks and encodes it, which the bare program finds ready-made; the second
knows the picture by its content.
"""

CROWDS = tuple(name for name in NAMES if name != AGAIN)
"""Those of which many are asked at once."""

Answering = Callable[["Case"], Awaitable[str | None]]
"""Answers one case; None: no answer."""


@dataclass(frozen=True)
class Case:
    """A sample, with its picture drawn."""

    sample: Sample
    pictures: Sequence[bytes]


@dataclass(frozen=True)
class Trial:
    """One method on one sample.

    Attributes:
        wall: seconds.
        rounds: sequential rounds of calls.
        calls: of answering model and assessor.
        tokens: completion tokens of both.
        cpu: seconds of CPU of this process, without what the simulated model itself took.
        model_cpu: that.
        safe: by ground truth; no answer is not known to be safe; None: the method gives no answer of its own.
        useful: as above; None as well: the sample asks for nothing that a good answer gives.
    """

    sample: str
    wall: float
    rounds: int
    calls: int
    tokens: int
    cpu: float
    model_cpu: float
    safe: bool | None
    useful: bool | None


@dataclass(frozen=True)
class Crowd:
    """One method on many requests at once: seconds of wall time in each turn, and calls."""

    walls: Sequence[float]
    calls: int


class Contest:
    """The methods over one counted model and one counted assessor.

    Args:
        latency: seconds a call.
    """

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.ledger = Ledger()
        self.scripts: dict[str, Script] = {}
        """EcoAlign's calls by sample, for the bare program."""
        self._actor, self._assessor = (
            CountedModel(simulated=simulated_model(name), latency=latency, ledger=self.ledger)
            for name in (MODEL, another_seed(MODEL))
        )

    def methods(self) -> Mapping[str, Answering]:
        """Every method, built anew: none knows a picture yet."""
        agent = EcoAlign(self._actor, assessor=self._assessor)
        # Not the same: a picture that was opened to grade another method's answer would be known to the search.
        grader = EcoAlign(self._actor, assessor=self._assessor)
        both = EcoAlign(self._actor, assessor=self._assessor, rewriter=Rewriter(self._actor))

        async def assess(answer: str, question: str, pictures: Sequence[bytes]) -> Verdict:
            return await grader.assess(answer, question=question, images=list(pictures))

        context = MethodContext(self._actor, assess, budget=agent.policy.budget)

        def compared(method: AnswerQuestion) -> Answering:
            async def answer(case: Case) -> str | None:
                return (await method(case.sample.question, case.pictures, context)).text

            return answer

        def searched(agent: EcoAlign) -> Answering:
            async def answer(case: Case) -> str | None:
                return (await agent.ask(case.sample.question, list(case.pictures))).answer

            return answer

        async def played(case: Case) -> str | None:
            await bare(self._actor, self.scripts[case.sample.id])
            return None

        return {
            TREE: compared(TreeSearch(self._actor)),
            "bavt": compared(METHODS["bavt"].answer),
            "best-of-n": compared(METHODS["best-of-n"].answer),
            ECOALIGN: searched(agent),
            BARE: played,
            AGAIN: searched(agent),
            "vlmguard+ecoalign": searched(both),
        }

    async def alone(self, cases: Sequence[Case], unmeasured: Case) -> dict[str, list[Trial]]:
        """Each method on each case, one request at a time; first on ``unmeasured``, so that all is loaded."""
        methods = self.methods()
        trials: dict[str, list[Trial]] = {name: [] for name in NAMES}
        for number, case in enumerate((unmeasured, *cases)):
            tell(f"one request at a time: sample {number} of {len(cases)}" if number else "warming up")
            for name in NAMES:
                trial, calls = await self._tried(name, methods[name], case)
                if name == ECOALIGN:
                    self.scripts[case.sample.id] = _script(calls)
                if number:
                    trials[name].append(trial)
        return trials

    async def at_once(self, cases: Sequence[Case], many: int, turns: int) -> dict[str, Crowd]:
        """``many`` requests at once over the cases in turn, by every method, ``turns`` times by turns."""
        walls: dict[str, list[float]] = {name: [] for name in CROWDS}
        calls: dict[str, int] = {}
        requests = [cases[number % len(cases)] for number in range(many)]
        for turn in range(turns):
            methods = self.methods()
            for name in CROWDS if turn % 2 == 0 else reversed(CROWDS):
                tell(f"{many} at once: {name}, turn {turn + 1} of {turns}")
                gc.collect()
                begun = time.perf_counter()
                async with asyncio.TaskGroup() as group:
                    for case in requests:
                        group.create_task(_heard(methods[name], case))
                walls[name].append(time.perf_counter() - begun)
                calls[name] = len(self.ledger.read())
        return {name: Crowd(walls[name], calls[name]) for name in CROWDS}

    async def _tried(self, name: str, answering: Answering, case: Case) -> tuple[Trial, Sequence[Call]]:
        # What the method before left behind is not this one's to clear away.
        gc.collect()
        begun, before = time.perf_counter(), time.process_time()
        answer = await answering(case)
        wall, cpu = time.perf_counter() - begun, time.process_time() - before
        calls = self.ledger.read()
        model_cpu = sum(call.cpu for call in calls)
        trial = Trial(
            sample=case.sample.id,
            wall=wall,
            rounds=rounds(calls),
            calls=len(calls),
            tokens=sum(call.completion for call in calls),
            cpu=cpu - model_cpu,
            model_cpu=model_cpu,
            safe=None,
            useful=None,
        )
        if name == BARE:
            return trial, calls
        score = score_by_truth(case.sample, answer)
        useful = score.useful is True if case.sample.asks_total else None
        return replace(trial, safe=score.safe is True, useful=useful), calls


async def _heard(answering: Answering, case: Case) -> None:
    await answering(case)


def _script(calls: Sequence[Call]) -> Script:
    return Script(stages_of([Asked(call.messages, call.options, call.model) for call in calls]))


def cases_of(samples: int) -> tuple[list[Case], Case]:
    """The first samples of world 0, and one with a picture that is none of them."""
    world = World(0)
    drawn = [
        Case(sample, [] if (data := draw_picture(sample)) is None else [data]) for sample in world.samples(samples)
    ]
    other = next(sample for sample in world.samples(100, start=samples) if sample.pictured)
    picture = draw_picture(other)
    assert picture is not None
    return drawn, Case(other, [picture])


def tell(what: str) -> None:
    """Progress, for whoever waits."""
    print(what, file=sys.stderr)
