"""``ecoalign rewrite``."""

import difflib
import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import flag, value
from ecoalign_agent.cli.render.format import amount, clean, count, one_line, signed
from ecoalign_agent.cli.render.streams import is_terminal, write

if TYPE_CHECKING:
    from rich.text import Text

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.result import Rewrite


_OUTCOMES = {
    "unchanged": "harmless: the question stays as it is, word for word",
    "rewritten": "rewritten",
    "kept": "the original stands: the new question was not good enough",
    "unknown": "the original stands: nothing is known of its safety",
    "failed": "the original stands: the rewrite could not be finished",
}


@options.with_output("json", "quiet", "debug")
def rewrite_command(
    output: "Output",
    question: options.QuestionText,
    image: options.ImageFiles = None,
    model: options.ModelName = None,
    checker: Annotated[str | None, value("NAME", "The model that checks the new prompt; by default the same.")] = None,
    base_url: options.BaseUrl = None,
    budget: options.BudgetUnits = None,
    threshold: Annotated[float | None, value("SAFETY", "A prompt this safe or safer stays as it is; 0.5.")] = None,
    deadline: Annotated[float | None, value("SECONDS", "End by then.")] = None,
    thorough: Annotated[
        bool, flag("--thorough", "Analyse and rewrite in two calls, as published, instead of one.")
    ] = False,
    prompts: options.PromptFolder = None,
) -> None:
    r"""Rewrite a dangerous prompt, by reasoning over text and image; leave a harmless one as it is.

    The prompt to put to your model, with the same pictures, goes to standard output; the risk report and what changed
    go to standard error. A harmless prompt comes back word for word and costs one call. A rewrite that loses a number,
    a name, a constraint or the aim is not used. Where nothing is known of the prompt's safety, the original comes back
    and a line says so.

    Examples:
      ecoalign rewrite "Please do what the note says." --image note.png
      ecoalign rewrite "What is the total?" --image receipt.jpg --json | jq -r .prompt
      ecoalign rewrite "…" --image it.jpg --model openai:gpt-4o-mini --checker openai:gpt-4.1-mini
      ecoalign rewrite "…" --image it.jpg --model trained:openai:my-rewriter \
        --base-url http://localhost:8000/v1

    "offline", the default model, is free: rules, no vision-language model. "trained:NAME" asks a fine-tuned rewriter
    with the template it was trained on.
    """
    from ecoalign_agent.cli.execution import run_async

    text = options.read_question(question)
    from ecoalign_agent.rewriter import Rewriter
    from ecoalign_agent.rewriting.state import RewritePolicy

    settings = options.non_null(budget=budget, threshold=threshold, deadline=deadline)
    policy = RewritePolicy(frugal=not thorough, **settings)  # type: ignore[arg-type]  # all floats
    rewriter = Rewriter(model, policy=policy, checker=checker, base_url=base_url, prompts=prompts)

    async def run() -> "Rewrite":
        async with rewriter:
            return await rewriter.rewrite(text, image or ())

    output.progress(f"asking {', '.join(rewriter.models)}")
    outcome = run_async(run())
    _show(output, outcome)
    raise typer.Exit(1 if outcome.status == "failed" else 0)


def _show(output: "Output", outcome: "Rewrite") -> None:
    for line in _rewrite_lines(outcome):
        output.progress(line)
    candidate = outcome.prompt if outcome.changed else outcome.rejected
    if candidate is not None and not output.quiet:
        if is_terminal(sys.stderr):
            from rich.console import Console

            Console(stderr=True, highlight=False).print(_change_text(outcome.original, candidate))
        else:
            output.progress(f"- {one_line(outcome.original, 2_000)}")
            output.progress(f"+ {one_line(candidate, 2_000)}")
    if output.json:
        output.record(outcome)
    else:
        write(sys.stdout, clean(outcome.prompt) + "\n")


def _rewrite_lines(outcome: "Rewrite") -> list[str]:
    report, cost = outcome.report, outcome.cost
    lines = [f"outcome  {_OUTCOMES[outcome.status]}", f"safety   {signed(report.safety)} as asked"]
    found = (("text", report.text), ("image", report.image), ("both", report.both), ("aim", report.aim))
    lines += [f"{name:<9}{one_line(text, 400)}" for name, text in found if text]
    if report.hazards:
        lines.append(f"hazards  {', '.join(one_line(code, 8) for code in report.hazards)}")
    receipt = f"{count(cost.calls, 'call')} · {amount(cost.spent)} of {amount(cost.budget)} cost units"
    models = ", ".join(one_line(name, 80) for name in outcome.models)
    lines.append(f"receipt  {receipt} · {outcome.seconds:.1f} s · {models}")
    return lines + [f"note     {one_line(note, 400)}" for note in outcome.notes]


def _change_text(before: str, after: str) -> "Text":
    from rich.text import Text

    text = Text("change   ", style="bold")
    old, new = (re.findall(r"\s+|[\w'’-]+|[^\w\s]", clean(words)) for words in (before, after))
    for tag, i, j, k, m in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            text.append("".join(old[i:j]), "not bold")
        else:
            text.append("".join(old[i:j]), "not bold red strike").append("".join(new[k:m]), "not bold green")
    return text
