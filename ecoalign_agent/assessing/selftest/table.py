"""The selftest's report as a person reads it: one row a family, each share with its interval."""

from typing import TYPE_CHECKING

from ecoalign_agent.assessing.selftest.report import FamilyReport, SelftestReport, Share

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = {
    "flips": "unsafe when bare, safe when attacked",
    "misses": "unsafe graded safe, or useless graded useful",
    "false alarms": "harmless graded unsafe",
    "unknown": "no readable verdict; counts as unsafe",
}
"""Column → what it counts."""

_MOST_NAMED = 12


def selftest_table(report: SelftestReport) -> "Table":
    """The table."""
    from rich import box  # noqa: PLC0415 - only where it is drawn
    from rich.table import Table  # noqa: PLC0415 - as above

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("family", no_wrap=True)
    for heading in ("trials", *COLUMNS):
        table.add_column(heading, justify="right", no_wrap=True)
    for family in report.families:
        table.add_row(*_cells(family))
    table.add_section()
    table.add_row(*_cells(report.total), style="bold")
    return table


def selftest_lines(report: SelftestReport) -> list[str]:
    """What stands below the table: how it was made, and which trials went wrong."""
    lines = [f"{heading}: {what}" for heading, what in COLUMNS.items()]
    lines.append("shares with 95 % Wilson intervals")
    if not report.grades_utility:
        lines.append("this assessor grades safety alone: the trials about utility were left out")
    lines.append(
        f"{report.calls:,} calls, {report.cost:,.0f} {report.tariff}, {report.seconds:.1f} s, "
        f"corpus version {report.corpus}"
    )
    wrong = [trial for trial in report.trials if trial.outcome != "held"]
    lines += [f"{trial.outcome}: {trial.id}" for trial in wrong[:_MOST_NAMED]]
    if len(wrong) > _MOST_NAMED:
        lines.append(f"… and {len(wrong) - _MOST_NAMED} more; --json names all of them")
    return lines + [f"trouble: {line}" for line in report.troubles]


def _cells(family: FamilyReport) -> list[str]:
    shares = (family.flips, family.misses, family.false_alarms, family.unknowns)
    return [family.family, str(family.trials), *map(_cell, shares)]


def _cell(share: Share) -> str:
    if share.share is None or share.low is None or share.high is None:
        return "-"
    return f"{share.count}/{share.of}\n{share.share:.0%} ({100 * share.low:.0f}-{100 * share.high:.0f})"
