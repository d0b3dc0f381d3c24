"""The kinds of actions, as prompts describe them to a model.

From what a model proposed to actions that can be bought.
"""

from collections.abc import Collection, Iterable, Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Region
from ecoalign_agent.economics.valuation import Step, utility_of_grade
from ecoalign_agent.images.image import Picture
from ecoalign_agent.search.cost_model import CostModel
from ecoalign_agent.search.schemas import NextStep, ProposedAction
from ecoalign_agent.search.state import single_line

_KINDS = {
    "answer": "answer the person now",
    "reason": "work something out in words from what is known",
    "look": "look at one place of one picture at full resolution",
    "fuse": "join two or more thoughts into one conclusion",
}


def kind_lines(policy: Policy, *, thoughts: int) -> str:
    """The kinds that may be proposed now, one a line.

    Args:
        policy: with ``answers = "end"`` answering is no action.
        thoughts: live thoughts there are; a fuse needs two.
    """
    offered = dict(_KINDS)
    if policy.answers == "end":
        del offered["answer"]
    if thoughts < 2:
        del offered["fuse"]
    return "\n".join(f"{kind}: {gloss}" for kind, gloss in offered.items())


MAX_CANDIDATES = 32
"""Offers kept from round to round; beyond that the least valuable are dropped."""

MIN_REGION_SIDE = 0.01
"""Share of a picture's side that a look needs: less shows nothing."""

WHOLE: Region = (0.0, 0.0, 1.0, 1.0)
"""A look at no place in particular is one at the whole picture."""


def forecast_steps(steps: Iterable[NextStep], costing: CostModel, path: int) -> tuple[Step, ...]:
    """Imagined steps with the program's own costs.

    Args:
        steps: as a model forecast them.
        costing: what calls cost.
        path: tokens of the thoughts that the prompts will carry.
    """
    return tuple(Step(s.safety, utility_of_grade(s.utility), costing.thought(s.kind, path=path)) for s in steps)


class ActionFactory:
    """Turns proposals into offers: checks each against the graph, the pictures and what is on offer already.

    Args:
        graph: the thoughts so far.
        policy: which kinds may be offered.
        costing: what calls cost.
        pictures: what can be looked at.
        standing: what is on offer already.
    """

    def __init__(
        self,
        graph: ThoughtGraph,
        policy: Policy,
        costing: CostModel,
        *,
        pictures: Sequence[Picture],
        standing: Sequence[Action],
    ) -> None:
        self._graph, self._policy, self._costing, self._pictures = graph, policy, costing, pictures
        self._seen = {_sameness(action) for action in standing}

    def offer(self, proposal: ProposedAction, *, tip: str, name: str, path: int) -> Action | None:
        """The action ``name`` from ``tip``; None when it can't be carried out, or is on offer already.

        Args:
            proposal: as the model put it.
            tip: the thought it was proposed from.
            name: the action's id.
            path: tokens of the thoughts that its prompt will carry.
        """
        if proposal.kind == "answer" and self._policy.answers == "end":
            return None
        parents = self._joined(tip, proposal.parents) if proposal.kind == "fuse" else (tip,)
        if proposal.kind == "fuse" and len(parents) < 2:
            return None
        region = self._region(proposal) if proposal.kind == "look" else None
        if proposal.kind == "look" and region is None:
            return None
        action = Action(
            id=name,
            kind=proposal.kind,
            aim=proposal.aim,
            parents=parents,
            step=Step(
                proposal.safety,
                utility_of_grade(proposal.utility),
                self._costing.thought(proposal.kind, path=path),
            ),
            forecasts=(forecast_steps(proposal.next, self._costing, path),) if proposal.next else (),
            region=region,
            picture=proposal.picture if region else 0,
        )
        if _sameness(action) in self._seen:
            return None
        self._seen.add(_sameness(action))
        return action

    def _joined(self, tip: str, named: Iterable[str]) -> tuple[str, ...]:
        """The thoughts of a fuse: the tip and whatever live thoughts were named; root and strategy say nothing new."""
        known = (t for t in (tip, *named) if t in self._graph and self._graph.live(t))
        return tuple(dict.fromkeys(t for t in known if self._graph[t].kind not in {"root", "strategy", "answer"}))

    def _region(self, proposal: ProposedAction) -> Region | None:
        """Where to look, inside the picture; None when there is no such picture, or not a pixel of it in the box."""
        if not 0 <= proposal.picture < len(self._pictures):
            return None
        if proposal.box is None:
            return WHOLE
        picture = self._pictures[proposal.picture]
        left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in proposal.box)
        wide, high = (right - left) * picture.width, (bottom - top) * picture.height
        if min(right - left, bottom - top) < MIN_REGION_SIDE or min(wide, high) < 1:
            return None
        return (left, top, right, bottom)


def remaining_candidates(offers: Sequence[Action], graph: ThoughtGraph, gone: Collection[str] = ()) -> list[Action]:
    """The offers that can still be bought: not bought (``gone``), and every thought they build on is live."""
    return [a for a in offers if a.id not in gone and all(graph.live(parent) for parent in a.parents)]


def _sameness(action: Action) -> tuple[object, ...]:
    box = action.region and tuple(round(edge, 1) for edge in action.region)
    return (action.tip, action.kind, action.picture, box, single_line(action.aim).casefold() if box is None else "")
