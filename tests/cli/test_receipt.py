"""The receipt, the summary, and what is said of a result."""

import io

import pytest
from rich.console import Console

from ecoalign_agent.cli.render.format import STOP_REASONS
from ecoalign_agent.cli.render.panels import answer_panel, receipt_panel
from ecoalign_agent.cli.render.plain import summary_lines
from ecoalign_agent.cli.render.receipt import (
    answer_text,
    in_money,
    receipt_line,
    receipt_lines,
)
from ecoalign_agent.events.result import Cost, Models, Money, Result, Tokens
from tests.cli.story import a_result


def panel_text(drawing: object, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=True, color_system=None, _environ={})
    with console.capture() as captured:
        console.print(drawing)
    return captured.get()


def test_the_receipt_tells_cost_calls_tokens_seconds_and_why_it_stopped() -> None:
    assert receipt_lines(a_result()) == [
        "outcome      answered: the answer is safe and useful enough (satisfied)",
        "spent        1,610 of 5,700 completion-token equivalents, 4,090 left",
        "by phase     scan 805, assess 805",
        "chosen path  140: answer t5",
        "calls        9 model calls, 2 rounds",
        "tokens       prompt 2,210, image 425, cached 0, completion 640",
        "seconds      6.2, of which 0.1 outside model calls",
        "model        offline (rules)",
        "assessor     the same model, not independent",
        "pruned       1 thought paid for and cut",
    ]


def test_what_is_out_of_the_ordinary_is_on_the_receipt() -> None:
    cost = Cost(
        budget=100,
        spent=130,
        remaining=0,
        by_phase={},
        tokens=Tokens(),
        calls=1,
        estimated=1,
        overrun=30,
        saved=7,
        tariff="USD",
    )
    models = Models(actor="a", assessor="b", independent=True)
    lines = receipt_lines(a_result(cost=cost, models=models, unknown_verdicts=2, notes=["same", "same", "no OCR"]))
    assert "calls        1 model call (1 with estimated usage), 2 rounds" in lines
    assert "assessor     b, independent of the model" in lines
    assert "unknown      2 verdicts unreadable, counted as unsafe" in lines
    assert "overrun      30 above the budget: the provider counted more than was reserved" in lines
    assert "saved        7 by merging duplicates" in lines
    assert [line for line in lines if line.startswith("note")] == ["note         same", "note         no OCR"]


def a_cost(**changes: object) -> Cost:
    given: dict[str, object] = {
        "budget": 100,
        "spent": 30,
        "remaining": 70,
        "by_phase": {},
        "tokens": Tokens(image=170),
        "calls": 2,
        "estimated": 0,
        "tariff": "t",
    }
    return Cost.model_validate(given | changes)


def row(cost: Cost, label: str) -> list[str]:
    return [line[13:] for line in receipt_lines(a_result(cost=cost)) if line.startswith(f"{label} ")]


def test_the_receipt_says_what_the_run_cost_in_money() -> None:
    one = Money(amount=0.0003214, currency="USD", by_model={"a": 0.0003214}, source="a list", date="2026-05-27")
    assert row(a_cost(money=one), "money") == ["0.000321 USD (a list, 2026-05-27)"]
    assert row(a_cost(money=one, estimated=1), "money") == ["about 0.000321 USD (a list, 2026-05-27)"]
    two = Money(amount=1.25, currency="EUR", by_model={"a": 1.0, "b": 0.25}, source="a list; ours", date="2026-05-27")
    assert row(a_cost(money=two), "money") == ["1.25 EUR: a 1.00, b 0.250 (a list; ours, 2026-05-27)"]
    lines = receipt_lines(a_result(cost=a_cost(money=one)))
    assert [line.split()[0] for line in lines[1:3]] == ["spent", "money"]


def test_what_is_unknown_is_never_nothing_and_what_is_free_says_so() -> None:
    asked = "no price known for openai:m: add it with --prices FILE.toml"
    assert row(a_cost(money_unknown=["openai:m"]), "money") == [asked]
    free = Money(amount=0, currency=None, by_model={"offline": 0}, source="nothing is billed", date=None)
    assert row(a_cost(money=free), "money") == ["nothing is billed"]
    assert row(a_cost(), "money") == []


def test_both_figures_of_the_pictures_stand_beside_each_other() -> None:
    cost = a_cost(tokens=Tokens(image=170, image_estimated=2_240), image_factors={"openai:m": 0.0759})
    assert row(cost, "pictures") == ["170 tokens booked, 2,240 by the formula; openai:m counts up to 0.08 of it"]
    assert row(cost, "tokens") == ["prompt 0, image 170, cached 0, completion 0"]
    # No pictures were sent, or the endpoint told nothing.
    assert row(a_cost(tokens=Tokens()), "pictures") == []
    assert row(a_cost(tokens=Tokens(image=85, image_estimated=85)), "pictures") == [
        "85 tokens booked, 85 by the formula"
    ]


@pytest.mark.parametrize(
    ("money", "shown"),
    [
        (0, "0.00"),
        (12.345, "12.35"),
        (1_234.5, "1,234.50"),
        (0.25, "0.250"),
        (0.00125, "0.00125"),
        (3e-7, "0.000000300"),
    ],
)
def test_money_is_shown_with_three_digits_that_count(money: float, shown: str) -> None:
    assert in_money(money) == shown


def test_every_stop_reason_has_words() -> None:
    reasons = Result.model_fields["stop_reason"].annotation.__args__  # type: ignore[union-attr] # a Literal
    assert set(STOP_REASONS) == set(reasons)


def test_the_receipt_in_a_frame_shows_a_bar_for_every_phase() -> None:
    text = panel_text(receipt_panel(a_result()))
    # Half of 1 610 each, so both bars are as wide as the widest.
    assert "│ scan         805  50 %  ████████████████ " in text
    assert "plan" not in text
    assert max(len(line) for line in text.splitlines()) == 80


def test_a_receipt_of_nothing_spent_can_be_drawn() -> None:
    cost = Cost(budget=1, spent=0, remaining=1, by_phase={}, tokens=Tokens(), calls=0, estimated=0, tariff="t")
    assert "0 of 1 t" in panel_text(receipt_panel(a_result(cost=cost, path=[])))


def test_an_answer_is_text_and_never_markup_or_control() -> None:
    result = a_result(answer="[red]Danger[/red]\n\x1b[2J[link=x]y[/link]\u202e\n  indented 日本")
    assert answer_text(result) == "[red]Danger[/red]\n[link=x]y[/link]\n  indented 日本"
    text = panel_text(answer_panel(result))
    assert "[red]Danger[/red]" in text
    assert "\x1b" not in text
    assert "answer · safety +0.90 · useful 0.86" in text


def test_a_refusal_is_titled_as_one_and_shows_no_grades() -> None:
    declined = a_result(status="declined", safety=None, utility=None, answer="I can't help with that.")
    text = panel_text(answer_panel(declined))
    assert "declined" in text
    assert "safety" not in text


def test_the_receipt_in_one_line() -> None:
    assert receipt_line(a_result()) == (
        "answered: the answer is safe and useful enough · 9 calls · 1,610 of 5,700 cost units · 6.2 s"
    )


@pytest.mark.parametrize("question", ["Short?", "A very long question indeed that goes on and on and on, until when?"])
def test_the_summary_sums_up_and_fits_80_columns(question: str) -> None:
    lines = summary_lines([(question, a_result()), ("Other?", a_result(status="declined"))])
    assert lines[2].split()[-4:] == ["answered", "9", "1,610", "6.2"]
    assert lines[-1].split() == ["together", "18", "3,220", "12.4"]
    assert max(map(len, lines)) <= 80
