"""``ecoalign bench``: its commands, and ``data`` itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from typer import Argument

from ecoalign_agent.cli import bench_experiment, bench_run, bench_tables, options

if TYPE_CHECKING:
    from ecoalign_agent.bench.datasets.benchmark import BenchmarkFiles
    from ecoalign_agent.bench.datasets.registry import DataReport

DATA = """Which benchmarks' files are there, where to get the others, and under what licence.

Nothing is downloaded, and nothing is made up in place of missing data: put each publisher's own files into the folder
that is named for them, below FOLDER. Says how many records can be read, how many are broken and why, and the checksum
of the list.

\b
Examples:
  ecoalign bench data benchmarks/
  ecoalign bench data benchmarks/ --json | jq '.benchmarks[] | select(.state != "found") | .url'
"""


bench_commands = options.command_group("Measure methods on benchmarks: safety, usefulness, cost.")


@bench_commands.command(help=DATA, short_help="Which benchmarks' files are there, and where to get the others.")
def data(
    folder: Annotated[str, Argument(metavar="FOLDER", help="It holds a folder for each benchmark.")],
    json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign bench data``."""
    from pathlib import Path

    from ecoalign_agent.cli.execution import command_output

    with command_output(json=json, debug=debug) as output:
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
    from ecoalign_agent.cli.render.format import one_line

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


bench_commands.command(
    "run", help=bench_run.RUN_HELP, short_help="Run methods on benchmarks: safety, use and cost of each."
)(bench_run.run_methods)
bench_commands.command(help=bench_run.REJUDGE_HELP, short_help="Have another judge judge the stored answers.")(
    bench_run.rejudge
)
bench_commands.command(
    help=bench_experiment.EXPERIMENT_HELP, short_help="The first questions to ask, answered on the simulated model."
)(bench_experiment.experiment)
bench_commands.command(
    help=bench_tables.TABLE_HELP, short_help="A row for each method: on the terminal, as Markdown, CSV or LaTeX."
)(bench_tables.table)
bench_commands.command(
    help=bench_tables.COMPARE_HELP, short_help="Against Base, against other runs, or beside the paper's figures."
)(bench_tables.compare)
bench_commands.command(help=bench_tables.PLOT_HELP, short_help="Four plots, as PNG and SVG.")(bench_tables.plot)
