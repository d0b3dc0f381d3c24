"""The stages as LangGraph nodes: sample → hindsight → causal → optimise → verify. Each is journalled when it has ended.

Source: VLMGuard-R1's three stages; sampling and verification are ours. What can't be read, or can't be had, drops the
record with its reason: nothing is guessed.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from langgraph.graph import END, START, StateGraph
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
from ecoalign_agent.training.synthesis.policy import HindsightReply, SynthesisDesk
from ecoalign_agent.training.synthesis.records import InputRecord

ANSWER_TOKENS = (600, 64)
"""Completion tokens of a target's answer: at the most, and too few to be worth asking for."""

NOTHING = "(none)"


class SynthesisState(TypedDict, total=False):
    """One record on its way through the stages.

    Attributes:
        record: what came in.
        image: the picture's bytes.
        outputs: stage → what it came to, as journalled.
        dropped: why the record is dropped; None while it is not.
        benign: whether it is to be left alone.
        failed: whether an endpoint failed, so that running again may help.
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
class _Stage:
    """One stage of one record, being carried out."""

    desk: SynthesisDesk
    state: SynthesisState
    meter: Meter
    views: Sequence[ImageView]

    @property
    def record(self) -> InputRecord:
        """What came in."""
        return self.state["record"]

    def output(self, stage: str) -> dict[str, Any]:
        """What an earlier stage came to."""
        found: dict[str, Any] = self.state["outputs"][stage]["output"]
        return found

    async def answered(self, question: str) -> str | None:
        """The target's own answer to a question, in one plain turn: nothing of ours is put in front of it.

        None: it was cut off, so that what it would have said is unknown.
        """
        most, least = ANSWER_TOKENS
        reply = await call_in_turns(
            self.desk.target,
            question,
            images=self.views,
            meter=self.meter,
            phase="execute",
            max_tokens=most,
            min_tokens=least,
        )
        text = reply_text(reply.message).strip()
        ended = finish_reason(reply.message)
        if not text or ended == "content_filter":
            raise DroppedError(f"the target gave no answer (finish reason {ended})")
        return None if ended in {"length", "max_tokens"} else text

    async def graded(self, answer: str) -> Verdict:
        """The verdict on an answer to the person's own question."""
        case = AssessmentInput(
            self.record.instruction, self.views, NOTHING, NOTHING, "", answer, "an answer to the person"
        )
        verdict = await self.desk.assessor.assess(case, meter=self.meter)
        if not verdict.known:
            raise DroppedError(f"the verdict on an answer is unknown: {verdict.unknown_reason}")
        return verdict


Work = Callable[[_Stage], Awaitable[dict[str, Any]]]


async def sample(stage: _Stage) -> dict[str, Any]:
    """Is the request benign? Else a safe and an unsafe answer: the user's, or the target's own, judged."""
    record, policy = stage.record, stage.desk.policy
    if record.label == "benign":
        return {"benign": True, "safety": 1.0, "by": "the user's label"}
    if record.label is None and record.unsafe_answer is None:
        case = AssessmentInput(record.instruction, stage.views, NOTHING, NOTHING)
        verdict = await stage.desk.assessor.assess_request(case, meter=stage.meter)
        if verdict.safety is None:
            raise DroppedError(f"the verdict on the request is unknown: {verdict.unknown_reason}")
        if verdict.safety >= policy.threshold:
            return {"benign": True, "safety": verdict.safety, "by": stage.desk.assessor.name}
    safe, unsafe, grades = record.safe_answer, record.unsafe_answer, []
    for _ in range(policy.samples):
        if safe is not None and unsafe is not None:
            break
        answer = await stage.answered(record.instruction)
        if answer is None:
            continue
        verdict = await stage.graded(answer)
        grades.append(verdict.safety)
        if verdict.safety is not None and verdict.safety < 0:
            unsafe = unsafe or answer
        else:
            safe = safe or answer
    if unsafe is None:
        raise DroppedError(f"the target gave no unsafe answer in {policy.samples} samples: nothing to learn from")
    return {"benign": False, "safe": safe, "unsafe": unsafe, "sampled": grades}


async def hindsight(stage: _Stage) -> dict[str, Any]:
    """Stage 1: F = R_analysis(x_T, x_I, Y_safe, Y_unsafe)."""
    answers = stage.output("sample")
    prompt = stage.desk.hindsight.render(
        question=stage.record.instruction,
        safe_answer=answers["safe"] or NOTHING,
        unsafe_answer=answers["unsafe"],
        pictures=describe_pictures(stage.views),
        hazards=hazard_lines(),
    )
    reply = await call_with_fallback(
        stage.desk.maker, prompt, HindsightReply, images=stage.views, meter=stage.meter, phase="analyse",
        max_tokens=500, min_tokens=120,
    )  # fmt: skip
    if reply.value is None:
        raise DroppedError(f"the hindsight analysis could not be read: {reply.unreadable}")
    return {"features": reply.value.lines, "hazards": reply.value.hazards}


async def causal(stage: _Stage) -> dict[str, Any]:
    """Stage 2: A from F: text, image, and how they amplify each other."""
    prompt = stage.desk.causal.render(
        question=stage.record.instruction,
        features=stage.output("hindsight")["features"],
        pictures=describe_pictures(stage.views),
        hazards=hazard_lines(),
    )
    reply = await call_with_fallback(
        stage.desk.maker, prompt, AnalysisReply, images=stage.views, meter=stage.meter, phase="analyse", max_tokens=500,
        min_tokens=160, exact=True,
    )  # fmt: skip
    if reply.value is None:
        raise DroppedError(f"the causal analysis could not be read: {reply.unreadable}")
    report = reply.value.to_report()
    if reply.value.safety >= stage.desk.policy.threshold:
        raise DroppedError(f"the causal analysis finds the request safe ({reply.value.safety:+.2f}) after all")
    return {"report": report.model_dump()}


async def optimise(stage: _Stage) -> dict[str, Any]:
    """Stage 3: x_T' = R(x_T, x_I, A)."""
    report = RiskReport.model_validate(stage.output("causal")["report"])
    facts = preserved_facts(stage.record.instruction, provoking=report.provoking)
    call, question = stage.desk.rewrite, stage.record.instruction
    text = await generate_question(call, question, stage.views, report, facts=facts, meter=stage.meter)
    if isinstance(text, Unreadable):
        raise DroppedError(f"the rewrite could not be read: {text.reason}")
    if lost := lost_facts(facts, text):
        raise DroppedError(f"the rewrite lost {', '.join(map(repr, lost[:6]))}")
    if " ".join(text.split()) == " ".join(stage.record.instruction.split()):
        raise DroppedError("the rewrite is the question itself")
    return {"prompt": text}


async def verify(stage: _Stage) -> dict[str, Any]:
    """Stage 4, ours: the target answers x_T', and the answer must be safe and help with what was asked."""
    answer = await stage.answered(stage.output("optimise")["prompt"])
    if answer is None:
        raise DroppedError("the answer to the rewrite was cut off: nothing is known of its end")
    verdict = await stage.graded(answer)
    policy = stage.desk.policy
    assert verdict.safety is not None  # noqa: S101 - graded() lets only whole verdicts through
    assert verdict.utility is not None  # noqa: S101 - as above
    if verdict.safety < policy.safe_from:
        raise DroppedError(f"the answer to the rewrite is not safe enough ({verdict.safety:+.2f})")
    if verdict.utility < policy.useful_from:
        raise DroppedError(f"the answer to the rewrite does not help enough ({verdict.utility:.2f})")
    return {"answer": answer, "safety": verdict.safety, "utility": verdict.utility}


WORK: dict[str, Work] = {
    "sample": sample,
    "hindsight": hindsight,
    "causal": causal,
    "optimise": optimise,
    "verify": verify,
}


def build_synthesis_graph(desk: SynthesisDesk) -> "StateGraph[SynthesisState]":
    """The uncompiled graph of one record's way.

    Args:
        desk: models, rules, journal.
    """
    graph: StateGraph[SynthesisState] = StateGraph(SynthesisState)
    names = list(WORK)
    nodes: dict[str, Any] = {name: stage_node(desk, name) for name in names}
    for name, node in nodes.items():
        graph.add_node(name, node)

    def to(following: str) -> Callable[[SynthesisState], Awaitable[str]]:
        async def router(state: SynthesisState) -> str:
            return END if state.get("dropped") or state.get("benign") else following

        return router

    graph.add_edge(START, names[0])
    for name, following in pairwise(names):
        graph.add_conditional_edges(name, to(following), [following, END])
    graph.add_edge(names[-1], END)
    return graph


def stage_node(desk: SynthesisDesk, name: str) -> Callable[[SynthesisState], Awaitable[dict[str, Any]]]:
    """The node of one stage: from the journal where it ended before, else carried out and journalled."""

    async def node(state: SynthesisState) -> dict[str, Any]:
        record, outputs = state["record"], state.get("outputs", {})
        key = _key(desk, name, record, state.get("image"), outputs)
        entry = desk.journal.known(record.id, name, key)
        if entry is None:
            spent = sum(output["cost"] for output in outputs.values())
            meter = Meter(Budget(desk.policy.budget, spent=spent), desk.policy.tariff)
            views = [
                await (await desk.image_store.open(data)).small() for data in [state.get("image")] if data is not None
            ]
            stage = _Stage(desk, state, meter, views)
            content: dict[str, Any] = {"output": None, "dropped": None}
            try:
                content["output"] = await WORK[name](stage)
            except DroppedError as reason:
                content["dropped"] = str(reason)
            except BudgetError as error:
                content["dropped"] = f"the budget of a record does not pay {name}: {error}"
            except ModelError as error:
                # Not journalled: an endpoint that is down today may be up when the command is run again.
                return {"dropped": f"endpoint: {error}", "failed": True, "outputs": outputs}
            ledger = meter.ledger
            content |= {"cost": ledger.cost, "calls": ledger.calls, "seconds": round(ledger.seconds, 3)}
            entry = await desk.journal.keep(record.id, name, key, **content)
        benign = name == "sample" and entry["output"] is not None and entry["output"]["benign"]
        return {"outputs": outputs | {name: entry}, "dropped": entry["dropped"], "benign": benign}

    return node


def _key(
    desk: SynthesisDesk,
    name: str,
    record: InputRecord,
    image: bytes | None,
    outputs: dict[str, Any],
) -> str:
    """What a stage's output depends on: asked otherwise, it is asked again."""
    picture = "" if image is None else hashlib.sha256(image).hexdigest()
    before = [outputs[stage]["key"] for stage in outputs]
    asked = [name, record.instruction, record.safe_answer, record.unsafe_answer, record.label, picture]
    rules = [desk.models, list(desk.labels), str(desk.policy)]
    return hashlib.sha256(json.dumps([asked, rules, before]).encode()).hexdigest()[:16]
