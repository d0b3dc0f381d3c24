"""A rewrite on the screen: what was found, and what changed, word by word."""

import difflib
import re
from collections.abc import Iterable

from rich.text import Text

from ecoalign_agent.rewriting.rewrite import Rewrite
from ecoalign_agent.terminal.wording import amount, clean, count, one_line, signed

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
