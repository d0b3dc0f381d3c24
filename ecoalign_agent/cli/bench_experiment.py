"""``ecoalign bench experiment``."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ecoalign_agent.cli import options
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output

EXPERIMENT_HELP = """The experiments that a reader asks for first, each a table with paired differences, and a plot.

They run on the simulated model, where everything is known: free, without network, the same every time. Every figure is
simulated, and says so. Without NAME: which there are.

\b
Examples:
  ecoalign bench experiment
  ecoalign bench experiment budget --out out/budget
  ecoalign bench experiment stacked --samples 600 --model simulated:weak --json | jq '.differences[]'
"""


def experiment(
    name: Annotated[str | None, Argument(metavar="[NAME]", help="Which one; none lists them.")] = None,
    listed: Annotated[bool, Option("--list", help="Only say which there are.")] = False,
    samples: Annotated[int, Option(metavar="N", min=1, max=16_384, help="For each condition, over three seeds.")] = 200,
    seed: Annotated[int, Option(metavar="S", min=0, help="The first of the three seeds.")] = 0,
    model: Annotated[str, Option(metavar="NAME", help="A simulated model, such as simulated:weak.")] = "simulated",
    at_once: options.Concurrency = 16,
    out: Annotated[str | None, Option(metavar="DIR", help="Writes table, figures and plot into it.")] = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign bench experiment``."""
    from pathlib import Path

    from ecoalign_agent.cli.execution import command_output, run_async

    with command_output(json=json, quiet=quiet, debug=debug) as output:
        from ecoalign_agent.bench.experiments.base import Setting
        from ecoalign_agent.bench.experiments.output import as_mapping, make_folder, table_lines, write_files
        from ecoalign_agent.bench.experiments.registry import EXPERIMENTS

        if name is None or listed:
            _list(output)
            return
        if name not in EXPERIMENTS:
            raise UsageError(f"experiment: there is no {name!r}; there are {', '.join(EXPERIMENTS)}")
        setting = Setting(samples=samples, seed=seed, model=model, at_once=at_once)
        folder = None if out is None else make_folder(Path(out))
        output.progress(f"{EXPERIMENTS[name].title}: {samples} samples a condition, seeds from {seed}, {model}")
        finding = run_async(EXPERIMENTS[name].run(setting, output.progress))
        for path in () if folder is None else write_files(EXPERIMENTS[name], finding, setting, folder):
            output.progress(f"written: {path}")
        output.report(as_mapping(EXPERIMENTS[name], finding, setting), table_lines(EXPERIMENTS[name], finding))


def _list(output: "Output") -> None:
    from ecoalign_agent.bench.experiments.registry import EXPERIMENTS

    rows = [(entry.key, entry.question) for entry in EXPERIMENTS.values()]
    width = max(len(key) for key, _ in rows)
    listing = {"experiments": [{"name": key, "question": question} for key, question in rows]}
    output.report(listing, [f"{key:<{width}}  {question}" for key, question in rows])
