"""A rewrite on the screen: the risk report, and the change word by word."""

import difflib
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ecoalign_agent.cli.render.format import amount, clean, count, one_line, signed
from ecoalign_agent.events.result import Rewrite

if TYPE_CHECKING:
    from rich.text import Text

_OUTCOMES = {
    "unchanged": "harmless: the question stays as it is, word for word",
    "rewritten": "rewritten",
    "kept": "the original stands: the new question was not good enough",
    "unknown": "the original stands: nothing is known of its safety",
    "failed": "the original stands: the rewrite could not be finished",
}


def rewrite_lines(outcome: Rewrite) -> list[str]:
    """Outcome, risk report, receipt and notes, a line each."""
    report, cost = outcome.report, outcome.cost
    lines = [f"outcome  {_OUTCOMES[outcome.status]}", f"safety   {signed(report.safety)} as asked"]
    found = (("text", report.text), ("image", report.image), ("both", report.both), ("aim", report.aim))
    lines += [f"{name:<9}{one_line(text, 400)}" for name, text in found if text]
    if report.hazards:
        lines.append(f"hazards  {', '.join(one_line(code, 8) for code in report.hazards)}")
    receipt = f"{count(cost.calls, 'call')} · {amount(cost.spent)} of {amount(cost.budget)} cost units"
    lines.append(
        f"receipt  {receipt} · {outcome.seconds:.1f} s · {', '.join(one_line(name, 80) for name in outcome.models)}"
    )
    return lines + [f"note     {one_line(note, 400)}" for note in outcome.notes]


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


def change_text(before: str, after: str) -> "Text":
    """The change in colour: red and struck what is gone, green what is new."""
    from rich.text import Text

    styles = {"same": "", "gone": "red strike", "new": "green"}
    text = Text("change   ", style="bold")
    for kind, piece in changed_words(before, after):
        text.append(piece, f"not bold {styles[kind]}".strip())
    return text


def plain_change(before: str, after: str) -> list[str]:
    """The change in two lines, for a pipe."""
    return [f"- {one_line(before, 2_000)}", f"+ {one_line(after, 2_000)}"]
