"""The command line: ``ecoalign bench``, and its command ``data``; the others stand in modules of their own.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ecoalign_agent.cli.bench_experiment import EXPERIMENT, SHORT, experiment
from ecoalign_agent.cli.bench_run import REJUDGE, REJUDGE_SHORT, RUN, RUN_SHORT, rejudge, run
from ecoalign_agent.cli.bench_tables import (
    COMPARE,
    PLOT,
    SHORT_COMPARE,
    SHORT_PLOT,
    SHORT_TABLE,
    TABLE,
    compare,
    plot,
    table,
)

if TYPE_CHECKING:
    from ecoalign_agent.bench.datasets.benchmark import BenchmarkFiles
    from ecoalign_agent.bench.datasets.registry import DataReport

app = typer.Typer(help="Measure methods on benchmarks: safety, usefulness, cost.", rich_markup_mode=None)

DATA = """Which benchmarks' files are there, where to get the others, and under what licence.

Nothing is downloaded, and nothing is made up in place of missing data: put each publisher's own files into the folder
that is named for them, below FOLDER. Says how many records can be read, how many are broken and why, and the checksum
of the list.

\b
Examples:
  ecoalign bench data benchmarks/
  ecoalign bench data benchmarks/ --json | jq '.benchmarks[] | select(.state != "found") | .url'
"""


@app.callback(invoke_without_command=True)
def bench(context: typer.Context) -> None:
    """Measure methods on benchmarks: safety, usefulness, cost."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command(help=DATA, short_help="Which benchmarks' files are there, and where to get the others.")
def data(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="It holds a folder for each benchmark.")],
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Look into a folder; ``DATA`` is what a person reads about it."""
    from pathlib import Path

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, ending_well

    output = Output(json=json)
    with ending_well(Followed(), debug=debug):
        from ecoalign_agent.bench.datasets.registry import inspect_folder

        report = inspect_folder(Path(folder), on_progress=output.progress)
        if json:
            output.record(report)
        else:
            output.table(list(_lines(report)))


app.command(help=RUN, short_help=RUN_SHORT)(run)
app.command(help=REJUDGE, short_help=REJUDGE_SHORT)(rejudge)


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


app.command(name="experiment", help=EXPERIMENT, short_help=SHORT)(experiment)
app.command(name="table", help=TABLE, short_help=SHORT_TABLE)(table)
app.command(name="compare", help=COMPARE, short_help=SHORT_COMPARE)(compare)
app.command(name="plot", help=PLOT, short_help=SHORT_PLOT)(plot)
