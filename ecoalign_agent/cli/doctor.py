"""``ecoalign doctor``."""

import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import flag
from ecoalign_agent.errors import RunError, UsageError

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.doctor import DoctorReport
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.llm.endpoint import Endpoint
    from ecoalign_agent.llm.endpoint_profile import EndpointProfile
    from ecoalign_agent.settings import Settings

_OFFLINE = (
    "rules and OCR that run in this process: no vision-language model, no server, no key. There is nothing to ask and "
    "nothing to pay; --model NAME examines a model"
)


@options.with_output("json", "debug")
def doctor(
    output: "Output",
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    refresh: Annotated[bool, flag("--refresh", "Ask anew, whatever is kept.")] = False,
) -> None:
    """Ask a model's endpoint what it can do, in at most eight small calls, and show what the search will use.

    Does it see pictures, and what do they cost? Which way of asking for structured replies works? Does it report what
    was used, does it keep to the cap on tokens, does it answer two calls at once? What is not found out is shown as
    unknown.

    Examples:
      ecoalign doctor --model openai:gpt-4o-mini
      ecoalign doctor --model openai:qwen2.5-vl --base-url http://localhost:8000/v1
      ecoalign doctor --model openai:qwen2.5-vl --base-url http://localhost:8000/v1 --json | jq .use

    What was found is kept for 30 days, and every search at this endpoint starts from it; --refresh asks anew. No key is
    kept.

    Environment:
      OPENAI_API_KEY, ECOALIGN_MODEL, ECOALIGN_BASE_URL, ECOALIGN_TIMEOUT,
      ECOALIGN_CONCURRENCY, ECOALIGN_REQUESTS_PER_MINUTE,
      ECOALIGN_CACHE (a folder, or "off": nothing is kept and nothing read)
    """
    from ecoalign_agent.cli.execution import run_async

    report, known = run_async(_examine(_settings(model, base_url), output, refresh=refresh))
    if output.json:
        output.record(report)
    else:
        _show(output, report, known)


def _settings(model: str | None, base_url: str | None) -> "Settings":
    from ecoalign_agent.settings import read_settings

    settings = read_settings(base_url=base_url).model_copy(update={} if model is None else {"model": model})
    if base_url is not None and settings.model == "offline":
        raise UsageError(f"--base-url {base_url} names a server but no model on it: add --model NAME")
    return settings


async def _examine(
    settings: "Settings", output: "Output", *, refresh: bool
) -> "tuple[DoctorReport, EndpointProfile | None]":
    from ecoalign_agent.llm.endpoint_profile import endpoint_identity, profile_path, read_profile
    from ecoalign_agent.llm.probe import probe_endpoint

    async with _unprofiled_endpoint(settings) as endpoint:
        if settings.model == "offline":
            return await _report(settings, None, notes=[_OFFLINE]), None
        folder = None if refresh else settings.cache_folder
        stored = read_profile(folder, endpoint_identity(endpoint))
        if stored.profile is not None and folder is not None:
            path = str(profile_path(folder, stored.profile.identity))
            return await _report(settings, stored.profile, path=path), stored.profile

        def progress(purpose: str, number: int) -> None:
            output.progress(f"asking {endpoint.name}, call {number} of at most 8: {purpose}")

        known = await probe_endpoint(endpoint, parallel=settings.concurrency > 1, on_call=progress)
    saved, notes = _save(known, settings)
    notes += [] if stored.note is None else [stored.note]
    return await _report(settings, known, calls=known.calls, path=saved, notes=notes), known


def _unprofiled_endpoint(settings: "Settings") -> "aclosing[Endpoint]":
    from ecoalign_agent.factory import build_endpoint

    return aclosing(build_endpoint(settings.model, settings.model_copy(update={"cache": "off"})))


def _save(known: "EndpointProfile", settings: "Settings") -> tuple[str | None, list[str]]:
    """Store a profile: its file, or the reason there is none. It was paid for, and is shown in any case."""
    from ecoalign_agent.llm.endpoint_profile import write_profile

    if settings.cache_folder is None or not known.model:
        reason = "the model tells no name" if settings.cache_folder is not None else "ECOALIGN_CACHE is off"
        return None, [f"not kept: {reason}; a search finds out by itself what it needs"]
    try:
        return str(write_profile(settings.cache_folder, known)), []
    except RunError as error:
        return None, [str(error)]


async def _report(
    settings: "Settings",
    known: "EndpointProfile | None",
    *,
    calls: int = 0,
    path: str | None = None,
    notes: Sequence[str] = (),
) -> "DoctorReport":
    """The record, with the use a search would make of the endpoint: taken from an endpoint as the search has it."""
    from ecoalign_agent.cli.render.doctor import DoctorReport, EndpointUse
    from ecoalign_agent.images.image import OVERVIEW
    from ecoalign_agent.llm.endpoint_profile import apply_profile
    from ecoalign_agent.llm.probe_calls import FormReply

    async with _unprofiled_endpoint(settings) as endpoint:
        if known is not None and (path is not None or not calls):
            apply_profile(endpoint, known)
        use = EndpointUse(
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
            asked_now=calls,
            known=None if known is None else {**known.model_dump(mode="json"), "image_scale": known.image_scale},
            use=use,
            kept_in=path,
            notes=list(notes),
        )


def _show(output: "Output", report: "DoctorReport", known: "EndpointProfile | None") -> None:
    from ecoalign_agent.cli.render.doctor import doctor_lines, doctor_table

    output.lines([f"{report.endpoint} at {report.address}" if report.address else report.endpoint])
    if known is None:
        output.lines(report.notes)
        return
    from rich.console import Console

    Console(file=sys.stdout, highlight=False).print(doctor_table(known, report.use))
    output.lines(doctor_lines(known, report))
