"""Ways of answering a sample: plainly, with the question rewritten first, by a search, and by both. Ours."""

import base64
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Outcome, Receipt
from ecoalign_agent.bench.analysis.scores import Graded
from ecoalign_agent.bench.datasets.simulated import sample_detail, score_by_truth
from ecoalign_agent.bench.experiments.conditions import Answering, Asked, Way
from ecoalign_agent.bench.runner.trial import trial_outcome
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetTooSmallError, RunError
from ecoalign_agent.events.events import Answered, Declined, Event, Failed, Scored, ThoughtAdded
from ecoalign_agent.events.result import Rewrite
from ecoalign_agent.models.simulated.ground_truth import grade
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.world import Sample
from ecoalign_agent.rewriter import Rewriter

TOO_SMALL = "too_small"
"""The stop reason of a request that was refused, because the budget can't pay for a scan and an answer."""


def searching(policy: Policy | None = None, *, rewriting: bool = False) -> Way:
    """EcoAlign answers.

    Args:
        policy: of its search; None: the default.
        rewriting: a rewriter of the same model stands in front.
    """

    @asynccontextmanager
    async def opened(model: SimulatedModel) -> AsyncIterator[Answering]:
        front = Rewriter(model) if rewriting else None
        async with EcoAlign(model, policy=policy, rewriter=front) as agent:

            async def answering(sample: Sample, picture: bytes | None) -> Asked:
                try:
                    return await _searched(agent, sample, picture)
                except BudgetTooSmallError:
                    return _refused(sample)

            yield answering

    return opened


def plainly(model: SimulatedModel) -> AbstractAsyncContextManager[Answering]:
    """The model alone: Base."""
    return _plain(model, rewriting=False)


def rewritten(model: SimulatedModel) -> AbstractAsyncContextManager[Answering]:
    """The rewriter, then the model alone: VLMGuard-R1."""
    return _plain(model, rewriting=True)


@asynccontextmanager
async def _plain(model: SimulatedModel, *, rewriting: bool) -> AsyncIterator[Answering]:
    async with AsyncExitStack() as stack:
        rewriter = await stack.enter_async_context(Rewriter(model)) if rewriting else None

        async def answering(sample: Sample, picture: bytes | None) -> Asked:
            made = None
            if rewriter is not None:
                made = await rewriter.rewrite(sample.question, () if picture is None else (picture,))
            said = await model.ainvoke([_message(sample.question if made is None else made.prompt, picture)])
            return _told(sample, said, made)

        yield answering


async def _searched(agent: EcoAlign, sample: Sample, picture: bytes | None) -> Asked:
    thoughts: list[tuple[str, float]] = []
    answers: list[str] = []
    rounds = choices = 0
    last: Event | None = None
    async for event in agent.stream(sample.question, () if picture is None else (picture,)):
        last = event
        if isinstance(event, ThoughtAdded):
            thoughts.append((event.thought_kind, event.cost))
            if event.thought_kind == "answer":
                answers.append(event.text)
        elif isinstance(event, Scored):
            rounds += 1
            choices += any((action.value or 0.0) > 0 and not action.bought for action in event.actions)
    if not isinstance(last, Answered | Declined | Failed):
        raise RunError(f"{sample.id}: the run ended without a result")
    # The text of an unsafe answer is not told, so that it finds nothing.
    found = any(grade(sample, text).useful for text in (*answers, last.result.answer)) if sample.asks_total else None
    outcome = trial_outcome(sample, last.result)
    return Asked(sample, outcome, thoughts=tuple(thoughts), tried=(rounds, choices), found=found)


def _refused(sample: Sample) -> Asked:
    receipt = Receipt(
        calls=0, rounds=0, seconds=0.0, prompt_tokens=0, cached_tokens=0, completion_tokens=0, cost=0.0
    )  # nothing was spent
    graded = Graded(sample.id, score_by_truth(sample, None), category=sample.kind, failed=True)
    return Asked(sample, Outcome(graded, None, "failed", receipt, {**sample_detail(sample), "stop_reason": TOO_SMALL}))


def _told(sample: Sample, said: AIMessage, made: Rewrite | None) -> Asked:
    usage, tariff = said.usage_metadata, Tariff()
    if usage is None:
        raise RunError(f"{sample.id}: the simulated model reported no usage")
    prompt, written, calls = usage["input_tokens"], usage["output_tokens"], 1
    cost = tariff.text * prompt + tariff.completion * written
    if made is not None:
        tokens = made.cost.tokens
        prompt += tokens.prompt + tokens.image + tokens.cached
        written, calls, cost = written + tokens.completion, calls + made.cost.calls, cost + made.cost.spent
    receipt = Receipt(
        calls=calls, rounds=calls, seconds=0.0, prompt_tokens=prompt, cached_tokens=0, completion_tokens=written,
        cost=cost,
    )  # fmt: skip
    graded = Graded(sample.id, score_by_truth(sample, said.text), category=sample.kind)
    return Asked(sample, Outcome(graded, said.text, "answered", receipt, sample_detail(sample)))


def _message(question: str, picture: bytes | None) -> HumanMessage:
    if picture is None:
        return HumanMessage(question)
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    parts: list[str | dict[Any, Any]] = [
        {"type": "text", "text": question},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    return HumanMessage(parts)
