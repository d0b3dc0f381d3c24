"""The command line: ``ecoalign bench experiment``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecoalign_agent.bench.experiments.base import Experiment
    from ecoalign_agent.cli.render.output import Output

EXPERIMENT = """The experiments that a reader asks for first, each a table with paired differences, and a plot.

They run on the simulated model, where everything is known: free, without network, the same every time. Every figure is
simulated, and says so. Without NAME: which there are.

\b
Examples:
  ecoalign bench experiment
  ecoalign bench experiment budget --out out/budget
  ecoalign bench experiment stacked --samples 600 --model simulated:weak --json | jq '.differences[]'
"""

SHORT = "The first questions to ask, answered on the simulated model."


def experiment(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one; none lists them.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="Only say which there are.")] = False,
    samples: Annotated[
        int, typer.Option(metavar="N", min=1, max=16_384, help="Of each condition, spread over three seeds.")
    ] = 200,
    seed: Annotated[int, typer.Option(metavar="S", min=0, help="The first of the three seeds.")] = 0,
    model: Annotated[
        str, typer.Option(metavar="NAME", help="A simulated model, such as simulated:weak.")
    ] = "simulated",
    at_once: Annotated[int, typer.Option(metavar="N", min=1, help="Samples under way at the same time.")] = 16,
    out: Annotated[str | None, typer.Option(metavar="DIR", help="Writes table, figures and plot into it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Run one; ``EXPERIMENT`` is what a person reads about it."""
    import asyncio
    from pathlib import Path

    from ecoalign_agent.cli.render.output import Output, write_json
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json, quiet=quiet)
    with ending_well(Followed(), debug=debug):
        from ecoalign_agent.bench.experiments.base import Setting
        from ecoalign_agent.bench.experiments.output import as_mapping, make_folder, table_lines, write_files

        if name is None or listed:
            _list(output)
            return
        chosen = _chosen(name)
        setting = Setting(samples=samples, seed=seed, model=model, at_once=at_once)
        folder = None if out is None else make_folder(Path(out))
        output.progress(f"{chosen.title}: {samples} samples a condition, seeds from {seed}, {model}")
        finding = asyncio.run(endable(chosen.run(setting, output.progress)))
        for path in () if folder is None else write_files(chosen, finding, setting, folder):
            output.progress(f"written: {path}")
        if json:
            write_json(as_mapping(chosen, finding, setting))
        else:
            output.table(table_lines(chosen, finding))


def _chosen(name: str) -> "Experiment":
    """The experiment of that name.

    Raises:
        UsageError: there is none; the message says which there are.
    """
    from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
    from ecoalign_agent.errors import UsageError

    if name not in EXPERIMENTS:
        raise UsageError(f"experiment: there is no {name!r}; there are {', '.join(EXPERIMENTS)}")
    return EXPERIMENTS[name]


def _list(output: "Output") -> None:
    from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
    from ecoalign_agent.cli.render.output import write_json

    if output.json:
        write_json({"experiments": [{"name": one.key, "question": one.question} for one in EXPERIMENTS.values()]})
        return
    width = max(map(len, EXPERIMENTS))
    output.table([f"{one.key:<{width}}  {one.question}" for one in EXPERIMENTS.values()])
