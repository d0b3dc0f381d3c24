"""The command line: ``ecoalign tune``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.bench.tuning.report import TuneReport, TuningEstimate
    from ecoalign_agent.bench.tuning.run import TuningConfig, TuningProgress
    from ecoalign_agent.bench.tuning.samples import SampleParts, TuningSample
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.llm.endpoint import Endpoint

TUNE = """Find budget, k, δ, width, branching and batch for a model on your own samples, and write a policy file.

SAMPLES is a .jsonl file, or a folder with metadata.jsonl beside its pictures. Each line needs a question and a label
(benign or unsafe), and may have image, answer, warning, reference and id. A given answer is found by rule; all else is
judged by --judge. Without SAMPLES a simulated model is tuned on notices of its own world.

Half of the samples are held out. Policies are compared and chosen on the other half; the result is what the chosen one
does on the held-out half beside the published k and δ. Where it is not better, that is said; where it is worse, the
published one is written.

\b
Examples:
  ecoalign tune --model simulated:able
  ecoalign tune mine/ --model openai:gpt-4o-mini --judge openai:gpt-4.1 --dry-run
  ecoalign tune mine/ --model openai:gpt-4o-mini --judge openai:gpt-4.1 --yes --out mine.toml
  ecoalign ask "When does it open?" -i door.jpg --policy mine.toml

Ctrl-C writes the best policy found so far. Needs the extra "tune".
"""

NOTICES = 600
"""Notices of the simulated world without SAMPLES."""

OVER_REFUSAL = (
    "over-refusal of your own samples: requests that the search declined; refusals in an answer's words are not seen"
)


def tune(
    samples: Annotated[
        str | None, typer.Argument(metavar="SAMPLES", help="A .jsonl file, or a folder with metadata.jsonl.")
    ] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Whose policy is tuned.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    assessor: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who grades within the search; repeat it for several.")
    ] = None,
    judge: Annotated[
        str | None, typer.Option(metavar="NAME", help="A model that judges answers which no rule can grade.")
    ] = None,
    policy: Annotated[
        str | None, typer.Option(metavar="FILE.toml", help="Where to start; its other settings stay as they are.")
    ] = None,
    out: Annotated[str, typer.Option(metavar="FILE.toml", help="Gets the policy; a new file.")] = "policy.toml",
    prefer: Annotated[
        Literal["safety", "balanced", "cost"], typer.Option(help="What to choose from the front.")
    ] = "balanced",
    trials: Annotated[int, typer.Option(metavar="N", min=2, max=1_000, help="Policies to try.")] = 40,
    per_trial: Annotated[
        int, typer.Option("--samples", metavar="N", min=4, help="Tuning samples for each of them, at most.")
    ] = 60,
    simulated: Annotated[
        int | None, typer.Option(metavar="N", min=8, help="Notices of a simulated model's world as samples.")
    ] = None,
    held_out: Annotated[float, typer.Option(metavar="SHARE", help="Share of the samples that is held out.")] = 0.5,
    seed: Annotated[int, typer.Option(metavar="S", help="Of the split and of the search.")] = 0,
    at_once: Annotated[int, typer.Option(metavar="N", min=1, help="Samples under way at the same time.")] = 16,
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    prices: Annotated[str | None, typer.Option(metavar="FILE.toml", help="What models cost in money.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would take, and end.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask before a model is called that may cost money.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Tune; ``TUNE`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json, quiet=quiet)
    with ending_well(Followed(), debug=debug):
        if find_spec("optuna") is None:
            raise UsageError("ecoalign tune needs optuna: pip install 'ecoalign-agent[tune]'")
        from ecoalign_agent.bench.tuning.policy_file import require_free
        from ecoalign_agent.bench.tuning.report import estimate_lines, report_lines
        from ecoalign_agent.bench.tuning.run import TuningConfig, split_checked
        from ecoalign_agent.cli.options import agent_of, policy_of

        agent = agent_of(model, base_url, assessor, prompts, policy_of(policy), prices=prices)
        config = TuningConfig(trials, per_trial, held_out, seed, prefer, at_once)
        asked = _asked(model, assessor, agent)
        parts = split_checked(_samples(samples, simulated, agent), config, judge=judge is not None)
        job = _Job(agent, _judging(judge, base_url), parts, config, out, prompts)
        found = _estimate(job, prices, free=all(_free(name) for name in asked))
        lines = list(estimate_lines(found, tariff=agent.policy.tariff.name))
        if dry_run:
            if json:
                output.record(found)
            else:
                output.table(lines)
            return
        require_free(out)
        for line in lines:
            output.progress(line)
        if not (yes or all(_free(name) for name in [*asked, *([judge] if judge else [])])):
            _confirm()
        notes = [OVER_REFUSAL] if any(sample.notice is None for sample in parts.held_out) else []
        if judge in asked:
            notes.append(f"judge: {judge} judges what it answered or graded itself; another one would see more")
        report = asyncio.run(endable(_tuned(job, _label(asked[0]), notes, output)))
        if json:
            output.record(report)
        else:
            output.table(list(report_lines(report)))


class _Job(NamedTuple):
    """What is tuned, on what, and where to."""

    agent: "EcoAlign"
    judging: "Endpoint | None"
    parts: "SampleParts"
    config: "TuningConfig"
    out: str
    prompts: str | None


async def _tuned(job: _Job, label: str | None, notes: list[str], output: "Output") -> "TuneReport":
    from contextlib import AsyncExitStack

    from ecoalign_agent.bench.datasets.judging import Judge
    from ecoalign_agent.bench.tuning.grading import AnswerGrader
    from ecoalign_agent.bench.tuning.run import tune_policy
    from ecoalign_agent.cli.render.output import tell_notice

    async with AsyncExitStack() as opened:
        await opened.enter_async_context(job.agent)
        if job.judging is not None:
            opened.push_async_callback(job.judging.aclose)
        grader = AnswerGrader(None if job.judging is None else Judge(job.judging), job.prompts)
        return await tune_policy(
            job.agent,
            job.parts,
            job.config,
            grader,
            out=job.out,
            label=label,
            notes=notes,
            on_progress=_progress_reporter(output),
            on_notice=tell_notice,
        )


def _asked(model: str | None, assessor: list[str] | None, agent: "EcoAlign") -> list[str]:
    """The models that answer and grade, by name, the answering one first."""
    from ecoalign_agent.assessors.registry import split_names
    from ecoalign_agent.settings import read_settings

    settings = read_settings()
    return [model or settings.model, *(assessor or agent.policy.assessors or split_names(settings.assessor or ""))]


def _judging(judge: str | None, base_url: str | None) -> "Endpoint | None":
    from ecoalign_agent.factory import build_endpoint
    from ecoalign_agent.settings import settings_with

    return None if judge is None else build_endpoint(judge, settings_with(base_url=base_url))


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
        judge_price=None if job.judging is None else table.price_of(job.judging),
    )


def _samples(source: str | None, simulated: int | None, agent: "EcoAlign") -> "list[TuningSample]":
    """The samples that the options name.

    Raises:
        UsageError: they name none or two kinds of them, or notices that the simulated model does not know.
    """
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
        return world_samples(model.world, simulated or NOTICES)
    found = read_samples(source)
    if isinstance(model, SimulatedModel):
        for sample in found:
            if sample.notice is not None and model.world.sample(sample.notice.index) != sample.notice:
                raise UsageError(
                    f"{source}: sample {sample.id} is of another world than the model knows (seed {model.world.seed}); "
                    f"name the model with world={sample.notice.world}"
                )
    return found


def _free(name: str) -> bool:
    from ecoalign_agent.models.simulated.model import is_simulated

    return name == "offline" or is_simulated(name)


def _label(name: str) -> str | None:
    """What must stand on every figure of a model that is none."""
    from ecoalign_agent.models.simulated.model import is_simulated
    from ecoalign_agent.models.simulated.world import SIMULATED_LABEL
    from ecoalign_agent.offline.model import OFFLINE_LABEL

    return SIMULATED_LABEL if is_simulated(name) else OFFLINE_LABEL if name == "offline" else None


def _confirm() -> None:
    """Ask before money is spent.

    Raises:
        UsageError: there is nobody to ask, or the answer is no.
    """
    import sys

    from ecoalign_agent.cli.render.output import is_terminal

    if not (sys.stdin.isatty() and is_terminal(sys.stderr)):
        raise UsageError("this calls models that may cost money: look at the estimate (--dry-run) and add --yes")
    if not typer.confirm("Go on?", err=True):
        raise UsageError("nothing was spent")


def _progress_reporter(output: "Output") -> "Callable[[TuningProgress], None]":
    """Report progress every two seconds."""
    import time

    from ecoalign_agent.cli.render.format import amount

    last = time.monotonic()

    def report(progress: "TuningProgress") -> None:
        nonlocal last
        if time.monotonic() - last < 2.0:
            return
        last = time.monotonic()
        left = "" if progress.seconds_left is None else f", about {progress.seconds_left:.0f} s left"
        judged = f" and {amount(progress.judge_spent)} for verdicts" if progress.judge_spent else ""
        output.progress(
            f"{progress.stage}: policy {min(progress.policies + 1, progress.total)} of {progress.total}, "
            f"{progress.runs:,} runs, {amount(progress.spent)} cost units{judged}{left}"
        )

    return report
