"""What ``ecoalign doctor`` found out in words: one line for each thing asked, with what a search makes of it.

What ``ecoalign doctor`` found out, as a table and as one JSON record.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ecoalign_agent.cli.render.format import amount, count, one_line
from ecoalign_agent.events.result import Record
from ecoalign_agent.llm.capabilities import OutputMode
from ecoalign_agent.llm.endpoint_profile import EndpointProfile

if TYPE_CHECKING:
    from rich.console import RenderableType


Mark = Literal["yes", "part", "no", "unknown"]

_RUNGS: dict[OutputMode, str] = {
    "json_schema": "JSON schema",
    "function_calling": "function calls",
    "json_mode": "JSON mode",
    "plain": "plain text",
}

_ORDINAL = ("first choice", "second", "third", "fourth")


class Use(Record):
    """What a search that begins now would do at the endpoint.

    Attributes:
        proposals: ways of asking, in order of trial, for everything but verdicts.
        verdicts: the same for verdicts.
        max_tokens_field: what it calls the cap on completion tokens; None: it sends none.
        overview_tokens: what it reckons a 512-pixel overview at.
        concurrency: calls open at once, at most.
        timeout: seconds that one call may take.
    """

    proposals: list[str]
    verdicts: list[str]
    max_tokens_field: str | None
    overview_tokens: int
    concurrency: int
    timeout: float


class Row(NamedTuple):
    """One line of the table."""

    mark: Mark
    what: str
    found: str
    used: str


def doctor_rows(known: EndpointProfile, use: Use) -> list[Row]:
    """The table's lines: what was asked, what was found, what the search will use."""
    return [
        _images(known),
        _image_tokens(known, use),
        *(_rung(rung, known, use) for rung in _RUNGS),
        _usage(known),
        _streaming(known),
        _cap(known, use),
        _parallel(known, use),
        _latency(known, use),
    ]


def _images(known: EndpointProfile) -> Row:
    why = known.images.why
    mark, found, used = {
        "yes": ("yes", f"reads them ({why})", "sends them"),
        "misread": ("part", f"takes them, but {why}", "sends them; don't trust what it says of them"),
        "blind": ("no", f"takes them, but can't see: {why}", "sends them; don't trust what it says of them"),
        "refused": ("no", f"refuses them: {why}", "fails on questions with pictures"),
        "unknown": ("unknown", f"unknown: {why}", "sends them"),
    }[known.images.state]
    return Row(_mark(mark), "pictures", found, used)


def _image_tokens(known: EndpointProfile, use: Use) -> Row:
    whose = "our highest" if known.image_family == "unknown" else f"{known.image_family}'s"
    formula = f"{known.image_estimated:,} by {whose} formula"
    used = f"{use.overview_tokens:,} for the overview"
    if known.image_counted is None:
        return Row("unknown", "tokens a picture", f"unknown; {formula}", used)
    if known.image_counted == 0:
        return Row("part", "tokens a picture", f"the server counts none; {formula}", used)
    scale = known.image_scale or 0.0
    # Within a tenth the formula is right, for what it is used for.
    mark: Mark = "yes" if 0.9 <= scale <= 1.1 else "part"
    return Row(mark, "tokens a picture", f"{known.image_counted:,} counted, × {scale:.2f} of {formula}", used)


def _rung(rung: OutputMode, known: EndpointProfile, use: Use) -> Row:
    finding = known.rungs.get(rung)
    if finding is None:
        return Row("no", _RUNGS[rung], f"not offered by {known.provider}", "not tried")
    why = f": {finding.why}" if finding.why else ""
    mark, found = {
        "works": ("yes", "works"),
        "inexact": ("part", f"works, but no verdict can be read{why}"),
        "ignored": ("no", f"accepted, but not followed{why}"),
        "refused": ("no", f"refused{why}"),
        "unknown": ("unknown", f"unknown{why}"),
    }[finding.state]
    return Row(_mark(mark), _RUNGS[rung], found, _place(rung, use))


def _place(rung: OutputMode, use: Use) -> str:
    """Where a rung stands among those that are tried."""
    proposal, verdict = (rungs.index(rung) if rung in rungs else None for rungs in (use.proposals, use.verdicts))
    if proposal is None:
        return "not tried" if verdict is None else f"{_ORDINAL[verdict]}, for verdicts only"
    if verdict is None:
        return f"{_ORDINAL[proposal]}, but not for verdicts"
    return _ORDINAL[proposal] if proposal == verdict else f"{_ORDINAL[proposal]}; for verdicts {_ORDINAL[verdict]}"


def _usage(known: EndpointProfile) -> Row:
    counted = "" if known.prompt_counted is None else f"{known.prompt_counted:,} prompt tokens, "
    why = known.usage.why
    mark, found, used = {
        "plausible": ("yes", f"reported: {counted}{known.prompt_estimated:,} estimated", "the server's counts"),
        "implausible": ("part", f"reported, but it can't be right: {why}", "its counts where they are possible"),
        "partly": ("part", why, "the server's counts, else our estimates"),
        "absent": ("no", "not reported", "our estimates, on the high side"),
        "unknown": ("unknown", "unknown", "the server's counts, else our estimates"),
    }[known.usage.state]
    return Row(_mark(mark), "usage", found, used)


def _streaming(known: EndpointProfile) -> Row:
    why = known.streaming.why
    mark, found = {
        "usage": ("yes", "reported"),
        "no usage": ("part", "not reported"),
        "refused": ("no", f"refused: {why}"),
        "no streaming": ("no", f"{known.provider} does not stream"),
        "unknown": ("unknown", f"unknown: {why}"),
    }[known.streaming.state]
    return Row(_mark(mark), "usage, streamed", found, "nothing: it never streams")


def _cap(known: EndpointProfile, use: Use) -> Row:
    field = known.max_tokens_field or "unknown name"
    name = "no field for it" if field == "none" else field
    mark, found = {
        "honoured": ("yes", f"{name}, honoured ({known.cap.why})"),
        "ignored": ("no", f"{name}, not honoured: {known.cap.why}"),
        "unknown": ("unknown", f"{name}; unknown whether honoured: {known.cap.why}"),
    }[known.cap.state]
    used = use.max_tokens_field or "no cap"
    if known.cap.state == "ignored":
        used += "; a call can overrun what was reserved for it"
    return Row(_mark(mark), "cap on tokens", found, used)


def _parallel(known: EndpointProfile, use: Use) -> Row:
    why = known.parallel.why
    mark, found = {
        "overlap": ("yes", f"two at once overlap ({why})"),
        "serialised": ("part", f"one after the other ({why})"),
        "limited": ("part", f"limited: {why}"),
        "unknown": ("unknown", f"unknown: {why}"),
    }[known.parallel.state]
    return Row(_mark(mark), "parallel calls", found, f"up to {use.concurrency} at once")


def _latency(known: EndpointProfile, use: Use) -> Row:
    if known.latency is None:
        return Row("unknown", "latency", "unknown", f"{use.timeout:g} s time-out a call")
    return Row(
        "yes", "latency", f"{known.latency:.2f} s for a short call (median)", f"{use.timeout:g} s time-out a call"
    )


def _mark(mark: str) -> Mark:
    known: dict[str, Mark] = {"yes": "yes", "part": "part", "no": "no", "unknown": "unknown"}
    return known[mark]


_MARKS: dict[Mark, tuple[str, str]] = {
    "yes": ("✔", "green"),
    "part": ("!", "yellow"),
    "no": ("✗", "red"),
    "unknown": ("?", "dim"),
}


class DoctorReport(Record):
    """What is known of an endpoint, and what a search makes of it.

    Attributes:
        endpoint: its name.
        address: where it is; empty: the provider's own, or nowhere.
        asked_now: requests made by this command; 0 where kept knowledge was shown.
        known: see ``KnownEndpoint``, with ``image_scale`` besides; None: there is nothing to ask.
        use: what a search would do.
        kept_in: the file in which this is kept; None: it is not.
        notes: what else there is to say, one line each.
    """

    endpoint: str
    address: str
    asked_now: int
    known: dict[str, Any] | None
    use: Use
    kept_in: str | None
    notes: list[str]


def as_data(known: EndpointProfile) -> dict[str, Any]:
    """What is known, for JSON."""
    return {**known.model_dump(mode="json"), "image_scale": known.image_scale}


def doctor_table(known: EndpointProfile, use: Use) -> "RenderableType":
    """The table."""
    from rich import box  # noqa: PLC0415 - only where it is drawn
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", width=1)
    table.add_column("asked", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("the search will use", overflow="fold", min_width=20)
    for row in doctor_rows(known, use):
        sign, style = _MARKS[row.mark]
        # What a server says is data: never read as markup.
        table.add_row(
            Text(sign, style), Text(row.what), Text(one_line(row.found, 240)), Text(one_line(row.used), "dim")
        )
    return table


def doctor_lines(known: EndpointProfile, report: DoctorReport, *, now: datetime | None = None) -> list[str]:
    """What stands below the table: calls and their cost, when, what went wrong, where it is kept."""
    estimated = f", {known.estimated_calls} of them estimated" if known.estimated_calls else ""
    made = f"{count(known.calls, 'call')}{estimated}, {amount(known.cost)} cost units, {known.seconds:.1f} s"
    asked = f"{known.asked_at:%Y-%m-%d %H:%M} UTC"
    if report.asked_now:
        lines = [f"asked now: {made}"]
    else:
        days = ((now or datetime.now(UTC)) - known.asked_at).days
        ago = "today" if days < 1 else f"{count(days, 'day')} ago"
        lines = [f"asked {ago}, {asked}: {made}; no call was made now, --refresh asks anew"]
    lines += [f"trouble: {one_line(trouble, 300)}" for trouble in known.troubles]
    lines += _advice(known, report.use)
    if report.kept_in is not None and report.asked_now:
        lines.append(f"kept for 30 days in {report.kept_in}")
    return lines + [one_line(note, 400) for note in report.notes]


def _advice(known: EndpointProfile, use: Use) -> list[str]:
    """What the person can do about what was found."""
    if known.parallel.state == "serialised" and use.concurrency > 1:
        return ["advice: its calls wait for each other; ECOALIGN_CONCURRENCY=1 keeps that out of their time-out"]
    if known.parallel.state == "limited":
        return ["advice: it limits requests; ECOALIGN_REQUESTS_PER_MINUTE keeps the search below that"]
    return []
