"""Values that all nodes of one compiled graph share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cachetools import LRUCache

from ecoalign_agent.assessors.base import Assessor, call_sizes
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.cost import CALL_TOKENS, Price, Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.result import Models, Note
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.tokens import TokenCalibration, text_tokens
from ecoalign_agent.search.actions import ActionKind, resolve_kinds
from ecoalign_agent.search.cost_model import TYPICAL_CROP, CallFigures, PromptSizes
from ecoalign_agent.search.model_calls import SearchModel

_OPEN_RUNS = 256
"""Runs whose opened pictures are kept at once; the least recently used goes first."""


class RequestPictures(NamedTuple):
    """A request's pictures: as they came, opened, and as reduced views, all in the same order."""

    sources: Sequence[bytes | str]
    pictures: Sequence[Picture]
    views: Sequence[ImageView]


@dataclass(frozen=True, slots=True)
class SearchContext:
    """Values that all nodes of one compiled graph share."""

    model: SearchModel
    assessor: Assessor
    policy: Policy
    kinds: Mapping[str, ActionKind]
    """The action kinds of the policy, by name."""
    models: Models
    calibration: TokenCalibration
    """Of the actor's token counts."""
    sizes: PromptSizes
    prompts: Sequence[str]
    """name@version#digest of every prompt in use."""
    notes: Sequence[Note] = ()
    """Notes of every result of this graph."""
    image_store: ImageStore = field(default_factory=ImageStore)
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Prices in money by endpoint; one that is not in it has no known price."""
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    """Tokens → cost units by endpoint, where each has its own; else all have the policy's."""
    front: Sequence[str] = ()
    """The rewriter in front of the search: its models and its policy, in words."""
    open_pictures: LRUCache[str, RequestPictures] = field(default_factory=lambda: LRUCache(_OPEN_RUNS))
    """Pictures of the runs under way, by run id."""

    @property
    def answer_kinds(self) -> list[str]:
        """Names of the action kinds that answer."""
        return [kind.name for kind in self.kinds.values() if kind.is_answer]


def build_context(
    actor: Endpoint,
    assessor: Assessor | None,
    policy: Policy,
    *,
    independent: bool,
    prompts: str | None = None,
    notes: Sequence[Note] = (),
    image_store: ImageStore | None = None,
    prices: Mapping[str, Price] | None = None,
    tariffs: Mapping[str, Tariff] | None = None,
) -> SearchContext:
    """The shared values, with models behind all calls.

    Args:
        assessor: None: the actor itself, and every result says that it is not independent.
        independent: whether actor and assessor are two models.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        image_store: opens pictures; None: one that fetches no URL.

    Raises:
        PromptError: a prompt is missing or broken.
        UsageError: an action kind of the policy can't be used.
    """
    assessor = assessor or ModelAssessor(actor, prompts=prompts)
    kinds = resolve_kinds(policy)
    model = SearchModel(actor, policy, kinds, prompts=prompts)
    figures = {task.kind: task.figures for task in model.tasks}
    scan = figures["scan"]
    figures["scan"] = scan._replace(prompt=scan.prompt + text_tokens(hazard_lines()))
    sizes = call_sizes(assessor)
    figures["assess"] = CallFigures(sum(call.prompt for call in sizes), CALL_TOKENS["assess"], "views")
    labels = [*(task.prompt.label for task in model.tasks), *assessor.prompts]
    return SearchContext(
        model=model,
        assessor=assessor,
        policy=policy,
        kinds=kinds,
        models=Models(actor=actor.name, assessor=assessor.name, independent=independent),
        calibration=actor.calibration,
        sizes=PromptSizes(figures, actor.images.of_size(TYPICAL_CROP, "high"), sizes),
        prompts=list(dict.fromkeys(labels)),
        notes=notes,
        image_store=ImageStore() if image_store is None else image_store,
        prices=prices or {},
        tariffs=tariffs or {},
    )
