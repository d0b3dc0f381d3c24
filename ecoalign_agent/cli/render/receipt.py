"""The receipt in words: what was decided, what it cost, and what a reader must know to weigh it.

The answer and the receipt in frames, for a terminal.

A rewrite on the screen: what was found, and what changed, word by word.
"""

import difflib
import math
import re
from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ecoalign_agent.cli.render.format import STOPPED, amount, clean, count, fraction, named, one_line, share, signed
from ecoalign_agent.events.result import Cost, Result, Rewrite, Status


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
            ", ".join(f"{part} {tokens_of:,}" for part, tokens_of in cost.tokens if part != "image_estimated"),
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
    spent = next(number for number, (label, _) in enumerate(rows) if label == "spent")
    rows[spent + 1 : spent + 1] = _money(cost)
    tokens = next(number for number, (label, _) in enumerate(rows) if label == "tokens")
    rows[tokens + 1 : tokens + 1] = _pictures(cost)
    rows += _exceptions(result)
    return rows


def _money(cost: Cost) -> list[tuple[str, str]]:
    """What the run cost in money, or whose price is not known; nothing where nothing was used."""
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
    """Both figures of the pictures' tokens, where any were sent, and what the endpoints were found to count."""
    if not cost.tokens.image_estimated:
        return []
    learnt = (f"{one_line(name, 80)} counts up to {factor:.2f} of it" for name, factor in cost.image_factors.items())
    line = f"{cost.tokens.image:,} tokens booked, {cost.tokens.image_estimated:,} by the formula"
    return [("pictures", "; ".join([line, *learnt]))]


def in_money(money: float) -> str:
    """An amount of money: two places, and as many more as three digits that count take."""
    places = 2 if money >= 1 or money <= 0 else min(12, 2 - math.floor(math.log10(money)))
    return f"{money:,.{max(2, places)}f}"


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
    return rows + [("note", one_line(note, 400)) for note in dict.fromkeys(map(str, result.notes))]


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


_STYLES: dict[Status, str] = {"answered": "green", "declined": "yellow", "failed": "red", "waiting": "cyan"}
_BAR = 16  # columns of the widest phase


def answer_panel(result: Result) -> RenderableType:
    """The answer or the refusal in a frame."""
    title = Text("answer" if result.status == "answered" else "declined")
    if result.safety is not None:
        title.append(f" · safety {signed(result.safety)} · useful {fraction(result.utility)}", "not bold")
    style = _STYLES[result.status]
    return Panel(Text(answer_text(result)), title=title, title_align="left", border_style=style, padding=(0, 1))


def labelled(label: str, text: str) -> RenderableType:
    """A line with a label in front of it, wrapped beside the label."""
    grid = Table.grid()
    grid.add_column(width=9, style="bold", no_wrap=True)
    grid.add_column()
    grid.add_row(Text(label), Text(text))
    return grid


def receipt_panel(result: Result) -> RenderableType:
    """The receipt in a frame, with a bar for every phase."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, line in receipt_rows(result):
        facts.add_row(Text(label), Text(line))
    parts: list[RenderableType] = [facts]
    if phases := phase_rows(result):
        parts += [Text(""), _bars(phases, result.cost.spent)]
    return Panel(Group(*parts), title=Text("receipt"), title_align="left", border_style="dim", padding=(0, 1))


def _bars(phases: list[tuple[str, float]], spent: float) -> Table:
    bars = Table.grid(padding=(0, 2))
    bars.add_column(no_wrap=True, style="dim", min_width=11)
    bars.add_column(justify="right", no_wrap=True)
    bars.add_column(justify="right", no_wrap=True)
    bars.add_column(no_wrap=True, style="magenta")
    most = max(cost for _, cost in phases)
    for phase, cost in phases:
        bars.add_row(
            Text(phase), Text(amount(cost)), Text(share(cost, spent)), Text("█" * max(1, round(_BAR * cost / most)))
        )
    return bars


_OUTCOMES = {
    "unchanged": "harmless: the question stays as it is, word for word",
    "rewritten": "written anew",
    "kept": "the original stands: the new question was not good enough",
    "unknown": "the original stands: nothing is known of its safety",
    "failed": "the original stands: the rewrite could not be finished",
}


def report_lines(made: Rewrite) -> list[str]:
    """Outcome, risk report, receipt and notes, a line each."""
    report, cost = made.report, made.cost
    lines = [f"outcome  {_OUTCOMES[made.status]}", f"safety   {signed(report.safety)} as asked"]
    found = (("text", report.text), ("image", report.image), ("both", report.both), ("aim", report.aim))
    lines += [f"{name:<9}{one_line(said, 400)}" for name, said in found if said]
    if report.hazards:
        lines.append(f"hazards  {', '.join(one_line(code, 8) for code in report.hazards)}")
    receipt = f"{count(cost.calls, 'call')} · {amount(cost.spent)} of {amount(cost.budget)} cost units"
    lines.append(f"receipt  {receipt} · {made.seconds:.1f} s · {', '.join(one_line(name, 80) for name in made.models)}")
    return lines + [f"note     {one_line(note, 400)}" for note in made.notes]


def changed_words(before: str, after: str) -> Iterable[tuple[str, str]]:
    """Both questions as one, in pieces: ("same" | "gone" | "new", text)."""
    old, new = (re.findall(r"\s+|[\w'’-]+|[^\w\s]", clean(text)) for text in (before, after))
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield "same", "".join(old[i:j])
            continue
        if i < j:
            yield "gone", "".join(old[i:j])
        if k < m:
            yield "new", "".join(new[k:m])


def drawn_change(before: str, after: str) -> Text:
    """The change in colour: red and struck what is gone, green what is new."""
    styles = {"same": "", "gone": "red strike", "new": "green"}
    text = Text("change   ", style="bold")
    for kind, piece in changed_words(before, after):
        text.append(piece, f"not bold {styles[kind]}".strip())
    return text


def plain_change(before: str, after: str) -> list[str]:
    """The change in two lines, for a pipe."""
    return [f"- {one_line(before, 2_000)}", f"+ {one_line(after, 2_000)}"]
