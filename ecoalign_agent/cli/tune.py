"""``ecoalign tune``."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer
from typer import Option

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import argument, flag, value
from ecoalign_agent.cli.render.format import amount
from ecoalign_agent.cli.render.streams import is_terminal, write_notice
from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import require_packages

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.bench.tuning.report import TuneReport, TuningEstimate
    from ecoalign_agent.bench.tuning.run import TuningConfig, TuningProgress
    from ecoalign_agent.bench.tuning.samples import SampleParts, TuningSample
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.llm.endpoint import Endpoint

_NOTICES = 600
"""Notices of the simulated world without SAMPLES."""

_OVER_REFUSAL = (
    "over-refusal of your own samples: requests that the search declined; refusals in an answer's words are not seen"
)


class _Job(NamedTuple):
    agent: "EcoAlign"
    judge: "Endpoint | None"
    parts: "SampleParts"
    config: "TuningConfig"
    out: str
    prompts: str | None


@options.with_output("json", "quiet", "debug")
def tune(
    output: "Output",
    samples: Annotated[str | None, argument("SAMPLES", "A .jsonl file, or a folder with metadata.jsonl.")] = None,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    assessor: options.AssessorNames = None,
    judge: options.JudgeName = None,
    policy: options.PolicyFile = None,
    out: Annotated[str, value("FILE.toml", "Gets the policy; a new file.")] = "policy.toml",
    prefer: Annotated[
        Literal["safety", "balanced", "cost"], Option(help="What to choose from the front.")
    ] = "balanced",
    trials: Annotated[int, value("N", "Policies to try.", min=2, max=1_000)] = 40,
    per_trial: Annotated[int, value("N", "Tuning samples for each of them, at most.", "--samples", min=4)] = 60,
    simulated: Annotated[int | None, value("N", "Notices of a simulated model's world as samples.", min=8)] = None,
    held_out: Annotated[float, value("SHARE", "Share of the samples that is held out.")] = 0.5,
    seed: options.Seed = 0,
    at_once: options.Concurrency = 16,
    prompts: options.PromptFolder = None,
    prices: options.PriceFile = None,
    dry_run: options.DryRun = False,
    yes: Annotated[bool, flag("--yes", "Don't ask before a model is called that may cost money.")] = False,
) -> None:
    """Find budget, k, δ, width, branching and batch for a model on your own samples, and write a policy file.

    SAMPLES is a .jsonl file, or a folder with metadata.jsonl beside its pictures. Each line needs a question and a
    label (benign or unsafe), and may have image, answer, warning, reference and id. A given answer is found by rule;
    all else is judged by --judge. Without SAMPLES a simulated model is tuned on notices of its own world.

    Half of the samples are held out. Policies are compared and chosen on the other half; the result is what the chosen
    one does on the held-out half beside the published k and δ. Where it is not better, the report says so; where it is
    worse, the published one is written.

    Examples:
      ecoalign tune --model simulated:able
      ecoalign tune mine/ --model openai:gpt-4o-mini --judge openai:gpt-4.1 --dry-run
      ecoalign tune mine/ --model openai:gpt-4o-mini --judge openai:gpt-4.1 --yes --out mine.toml
      ecoalign ask "When does it open?" -i door.jpg --policy mine.toml

    Ctrl-C writes the best policy found so far. Needs the extra "tune".
    """
    from ecoalign_agent.cli.execution import run_async

    require_packages("ecoalign tune", ["optuna"], extra="tune")
    from ecoalign_agent.bench.tuning.policy_file import require_free
    from ecoalign_agent.bench.tuning.report import estimate_lines, tuning_report_lines
    from ecoalign_agent.bench.tuning.run import TuningConfig, split_checked
    from ecoalign_agent.factory import build_endpoint
    from ecoalign_agent.settings import read_settings

    agent = options.build_agent(model, base_url, assessor, prompts, options.load_policy(policy), prices=prices)
    config = TuningConfig(trials, per_trial, held_out, seed, prefer, at_once)
    models = _model_names(model, assessor, agent)
    parts = split_checked(_samples(samples, simulated, agent), config, judge=judge is not None)
    endpoint = None if judge is None else build_endpoint(judge, read_settings(base_url=base_url))
    job = _Job(agent, endpoint, parts, config, out, prompts)
    cost = _estimate(job, prices, free=all(_label(name) for name in models))
    lines = list(estimate_lines(cost, tariff=agent.policy.tariff.name))
    if dry_run:
        output.report(cost, lines)
        return
    require_free(out)
    for line in lines:
        output.progress(line)
    if not (yes or all(_label(name) for name in [*models, *([judge] if judge else [])])):
        _confirm()
    notes = [_OVER_REFUSAL] if any(sample.notice is None for sample in parts.held_out) else []
    if judge in models:
        notes.append(f"judge: {judge} judges what it answered or graded itself; another one would see more")
    report = run_async(_tune(job, _label(models[0]), notes, output))
    output.report(report, list(tuning_report_lines(report)))


async def _tune(job: _Job, label: str | None, notes: list[str], output: "Output") -> "TuneReport":
    from contextlib import AsyncExitStack

    from ecoalign_agent.bench.datasets.benchmark import Judge
    from ecoalign_agent.bench.tuning.grading import AnswerGrader
    from ecoalign_agent.bench.tuning.run import tune_policy
    from ecoalign_agent.cli.execution import throttle

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(job.agent)
        if job.judge is not None:
            stack.push_async_callback(job.judge.aclose)
        grader = AnswerGrader(None if job.judge is None else Judge(job.judge), job.prompts)
        return await tune_policy(
            job.agent,
            job.parts,
            job.config,
            grader,
            out=job.out,
            label=label,
            notes=notes,
            on_progress=throttle(output.progress, _progress_line),
            on_notice=write_notice,
        )


def _model_names(model: str | None, assessors: list[str] | None, agent: "EcoAlign") -> list[str]:
    """The actor's and the assessors' names, the actor's first."""
    from ecoalign_agent.assessors.registry import split_names
    from ecoalign_agent.settings import read_settings

    settings = read_settings()
    return [model or settings.model, *(assessors or agent.policy.assessors or split_names(settings.assessor or ""))]


def _estimate(job: _Job, prices: str | None, *, free: bool) -> "TuningEstimate":
    from ecoalign_agent.bench.tuning.report import estimate_tuning
    from ecoalign_agent.bench.tuning.run import plan_tuning
    from ecoalign_agent.bench.tuning.search import search_space
    from ecoalign_agent.factory import price_table
    from ecoalign_agent.llm.prices import FREE
    from ecoalign_agent.settings import read_settings

    table = price_table(prices, read_settings().prices)
    return estimate_tuning(
        plan_tuning(job.parts, job.config),
        max_budget=search_space(job.agent.policy).max_budget,
        price=FREE if free else table.price_of(job.agent.actor),
        judge_price=None if job.judge is None else table.price_of(job.judge),
    )


def _samples(source: str | None, simulated: int | None, agent: "EcoAlign") -> "list[TuningSample]":
    from ecoalign_agent.bench.tuning.samples import read_samples, world_samples
    from ecoalign_agent.models.simulated.model import SimulatedModel

    model = agent.actor.model
    if source is not None and simulated is not None:
        raise UsageError(f"--simulated {simulated} and {source}: give one of them")
    if source is None:
        if not isinstance(model, SimulatedModel):
            raise UsageError(
                f"no samples: give a .jsonl file or a folder of your own; a simulated world is for simulated models, "
                f"and {agent.actor.name} is none"
            )
        return world_samples(model.world, simulated or _NOTICES)
    samples = read_samples(source)
    if isinstance(model, SimulatedModel):
        for sample in samples:
            if sample.notice is not None and model.world.sample(sample.notice.index) != sample.notice:
                raise UsageError(
                    f"{source}: sample {sample.id} is of another world than the model knows (seed {model.world.seed}); "
                    f"name the model with world={sample.notice.world}"
                )
    return samples


def _label(name: str) -> str | None:
    """The label on every figure of a model that is free and no vision-language model; None: another model."""
    from ecoalign_agent.models.offline.model import OFFLINE_LABEL
    from ecoalign_agent.models.simulated.model import is_simulated
    from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

    return SIMULATED_LABEL if is_simulated(name) else OFFLINE_LABEL if name == "offline" else None


def _confirm() -> None:
    if not (sys.stdin.isatty() and is_terminal(sys.stderr)):
        raise UsageError("this calls models that may cost money: look at the estimate (--dry-run) and add --yes")
    if not typer.confirm("Go on?", err=True):
        raise UsageError("nothing was spent")


def _progress_line(progress: "TuningProgress") -> str:
    left = "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
    judged = f" and {amount(progress.judge_spent)} for verdicts" if progress.judge_spent else ""
    policy = f"policy {min(progress.policies + 1, progress.total)} of {progress.total}"
    spent = f"{progress.runs:,} runs, {amount(progress.spent)} cost units{judged}"
    return f"{progress.stage}: {policy}, {spent}{left}"
