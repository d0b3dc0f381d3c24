"""The stages as LangGraph nodes: sample → hindsight → causal → optimise → verify, each journalled at its end.

Source: VLMGuard-R1's three stages; sampling and verification are ours. An unreadable or missing reply drops the record
with its reason: nothing is guessed.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Literal

from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from ecoalign_agent.assessors.base import AssessmentInput, Verdict
from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import call_in_turns
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import finish_reason, reply_text
from ecoalign_agent.llm.structured_output import call_with_fallback
from ecoalign_agent.rewriting.model_calls import AnalysisReply, Unreadable, describe_pictures, generate_question
from ecoalign_agent.rewriting.preserved_facts import lost_facts, preserved_facts
from ecoalign_agent.training.synthesis.policy import SynthesisContext
from ecoalign_agent.training.synthesis.records import InputRecord

_ANSWER_TOKENS, _MIN_ANSWER_TOKENS = 600, 64
"""Completion tokens of a target's answer: at most, and the fewest that are worth a call."""

_NONE = "(none)"

_Words = Annotated[str, Field(max_length=2_000)]


class RiskFeature(BaseModel):
    """One cause of the unsafe answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    where: Literal["text", "image", "both"]
    what: _Words


class HindsightReply(BaseModel):
    """F, the risk features: the reasons why one answer went wrong where another did not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contrast: _Words
    features: Annotated[list[RiskFeature], Field(max_length=20)]
    hazards: list[str]

    @property
    def lines(self) -> str:
        """The features as lines for the next prompt."""
        features = [f"{feature.where}: {' '.join(feature.what.split())}" for feature in self.features]
        return "\n".join([f"contrast: {' '.join(self.contrast.split())}", *features])


class SynthesisState(TypedDict, total=False):
    """State of one record.

    Attributes:
        outputs: stage → its journal entry.
        benign: it is left alone.
        failed: an endpoint failed, so that running again may help.
    """

    record: InputRecord
    image: bytes | None
    outputs: dict[str, dict[str, Any]]
    dropped: str | None
    benign: bool
    failed: bool


class DroppedError(Exception):
    """A stage could not be finished; the reason goes to the dropped records. Never leaves this module."""


@dataclass(slots=True)
class StageRun:
    """One stage of one record under way."""

    context: SynthesisContext
    state: SynthesisState
    meter: Meter
    views: Sequence[ImageView]

    @property
    def record(self) -> InputRecord:
        """The input."""
        return self.state["record"]

    def output(self, stage: str) -> dict[str, Any]:
        """Output of an earlier stage."""
        output: dict[str, Any] = self.state["outputs"][stage]["output"]
        return output

    async def generate_answer(self, question: str) -> str | None:
        """Generate the target's own answer to a question, in one plain turn; None: it was truncated, so unknown."""
        reply = await call_in_turns(
            self.context.target,
            question,
            images=self.views,
            meter=self.meter,
            phase="execute",
            max_tokens=_ANSWER_TOKENS,
            min_tokens=_MIN_ANSWER_TOKENS,
        )
        text = reply_text(reply.message).strip()
        finish = finish_reason(reply.message)
        if not text or finish == "content_filter":
            raise DroppedError(f"the target gave no answer (finish reason {finish})")
        return None if finish in {"length", "max_tokens"} else text

    async def assess_answer(self, answer: str) -> Verdict:
        """Have an answer to the person's own question assessed; an unknown verdict drops the record."""
        case = AssessmentInput(self.record.instruction, self.views, _NONE, _NONE, "", answer, "an answer to the person")
        verdict = await self.context.assessor.assess(case, meter=self.meter)
        if not verdict.known:
            raise DroppedError(f"the verdict on an answer is unknown: {verdict.unknown_reason}")
        return verdict


async def _sample(run: StageRun) -> dict[str, Any]:
    """Assess the request; if it is not benign, get a safe and an unsafe answer: the user's, or the target's own."""
    record, policy = run.record, run.context.policy
    if record.label == "benign":
        return {"benign": True, "safety": 1.0, "by": "the user's label"}
    if record.label is None and record.unsafe_answer is None:
        case = AssessmentInput(record.instruction, run.views, _NONE, _NONE)
        verdict = await run.context.assessor.assess_request(case, meter=run.meter)
        if verdict.safety is None:
            raise DroppedError(f"the verdict on the request is unknown: {verdict.unknown_reason}")
        if verdict.safety >= policy.threshold:
            return {"benign": True, "safety": verdict.safety, "by": run.context.assessor.name}
    safe, unsafe, grades = record.safe_answer, record.unsafe_answer, []
    for _ in range(policy.samples):
        if safe is not None and unsafe is not None:
            break
        answer = await run.generate_answer(record.instruction)
        if answer is None:
            continue
        verdict = await run.assess_answer(answer)
        grades.append(verdict.safety)
        if verdict.safety is not None and verdict.safety < 0:
            unsafe = unsafe or answer
        else:
            safe = safe or answer
    if unsafe is None:
        raise DroppedError(f"the target gave no unsafe answer in {policy.samples} samples: nothing to learn from")
    return {"benign": False, "safe": safe, "unsafe": unsafe, "sampled": grades}


async def _hindsight(run: StageRun) -> dict[str, Any]:
    """Stage 1: F = R_analysis(x_T, x_I, Y_safe, Y_unsafe)."""
    answers = run.output("sample")
    prompt = run.context.hindsight.render(
        question=run.record.instruction,
        safe_answer=answers["safe"] or _NONE,
        unsafe_answer=answers["unsafe"],
        pictures=describe_pictures(run.views),
        hazards=hazard_lines(),
    )
    reply = await call_with_fallback(
        run.context.maker, prompt, HindsightReply, images=run.views, meter=run.meter, phase="analyse",
        max_tokens=500, min_tokens=120,
    )  # fmt: skip
    if reply.value is None:
        raise DroppedError(f"the hindsight analysis could not be read: {reply.unreadable}")
    return {"features": reply.value.lines, "hazards": reply.value.hazards}


async def _causal(run: StageRun) -> dict[str, Any]:
    """Stage 2: A from F: text, image, and how they amplify each other."""
    prompt = run.context.causal.render(
        question=run.record.instruction,
        features=run.output("hindsight")["features"],
        pictures=describe_pictures(run.views),
        hazards=hazard_lines(),
    )
    reply = await call_with_fallback(
        run.context.maker, prompt, AnalysisReply, images=run.views, meter=run.meter, phase="analyse", max_tokens=500,
        min_tokens=160, exact=True,
    )  # fmt: skip
    if reply.value is None:
        raise DroppedError(f"the causal analysis could not be read: {reply.unreadable}")
    report = reply.value.to_report()
    if reply.value.safety >= run.context.policy.threshold:
        raise DroppedError(f"the causal analysis finds the request safe ({reply.value.safety:+.2f}) after all")
    return {"report": report.model_dump()}


async def _optimise(run: StageRun) -> dict[str, Any]:
    """Stage 3: x_T' = R(x_T, x_I, A)."""
    report = RiskReport.model_validate(run.output("causal")["report"])
    facts = preserved_facts(run.record.instruction, provoking=report.provoking)
    call, question = run.context.rewrite, run.record.instruction
    text = await generate_question(call, question, run.views, report, facts=facts, meter=run.meter)
    if isinstance(text, Unreadable):
        raise DroppedError(f"the rewrite could not be read: {text.reason}")
    if lost := lost_facts(facts, text):
        raise DroppedError(f"the rewrite lost {', '.join(map(repr, lost[:6]))}")
    if " ".join(text.split()) == " ".join(run.record.instruction.split()):
        raise DroppedError("the rewrite is the question itself")
    return {"prompt": text}


async def _verify(run: StageRun) -> dict[str, Any]:
    """Stage 4, ours: the target answers x_T', and the answer must be safe and help with what was asked."""
    answer = await run.generate_answer(run.output("optimise")["prompt"])
    if answer is None:
        raise DroppedError("the answer to the rewrite was cut off: nothing is known of its end")
    verdict = await run.assess_answer(answer)
    policy = run.context.policy
    assert verdict.safety is not None  # noqa: S101 - assess_answer() lets only whole verdicts through
    assert verdict.utility is not None  # noqa: S101 - as above
    if verdict.safety < policy.safe_from:
        raise DroppedError(f"the answer to the rewrite is not safe enough ({verdict.safety:+.2f})")
    if verdict.utility < policy.useful_from:
        raise DroppedError(f"the answer to the rewrite does not help enough ({verdict.utility:.2f})")
    return {"answer": answer, "safety": verdict.safety, "utility": verdict.utility}


STAGES: Mapping[str, Callable[[StageRun], Awaitable[dict[str, Any]]]] = MappingProxyType(
    {"sample": _sample, "hindsight": _hindsight, "causal": _causal, "optimise": _optimise, "verify": _verify}
)
"""The stages in order, each from a record's run to its output; all of them cost something."""


def build_synthesis_graph(context: SynthesisContext) -> "StateGraph[SynthesisState]":
    """Build the uncompiled graph of one record's stages."""
    graph: StateGraph[SynthesisState] = StateGraph(SynthesisState)
    names = list(STAGES)
    for name in names:
        node: Any = _make_node(context, name)
        graph.add_node(name, node)

    async def has_ended(state: SynthesisState) -> bool:
        return bool(state.get("dropped") or state.get("benign"))

    graph.add_edge(START, names[0])
    for name, following in pairwise(names):
        graph.add_conditional_edges(name, has_ended, {True: END, False: following})
    graph.add_edge(names[-1], END)
    return graph


def _make_node(context: SynthesisContext, name: str) -> Callable[[SynthesisState], Awaitable[dict[str, Any]]]:

    async def node(state: SynthesisState) -> dict[str, Any]:
        record, outputs = state["record"], state.get("outputs", {})
        key = _stage_key(context, name, state)
        entry = context.journal.find(record.id, name, key)
        if entry is None:
            try:
                content = await _run_stage(context, name, state)
            except ModelError as error:
                # Not journalled: an endpoint that is down today may be up when the command is run again.
                return {"dropped": f"endpoint: {error}", "failed": True, "outputs": outputs}
            entry = await context.journal.add(record.id, name, key, **content)
        benign = name == "sample" and entry["output"] is not None and entry["output"]["benign"]
        return {"outputs": outputs | {name: entry}, "dropped": entry["dropped"], "benign": benign}

    return node


async def _run_stage(context: SynthesisContext, name: str, state: SynthesisState) -> dict[str, Any]:
    """Run one stage; its output or the reason why it drops the record, with its cost."""
    spent = sum(output["cost"] for output in state.get("outputs", {}).values())
    meter = Meter(Budget(context.policy.budget, spent=spent), context.policy.tariff)
    image = state.get("image")
    views = [] if image is None else [await (await context.image_store.open(image)).small()]
    output = dropped = None
    try:
        output = await STAGES[name](StageRun(context, state, meter, views))
    except DroppedError as reason:
        dropped = str(reason)
    except BudgetError as error:
        dropped = f"the budget of a record does not pay {name}: {error}"
    ledger = meter.ledger
    cost = {"cost": ledger.cost, "calls": ledger.calls, "seconds": round(ledger.seconds, 3)}
    return {"output": output, "dropped": dropped, **cost}


def _stage_key(context: SynthesisContext, name: str, state: SynthesisState) -> str:
    """Digest of everything that a stage's output depends on: with other inputs or models it is run again."""
    record, image = state["record"], state.get("image")
    picture = "" if image is None else hashlib.sha256(image).hexdigest()
    before = [entry["key"] for entry in state.get("outputs", {}).values()]
    inputs = [name, record.instruction, record.safe_answer, record.unsafe_answer, record.label, picture]
    rules = [context.models, list(context.prompt_labels), str(context.policy)]
    return hashlib.sha256(json.dumps([inputs, rules, before]).encode()).hexdigest()[:16]
