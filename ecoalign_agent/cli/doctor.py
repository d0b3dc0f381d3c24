"""The command line: ``ecoalign doctor``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.doctor import DoctorReport
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.llm.endpoint import Endpoint
    from ecoalign_agent.llm.endpoint_profile import EndpointProfile
    from ecoalign_agent.settings import Settings

DOCTOR = """Ask a model's endpoint what it can do, in at most eight small calls, and show what the search will use.

Does it see pictures, and what do they cost? Which way of asking for structured replies works? Does it report what was
used, does it keep to the cap on tokens, does it answer two calls at once? What is not found out is shown as unknown.

\b
Examples:
  ecoalign doctor --model openai:gpt-4o-mini
  ecoalign doctor --model openai:qwen2.5-vl --base-url http://localhost:8000/v1
  ecoalign doctor --model openai:qwen2.5-vl --base-url http://localhost:8000/v1 --json | jq .use

What was found is kept for 30 days, and every search at this endpoint starts from it; --refresh asks anew. No key is
kept.

\b
Environment:
  OPENAI_API_KEY, ECOALIGN_MODEL, ECOALIGN_BASE_URL, ECOALIGN_TIMEOUT,
  ECOALIGN_CONCURRENCY, ECOALIGN_REQUESTS_PER_MINUTE,
  ECOALIGN_CACHE (a folder, or "off": nothing is kept and nothing read)
"""

OFFLINE = (
    "rules and OCR that run in this process: no vision-language model, no server, no key. There is nothing to ask and "
    "nothing to pay; --model NAME examines a model"
)


def doctor(
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help='Who is asked: "provider:name", or "offline".')
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    refresh: Annotated[bool, typer.Option("--refresh", help="Ask anew, whatever is kept.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Examine an endpoint; ``DOCTOR`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json)
    with ending_well(Followed(), debug=debug):
        report, known = asyncio.run(endable(_examined(_settings(model, base_url), output, refresh=refresh)))
        if json:
            output.record(report)
        else:
            _show(output, report, known)


def _settings(model: str | None, base_url: str | None) -> "Settings":
    """What is to be examined.

    Raises:
        UsageError: a server without a model on it.
    """
    from ecoalign_agent.errors import UsageError
    from ecoalign_agent.settings import checked_base_url, read_settings

    settings = read_settings()
    if model is not None:
        settings = settings.model_copy(update={"model": model})
    if base_url is not None:
        if settings.model == "offline":
            raise UsageError(f"--base-url {base_url} names a server but no model on it: add --model NAME")
        settings = settings.model_copy(update={"base_url": checked_base_url(base_url)})
    return settings


async def _examined(
    settings: "Settings", output: "Output", *, refresh: bool
) -> "tuple[DoctorReport, EndpointProfile | None]":
    """What is kept of the endpoint, else what it answers now.

    Raises:
        ModelNameError: the model can't be built.
        ModelError: its endpoint does not answer.
    """
    from ecoalign_agent.llm.endpoint_profile import endpoint_identity, profile_path, read_profile
    from ecoalign_agent.llm.probe import probe_endpoint

    async with _unprejudiced(settings) as endpoint:
        if settings.model == "offline":
            return await _report(settings, None, notes=[OFFLINE]), None
        folder = None if refresh else settings.cache_folder
        kept = read_profile(folder, endpoint_identity(endpoint))
        if kept.known is not None and folder is not None:
            file = str(profile_path(folder, kept.known.identity))
            return await _report(settings, kept.known, path=file), kept.known

        def tell(what: str, number: int) -> None:
            output.progress(f"asking {endpoint.name}, call {number} of at most 8: {what}")

        known = await probe_endpoint(endpoint, parallel=settings.concurrency > 1, on_call=tell)
    path, notes = _keep(known, settings)
    notes += [] if kept.note is None else [kept.note]
    return await _report(settings, known, asked=known.calls, path=path, notes=notes), known


@asynccontextmanager
async def _unprejudiced(settings: "Settings") -> AsyncIterator["Endpoint"]:
    """The endpoint without anything that is believed of it."""
    from ecoalign_agent.factory import build_endpoint

    endpoint = build_endpoint(settings.model, settings.model_copy(update={"cache": "off"}))
    try:
        yield endpoint
    finally:
        await endpoint.aclose()


def _keep(known: "EndpointProfile", settings: "Settings") -> tuple[str | None, list[str]]:
    """Keep what was found; returns the file, or why there is none. It was paid for: it is shown in any case."""
    from ecoalign_agent.errors import RunError
    from ecoalign_agent.llm.endpoint_profile import write_profile

    if settings.cache_folder is None or not known.model:
        why = "the model tells no name" if settings.cache_folder is not None else "ECOALIGN_CACHE is off"
        return None, [f"not kept: {why}; a search finds out by itself what it needs"]
    try:
        return str(write_profile(settings.cache_folder, known)), []
    except RunError as error:
        return None, [str(error)]


async def _report(
    settings: "Settings",
    known: "EndpointProfile | None",
    *,
    asked: int = 0,
    path: str | None = None,
    notes: Sequence[str] = (),
) -> "DoctorReport":
    """What is told, with what a search would do that begins now: asked of an endpoint as the search asks it."""
    from ecoalign_agent.cli.render.doctor import DoctorReport, Use, as_data
    from ecoalign_agent.images.image import OVERVIEW
    from ecoalign_agent.llm.endpoint_profile import apply_profile
    from ecoalign_agent.llm.probe_calls import FormReply

    async with _unprejudiced(settings) as endpoint:
        if known is not None and (path is not None or not asked):
            apply_profile(endpoint, known)
        use = Use(
            proposals=list(endpoint.output_modes(FormReply, exact=False)),
            verdicts=list(endpoint.output_modes(FormReply, exact=True)),
            max_tokens_field=endpoint.capabilities.max_tokens_field,
            overview_tokens=endpoint.images.of_size((OVERVIEW, OVERVIEW), "low"),
            concurrency=settings.concurrency,
            timeout=settings.timeout,
        )
        return DoctorReport(
            endpoint=endpoint.name,
            address=endpoint.facts.address,
            asked_now=asked,
            known=None if known is None else as_data(known),
            use=use,
            kept_in=path,
            notes=list(notes),
        )


def _show(output: "Output", report: "DoctorReport", known: "EndpointProfile | None") -> None:
    import sys

    from ecoalign_agent.cli.render.doctor import doctor_lines, doctor_table

    where = f" at {report.address}" if report.address else ""
    output.table([f"{report.endpoint}{where}"])
    if known is None:
        output.table(report.notes)
        return
    from rich.console import Console

    Console(file=sys.stdout, highlight=False).print(doctor_table(known, report.use))
    output.table(doctor_lines(known, report))
