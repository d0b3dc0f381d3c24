"""extract: P* and the paths to fall back on, from the Pareto labels. Makes no call.

synthesize: the answer from P*, assessed like any thought; the next best path is tried while the budget lasts.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.selection import choose
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.search.assessment import FINAL_ANSWER, assess, generate_text, make_thought
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import emit_thought, prune_if_unsafe
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.state import RequestContext, SearchState

_MOST_CANDIDATES = 5


def extract_node(desk: SearchContext) -> Node:
    """The node ``extract``: the candidate paths for the answer, best first; none when no path is safe."""

    async def extract(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state, ending=True)
        candidates = _in_order(turn)
        if not candidates:
            candidates = _without_an_answer(turn)
        return turn.update(chosen=[list(path) for path in candidates])

    return extract


def _in_order(turn: NodeRun) -> list[tuple[str, ...]]:
    """Paths to answers as the policy chooses between them, each tip once."""
    paths = turn.frontier.tip_paths()
    chosen: list[FrontierPath] = []
    while paths and len(chosen) < _MOST_CANDIDATES:
        best = choose(paths, policy=turn.policy, utility_of=lambda tip: turn.graph[tip].utility)
        if best is None:
            break
        chosen.append(best)
        paths = [path for path in paths if path.tip != best.tip]
    return [path.path for path in chosen]


def _without_an_answer(turn: NodeRun) -> list[tuple[str, ...]]:
    """Where the search ended before an answer: what was set aside pays for one, written from the best safe thoughts.

    From the scan alone only where nothing was found unsafe: a request whose every thought was cut is not answered
    after all.
    """
    graph, frontier = turn.graph, turn.frontier
    # Under the ablations of path safety an unsafe thought keeps its label, and may even be an answer.
    leaves = [leaf for leaf in graph.leaves() if (label := frontier.best_label(leaf)) and label.safety >= 0]
    if not leaves and not any(thought.unsafe for thought in graph):
        return [("root",)]
    ranked = sorted(leaves, key=lambda leaf: -graph[leaf].utility * graph[leaf].safety)
    return [tuple(frontier.path_to(leaf)) for leaf in ranked[:2]]


_NAME = "answer"
"""What the ids of answers written here begin with; the number of the path follows."""


class _Answer(NamedTuple):
    path: list[Thought]
    safety: float

    @property
    def tip(self) -> Thought:
        return self.path[-1]


def synthesize_node(desk: SearchContext) -> Node:
    """The node ``synthesize``. Without a safe answer it hands over to ``decline``."""

    async def synthesize(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state, ending=True)
        scene = await turn.scene()
        found, back = None, reviewed_thoughts(state)
        begun = _number(back[0]) if back else 0
        for number, chosen in enumerate(state["chosen"][begun:], begun):
            path = [turn.graph[thought_id] for thought_id in chosen if thought_id != "root"]
            thought = back[0] if back and number == begun else None
            if thought is None and (found := _standing(turn, path)) is not None:
                break
            thought = thought or await _written(turn, scene, path, number)
            if thought is not None and thought not in back:
                pause = await pause_for_review(turn, [thought], by="synthesize")
                if pause:
                    return turn.update(**pause)
            found = await _weighed(turn, path, thought)
            if found is not None:
                break
        if found is None:
            return turn.update(**REVIEW_DONE)
        if _in_part(turn, found.tip):
            turn.note("harmless_part_only", "only the harmless part of the request was answered")
        result = build_result(
            turn,
            "answered",
            state.get("stop") or "no_open_tip",
            answer=found.tip.text,
            path=found.path,
            safety=found.safety,
            utility=found.tip.utility,
        )
        await turn.tell(events.Answered, result=result)
        return turn.update(**turn.closing(result), **REVIEW_DONE)

    return synthesize


def _standing(turn: NodeRun, path: Sequence[Thought]) -> _Answer | None:
    """P* is a single answer thought: its text and verdict stand, no call is made. A strategy before it said no more."""
    said = [thought for thought in path if thought.kind != "strategy"]
    if len(said) == 1 and said[0].kind == "answer":
        return _Answer(list(path), _safety(turn, path))
    return None


async def _written(turn: NodeRun, scene: RequestContext, path: Sequence[Thought], number: int) -> Thought | None:
    """The answer written from ``path``, assessed; None: it could not be bought, or not be graded."""
    reply = await generate_text(
        turn,
        "synthesize",
        lambda: turn.ports.synthesizer.synthesize(scene, path, meter=turn.meter),
        path=path,
        verdicts=turn.verdicts,
    )
    if reply is None:
        return None
    if reply.value is None:
        turn.note_unreadable(f"answer {number}", reply)
        return None
    turn.learn("synthesize", reply.usage.completion)
    verdict = await assess(turn, scene, reply.value.text, role=FINAL_ANSWER, path=tuple(path), times=turn.times)
    if verdict is None:
        return None
    tip = path[-1].id if path else "root"
    return make_thought(
        f"{_NAME}{number}", "answer", reply.value.text, (tip,), reply.cost, verdict, round_=turn.state["round"]
    )


def _in_part(turn: NodeRun, answer: Thought) -> bool:
    """Whether it was written when only a part of the request was asked for; one from before then answers the whole."""
    if not turn.part:
        return False
    since = turn.first_unsafe
    return turn.state["sight"].partly or (since is not None and answer.round > since)


def _number(thought: Thought) -> int:
    """Which of the candidate paths an answer was written from."""
    return int(thought.id.removeprefix(_NAME))


async def _weighed(turn: NodeRun, path: Sequence[Thought], thought: Thought | None) -> _Answer | None:
    """The answer that was written; the path's own where that is better, or where nothing could be written."""
    own = _Answer(list(path), _safety(turn, path)) if path and path[-1].kind == "answer" else None
    if thought is None:
        return own
    turn.graph.add(thought)
    await emit_thought(turn, thought)
    await prune_if_unsafe(turn, thought)
    if thought.unassessed or thought.safety < 0:
        # Unsafe: the next best path is tried. The path's own answer was found safe, but its rewording was not.
        return None
    answer = _Answer([*path, thought], _safety(turn, [*path, thought]))
    if own is not None and own.safety * own.tip.utility > answer.safety * thought.utility:
        return own
    return answer


def _safety(turn: NodeRun, path: Sequence[Thought]) -> float:
    """S of a path with its answer, as the policy reckons it."""
    grades = [thought.safety for thought in path]
    match turn.policy.path_safety:
        case "last":
            return grades[-1]
        case "mean":
            return sum(grades) / len(grades)
        case _:
            return min(grades)
