"""What ``ecoalign doctor`` found out, as a table and as one JSON record."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ecoalign_agent.llm.known import KnownEndpoint
from ecoalign_agent.terminal.doctor_rows import Mark, Use, doctor_rows
from ecoalign_agent.terminal.wording import amount, count, one_line
from ecoalign_agent.trace.result import Record

if TYPE_CHECKING:
    from rich.console import RenderableType

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


def as_data(known: KnownEndpoint) -> dict[str, Any]:
    """What is known, for JSON."""
    return {**known.model_dump(mode="json"), "image_scale": known.image_scale}


def doctor_table(known: KnownEndpoint, use: Use) -> "RenderableType":
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


def doctor_lines(known: KnownEndpoint, report: DoctorReport, *, now: datetime | None = None) -> list[str]:
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


def _advice(known: KnownEndpoint, use: Use) -> list[str]:
    """What the person can do about what was found."""
    if known.parallel.state == "serialised" and use.concurrency > 1:
        return ["advice: its calls wait for each other; ECOALIGN_CONCURRENCY=1 keeps that out of their time-out"]
    if known.parallel.state == "limited":
        return ["advice: it limits requests; ECOALIGN_REQUESTS_PER_MINUTE keeps the search below that"]
    return []
