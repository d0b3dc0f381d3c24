"""An action: a proposed next thought, not yet paid for."""

from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.economics.thoughts import Region, as_region
from ecoalign_agent.economics.valuation import Step


def _as_step(step: Sequence[float]) -> Step:
    safety, utility, cost = step
    return Step(safety, utility, cost)


@dataclass(frozen=True, slots=True)
class Action:
    """A proposed next thought with its forecasts. Accepts lists for tuples, as checkpoints return them.

    Raises:
        ValueError: the kind is unknown, there are no parents, a step has not three figures, or a region not four.
    Source: EcoAlign, action; `draft` and `simulated` are ours.
    """

    id: str
    kind: str
    """Name of its kind; see `search.actions`."""
    aim: str
    parents: tuple[str, ...]
    """Ids of the thoughts it builds on; the first is the tip that it was proposed from."""
    step: Step
    """Its own forecast: safety and utility by the model, cost estimated by the program."""
    forecasts: tuple[tuple[Step, ...], ...] = ()
    """What may follow it: each forecast a sequence of imagined next steps towards an answer."""
    region: Region | None = None
    """For `look`: the part of the picture."""
    picture: int = 0
    draft: str | None = None
    """For `answer`: text that is written already and only needs a verdict."""
    simulated: bool = False
    """True: the forecasts are the simulate node's; False: they came with the proposal."""
    is_answer: bool = False
    """True: it proposes an answer to the question; of the kind `answer` always."""

    def __post_init__(self) -> None:
        if not self.kind.isidentifier() or self.kind in {"root", "strategy"}:
            raise ValueError(f"action {self.id!r}: kind is {self.kind!r}, must name a kind of action")
        object.__setattr__(self, "is_answer", self.is_answer or self.kind == "answer")
        object.__setattr__(self, "parents", tuple(self.parents))
        if not self.parents:
            raise ValueError(f"action {self.id!r} has no parents; the first must be the tip it was proposed from")
        object.__setattr__(self, "step", _as_step(self.step))
        forecasts = tuple(tuple(_as_step(step) for step in forecast) for forecast in self.forecasts)
        object.__setattr__(self, "forecasts", forecasts)
        object.__setattr__(self, "region", as_region(self.region))

    @property
    def tip(self) -> str:
        """Thought that it was proposed from."""
        return self.parents[0]
