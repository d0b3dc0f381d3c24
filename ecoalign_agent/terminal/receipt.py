"""The receipt in words: what was decided, what it cost, and what a reader must know to weigh it."""

from ecoalign_agent.terminal.wording import STOPPED, amount, clean, count, named, one_line
from ecoalign_agent.trace.result import Result


def answer_text(result: Result) -> str:
    """The answer or the refusal as plain text, without control sequences; "" of a failed run."""
    return clean(result.answer or "").strip()


def receipt_rows(result: Result) -> list[tuple[str, str]]:
    """The receipt as label and line, phases left out: ``phase_rows`` has them."""
    cost, time = result.cost, result.time
    estimated = f" ({cost.estimated} with estimated usage)" if cost.estimated else ""
    rows = [
        ("outcome", f"{result.status}: {STOPPED[result.stop_reason]} ({result.stop_reason})"),
        (
            "spent",
            f"{amount(cost.spent)} of {amount(cost.budget)} {one_line(cost.tariff)}, {amount(cost.remaining)} left",
        ),
        ("calls", f"{count(cost.calls, 'model call')}{estimated}, {count(result.rounds, 'round')}"),
        (
            "tokens",
            ", ".join(f"{part} {tokens_of:,}" for part, tokens_of in cost.tokens),
        ),
        ("seconds", f"{time.wall:.1f}, of which {time.overhead:.1f} outside model calls"),
        ("model", one_line(result.models.actor)),
        ("assessor", _assessor(result)),
    ]
    if cost.chosen_path is not None:
        rows.insert(
            2,
            (
                "chosen path",
                f"{amount(cost.chosen_path)}: {' > '.join(named(step.kind, step.id) for step in result.path)}",
            ),
        )
    rows += _exceptions(result)
    return rows


def _assessor(result: Result) -> str:
    if result.models.independent:
        return f"{one_line(result.models.assessor)}, independent of the model"
    return "the same model, not independent"


def _exceptions(result: Result) -> list[tuple[str, str]]:
    """What is not in every receipt."""
    cost, rows = result.cost, []
    if result.pruned:
        rows.append(("pruned", f"{count(len(result.pruned), 'thought')} paid for and cut"))
    if result.unknown_verdicts:
        rows.append(("unknown", f"{count(result.unknown_verdicts, 'verdict')} unreadable, counted as unsafe"))
    if cost.overrun:
        rows.append(
            ("overrun", f"{amount(cost.overrun)} above the budget: the provider counted more than was reserved")
        )
    if cost.saved:
        rows.append(("saved", f"{amount(cost.saved)} by merging duplicates"))
    return rows + [("note", one_line(note, 400)) for note in dict.fromkeys(result.notes)]


def phase_rows(result: Result) -> list[tuple[str, float]]:
    """What each phase cost, phases that cost nothing left out."""
    return [(one_line(phase, 12), cost) for phase, cost in result.cost.by_phase.items() if cost > 0]


def receipt_lines(result: Result) -> list[str]:
    """The receipt as plain lines."""
    phases = ", ".join(f"{phase} {amount(cost)}" for phase, cost in phase_rows(result))
    rows = receipt_rows(result)
    if phases:
        rows.insert(2, ("by phase", phases))
    return [f"{label:<12} {line}" for label, line in rows]


def receipt_line(result: Result) -> str:
    """The receipt in one line."""
    return (
        f"{result.status}: {STOPPED[result.stop_reason]} · {count(result.cost.calls, 'call')} · "
        f"{amount(result.cost.spent)} of {amount(result.cost.budget)} cost units · {result.seconds:.1f} s"
    )
