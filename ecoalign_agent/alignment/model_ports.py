"""All ports over chat models, with what is known of their prompts before a run."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecoalign_agent.alignment.costing import CROP, PromptSizes
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
from ecoalign_agent.assessing.port import Assessor, CallSize, calls_of
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.tariff import Price, Tariff
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.images import Gallery
from ecoalign_agent.llm.prompt_sizes import prompt_tokens
from ecoalign_agent.llm.usage import text_tokens
from ecoalign_agent.trace.result import Models


def desk_of(
    actor: Endpoint,
    assessor: Assessor | None,
    policy: Policy,
    *,
    independent: bool,
    prompts: str | None = None,
    notes: Sequence[str] = (),
    gallery: Gallery | None = None,
    prices: Mapping[str, Price] | None = None,
    tariffs: Mapping[str, Tariff] | None = None,
) -> Desk:
    """Everything the nodes share, with models behind all ports.

    Args:
        actor: scans, proposes, simulates, executes, answers.
        assessor: grades; None: the actor itself, and every result says that it is not independent.
        policy: every knob.
        independent: whether actor and assessor are two models.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        notes: what every result must say.
        gallery: opens pictures; None: one that fetches no URL.
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
    tasks: list[Task[Any]] = [
        scanner.task,
        planner.task,
        proposer.task,
        simulator.task,
        *executor.tasks.values(),
        synthesizer.task,
        decliner.task,
    ]
    return Desk(
        ports=Ports(scanner, planner, proposer, simulator, executor, synthesizer, decliner, judge),
        policy=policy,
        models=Models(actor=actor.name, assessor=judge.name, independent=independent),
        gauge=actor.gauge,
        sizes=_sizes(tasks, crop=actor.images.of_size(CROP, "high"), verdict=calls_of(judge)),
        prompts=[*(task.prompt.label for task in tasks), *judge.prompts],
        notes=notes,
        gallery=Gallery() if gallery is None else gallery,
        prices=prices or {},
        tariffs=tariffs or {},
    )


def _sizes(tasks: Iterable[Task[Any]], *, crop: int, verdict: Sequence[CallSize]) -> PromptSizes:
    sizes = {task.kind: prompt_tokens(task.prompt, task.schema) for task in tasks}
    sizes["scan"] += text_tokens(hazard_lines())
    return PromptSizes(sizes | {"assess": sum(call.prompt for call in verdict)}, crop, verdict)
