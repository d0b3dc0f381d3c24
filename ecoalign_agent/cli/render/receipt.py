"""The receipt in words: the outcome, what it cost, and what a reader must know to weigh it."""

import math

from ecoalign_agent.cli.render.format import amount, clean, count, one_line, outcome_line, thought_label
from ecoalign_agent.events.result import Cost, Result


def answer_text(result: Result) -> str:
    """The answer or the refusal as plain text, without control sequences; "" of a failed run."""
    return clean(result.answer or "").strip()


def receipt_rows(result: Result) -> list[tuple[str, str]]:
    """The receipt as label and line, without the phases of ``phase_rows``."""
    cost, time, models = result.cost, result.time, result.models
    spent = f"{amount(cost.spent)} of {amount(cost.budget)} {one_line(cost.tariff)}, {amount(cost.remaining)} left"
    path = " > ".join(thought_label(step.kind, step.id) for step in result.path)
    estimated = f" ({cost.estimated} with estimated usage)" if cost.estimated else ""
    tokens = ", ".join(f"{part} {number:,}" for part, number in cost.tokens if part != "image_estimated")
    independent = f"{one_line(models.assessor)}, independent of the model"
    return [
        ("outcome", f"{outcome_line(result)} ({result.stop_reason})"),
        ("spent", spent),
        *_money(cost),
        *([] if cost.chosen_path is None else [("chosen path", f"{amount(cost.chosen_path)}: {path}")]),
        ("calls", f"{count(cost.calls, 'model call')}{estimated}, {count(result.rounds, 'round')}"),
        ("tokens", tokens),
        *_pictures(cost),
        ("seconds", f"{time.wall:.1f}, of which {time.overhead:.1f} outside model calls"),
        ("model", one_line(models.actor)),
        ("assessor", independent if models.independent else "the same model, not independent"),
        *_exceptions(result),
    ]


def _money(cost: Cost) -> list[tuple[str, str]]:
    if cost.money_unknown:
        models = ", ".join(one_line(model, 80) for model in cost.money_unknown)
        return [("money", f"no price known for {models}: add it with --prices FILE.toml")]
    money = cost.money
    if money is None:
        return []
    if money.currency is None:
        return [("money", "nothing is billed")]
    currency = one_line(money.currency, 12)
    about = "about " if cost.estimated else ""
    parts = (f"{one_line(model, 80)} {in_money(amount)}" for model, amount in money.by_model.items())
    shares = f": {', '.join(parts)}" if len(money.by_model) > 1 else ""
    read = f"{one_line(money.source, 200)}, {money.date}"
    return [("money", f"{about}{in_money(money.amount)} {currency}{shares} ({read})")]


def _pictures(cost: Cost) -> list[tuple[str, str]]:
    if not cost.tokens.image_estimated:
        return []
    learnt = (f"{one_line(name, 80)} counts up to {factor:.2f} of it" for name, factor in cost.image_factors.items())
    line = f"{cost.tokens.image:,} tokens booked, {cost.tokens.image_estimated:,} by the formula"
    return [("pictures", "; ".join([line, *learnt]))]


def in_money(money: float) -> str:
    """An amount of money: two places, and as many more as three digits that count take."""
    places = 2 if money >= 1 or money <= 0 else min(12, 2 - math.floor(math.log10(money)))
    return f"{money:,.{max(2, places)}f}"


def _exceptions(result: Result) -> list[tuple[str, str]]:
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
    return rows + [("note", one_line(note, 400)) for note in dict.fromkeys(map(str, result.notes))]


def phase_rows(result: Result) -> list[tuple[str, float]]:
    """The cost of each phase that cost anything."""
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
        f"{outcome_line(result)} · {count(result.cost.calls, 'call')} · "
        f"{amount(result.cost.spent)} of {amount(result.cost.budget)} cost units · {result.seconds:.1f} s"
    )
