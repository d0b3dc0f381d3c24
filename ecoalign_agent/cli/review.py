"""The command line: ``ecoalign review``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.result import Result

REVIEW = """Decide on a thought that a kept run waits for.

A policy with review_below pauses a run of "ecoalign ask --state FILE" at each thought or answer that was found safe,
but less safe than that. Without a verdict this command shows what waits, with its text; with one the run goes on, and
its answer is printed. What was paid for before is not paid again.

\b
Examples:
  ecoalign review runs.db                      what waits in the file
  ecoalign review runs.db 3f2a91               one run of it
  ecoalign review runs.db 3f2a91 --accept      it stands as it was graded
  ecoalign review runs.db 3f2a91 --reject      it is unsafe
  ecoalign review runs.db 3f2a91 --safety 0.4  your own grade, -1 to 1

What is accepted stands as it was graded: the search may still find a better answer. With a verdict the command
takes the options for models and policy that the run was asked with; with others it refuses, and the run stays as it is.
Exit status 3: the run waits for the next verdict.
"""


def review(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where runs are kept: a file, or a Postgres URL.")],
    run_id: Annotated[str | None, typer.Argument(metavar="ID", help="The run; not needed where one waits.")] = None,
    accept: Annotated[bool, typer.Option("--accept", help="It stands as it was graded.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It is unsafe.")] = False,
    safety: Annotated[float | None, typer.Option(metavar="S", help="Its safety, from -1 to 1.")] = None,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Who answers, as it was asked with.")] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    assessor: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who grades, as it was asked with.")
    ] = None,
    budget: Annotated[float | None, typer.Option(metavar="UNITS", help="As it was asked with.")] = None,
    deadline: Annotated[float | None, typer.Option(metavar="SECONDS", help="As it was asked with.")] = None,
    policy: Annotated[str | None, typer.Option(metavar="FILE.toml", help="As it was asked with.")] = None,
    tariff: Annotated[str | None, typer.Option(metavar="NAME", help="As it was asked with.")] = None,
    prices: Annotated[str | None, typer.Option(metavar="FILE.toml", help="As it was asked with.")] = None,
    prompts: Annotated[str | None, typer.Option(metavar="FOLDER", help="As it was asked with.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer: no search, no receipt.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Show or decide; ``REVIEW`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.options import agent_of, end, kept_agent, policy_of
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output, followed = Output(json=json, quiet=quiet), Followed()
    with ending_well(followed, debug=debug):
        ruling = _ruling(accept=accept, reject=reject, safety=safety)
        if ruling is None:
            asyncio.run(endable(_show(output, file, run_id)))
            return
        chosen = policy_of(policy, budget=budget, deadline=deadline, tariff=tariff)
        build = partial(agent_of, model, base_url, assessor, prompts, chosen, prices=prices)
        with output.screen() as screen:

            async def decided() -> "Result":
                async with kept_agent(file, build) as agent:
                    named = run_id or await _only_one(agent, file)
                    return await followed.run(agent.stream_review(named, ruling), screen)

            result = asyncio.run(endable(decided()))
        end(output, followed, result, file)


def _ruling(*, accept: bool, reject: bool, safety: float | None) -> str | float | None:
    """The verdict of the options; None: there is none.

    Raises:
        UsageError: there are several.
    """
    said: list[str | float | None] = [*["accept"] * accept, *["reject"] * reject]
    said += [] if safety is None else [safety]
    if len(said) > 1:
        raise UsageError("--accept, --reject and --safety are three verdicts: give one of them")
    return said[0] if said else None


async def _show(output: "Output", file: str, run_id: str | None) -> None:
    """What waits, with its text: this command is for whoever is to read it."""
    from ecoalign_agent.cli.options import kept_agent
    from ecoalign_agent.cli.render.format import clean, fraction, one_line, signed

    async with kept_agent(file, _reader) as agent:
        if run_id is None:
            waiting = await agent.waiting_runs()
        else:
            asked = await agent.under_review(run_id)
            waiting = {} if asked is None else {run_id: asked}
    if output.json:
        from ecoalign_agent.cli.render.output import write_json

        write_json({"waiting": [{"run_id": found, **asked} for found, asked in waiting.items()]})
        return
    if not waiting:
        output.progress("nothing waits for a person")
    for found, asked in waiting.items():
        grades = f"safety {signed(asked['safety'])}, useful {fraction(asked['utility'])}"
        rows = [
            ("run", found),
            ("question", one_line(str(asked["question"]), 400)),
            ("waits", f"{asked['kind']} {asked['id']}, {grades}; asked for below {asked['review_below']:g}"),
            ("text", clean(str(asked["text"]))),
        ]
        for label, text in rows:
            output.say(label, text)
        output.say()


def _reader(*, checkpointer: Any = None) -> "EcoAlign":  # noqa: ANN401 - LangGraph's checkpointer; loaded only where it is used
    """An agent that only reads what is kept: no key is needed, and nothing is asked."""
    from ecoalign_agent.agent import EcoAlign

    return EcoAlign("offline", assessor="offline", checkpointer=checkpointer)


async def _only_one(agent: "EcoAlign", file: str) -> str:
    waiting = list(await agent.waiting_runs())
    if len(waiting) != 1:
        _say_which(waiting, file)
    return waiting[0]


def _say_which(waiting: list[str], file: str) -> NoReturn:
    from ecoalign_agent.search.checkpointing import store_name

    if not waiting:
        raise UsageError(f"{store_name(file)}: no run waits for a person")
    raise UsageError(f"{store_name(file)}: {len(waiting)} runs wait; name one: {', '.join(waiting[:8])}")
