"""extract: P* and the paths to fall back on, from the Pareto labels. Makes no call."""

from typing import Any

from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.alignment.nodes.scan import Node
from ecoalign_agent.alignment.state import SearchState
from ecoalign_agent.alignment.turn import Turn
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.selection import choose

_MOST_CANDIDATES = 5


def extract_node(desk: Desk) -> Node:
    """The node ``extract``: the candidate paths for the answer, best first; none when no path is safe."""

    async def extract(state: SearchState) -> dict[str, Any]:
        turn = Turn(desk, state, ending=True)
        candidates = _in_order(turn)
        if not candidates:
            candidates = _without_an_answer(turn)
        return turn.update(chosen=[list(path) for path in candidates])

    return extract


def _in_order(turn: Turn) -> list[tuple[str, ...]]:
    """Paths to answers as the policy chooses between them, each tip once."""
    paths = turn.growth.frontier.tip_paths()
    chosen: list[FrontierPath] = []
    while paths and len(chosen) < _MOST_CANDIDATES:
        best = choose(paths, policy=turn.policy, utility_of=lambda tip: turn.graph[tip].utility)
        if best is None:
            break
        chosen.append(best)
        paths = [path for path in paths if path.tip != best.tip]
    return [path.path for path in chosen]


def _without_an_answer(turn: Turn) -> list[tuple[str, ...]]:
    """Where the search ended before an answer: what was set aside pays for one, written from the best safe thoughts.

    From the scan alone only where nothing was found unsafe: a request whose every thought was cut is not answered
    after all.
    """
    graph, frontier = turn.graph, turn.growth.frontier
    # Under the ablations of path safety an unsafe thought keeps its label, and may even be an answer.
    leaves = [leaf for leaf in graph.leaves() if (label := frontier.best_label(leaf)) and label.safety >= 0]
    if not leaves and not any(thought.unsafe for thought in graph):
        return [("root",)]
    ranked = sorted(leaves, key=lambda leaf: -graph[leaf].utility * graph[leaf].safety)
    return [tuple(frontier.path_to(leaf)) for leaf in ranked[:2]]
