"""The state machine of a rewrite: its nodes, its routers, its edges.

::

    analyse ──→ rewrite? ──→ check ──→ conclude → end
        └─ harmless, unknown or failed ───↗
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.events import events
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.rewriting.model_calls import CheckReply
from ecoalign_agent.rewriting.node_run import RewriteNodeRun
from ecoalign_agent.rewriting.preserved_facts import lost_facts, preserved_facts
from ecoalign_agent.rewriting.state import RewriteContext, RewriteInput, RewriteOutput, RewriteState
from ecoalign_agent.search.request import fetch_pictures

RewriteNode = Callable[[RewriteState], Awaitable[dict[str, Any]]]

_REQUEST_KEYS = ("question", "images", "messages", "run_id")


def analyse_node(context: RewriteContext) -> RewriteNode:
    """The node ``analyse``: the risk report, and in the frugal and the trained form the new question too.

    Raises, when it runs:
        UsageError: the question is empty or too long, or an image can't be read; or the budget does not pay for the
            search that follows. Nothing was spent.
    """

    async def analyse(state: RewriteState) -> dict[str, Any]:
        # A thread may hold an earlier run: only the request counts.
        request: dict[str, Any] = {key: value for key, value in state.items() if key in _REQUEST_KEYS}
        fetched = await fetch_pictures(request, context.image_store)
        run, policy = RewriteNodeRun(context, request | fetched), context.policy
        await run.emitter.emit(
            events.RewriteStarted,
            question=run.question,
            pictures=len(run.images),
            budget=policy.budget,
            tariff=policy.tariff.name,
            models=context.calls.models,
        )
        if context.reserve_for_search is not None:
            available = await context.reserve_for_search({**request, **fetched, "run_id": run.run_id})
            run.meter.budget = Budget(min(policy.budget, max(0.0, available)))
        call = context.calls.analyse(
            run.question,
            await run.views(),
            facts=preserved_facts(run.question),
            threshold=policy.threshold,
            meter=run.meter,
        )
        analysis, status = await run.await_call(call)
        safety = None if analysis is None else analysis.report.safety
        if analysis is None or safety is None:
            return fetched | run.update(report=RiskReport(), new_question="", rewrite_status=status or "unknown")
        report = analysis.report
        shown = {"safety", "text", "image", "both", "aim", "hazards"}
        await run.emitter.emit(events.Analysed, **report.model_dump(include=shown))
        new_question = (analysis.prompt or "").strip()
        if safety >= policy.threshold:
            status = "unchanged"
        elif analysis.prompt is not None and not new_question:
            run.notes.append(f"safety {safety:+.2f} was found, but no new question was written")
            status = "unknown"
        return fetched | run.update(report=report, new_question=new_question, rewrite_status=status)

    return analyse


def rewrite_node(context: RewriteContext) -> RewriteNode:
    """The node ``rewrite``: the new question from the report, where the analysis did not write it."""

    async def rewrite(state: RewriteState) -> dict[str, Any]:
        run = RewriteNodeRun(context, state)
        facts = preserved_facts(run.question, provoking=run.report.provoking)
        call = context.calls.rewrite(run.question, await run.views(), run.report, facts=facts, meter=run.meter)
        text, status = await run.await_call(call)
        return run.update(new_question=text or "", rewrite_status=status)

    return rewrite


def check_node(context: RewriteContext) -> RewriteNode:
    """The node ``check``: by rules, which cost nothing, then by a model where there is one."""

    async def check(state: RewriteState) -> dict[str, Any]:
        run, new_question = RewriteNodeRun(context, state), state["new_question"]
        objection = _rule_objection(run, new_question)
        if objection is None and not context.calls.has_check:
            run.notes.append("no model checked whether the new question serves the aim")
        elif objection is None:
            call = context.calls.check(run.question, await run.views(), new_question, run.report, meter=run.meter)
            reply, status = await run.await_call(call)
            if reply is None:
                return run.update(rewrite_status=status)
            objection = _model_objection(reply, run.report)
        if objection is None:
            return run.update(rewrite_status="rewritten")
        run.notes.append(f"{objection}: the original stands")
        return run.update(rewrite_status="kept")

    return check


def _rule_objection(run: RewriteNodeRun, new_question: str) -> str | None:
    facts = preserved_facts(run.question, provoking=run.report.provoking)
    if lost := lost_facts(facts, new_question):
        return f"the new question lost {', '.join(map(repr, lost[:6]))}"
    if new_question.split() == run.question.split():
        return "the new question is the old one"
    return None


def _model_objection(reply: CheckReply, report: RiskReport) -> str | None:
    before = -1.0 if report.safety is None else report.safety
    if not reply.serves_aim:
        return f"the new question does not serve the aim ({reply.lost or 'no reason given'})"
    if reply.safety < 0 or reply.safety <= before:
        return f"the new question is no safer ({reply.safety:+.2f} after {before:+.2f})"
    return None


def conclude_node(context: RewriteContext) -> RewriteNode:
    """The node ``conclude``: the record, and a thread ready for another request."""

    async def conclude(state: RewriteState) -> dict[str, Any]:
        record = await RewriteNodeRun(context, state).emit_record()
        return {"rewrite": record, "prompt": record.prompt, "question": "", "images": [], "run_id": ""}

    return conclude


RewriteGraph = StateGraph[RewriteState, None, RewriteInput, RewriteOutput]


def build_rewrite_graph(context: RewriteContext) -> RewriteGraph:
    """The uncompiled graph. Source: VLMGuard-R1 at run time, x_T, x_I → A → x_T'; the check is ours."""
    graph: RewriteGraph = StateGraph(RewriteState, input_schema=RewriteInput, output_schema=RewriteOutput)
    conclude: Any = conclude_node(context)
    graph.add_node("conclude", conclude)
    add_rewrite_nodes(graph, context, last="conclude")
    graph.add_edge("conclude", END)
    return graph


def add_rewrite_nodes(graph: StateGraph[Any, None, Any, Any], context: RewriteContext, *, last: str) -> None:
    """Add the nodes of a rewrite, and every edge between them from the start to the node ``last``."""
    nodes: dict[str, Any] = {"analyse": analyse_node, "rewrite": rewrite_node, "check": check_node}
    for name, make_node in nodes.items():
        graph.add_node(name, make_node(context))
    graph.add_edge(START, "analyse")
    graph.add_conditional_edges("analyse", after_analysis, {"rewrite": "rewrite", "check": "check", "conclude": last})
    graph.add_conditional_edges("rewrite", after_rewrite, {"check": "check", "conclude": last})
    graph.add_edge("check", last)


async def after_analysis(state: RewriteState) -> Literal["rewrite", "check", "conclude"]:
    """Route by whether the rewrite has ended, and whether the analysis wrote a new question."""
    if state.get("rewrite_status"):
        return "conclude"
    return "check" if state.get("new_question") else "rewrite"


async def after_rewrite(state: RewriteState) -> Literal["check", "conclude"]:
    """Route by whether there is a new question."""
    return "conclude" if state.get("rewrite_status") else "check"
