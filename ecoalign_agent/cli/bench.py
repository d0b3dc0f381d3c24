"""``ecoalign bench``: its commands; all but ``run`` and ``rejudge`` themselves."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from typer import Option

from ecoalign_agent.cli import bench_run, options
from ecoalign_agent.cli.options import argument, flag, value
from ecoalign_agent.cli.render.format import one_line
from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import require_packages

if TYPE_CHECKING:
    from ecoalign_agent.bench.analysis.outcomes import Run
    from ecoalign_agent.bench.datasets.benchmark import BenchmarkFiles
    from ecoalign_agent.bench.datasets.registry import DataReport
    from ecoalign_agent.cli.render.output import Output

RunFolder = Annotated[str, argument("OUT", "The folder that 'ecoalign bench run' wrote.")]


@options.with_output("json", "debug")
def data(
    output: "Output",
    folder: Annotated[str, argument("FOLDER", "It holds a folder for each benchmark.")],
) -> None:
    """Which benchmarks' files are there, where to get the others, and under what licence.

    Nothing is downloaded, and nothing is made up in place of missing data: put each publisher's own files into the
    folder that is named for them, below FOLDER. Says how many records can be read, how many are broken and why, and the
    checksum of the list.

    Examples:
      ecoalign bench data benchmarks/
      ecoalign bench data benchmarks/ --json | jq '.benchmarks[] | select(.state != "found") | .url'
    """
    from ecoalign_agent.bench.datasets.registry import inspect_folder

    report = inspect_folder(Path(folder), on_progress=output.progress)
    output.report(report, list(_lines(report)))


def _lines(report: "DataReport") -> Iterator[str]:
    for found in report.benchmarks:
        yield f"{found.key}: {found.title}"
        yield from (f"  {name:<10}{text}" for name, text in _rows(found))
        yield ""
    there = sum(found.state == "found" for found in report.benchmarks)
    yield f"{there} of {len(report.benchmarks)} found in {report.folder}"


def _rows(found: "BenchmarkFiles") -> Iterator[tuple[str, str]]:
    yield "state", found.state
    if found.trouble is not None:
        yield "trouble", one_line(found.trouble, 400)
    if found.records is not None:
        yield "records", f"{found.records:,} (published: {found.published})"
        for name, count in (("broken", found.broken), ("unseen", found.without_picture)):
            if count:
                yield name, f"{count:,}{'; their pictures are not there, so they are not run' * (name == 'unseen')}"
        yield from (("such as", one_line(example, 200)) for example in found.examples)
        yield "sha-256", found.checksum or "-"
    else:
        yield "put", f"{found.files} into {found.belongs}/"
        yield "published", found.published
    yield "from", found.url
    yield "licence", found.licence


@options.with_output("json", "quiet", "debug")
def experiment(
    output: "Output",
    name: Annotated[str | None, argument("[NAME]", "Which one; none lists them.")] = None,
    listed: Annotated[bool, flag("--list", "Only say which there are.")] = False,
    samples: Annotated[int, value("N", "For each condition, over three seeds.", min=1, max=16_384)] = 200,
    seed: Annotated[int, value("S", "The first of the three seeds.", min=0)] = 0,
    model: Annotated[str, value("NAME", "A simulated model, such as simulated:weak.")] = "simulated",
    at_once: options.Concurrency = 16,
    out: Annotated[str | None, value("DIR", "Writes table, figures and plot into it.")] = None,
) -> None:
    """The experiments that a reader asks for first, each a table with paired differences, and a plot.

    They run on the simulated model, where everything is known: free, without network, the same every time. Every figure
    is simulated, and says so. Without NAME: which there are.

    Examples:
      ecoalign bench experiment
      ecoalign bench experiment budget --out out/budget
      ecoalign bench experiment stacked --samples 600 --model simulated:weak --json | jq '.differences[]'
    """
    from ecoalign_agent.bench.experiments.base import Setting
    from ecoalign_agent.bench.experiments.output import as_mapping, make_folder, table_lines, write_files
    from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
    from ecoalign_agent.cli.execution import run_async

    if name is None or listed:
        _list(output)
        return
    if name not in EXPERIMENTS:
        raise UsageError(f"experiment: there is no {name!r}; there are {', '.join(EXPERIMENTS)}")
    setting, chosen = Setting(samples=samples, seed=seed, model=model, at_once=at_once), EXPERIMENTS[name]
    folder = None if out is None else make_folder(Path(out))
    output.progress(f"{chosen.title}: {samples} samples a condition, seeds from {seed}, {model}")
    finding = run_async(chosen.run(setting, output.progress))
    for path in () if folder is None else write_files(chosen, finding, setting, folder):
        output.progress(f"written: {path}")
    output.report(as_mapping(chosen, finding, setting), table_lines(chosen, finding))


def _list(output: "Output") -> None:
    from ecoalign_agent.bench.experiments.registry import EXPERIMENTS

    width = max(map(len, EXPERIMENTS))
    listing = [{"name": key, "question": entry.question} for key, entry in EXPERIMENTS.items()]
    output.report({"experiments": listing}, [f"{row['name']:<{width}}  {row['question']}" for row in listing])


@options.with_output("json", "debug")
def table(
    output: "Output",
    out: RunFolder,
    form: Annotated[
        Literal["md", "csv", "latex"] | None, Option("--format", help="The full table in this form.")
    ] = None,
) -> None:
    """A row for each method of finished runs.

    On its own for reading: safety with its interval, usefulness, over-refusal, unknowns, what it took, and the
    differences from Base sample by sample. With --format the full table, for a page, a paper or a program.

    Examples:
      ecoalign bench table runs/first
      ecoalign bench table runs/first --format latex > table.tex
      ecoalign bench table runs/first --format csv > table.csv
    """
    if form is not None and output.json:
        raise UsageError("table: --format and --json are two forms; give one")
    show_table(_read(out, output), output, form)


@options.with_output("json", "debug")
def compare(
    output: "Output",
    out: RunFolder,
    other: Annotated[str | None, argument("[OTHER]", "Another such folder.")] = None,
    paper: Annotated[bool, flag("--paper", "Beside EcoAlign's published figures.")] = False,
) -> None:
    """Finished runs against Base, against other runs, or beside the paper's figures.

    OUT alone: every method against Base. With OTHER: each method of OUT against the same in OTHER, sample by sample.
    With --paper: beside EcoAlign's published figures, each with whether the two can be compared at all, and why not.

    Examples:
      ecoalign bench compare runs/first
      ecoalign bench compare runs/before runs/after
      ecoalign bench compare runs/gpt-4o --paper

    Simulated runs never stand beside published figures.
    """
    if paper and other is not None:
        raise UsageError(f"compare: {other} and --paper are two comparisons; give one")
    runs = _read(out, output)
    show_comparison(runs, None if other is None else _read(other, output), output, paper=paper)


@options.with_output("json", "debug")
def plot(
    output: "Output",
    out: RunFolder,
    to: Annotated[str | None, value("DIR", "Where to; else OUT/plots.")] = None,
) -> None:
    """Cost against safety, safety against usefulness, over-refusal, and scores over the budget, as PNG and SVG.

    A plot for each benchmark and model, where there are figures for it. Prints the paths of the files.

    Examples:
      ecoalign bench plot runs/first
      ecoalign bench plot runs/first --to figures/
    """
    runs = _read(out, output)
    from ecoalign_agent.bench.analysis.plots import plot_set
    from ecoalign_agent.bench.analysis.tables import PlotReport

    output.progress("drawing")
    files = tuple(str(path) for path in plot_set(runs, Path(to) if to is not None else Path(out) / "plots"))
    output.report(PlotReport(files=files), files)


def show_table(runs: "Sequence[Run]", output: "Output", form: Literal["md", "csv", "latex"] | None = None) -> None:
    """Print the table of finished runs: the full one in a form, else the one for reading."""
    from ecoalign_agent.bench.analysis.tables import full_table, overview_lines, table_report

    if output.json:
        output.record(table_report(runs))
    elif form is None:
        output.lines(overview_lines(runs))
    else:
        output.lines(full_table(table_report(runs).rows, form=form).splitlines())


def show_comparison(
    runs: "Sequence[Run]", others: "Sequence[Run] | None", output: "Output", *, paper: bool = False
) -> None:
    """Print a comparison of finished runs with others, else with Base, or with the published figures."""
    from ecoalign_agent.bench.analysis.tables import compare_report, comparison_lines, published_lines

    report = compare_report(runs, others, paper=paper)
    output.report(report, published_lines(report.beside) if paper else comparison_lines(report.against))


def _read(folder: str, output: "Output") -> "list[Run]":
    require_packages("ecoalign bench", ["inspect_ai"], extra="eval")
    output.progress(f"reading {folder}")
    from ecoalign_agent.bench.runner.logs import read_runs

    return read_runs(Path(folder))


bench_commands = options.command_group(
    "Measure methods on benchmarks: safety, usefulness, cost.",
    [
        (data, "Which benchmarks' files are there, and where to get the others."),
        (bench_run.run_command, "Run methods on benchmarks: safety, use and cost of each."),
        (bench_run.rejudge, "Have another judge judge the stored answers."),
        (experiment, "The first questions to ask, answered on the simulated model."),
        (table, "A row for each method: on the terminal, as Markdown, CSV or LaTeX."),
        (compare, "Against Base, against other runs, or beside the paper's figures."),
        (plot, "Four plots, as PNG and SVG."),
    ],
)
