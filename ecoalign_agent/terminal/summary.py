"""Several runs side by side, as a table of plain text that fits 80 columns."""

from collections.abc import Sequence

from ecoalign_agent.terminal.wording import amount, one_line
from ecoalign_agent.trace.result import Result

_QUESTION = 42


def summary_lines(runs: Sequence[tuple[str, Result]]) -> list[str]:
    """One line for every question with its result, and the sums."""
    rows = [("question", "status", "calls", "cost", "seconds")]
    rows += [
        (
            one_line(question, _QUESTION),
            result.status,
            str(result.cost.calls),
            amount(result.cost.spent),
            f"{result.seconds:.1f}",
        )
        for question, result in runs
    ]
    results = [result for _, result in runs]
    rows.append(
        (
            "together",
            "",
            str(sum(result.cost.calls for result in results)),
            amount(sum(result.cost.spent for result in results)),
            f"{sum(result.seconds for result in results):.1f}",
        )
    )
    lines = [f"{row[0]:<{_QUESTION}}  {row[1]:<9}{row[2]:>6}{row[3]:>9}{row[4]:>9}" for row in rows]
    rule = "─" * len(lines[0])
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]
