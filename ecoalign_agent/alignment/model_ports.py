"""All ports over chat models, with what is known of their prompts before a run."""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel

from ecoalign_agent.alignment.costing import PromptSizes
from ecoalign_agent.alignment.decliner import ModelDecliner
from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.alignment.executor import ModelExecutor
from ecoalign_agent.alignment.planner import ModelPlanner
from ecoalign_agent.alignment.ports import Ports
from ecoalign_agent.alignment.proposer import ModelProposer
from ecoalign_agent.alignment.scanner import ModelScanner
from ecoalign_agent.alignment.simulator import ModelSimulator
from ecoalign_agent.alignment.synthesizer import ModelSynthesizer
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.assessing.hazards import hazard_lines
from ecoalign_agent.assessing.model import ModelAssessor
from ecoalign_agent.assessing.verdict import ThoughtVerdictReply
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.images import image_tokens
from ecoalign_agent.llm.prompts import Prompt, load_prompt
from ecoalign_agent.llm.strict_schema import sent_schema
from ecoalign_agent.llm.usage import PER_MESSAGE, text_tokens
from ecoalign_agent.trace.result import Models

CROP = (1024, 768)
"""A look's crop, in pixels, as reckoned with before any was made."""

SMALL_INPUTS = 80
"""Tokens of what a prompt carries besides the scene and the path: aims, kinds of actions, numbers."""


def desk_of(
    actor: Endpoint, assessor: Endpoint | None, policy: Policy, *, independent: bool, prompts: str | None = None
) -> Desk:
    """Everything the nodes share, with models behind all ports.

    Args:
        actor: scans, proposes, simulates, executes, answers.
        assessor: grades; None: the actor itself, and every result says that it is not independent.
        policy: every knob.
        independent: whether actor and assessor are two models.
        prompts: a folder whose prompts replace the shipped ones of the same name.

    Raises:
        PromptError: a prompt is missing or broken.
    """
    judge = ModelAssessor(assessor or actor, prompts=prompts)
    scanner, planner = ModelScanner(actor, policy, prompts=prompts), ModelPlanner(actor, prompts=prompts)
    proposer, simulator = ModelProposer(actor, policy, prompts=prompts), ModelSimulator(actor, prompts=prompts)
    executor, synthesizer = ModelExecutor(actor, prompts=prompts), ModelSynthesizer(actor, prompts=prompts)
    decliner = ModelDecliner(actor, prompts=prompts)
    tasks: list[Task[Any]] = [
        scanner.task,
        planner.task,
        proposer.task,
        simulator.task,
        *executor.tasks.values(),
        synthesizer.task,
        decliner.task,
    ]
    families = (actor.family, judge.endpoint.family)
    return Desk(
        ports=Ports(scanner, planner, proposer, simulator, executor, synthesizer, decliner, judge),
        policy=policy,
        models=Models(actor=actor.name, assessor=judge.name, independent=independent),
        families=families,
        sizes=_sizes(tasks, crop=image_tokens(CROP, "high", actor.family), prompts=prompts),
        prompts=[*(task.prompt.label for task in tasks), *judge.prompts],
    )


def _sizes(tasks: Iterable[Task[Any]], *, crop: int, prompts: str | None) -> PromptSizes:
    sizes = {task.kind: _size(task.prompt, task.schema) for task in tasks}
    sizes["assess"] = _size(load_prompt("assessing/thought", prompts), ThoughtVerdictReply)
    for kind in ("scan", "assess"):
        sizes[kind] += text_tokens(hazard_lines())
    return PromptSizes(sizes, crop)


def _size(prompt: Prompt, schema: type[BaseModel]) -> int:
    """Tokens of a prompt with empty fences, of its schema, and of what is small."""
    bare = prompt.render(**dict.fromkeys(prompt.inputs, ""))
    words = text_tokens(bare.system) + text_tokens(bare.user) + 2 * PER_MESSAGE
    return words + sent_schema(schema).tokens + SMALL_INPUTS
