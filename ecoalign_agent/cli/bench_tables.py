"""``ecoalign bench table``, ``compare`` and ``plot``: over finished runs."""

from typing import TYPE_CHECKING, Annotated, Literal

from typer import Argument, Option

from ecoalign_agent.cli import options
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecoalign_agent.bench.analysis.outcomes import Run
    from ecoalign_agent.cli.render.output import Output

TABLE_HELP = """A row for each method of finished runs.

On its own for reading: safety with its interval, usefulness, over-refusal, unknowns, what it took, and the differences
from Base sample by sample. With --format the full table, for a page, a paper or a program.

\b
Examples:
  ecoalign bench table runs/first
  ecoalign bench table runs/first --format latex > table.tex
  ecoalign bench table runs/first --format csv > table.csv
"""

COMPARE_HELP = """Finished runs against Base, against other runs, or beside the paper's figures.

OUT alone: every method against Base. With OTHER: each method of OUT against the same in OTHER, sample by sample. With
--paper: beside EcoAlign's published figures, each with whether the two can be compared at all, and why not.

\b
Examples:
  ecoalign bench compare runs/first
  ecoalign bench compare runs/before runs/after
  ecoalign bench compare runs/gpt-4o --paper

Simulated runs never stand beside published figures.
"""

PLOT_HELP = """Cost against safety, safety against usefulness, over-refusal, and scores over the budget, as PNG and SVG.

A plot for each benchmark and model, where there are figures for it. Prints the paths of the files.

\b
Examples:
  ecoalign bench plot runs/first
  ecoalign bench plot runs/first --to figures/
"""

RunFolder = Annotated[str, Argument(metavar="OUT", help="The folder that 'ecoalign bench run' wrote.")]


def table(
    out: RunFolder,
    form: Annotated[
        Literal["md", "csv", "latex"] | None, Option("--format", help="The full table in this form.")
    ] = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign bench table``."""
    from ecoalign_agent.cli.execution import command_output

    with command_output(json=json, debug=debug) as output:
        if form is not None and json:
            raise UsageError("table: --format and --json are two forms; give one")
        show_table(_read(out, output), output, form)


def compare(
    out: RunFolder,
    other: Annotated[str | None, Argument(metavar="[OTHER]", help="Another such folder.")] = None,
    paper: Annotated[bool, Option("--paper", help="Beside EcoAlign's published figures.")] = False,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign bench compare``."""
    from ecoalign_agent.cli.execution import command_output

    with command_output(json=json, debug=debug) as output:
        if paper and other is not None:
            raise UsageError(f"compare: {other} and --paper are two comparisons; give one")
        runs = _read(out, output)
        show_comparison(runs, None if other is None else _read(other, output), output, paper=paper)


def plot(
    out: RunFolder,
    to: Annotated[str | None, Option(metavar="DIR", help="Where to; else OUT/plots.")] = None,
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign bench plot``."""
    from pathlib import Path

    from ecoalign_agent.cli.execution import command_output

    with command_output(json=json, debug=debug) as output:
        runs = _read(out, output)
        from ecoalign_agent.bench.analysis.plots import plot_set
        from ecoalign_agent.bench.analysis.tables import PlotReport

        output.progress("drawing")
        files = tuple(str(path) for path in plot_set(runs, Path(to) if to is not None else Path(out) / "plots"))
        output.report(PlotReport(files=files), files)


def show_table(runs: "Sequence[Run]", output: "Output", form: Literal["md", "csv", "latex"] | None = None) -> None:
    """The table of finished runs on standard output.

    Args:
        runs: finished.
        output: where it goes, and whether as JSON.
        form: the full table in this form; None: the one for reading.
    """
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
    """A comparison on standard output.

    Args:
        runs: finished.
        others: what each of them is held against; None: Base, or the paper.
        output: where it goes, and whether as JSON.
        paper: beside the published figures.

    Raises:
        UsageError: nothing can be held against anything, or a simulated run against a published figure.
    """
    from ecoalign_agent.bench.analysis.tables import compare_report, comparison_lines, published_lines

    report = compare_report(runs, others, paper=paper)
    output.report(report, published_lines(report.beside) if paper else comparison_lines(report.against))


def _read(folder: str, output: "Output") -> "list[Run]":
    from pathlib import Path

    options.require_packages("inspect_ai", extra="eval")
    output.progress(f"reading {folder}")
    from ecoalign_agent.bench.runner.logs import read_runs

    return read_runs(Path(folder))
