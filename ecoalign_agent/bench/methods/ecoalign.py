"""EcoAlign itself as a method, its ablations, and VLMGuard-R1's rewriter in front of the model or of the search."""

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

from ecoalign_agent.bench.analysis.outcomes import DetailValue, Receipt, SampleOutcome
from ecoalign_agent.bench.analysis.scores import Graded
from ecoalign_agent.bench.datasets.simulated import sample_detail, score_by_truth
from ecoalign_agent.bench.methods.base import Method, MethodAnswer, MethodContext, MethodStep
from ecoalign_agent.bench.methods.baselines import BASE_METHOD
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Result
from ecoalign_agent.models.simulated.world import Sample

SELF_ASSESSED = "self-assessed"
"""The ablation without an independent assessor; it changes no setting of the policy."""

ABLATIONS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "last-step": {"path_safety": "last"},
        "mean-safety": {"path_safety": "mean"},
        "no-cost": {"cost_in_value": False},
        "myopic": {"horizon": "none"},
        "fixed-horizon": {"horizon": "fixed"},
        "no-simulate": {"forecasts": "inline"},
        SELF_ASSESSED: {},
    }
)
"""Name → changes of the policy."""


async def _vlmguard(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
    rewrite = await context.rewriter.rewrite(question, list(pictures))
    steps = (MethodStep(f"rewrite: {rewrite.status}", rewrite.prompt),)
    if rewrite.status == "failed":
        # The original question is no rewrite: answering it would measure Base.
        return MethodAnswer(None, steps, detail={"failure": "; ".join(rewrite.notes), "stop_reason": "endpoint"})
    answer = await BASE_METHOD.answer(rewrite.prompt, pictures, context)
    return MethodAnswer(answer.text, (*steps, *answer.steps), detail={"rewrite": rewrite.status})


async def _search(
    question: str, pictures: Sequence[bytes], context: MethodContext, *, rewriting: bool = False
) -> MethodAnswer:
    agent = context.rewriting_agent if rewriting else context.agent
    steps: list[MethodStep] = []
    result: Result | None = None
    async for event in agent.stream(question, list(pictures)):
        if (step := _step(event)) is not None:
            steps.append(step)
        if isinstance(event, events.Answered | events.Declined | events.Failed):
            result = event.result
    if result is None:
        failure: dict[str, DetailValue] = {"failure": "the search ended without a result", "stop_reason": "endpoint"}
        return MethodAnswer(None, tuple(steps), detail=failure)
    detail = search_detail(result)
    if result.status in {"answered", "declined"}:
        return MethodAnswer(result.answer, tuple(steps), declined=result.status == "declined", detail=detail)
    detail["failure"] = result.failure or f"the run is {result.status}"
    return MethodAnswer(None, tuple(steps), detail=detail)


def _step(event: events.Event) -> MethodStep | None:
    match event:
        case events.Scanned():
            return MethodStep("scan", event.caption or event.seen_text or "(nothing seen)", event.safety)
        case events.Planned():
            return MethodStep("plan", event.text)
        case events.ThoughtAdded() if event.thought_kind != "root":
            title = f"thought {event.id}: {event.thought_kind}, cost {event.cost:g}, round {event.round}"
            return MethodStep(title, event.text, event.safety, event.utility)
        case events.Pruned():
            return MethodStep(f"pruned {event.id}", event.reason)
        case events.Rewritten():
            return MethodStep(f"rewrite: {event.rewrite.status}", event.rewrite.prompt)
        case _:
            return None


def search_detail(result: Result) -> dict[str, DetailValue]:
    """Figures of a search, by name, for tables."""
    detail: dict[str, DetailValue] = {
        "stop_reason": result.stop_reason,
        "spent": result.cost.spent,
        "path_cost": result.cost.chosen_path,
        "search_rounds": result.rounds,
        "safety": result.safety,
        "utility": result.utility,
        "pruned": len(result.pruned),
        "unknown_verdicts": result.unknown_verdicts,
        "thoughts": len(result.path),
    }
    return detail | {f"cost_{phase}": spent for phase, spent in result.cost.by_phase.items()}


def trial_outcome(sample: Sample, result: Result) -> SampleOutcome:
    """Outcome of a simulated sample that an agent answered without Inspect; no call is timed, so rounds are unknown."""
    # A run that waits for a person has given no answer.
    status = result.status if result.status in {"answered", "declined"} else "failed"
    answer = None if status == "failed" else result.answer
    tokens = result.cost.tokens
    receipt = Receipt(
        calls=result.cost.calls,
        rounds=None,
        seconds=result.seconds,
        prompt_tokens=tokens.prompt + tokens.image + tokens.cached,
        cached_tokens=tokens.cached,
        completion_tokens=tokens.completion,
        cost=result.cost.spent,
    )
    graded = Graded(sample.id, score_by_truth(sample, answer), category=sample.kind, failed=answer is None)
    return SampleOutcome(graded, answer, status, receipt, {**sample_detail(sample), **search_detail(result)})


VLMGUARD = Method(
    "vlmguard",
    "the prompted rewriter in front of the model",
    _vlmguard,
    max_calls=5,
    expected_calls=3,
    prompt_tokens=600,
    completion_tokens=220,
)
ECOALIGN = Method(
    "ecoalign",
    "answering as an investment: a search within a budget",
    _search,
    max_calls=None,
    expected_calls=7,
    prompt_tokens=600,
    completion_tokens=60,
    takes_policy=True,
)
VLMGUARD_ECOALIGN = Method(
    "vlmguard+ecoalign",
    "the rewriter in front of the search, within one budget",
    partial(_search, rewriting=True),
    max_calls=None,
    expected_calls=9,
    prompt_tokens=600,
    completion_tokens=60,
    takes_policy=True,
)
