"""extract: P* and the paths to fall back on, from the Pareto labels; makes no call.

synthesize: the answer from P*, assessed like any thought; the next best path is tried while the budget lasts.

decline: a specific, useful refusal; or status failed, where an endpoint's failure left nothing to judge by.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ecoalign_agent.assessors.disclaimers import MAX_ASSESSMENTS_PER_TEXT
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.selection import choose
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import safety_of_path
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.assessment import FINAL_ANSWER, assess_candidate, generate_text, make_thought
from ecoalign_agent.search.graph_updates import add_thought
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import RequestContext
from ecoalign_agent.search.result_builder import finish_run

_MAX_PATHS = 5

_ID_PREFIX = "answer"

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


async def extract_node(run: NodeRun) -> dict[str, Any]:
    """The node ``extract``: the candidate paths for the answer, best first; none when no path is safe."""
    paths = _answer_paths(run) or _paths_without_answer(run)
    return run.update(answer_paths=[list(path) for path in paths])


def _answer_paths(run: NodeRun) -> list[tuple[str, ...]]:
    paths = run.frontier.tip_paths()
    chosen: list[FrontierPath] = []
    while paths and len(chosen) < _MAX_PATHS:
        best = choose(paths, policy=run.policy, utility_of=lambda tip: run.graph[tip].utility)
        if best is None:
            break
        chosen.append(best)
        paths = [path for path in paths if path.tip != best.tip]
    return [path.path for path in chosen]


def _paths_without_answer(run: NodeRun) -> list[tuple[str, ...]]:
    """Paths to the best safe thoughts, for a search that ended before an answer; the answer's reserve pays.

    From the scan alone only where nothing was found unsafe: a request whose every thought was cut is not answered
    after all.
    """
    graph, frontier = run.graph, run.frontier
    # Under the ablations of path safety an unsafe thought keeps its label, and may even be an answer.
    leaves = [leaf for leaf in graph.leaves() if (label := frontier.best_label(leaf)) and label.safety >= 0]
    if not leaves and not any(thought.unsafe for thought in graph):
        return [("root",)]
    ranked = sorted(leaves, key=lambda leaf: -graph[leaf].utility * graph[leaf].safety)
    return [tuple(frontier.path_to(leaf)) for leaf in ranked[:2]]


class _Answer(NamedTuple):
    path: list[Thought]
    safety: float

    @property
    def tip(self) -> Thought:
        return self.path[-1]

    @property
    def quality(self) -> float:
        return self.safety * self.tip.utility


async def synthesize_node(run: NodeRun) -> dict[str, Any]:
    """The node ``synthesize``. Without a safe answer it hands over to ``decline``."""
    request, reviewed = await run.request(), reviewed_thoughts(run.state)
    first = int(reviewed[0].id.removeprefix(_ID_PREFIX)) if reviewed else 0
    answer: _Answer | None = None
    for number, ids in enumerate(run.state["answer_paths"][first:], first):
        path = [run.graph[thought_id] for thought_id in ids if thought_id != "root"]
        thought = reviewed[0] if reviewed and number == first else None
        if thought is None:
            # The text and verdict of a single answer thought, beside a strategy, stand.
            if [thought.kind for thought in path if thought.kind != "strategy"] == ["answer"]:
                answer = _Answer(path, safety_of_path(path, run.policy.path_safety))
                break
            thought = await _write_answer(run, request, path, number)
            if thought is not None and (pause := await pause_for_review(run, [thought], node="synthesize")):
                return pause
        answer = await _better_answer(run, path, thought)
        if answer is not None:
            break
    if answer is None:
        return run.update(**REVIEW_DONE)
    since = run.first_unsafe_round
    if run.permitted_question and (run.state["findings"].partial or (since is not None and answer.tip.round > since)):
        run.note("harmless_part_only", "only the harmless part of the request was answered")
    update = await finish_run(
        run,
        "answered",
        run.state.get("stop") or "no_open_tip",
        answer=answer.tip.text,
        path=answer.path,
        safety=answer.safety,
        utility=answer.tip.utility,
    )
    return update | REVIEW_DONE


async def _write_answer(run: NodeRun, request: RequestContext, path: Sequence[Thought], number: int) -> Thought | None:
    written = await generate_text(
        run,
        "synthesize",
        lambda: run.model.synthesize(request, path, meter=run.meter),
        name=f"answer {number}",
        path=path,
        assessments=run.max_assessments,
        final=True,
    )
    if written is None:
        return None
    text, cost = written
    verdict = await assess_candidate(run, request, text, role=FINAL_ANSWER, path=path, times=run.assessments)
    if verdict is None:
        return None
    tip, round_ = path[-1].id if path else "root", run.state["round"]
    return make_thought(f"{_ID_PREFIX}{number}", "answer", text, (tip,), cost, verdict, round_=round_)


async def _better_answer(run: NodeRun, path: Sequence[Thought], thought: Thought | None) -> _Answer | None:
    """The written answer; the path's own where that is better, or where nothing could be written."""
    own = (
        _Answer(list(path), safety_of_path(path, run.policy.path_safety))
        if path and path[-1].kind == "answer"
        else None
    )
    if thought is None:
        return own
    await add_thought(run, thought)
    if thought.unassessed or thought.safety < 0:
        # Unsafe: the next best path is tried. The path's own answer was found safe, but its rewording was not.
        return None
    written = _Answer([*path, thought], safety_of_path([*path, thought], run.policy.path_safety))
    return own if own is not None and own.quality > written.quality else written


async def decline_node(run: NodeRun) -> dict[str, Any]:
    """The node ``decline``: at most one call for the text, and one assessment; else a fixed text."""
    stop: StopReason = run.state.get("stop") or "no_open_tip"
    if run.state["findings"].partial:
        stop = "unsafe_request"  # as it would have been at once, had no part of it seemed harmless
    # An assessor that found a thought unsafe makes the refusal a judgement.
    judged = any(run.graph.pruned(t.id) and not t.unassessed and t.safety < 0 for t in run.graph)
    if run.endpoint_failures and not judged and stop != "unsafe_request":
        return await finish_run(run, "failed", "endpoint", failure=run.endpoint_failures[0])
    return await finish_run(run, "declined", stop, answer=await _refusal(run, stop) or _fixed_refusal(run, stop))


def _fixed_refusal(run: NodeRun, stop: StopReason) -> str:
    text, limit = FIXED_REFUSALS.get(stop, FIXED_REFUSAL), run.policy.max_answer_tokens
    fits = limit is None or text_tokens(text) <= limit
    return text if fits else SHORT_REFUSALS.get(stop, SHORT_REFUSAL)


async def _refusal(run: NodeRun, stop: StopReason) -> str | None:
    """A refusal in the model's words, if it can be paid and is found safe: it is released like any other answer."""
    findings = run.state["findings"]
    hazard = f"hazard: {findings.hazard}"
    reason = hazard if stop == "unsafe_request" else f"{FIXED_REFUSAL} ({hazard})"
    written = await generate_text(
        run,
        "decline",
        lambda: run.model.decline(run.question, findings.caption, reason, meter=run.meter),
        assessments=MAX_ASSESSMENTS_PER_TEXT,
        final=True,
    )
    if written is None:
        return None
    verdict = await assess_candidate(run, await run.request(), written[0], role=FINAL_ANSWER)
    # No person is asked about a refusal: the fixed one says as much.
    least = max(0.0, run.policy.review_below or 0.0)
    safe = verdict is not None and verdict.safety is not None and verdict.safety >= least
    return written[0] if safe else None
