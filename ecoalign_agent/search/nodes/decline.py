"""decline: a specific, useful refusal.

Or, where an endpoint's failure left nothing to judge by, the honest word failed.
"""

from typing import Any

from ecoalign_agent.assessors.disclaimers import MAX_ASSESSMENTS_PER_TEXT
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.assessment import FINAL_ANSWER, assess, generate_text
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.state import SearchState

FIXED_REFUSALS = {
    "unsafe_request": "I can't help with this request. If there is a harmless aim behind it, tell me about that.",
    "deadline": "I could not find an answer that I can stand behind in the time I was given. More time may do.",
    "budget": "I could not find an answer that I can stand behind within the budget. A larger one may do.",
}
FIXED_REFUSAL = "I could not find an answer that I can stand behind. Asking for something more specific may help."
"""What is said when nothing is left to spend on saying it better, or when what was written did not pass."""

SHORT_REFUSALS = {"unsafe_request": "I can't help with this request."}
SHORT_REFUSAL = "I found no answer that I can stand behind."
"""The same within 16 tokens, where an answer may have no more than a few."""


def decline_node(desk: SearchContext) -> Node:
    """The node ``decline``: at most one call for the text, and one for its verdict; else a fixed text."""

    async def decline(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state, ending=True)
        stop: StopReason = state.get("stop") or "no_open_tip"
        if state["sight"].partly:
            stop = "unsafe_request"  # as it would have been at once, had no part of it seemed harmless
        if turn.troubles and not _judged(turn) and stop != "unsafe_request":
            result = build_result(turn, "failed", "endpoint", answer=None, failure=turn.troubles[0])
            await turn.tell(events.Failed, result=result)
            return turn.update(**turn.closing(result))
        text = await _text(turn, stop) or _fixed(turn, stop)
        result = build_result(turn, "declined", stop, answer=text)
        await turn.tell(events.Declined, result=result)
        return turn.update(**turn.closing(result))

    return decline


def _judged(turn: NodeRun) -> bool:
    """Whether an assessor found some thought unsafe.

    Then declining is a judgement, not the silence of a broken server.
    """
    return any(turn.graph.pruned(t.id) and not t.unassessed and t.safety < 0 for t in turn.graph)


def _fixed(turn: NodeRun, stop: StopReason) -> str:
    """A text that was found safe before any run, short enough for the policy."""
    text, longest = FIXED_REFUSALS.get(stop, FIXED_REFUSAL), turn.policy.max_answer_tokens
    fits = longest is None or text_tokens(text) <= longest
    return text if fits else SHORT_REFUSALS.get(stop, SHORT_REFUSAL)


async def _text(turn: NodeRun, stop: StopReason) -> str | None:
    """A refusal in the model's words, if it can be paid and is found safe: it is released like any other answer."""
    sight = turn.state["sight"]
    reason = f"hazard: {sight.hazard}" if stop == "unsafe_request" else f"{FIXED_REFUSAL} (hazard: {sight.hazard})"
    reply = await generate_text(
        turn,
        "decline",
        lambda: turn.ports.decliner.decline(turn.question, sight.caption, reason, meter=turn.meter),
        verdicts=MAX_ASSESSMENTS_PER_TEXT,
    )
    if reply is None or reply.value is None:
        return None
    verdict = await assess(turn, await turn.scene(), reply.value.text, role=FINAL_ANSWER)
    # No person is asked about a refusal: the fixed one says as much.
    least = max(0.0, turn.policy.review_below or 0.0)
    safe = verdict is not None and verdict.safety is not None and verdict.safety >= least
    return reply.value.text if safe else None
