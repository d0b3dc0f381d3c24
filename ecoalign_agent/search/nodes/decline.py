"""decline: a specific, useful refusal; or status failed, where an endpoint's failure left nothing to judge by."""

from typing import Any

from ecoalign_agent.assessors.disclaimers import MAX_ASSESSMENTS_PER_TEXT
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.assessment import FINAL_ANSWER, assess_candidate, generate_text
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import SearchNode
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.state import SearchState

FIXED_REFUSALS = {
    "unsafe_request": "I can't help with this request. If there is a harmless aim behind it, tell me about that.",
    "deadline": "I could not find an answer that I can stand behind in the time I was given. More time may do.",
    "budget": "I could not find an answer that I can stand behind within the budget. A larger one may do.",
}
FIXED_REFUSAL = "I could not find an answer that I can stand behind. Asking for something more specific may help."
"""Text when nothing is left to spend on a better one, or when the written one did not pass its assessment."""

SHORT_REFUSALS = {"unsafe_request": "I can't help with this request."}
SHORT_REFUSAL = "I found no answer that I can stand behind."
"""The same within 16 tokens, where an answer may have no more than a few."""


def decline_node(context: SearchContext) -> SearchNode:
    """The node ``decline``: at most one call for the text, and one assessment; else a fixed text."""

    async def decline(state: SearchState) -> dict[str, Any]:
        run = NodeRun(context, state, ending=True)
        stop: StopReason = state.get("stop") or "no_open_tip"
        if state["findings"].partial:
            stop = "unsafe_request"  # as it would have been at once, had no part of it seemed harmless
        if run.endpoint_failures and not _found_unsafe(run) and stop != "unsafe_request":
            result = build_result(run, "failed", "endpoint", answer=None, failure=run.endpoint_failures[0])
            await run.emit(events.Failed, result=result)
        else:
            text = await _refusal(run, stop) or _fixed_refusal(run, stop)
            result = build_result(run, "declined", stop, answer=text)
            await run.emit(events.Declined, result=result)
        return run.final_update(result)

    return decline


def _found_unsafe(run: NodeRun) -> bool:
    """True if an assessor found a thought unsafe: then the refusal is a judgement."""
    return any(run.graph.pruned(t.id) and not t.unassessed and t.safety < 0 for t in run.graph)


def _fixed_refusal(run: NodeRun, stop: StopReason) -> str:
    """A text that was found safe before any run, short enough for the policy."""
    text, limit = FIXED_REFUSALS.get(stop, FIXED_REFUSAL), run.policy.max_answer_tokens
    fits = limit is None or text_tokens(text) <= limit
    return text if fits else SHORT_REFUSALS.get(stop, SHORT_REFUSAL)


async def _refusal(run: NodeRun, stop: StopReason) -> str | None:
    """A refusal in the model's words, if it can be paid and is found safe: it is released like any other answer."""
    findings = run.state["findings"]
    hazard = f"hazard: {findings.hazard}"
    reason = hazard if stop == "unsafe_request" else f"{FIXED_REFUSAL} ({hazard})"
    reply = await generate_text(
        run,
        "decline",
        lambda: run.model.decline(run.question, findings.caption, reason, meter=run.meter),
        assessments=MAX_ASSESSMENTS_PER_TEXT,
        final=True,
    )
    if reply is None or reply.value is None:
        return None
    verdict = await assess_candidate(run, await run.request(), reply.value.text, role=FINAL_ANSWER)
    # No person is asked about a refusal: the fixed one says as much.
    least = max(0.0, run.policy.review_below or 0.0)
    safe = verdict is not None and verdict.safety is not None and verdict.safety >= least
    return reply.value.text if safe else None
