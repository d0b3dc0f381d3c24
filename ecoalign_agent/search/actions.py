"""The table of action kinds, and actions from what a model proposes.

A kind of action is one `ActionKind` record: how it is described to the model, what it costs, and how its prompt is
filled. `BUILT_IN` holds the shipped ones; a policy's `actions` may name more (see `resolve_kinds`).
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.cost import CALL_TOKENS, TokenRange
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Region, Thought
from ecoalign_agent.economics.valuation import Step, utility_of_grade
from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import load_extension
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.prompts import Prompt
from ecoalign_agent.search.cost_model import CostModel
from ecoalign_agent.search.request import (
    RequestContext,
    box_line,
    single_line,
    step_lines,
    thought_lines,
    thought_texts,
)
from ecoalign_agent.search.schemas import NextStep, ProposedAction

MAX_CANDIDATES = 32
"""Candidates kept from round to round; beyond that the least valuable are dropped."""

MIN_REGION_SIDE = 0.01
"""Share of a picture's side that a region needs: less shows nothing."""

WHOLE_PICTURE: Region = (0.0, 0.0, 1.0, 1.0)

Pictures = Literal["views", "crop", "none"]
"""Pictures that go along with a call: all of them reduced, one region at full resolution, or none."""


@dataclass(frozen=True, slots=True)
class PromptInputs:
    """Inputs of one call: a text for each input that the prompt declares, and pictures."""

    texts: Mapping[str, str]
    images: Sequence[ImageView] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Values beside the words, for stand-in models; no server receives them."""


@dataclass(frozen=True, slots=True)
class ActionKind:
    """A kind of action, one record that the whole search reads. Its name must not be one the search itself uses."""

    name: str
    """Its name in proposals, events and results; for an answer kind the thought's kind is `answer` all the same."""
    description: str
    tokens: TokenRange
    """Completion tokens of the call that carries it out: its cost, before any was seen."""
    inputs: Callable[[RequestContext, Action, Sequence[Thought]], Awaitable[PromptInputs]]
    """Fills the prompt, from the request, the action, and the path to its tip or the thoughts it joins."""
    prompt: str | Prompt
    """Name of a shipped prompt, or a prompt that was loaded; its reply is a text."""
    pictures: Pictures = "none"
    """Pictures that `inputs` sends, for the cost forecast."""
    needs_region: bool = False
    min_parents: int = 1
    """Thoughts that it builds on, at least; above 1 it joins several."""
    is_answer: bool = False
    """True: its thought is an answer to the question, assessed as one."""

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name in {"root", "strategy", *CALL_TOKENS}:
            raise UsageError(f"action kind {self.name!r}: the name must be an identifier that the search does not use")


async def _on_path(context: RequestContext, action: Action, path: Sequence[Thought]) -> PromptInputs:
    texts = context.inputs(strategy=context.strategy, path=step_lines(path), aim=action.aim)
    return PromptInputs(texts, context.views, {"path": thought_texts(path)})


async def _look(context: RequestContext, action: Action, path: Sequence[Thought]) -> PromptInputs:
    del path
    region = action.region or WHOLE_PICTURE
    crop = await context.pictures[action.picture].crop(region)
    texts = {"question": context.question, "aim": action.aim, "box": box_line(region)}
    return PromptInputs(texts, (crop,), {"box": tuple(region)})


async def _fuse(context: RequestContext, action: Action, path: Sequence[Thought]) -> PromptInputs:
    texts = {
        "question": context.question,
        "strategy": context.strategy,
        "thoughts": thought_lines(path),
        "aim": action.aim,
    }
    return PromptInputs(texts, parameters={"path": thought_texts(path)})


BUILT_IN = {
    kind.name: kind
    for kind in (
        ActionKind(
            "answer",
            "answer the person now",
            TokenRange(80, 120, 500),
            _on_path,
            "alignment/answer",
            pictures="views",
            is_answer=True,
        ),
        ActionKind(
            "reason",
            "work something out in words from what is known",
            TokenRange(70, 80, 300),
            _on_path,
            "alignment/reason",
            pictures="views",
        ),
        ActionKind(
            "look",
            "look at one place of one picture at full resolution",
            TokenRange(80, 80, 400),
            _look,
            "alignment/look",
            pictures="crop",
            needs_region=True,
        ),
        ActionKind(
            "fuse",
            "join two or more thoughts into one conclusion",
            TokenRange(70, 80, 300),
            _fuse,
            "alignment/fuse",
            min_parents=2,
        ),
    )
}
"""The shipped kinds, by name, in the order in which a model is told of them."""


def resolve_kinds(policy: Policy) -> Mapping[str, ActionKind]:
    """The kinds that a policy names, by name: shipped ones, entry points of `ecoalign_agent.actions`, or `module:Name`.

    Raises:
        UsageError: one can't be found or is no `ActionKind`, two have one name, or none of them answers.
    """
    kinds: dict[str, ActionKind] = {}
    for name in policy.actions:
        kind = BUILT_IN.get(name) or load_extension("ecoalign_agent.actions", name)
        if not isinstance(kind, ActionKind):
            raise UsageError(f"action kind {name!r} is of type {type(kind).__name__}, must be an ActionKind")
        if kind.name in kinds:
            raise UsageError(f"policy: actions names the kind {kind.name!r} twice")
        kinds[kind.name] = kind
    if not kinds:
        raise UsageError("policy: actions is empty, must name at least one kind of action")
    if policy.answers == "early" and not any(kind.is_answer for kind in kinds.values()):
        raise UsageError("policy: actions names no kind that answers: add 'answer', or set answers to 'end'")
    return kinds


def offered_kinds(kinds: Mapping[str, ActionKind], policy: Policy, *, thoughts: int) -> list[ActionKind]:
    """The kinds that may be proposed now; one that joins several thoughts needs as many live `thoughts`."""
    return [
        kind
        for kind in kinds.values()
        if not (kind.is_answer and policy.answers == "end") and (kind.min_parents == 1 or thoughts >= kind.min_parents)
    ]


def kind_lines(kinds: Iterable[ActionKind]) -> str:
    """Kinds with their descriptions as prompts show them, one a line."""
    return "\n".join(f"{kind.name}: {kind.description}" for kind in kinds)


def forecast_steps(steps: Iterable[NextStep], costs: CostModel, path: int) -> tuple[Step, ...]:
    """Imagined steps with the program's own costs, for prompts that carry ``path`` tokens of thoughts."""
    return tuple(Step(s.safety, utility_of_grade(s.utility), costs.thought(s.kind, path=path)) for s in steps)


class ActionFactory(NamedTuple):
    """Turns proposals into actions: checks each against the graph and the pictures."""

    kinds: Mapping[str, ActionKind]
    graph: ThoughtGraph
    policy: Policy
    costs: CostModel
    pictures: Sequence[Picture]

    def from_proposal(self, proposal: ProposedAction, *, tip: str, name: str, path: int) -> Action | None:
        """The action with the id `name` from `tip`, whose prompt carries `path` tokens; None: impossible."""
        kind = self.kinds.get(proposal.kind)
        if kind is None or (kind.is_answer and self.policy.answers == "end"):
            return None
        parents = (tip,) if kind.min_parents == 1 else self._joined(tip, proposal.parents)
        region = self._region(proposal) if kind.needs_region else None
        if len(parents) < kind.min_parents or (kind.needs_region and region is None):
            return None
        return Action(
            id=name,
            kind=kind.name,
            aim=proposal.aim,
            parents=parents,
            step=Step(
                proposal.safety, utility_of_grade(proposal.utility), self.costs.thought(proposal.kind, path=path)
            ),
            forecasts=(forecast_steps(proposal.next, self.costs, path),) if proposal.next else (),
            region=region,
            picture=proposal.picture if region else 0,
            is_answer=kind.is_answer,
        )

    def _joined(self, tip: str, named: Iterable[str]) -> tuple[str, ...]:
        # Root and strategy say nothing new.
        known = (t for t in (tip, *named) if t in self.graph and self.graph.live(t))
        return tuple(dict.fromkeys(t for t in known if self.graph[t].kind not in {"root", "strategy", "answer"}))

    def _region(self, proposal: ProposedAction) -> Region | None:
        if not 0 <= proposal.picture < len(self.pictures):
            return None
        if proposal.box is None:
            return WHOLE_PICTURE
        picture = self.pictures[proposal.picture]
        left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in proposal.box)
        wide, high = (right - left) * picture.width, (bottom - top) * picture.height
        if min(right - left, bottom - top) < MIN_REGION_SIDE or min(wide, high) < 1:
            return None
        return (left, top, right, bottom)


def remaining_candidates(
    candidates: Sequence[Action], graph: ThoughtGraph, selected: Collection[str] = ()
) -> list[Action]:
    """The candidates that can still be selected: not `selected`, and every thought they build on is live."""
    return [a for a in candidates if a.id not in selected and all(graph.live(parent) for parent in a.parents)]


def action_identity(action: Action) -> tuple[object, ...]:
    """Equal for two actions that would do the same."""
    box = action.region and tuple(round(edge, 1) for edge in action.region)
    return (action.tip, action.kind, action.picture, box, single_line(action.aim).casefold() if box is None else "")
