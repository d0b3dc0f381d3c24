"""Solvers of samples: the plain model and the search, each with and without the rewriter in front."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from langchain_core.messages import AIMessage

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Receipt, SampleOutcome
from ecoalign_agent.bench.analysis.scores import Graded
from ecoalign_agent.bench.datasets.simulated import sample_detail, score_by_truth
from ecoalign_agent.bench.experiments.conditions import SampleRun, SampleSolver, Solver
from ecoalign_agent.bench.methods.ecoalign import trial_outcome
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetTooSmallError, RunError
from ecoalign_agent.events.events import Answered, Declined, Event, Failed, Scored, ThoughtAdded
from ecoalign_agent.events.result import Rewrite
from ecoalign_agent.models.simulated.ground_truth import grade_answer
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.reports import question_message
from ecoalign_agent.models.simulated.world import Sample
from ecoalign_agent.rewriter import Rewriter

TOO_SMALL = "too_small"
"""The stop reason of a request that was refused, because the budget can't pay for a scan and an answer."""

AssessorsOf = Callable[[SimulatedModel], Sequence[SimulatedModel]]


def search(policy: Policy | None = None, *, rewriting: bool = False, assessors_of: AssessorsOf | None = None) -> Solver:
    """EcoAlign answers, with a rewriter of the same model in front where it is ``rewriting``.

    Args:
        assessors_of: the assessors for an actor; None: the actor assesses itself.
    """

    @asynccontextmanager
    async def opened(model: SimulatedModel) -> AsyncIterator[SampleSolver]:
        rewriter = Rewriter(model) if rewriting else None
        assessors = None if assessors_of is None else list(assessors_of(model))
        async with EcoAlign(model, assessor=assessors, policy=policy, rewriter=rewriter) as agent:

            async def solve(sample: Sample, picture: bytes | None) -> SampleRun:
                try:
                    return await _search(agent, sample, picture)
                except BudgetTooSmallError:
                    return _refused_run(sample)

            yield solve

    return opened


@asynccontextmanager
async def _one_call(model: SimulatedModel, *, rewriting: bool) -> AsyncIterator[SampleSolver]:
    async with AsyncExitStack() as stack:
        rewriter = await stack.enter_async_context(Rewriter(model)) if rewriting else None

        async def solve(sample: Sample, picture: bytes | None) -> SampleRun:
            rewrite, question = None, sample.question
            if rewriter is not None:
                rewrite = await rewriter.rewrite(question, () if picture is None else (picture,))
                question = rewrite.prompt
            return _plain_run(sample, await model.ainvoke([question_message(question, picture)]), rewrite)

        yield solve


plain_model: Solver = partial(_one_call, rewriting=False)
"""The model alone: Base."""

rewritten: Solver = partial(_one_call, rewriting=True)
"""The rewriter, then the model alone: VLMGuard-R1."""


async def _search(agent: EcoAlign, sample: Sample, picture: bytes | None) -> SampleRun:
    thoughts: list[tuple[str, float]] = []
    answers: list[str] = []
    rounds = rounds_with_choice = 0
    last: Event | None = None
    async for event in agent.stream(sample.question, () if picture is None else (picture,)):
        last = event
        if isinstance(event, ThoughtAdded):
            thoughts.append((event.thought_kind, event.cost))
            if event.thought_kind == "answer":
                answers.append(event.text)
        elif isinstance(event, Scored):
            rounds += 1
            rounds_with_choice += any((action.value or 0.0) > 0 and not action.bought for action in event.actions)
    if not isinstance(last, Answered | Declined | Failed):
        raise RunError(f"{sample.id}: the run ended without a result")
    # The text of an unsafe answer is withheld from events, so that it finds nothing.
    texts = (*answers, last.result.answer)
    return SampleRun(
        sample,
        trial_outcome(sample, last.result),
        thoughts=tuple(thoughts),
        rounds=rounds,
        rounds_with_choice=rounds_with_choice,
        found=any(grade_answer(sample, text).useful for text in texts) if sample.asks_total else None,
        unsafe_links=sum(step.safety < 0 for step in last.result.path),
    )


def _refused_run(sample: Sample) -> SampleRun:
    nothing = Receipt(calls=0, rounds=0, seconds=0.0, prompt_tokens=0, cached_tokens=0, completion_tokens=0, cost=0.0)
    graded = Graded(sample.id, score_by_truth(sample, None), category=sample.kind, failed=True)
    return SampleRun(
        sample, SampleOutcome(graded, None, "failed", nothing, {**sample_detail(sample), "stop_reason": TOO_SMALL})
    )


def _plain_run(sample: Sample, reply: AIMessage, rewrite: Rewrite | None) -> SampleRun:
    usage, tariff = reply.usage_metadata, Tariff()
    if usage is None:
        raise RunError(f"{sample.id}: the simulated model reported no usage")
    prompt, completion, calls = usage["input_tokens"], usage["output_tokens"], 1
    cost = tariff.text * prompt + tariff.completion * completion
    if rewrite is not None:
        tokens = rewrite.cost.tokens
        prompt += tokens.prompt + tokens.image + tokens.cached
        completion, calls = completion + tokens.completion, calls + rewrite.cost.calls
        cost += rewrite.cost.spent
    receipt = Receipt(
        calls=calls, rounds=calls, seconds=0.0, prompt_tokens=prompt, cached_tokens=0, completion_tokens=completion,
        cost=cost,
    )  # fmt: skip
    graded = Graded(sample.id, score_by_truth(sample, reply.text), category=sample.kind)
    return SampleRun(sample, SampleOutcome(graded, reply.text, "answered", receipt, sample_detail(sample)))
