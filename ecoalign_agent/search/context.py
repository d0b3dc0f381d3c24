"""What all nodes of one compiled graph share.

All ports over chat models, with what is known of their prompts before a run.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cachetools import LRUCache

from ecoalign_agent.assessors.base import Assessor, CallSize, call_sizes
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.cost import Price, Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.result import Models, Note
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.json_schema import prompt_tokens
from ecoalign_agent.llm.tokens import TokenCalibration, text_tokens
from ecoalign_agent.search.cost_model import TYPICAL_CROP, PromptSizes
from ecoalign_agent.search.model_calls import (
    ModelDecliner,
    ModelExecutor,
    ModelPlanner,
    ModelProposer,
    ModelScanner,
    ModelSimulator,
    ModelSynthesizer,
    ModelTask,
    Ports,
)


@dataclass(frozen=True, slots=True)
class SearchContext:
    """What all nodes of one compiled graph share.

    Attributes:
        ports: what the search asks of models.
        policy: every knob.
        models: who answers and who grades, for the result.
        gauge: how the actor counts prompts.
        sizes: tokens of the prompts, and the calls that a verdict takes.
        prompts: name@version#digest of every prompt in use.
        notes: what every result of this graph must say.
        image_store: opened pictures, by content.
        prices: what endpoints cost in money, by name; one that is not in it has no known price.
        tariffs: tokens → cost units by endpoint's name, where each has its own; else all have the policy's.
        front: what stands in front of the search, such as a rewriter: its models and its policy, in words.
        opened: the pictures of the runs under way, with their reduced views, by run id.
    """

    ports: Ports
    policy: Policy
    models: Models
    gauge: TokenCalibration
    sizes: PromptSizes
    prompts: Sequence[str]
    notes: Sequence[Note] = ()
    image_store: ImageStore = field(default_factory=ImageStore)
    prices: Mapping[str, Price] = field(default_factory=dict)
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    front: Sequence[str] = ()
    opened: LRUCache[str, "RequestPictures"] = field(default_factory=lambda: LRUCache(256))


@dataclass(frozen=True, slots=True)
class RequestPictures:
    """A request's pictures: as they came, opened, and as reduced views, all in the same order."""

    sources: Sequence[bytes | str] = ()
    pictures: Sequence[Picture] = ()
    views: Sequence[ImageView] = ()


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
    """Everything the nodes share, with models behind all ports.

    Args:
        actor: scans, proposes, simulates, executes, answers.
        assessor: grades; None: the actor itself, and every result says that it is not independent.
        policy: every knob.
        independent: whether actor and assessor are two models.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        notes: what every result must say.
        image_store: opens pictures; None: one that fetches no URL.
        prices: what endpoints cost in money, by name, where it is known.
        tariffs: tokens → cost units by endpoint's name, where they are not all the policy's.

    Raises:
        PromptError: a prompt is missing or broken.
    """
    judge = assessor or ModelAssessor(actor, prompts=prompts)
    scanner, planner = ModelScanner(actor, policy, prompts=prompts), ModelPlanner(actor, prompts=prompts)
    proposer, simulator = ModelProposer(actor, policy, prompts=prompts), ModelSimulator(actor, prompts=prompts)
    longest = policy.max_answer_tokens
    executor = ModelExecutor(actor, prompts=prompts, longest=longest)
    synthesizer = ModelSynthesizer(actor, prompts=prompts, longest=longest)
    decliner = ModelDecliner(actor, prompts=prompts, longest=longest)
    tasks: list[ModelTask[Any]] = [
        scanner.task,
        planner.task,
        proposer.task,
        simulator.task,
        *executor.tasks.values(),
        synthesizer.task,
        decliner.task,
    ]
    return SearchContext(
        ports=Ports(scanner, planner, proposer, simulator, executor, synthesizer, decliner, judge),
        policy=policy,
        models=Models(actor=actor.name, assessor=judge.name, independent=independent),
        gauge=actor.gauge,
        sizes=_sizes(tasks, crop=actor.images.of_size(TYPICAL_CROP, "high"), verdict=call_sizes(judge)),
        prompts=[*(task.prompt.label for task in tasks), *judge.prompts],
        notes=notes,
        image_store=ImageStore() if image_store is None else image_store,
        prices=prices or {},
        tariffs=tariffs or {},
    )


def _sizes(tasks: Iterable[ModelTask[Any]], *, crop: int, verdict: Sequence[CallSize]) -> PromptSizes:
    sizes = {task.kind: prompt_tokens(task.prompt, task.schema) for task in tasks}
    sizes["scan"] += text_tokens(hazard_lines())
    return PromptSizes(sizes | {"assess": sum(call.prompt for call in verdict)}, crop, verdict)
