"""The findings of ``ecoalign doctor``: its JSON record, and a table of each finding beside its use by a search."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ecoalign_agent.cli.render.format import amount, count, one_line
from ecoalign_agent.events.result import Record
from ecoalign_agent.llm.endpoint import OutputMode
from ecoalign_agent.llm.endpoint_profile import EndpointProfile, ProbeFinding

if TYPE_CHECKING:
    from rich.console import RenderableType


class EndpointUse(Record):
    """A search's use of the endpoint, if it begins now; the output modes in order of trial."""

    proposals: list[str]
    verdicts: list[str]
    max_tokens_field: str | None
    overview_tokens: int
    concurrency: int
    timeout: float


class DoctorReport(Record):
    """Everything known of an endpoint, and a search's use of it.

    Attributes:
        asked_now: requests made by this command; 0 where a stored profile was shown.
        known: see ``EndpointProfile``, with ``image_scale`` besides; None: there is nothing to ask.
        kept_in: the file of the stored profile; None: it is not stored.
    """

    endpoint: str
    address: str
    asked_now: int
    known: dict[str, Any] | None
    use: EndpointUse
    kept_in: str | None
    notes: list[str]


Mark = Literal["yes", "part", "no", "unknown"]

_MARKS: dict[Mark, tuple[str, str]] = {
    "yes": ("✔", "green"),
    "part": ("!", "yellow"),
    "no": ("✗", "red"),
    "unknown": ("?", "dim"),
}

_MODES: dict[OutputMode, str] = {
    "json_schema": "JSON schema",
    "function_calling": "function calls",
    "json_mode": "JSON mode",
    "plain": "plain text",
}

_ORDINAL = ("first choice", "second", "third", "fourth")

_UNTRUSTED = "sends them; don't trust what it says of them"
_NEVER_STREAMS = "nothing: it never streams"

_States = dict[str, tuple[Mark, str, str]]

# By state: mark, what was found, and what the search uses; "{why}" is the finding's reason.
_IMAGES: _States = {
    "yes": ("yes", "reads them ({why})", "sends them"),
    "misread": ("part", "takes them, but {why}", _UNTRUSTED),
    "blind": ("no", "takes them, but can't see: {why}", _UNTRUSTED),
    "refused": ("no", "refuses them: {why}", "fails on questions with pictures"),
    "unknown": ("unknown", "unknown: {why}", "sends them"),
}
_MODE_STATES: _States = {
    "works": ("yes", "works", "{used}"),
    "inexact": ("part", "works, but no verdict can be read{why}", "{used}"),
    "ignored": ("no", "accepted, but not followed{why}", "{used}"),
    "refused": ("no", "refused{why}", "{used}"),
    "unknown": ("unknown", "unknown{why}", "{used}"),
}
_USAGE: _States = {
    "plausible": ("yes", "reported: {counted}{estimated:,} estimated", "the server's counts"),
    "implausible": ("part", "reported, but it can't be right: {why}", "its counts where they are possible"),
    "partly": ("part", "{why}", "the server's counts, else our estimates"),
    "absent": ("no", "not reported", "our estimates, on the high side"),
    "unknown": ("unknown", "unknown", "the server's counts, else our estimates"),
}
_STREAMING: _States = {
    "usage": ("yes", "reported", _NEVER_STREAMS),
    "no usage": ("part", "not reported", _NEVER_STREAMS),
    "refused": ("no", "refused: {why}", _NEVER_STREAMS),
    "no streaming": ("no", "{provider} does not stream", _NEVER_STREAMS),
    "unknown": ("unknown", "unknown: {why}", _NEVER_STREAMS),
}
_CAP: _States = {
    "honoured": ("yes", "{field}, honoured ({why})", "{used}"),
    "ignored": ("no", "{field}, not honoured: {why}", "{used}; a call can overrun what was reserved for it"),
    "unknown": ("unknown", "{field}; unknown whether honoured: {why}", "{used}"),
}
_PARALLEL: _States = {
    "overlap": ("yes", "two at once overlap ({why})", "up to {used} at once"),
    "serialised": ("part", "one after the other ({why})", "up to {used} at once"),
    "limited": ("part", "limited: {why}", "up to {used} at once"),
    "unknown": ("unknown", "unknown: {why}", "up to {used} at once"),
}


class DoctorRow(NamedTuple):
    """One line of the table."""

    mark: Mark
    capability: str
    found: str
    used: str


def doctor_rows(known: EndpointProfile, use: EndpointUse) -> list[DoctorRow]:
    """The table's lines."""
    counted = "" if known.prompt_counted is None else f"{known.prompt_counted:,} prompt tokens, "
    field = "no field for it" if known.max_tokens_field == "none" else known.max_tokens_field or "unknown name"
    latency = "unknown" if known.latency is None else f"{known.latency:.2f} s for a short call (median)"
    timed: Mark = "unknown" if known.latency is None else "yes"
    return [
        _row("pictures", _IMAGES, known.images),
        _image_tokens(known, use),
        *(_output_mode(mode, known, use) for mode in _MODES),
        _row("usage", _USAGE, known.usage, counted=counted, estimated=known.prompt_estimated),
        _row("usage, streamed", _STREAMING, known.streaming, provider=known.provider),
        _row("cap on tokens", _CAP, known.cap, field=field, used=use.max_tokens_field or "no cap"),
        _row("parallel calls", _PARALLEL, known.parallel, used=use.concurrency),
        DoctorRow(timed, "latency", latency, f"{use.timeout:g} s time-out a call"),
    ]


def _row(capability: str, states: _States, finding: ProbeFinding[Any], **facts: object) -> DoctorRow:
    mark, found, used = states[finding.state]
    facts = {"why": finding.why, **facts}
    return DoctorRow(mark, capability, found.format(**facts), used.format(**facts))


def _image_tokens(known: EndpointProfile, use: EndpointUse) -> DoctorRow:
    family = "our highest" if known.image_family == "unknown" else f"{known.image_family}'s"
    formula = f"{known.image_estimated:,} by {family} formula"
    mark: Mark = "part"
    if known.image_counted is None:
        mark, found = "unknown", f"unknown; {formula}"
    elif known.image_counted == 0:
        found = f"the server counts none; {formula}"
    else:
        scale = known.image_scale or 0.0
        found = f"{known.image_counted:,} counted, × {scale:.2f} of {formula}"
        # Within a tenth the formula is right, for what it is used for.
        mark = "yes" if 0.9 <= scale <= 1.1 else "part"
    return DoctorRow(mark, "tokens a picture", found, f"{use.overview_tokens:,} for the overview")


def _output_mode(mode: OutputMode, known: EndpointProfile, use: EndpointUse) -> DoctorRow:
    finding = known.rungs.get(mode)
    if finding is None:
        return DoctorRow("no", _MODES[mode], f"not offered by {known.provider}", "not tried")
    why = f": {finding.why}" if finding.why else ""
    return _row(_MODES[mode], _MODE_STATES, finding, why=why, used=_order_of_trial(mode, use))


def _order_of_trial(mode: OutputMode, use: EndpointUse) -> str:
    proposal, verdict = (modes.index(mode) if mode in modes else None for modes in (use.proposals, use.verdicts))
    if proposal is None:
        return "not tried" if verdict is None else f"{_ORDINAL[verdict]}, for verdicts only"
    if verdict is None:
        return f"{_ORDINAL[proposal]}, but not for verdicts"
    return _ORDINAL[proposal] if proposal == verdict else f"{_ORDINAL[proposal]}; for verdicts {_ORDINAL[verdict]}"


def doctor_table(known: EndpointProfile, use: EndpointUse) -> "RenderableType":
    """The rows as a table."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1))
    table.add_column("", width=1)
    table.add_column("asked", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("the search will use", overflow="fold", min_width=20)
    for row in doctor_rows(known, use):
        sign, style = _MARKS[row.mark]
        # What a server says is data: never read as markup.
        found = Text(one_line(row.found, 240))
        table.add_row(Text(sign, style), Text(row.capability), found, Text(one_line(row.used), "dim"))
    return table


def doctor_lines(known: EndpointProfile, report: DoctorReport, *, now: datetime | None = None) -> list[str]:
    """The lines below the table: calls and their cost, failures, advice, and the stored file."""
    estimated = f", {known.estimated_calls} of them estimated" if known.estimated_calls else ""
    calls = f"{count(known.calls, 'call')}{estimated}, {amount(known.cost)} cost units, {known.seconds:.1f} s"
    if report.asked_now:
        lines = [f"asked now: {calls}"]
    else:
        days = ((now or datetime.now(UTC)) - known.asked_at).days
        ago = "today" if days < 1 else f"{count(days, 'day')} ago"
        date = f"{known.asked_at:%Y-%m-%d %H:%M} UTC"
        lines = [f"asked {ago}, {date}: {calls}; no call was made now, --refresh asks anew"]
    lines += [f"trouble: {one_line(trouble, 300)}" for trouble in known.troubles]
    if known.parallel.state == "serialised" and report.use.concurrency > 1:
        lines.append("advice: its calls wait for each other; ECOALIGN_CONCURRENCY=1 keeps that out of their time-out")
    if known.parallel.state == "limited":
        lines.append("advice: it limits requests; ECOALIGN_REQUESTS_PER_MINUTE keeps the search below that")
    if report.kept_in is not None and report.asked_now:
        lines.append(f"kept for 30 days in {report.kept_in}")
    return lines + [one_line(note, 400) for note in report.notes]
