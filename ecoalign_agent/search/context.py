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
from ecoalign_agent.llm.json_schema import prompt_tokens
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
    models: Models
    calibration: TokenCalibration
    sizes: PromptSizes
    prompts: Sequence[str]
    """name@version#digest of every prompt in use."""
    notes: Sequence[Note] = ()
    image_store: ImageStore = field(default_factory=ImageStore)
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Prices in money by endpoint; one that is not in it has no known price."""
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    """Tokens → cost units by endpoint, where each has its own; else all have the policy's."""
    front: Sequence[str] = ()
    """The rewriter in front of the search: its models and its policy, in words."""
    open_pictures: LRUCache[str, RequestPictures] = field(default_factory=lambda: LRUCache(_OPEN_RUNS))

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
        assessor: None: the actor itself; then ``independent`` is False, and every result says so.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        image_store: opens pictures; None: one that fetches no URL.
    """
    assessor = assessor or ModelAssessor(actor, prompts=prompts)
    kinds = resolve_kinds(policy)
    model = SearchModel(actor, policy, kinds, prompts=prompts)
    figures = {
        kind: CallFigures(prompt_tokens(task.prompt, task.schema), task.tokens, task.pictures)
        for kind, task in model.tasks.items()
    }
    scan = figures["scan"]
    figures["scan"] = scan._replace(prompt=scan.prompt + text_tokens(hazard_lines()))
    sizes = call_sizes(assessor)
    figures["assess"] = CallFigures(sum(call.prompt for call in sizes), CALL_TOKENS["assess"], "views")
    labels = [*(task.prompt.label for task in model.tasks.values()), *assessor.prompts]
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
