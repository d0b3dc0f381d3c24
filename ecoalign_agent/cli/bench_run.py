"""``ecoalign bench run`` and ``ecoalign bench rejudge``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Exit

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import argument, flag, value
from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import require_packages

if TYPE_CHECKING:
    from ecoalign_agent.bench.runner.run import BenchProgress
    from ecoalign_agent.cli.render.output import Output

_FULL_SWEEP = "budget=2000,3000,4500,6000,12000"
"""The sweep of --full, the default among its values."""

DataFolder = Annotated[str | None, value("DIR", "Holds a folder for each benchmark.", "--data")]


@options.with_output("json", "quiet", "debug")
def run_command(
    output: "Output",
    benchmarks: Annotated[list[str], argument("BENCHMARK...", "One or more, by name.")],
    methods: Annotated[str, value("NAME,NAME", "Which methods, separated by commas; all.")] = "base,ecoalign",
    method: Annotated[
        list[str] | None, value("NAME", "One more, with commas in its settings; repeat it for several.")
    ] = None,
    ablations: Annotated[bool, flag("--ablations", "EcoAlign and every ablation of it, too.")] = False,
    sweep: Annotated[
        list[str] | None, value("SETTING=V,V", "EcoAlign with each value of a setting, too; repeat it for several.")
    ] = None,
    full: Annotated[bool, flag("--full", f"All methods, the ablations, and a sweep: {_FULL_SWEEP}.")] = False,
    model: Annotated[str | None, value("NAME", "The actor; for simulated worlds simulated.")] = None,
    base_url: options.BaseUrl = None,
    assessor: Annotated[
        str | None, value("NAME", "The assessor; else the model, and of a simulated one another of its kind.")
    ] = None,
    judge: options.JudgeName = None,
    data: DataFolder = None,
    limit: Annotated[int | None, value("N", "Samples of each benchmark; of a simulated world 200.", min=1)] = None,
    seed: Annotated[int, value("S", "Of the draw and the simulated world.", min=0)] = 0,
    budget: options.BudgetUnits = None,
    policy: Annotated[str | None, value("FILE", "A policy file or a preset that EcoAlign starts from.")] = None,
    at_once: Annotated[int | None, value("N", "Samples at the same time; 16, of a simulated model 4.", min=1)] = None,
    out: Annotated[str, value("DIR", "Where the results go.")] = "results",
    dry_run: options.DryRun = False,
) -> None:
    r"""Run methods on benchmarks, with the safety, the usefulness and the cost of each.

    Benchmarks: mm-safetybench, siuo, siuo-choice, mssbench-chat, mssbench-embodied, ocrbench, mathvista, mmstar, read
    from their publishers' own files below --data ("ecoalign bench data" says what belongs there); and simulated,
    simulated-mild and simulated-hard, which need no files, no key and no network.

    Methods: base, cot, cod, safety-prompt, ecso, adashield, best-of-n, bavt, vlmguard, ecoalign, vlmguard+ecoalign;
    all. Settings follow a colon: ecoalign:paper, ecoalign:last-step, ecoalign:budget=2500,k=0.1.

    The same command goes on where it was stopped, and pays for no finished sample again. OUT gets Inspect's logs
    (inspect view --log-dir OUT/logs shows every thought), the tables and the plots.

    Examples:
      ecoalign bench run simulated --full --out results
      ecoalign bench run siuo mathvista --methods base,ecoalign --data benchmarks/ --model openai:gpt-4.1-mini \
        --judge openai:gpt-4.1 --limit 100 --dry-run
      ecoalign bench run simulated-hard --methods base,ecoalign --model simulated:weak --seed 3 --out hard
    """
    require_packages("ecoalign bench", ("inspect_ai", "matplotlib"), extra="eval")
    from ecoalign_agent.bench.datasets.simulated import SIMULATED_WORLDS
    from ecoalign_agent.bench.methods.registry import expand_method_names
    from ecoalign_agent.bench.runner.config import BenchConfig
    from ecoalign_agent.bench.runner.plan import plan_lines, plan_run
    from ecoalign_agent.bench.runner.run import run_benchmarks
    from ecoalign_agent.cli.execution import throttle
    from ecoalign_agent.settings import read_settings

    names = ["all"] if full else [name.strip() for name in methods.split(",") if name.strip()]
    sweeps = [*(sweep or ()), *((_FULL_SWEEP,) if full else ())]
    simulated = all(benchmark in SIMULATED_WORLDS for benchmark in benchmarks)
    config = BenchConfig(
        benchmarks=tuple(dict.fromkeys(benchmarks)),
        methods=expand_method_names([*names, *(method or ())], ablations=ablations or full, sweeps=sweeps),
        model=model or ("simulated" if simulated else read_settings().model),
        out=Path(out),
        base_url=base_url,
        assessor=assessor or read_settings().assessor,
        judge=judge,
        data=None if data is None else Path(data),
        limit=limit,
        seed=seed,
        budget=budget,
        policy=_policy(policy),
        concurrency=at_once,
    )
    if dry_run:
        plan = plan_run(config)
        output.report(plan, plan_lines(plan))
        return
    output.progress(f"running  {len(config.methods)} methods on {', '.join(config.benchmarks)} with {config.model}")
    report = throttle(output.progress, _progress_line, is_last=lambda progress: progress.done >= progress.total)
    summary = run_benchmarks(config, on_progress=report)
    for task, reason in summary.failed.items():
        output.progress(f"failed   {task}: {reason}; they count as unknown, and the same command tries them again")
    _show(config.out, output)
    if not summary.complete:
        raise Exit(1)


@options.with_output("json", "quiet", "debug")
def rejudge(
    output: "Output",
    folder: Annotated[str, argument("OUT", "What ecoalign bench run wrote.")],
    judge: Annotated[str, value("NAME", "The new judge.")],
    to: Annotated[str, value("DIR", "A new folder for the new verdicts.")],
    base_url: options.BaseUrl = None,
    data: DataFolder = None,
) -> None:
    """Have another judge judge the stored answers of a run: nothing is generated again.

    The first judge's verdicts stay in OUT; the new ones go to another folder. "ecoalign bench compare OUT TO" shows
    what the judge alone changed.

    Examples:
      ecoalign bench rejudge results --judge openai:gpt-4.1 --to results-gpt-4.1
    """
    require_packages("ecoalign bench", ["inspect_ai"], extra="eval")
    from ecoalign_agent.bench.runner.logs import rejudge_run

    benchmarks = None if data is None else Path(data)
    count = rejudge_run(Path(folder), Path(to), judge, base_url=base_url, data=benchmarks, on_progress=output.progress)
    output.progress(f"{count:,} answers judged by {judge}")
    _show(Path(to), output)


def _policy(name: str | None) -> dict[str, object] | None:
    from ecoalign_agent.settings import POLICY_PRESETS, read_policy, read_toml

    if name is None:
        return None
    read_policy(name)
    return {"preset": name} if name in POLICY_PRESETS else read_toml(name, what="policy file")


def _progress_line(progress: "BenchProgress") -> str:
    left = progress.seconds_left
    eta = "" if left is None else f", {left:.0f} s to go" if left < 90 else f", {left / 60:.0f} min to go"
    answers = f"{progress.before + progress.done:>6,} of {progress.total:,} answers"
    return f"{progress.method:<28} {answers}, {progress.cost:,.0f} cost units{eta}"


def _show(folder: Path, output: "Output") -> None:
    from ecoalign_agent.bench.analysis.outcomes import result_row
    from ecoalign_agent.bench.analysis.plots import plot_set
    from ecoalign_agent.bench.analysis.tables import full_table, overview_lines
    from ecoalign_agent.bench.runner.logs import read_runs

    runs = read_runs(folder)
    rows = [result_row(run) for run in runs]
    forms: list[tuple[Literal["md", "csv", "latex"], str]] = [("md", "md"), ("csv", "csv"), ("latex", "tex")]
    for form, suffix in forms:
        (folder / f"table.{suffix}").write_text(full_table(rows, form=form), encoding="utf-8")
    output.progress("drawing the plots")
    try:
        plots = plot_set(runs, folder / "plots")
    except UsageError as error:
        output.progress(f"no plots: {error}")
        plots = []
    record = {"rows": [row.model_dump(mode="json") for row in rows], "plots": [str(path) for path in plots]}
    output.report(record, overview_lines(runs))
    output.progress(f"in {folder}: table.md, table.csv, table.tex, {len(plots)} plots, and logs for inspect view")
