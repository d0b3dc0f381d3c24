"""Answers from rows and columns set by hand: found beside the label or under the heading, else not found."""

import pytest

from ecoalign_agent.models.offline.answering import PARTLY, find_answer, values_of
from ecoalign_agent.models.offline.layout import Row, TextCell
from ecoalign_agent.models.offline.questions import parse_question, question_in_context, words_in

WIDE = 100
Cells = tuple[str | None, ...]


def page(*rows: Cells, height: float = 20.0) -> list[Row]:
    """Rows of cells, one a column of 100 pixels; None leaves a place empty."""
    return [
        Row(
            tuple(TextCell(text, at * WIDE, at * WIDE + 80) for at, text in enumerate(cells) if text is not None),
            height=height,
            middle=number * 30.0,
            box=(0.0, number / 20, 1.0, number / 20 + 0.03),
        )
        for number, cells in enumerate(rows)
    ]


RECEIPT = page(
    ("Rye bread", "3.20"), ("Butter", "2.45"), ("Subtotal", "5.65"), ("TOTAL GBP", "6.10"), ("Change", "3.90")
)
HOURS = page(
    ("Monday", "closed"), ("Tue - Fri", "9:00 - 17:30"), ("Saturday", "10:00 - 16:00"), ("Sunday", "11:00 - 15:00")
)
BUSES = page(
    ("Line", "Stop", "Departs", "Arrives"),
    ("12", "Harbour", "06:15", "06:40"),
    ("14", "Castle", "09:20", "10:05"),
    ("14", "Castle", "17:50", "18:35"),
    ("12", "Harbour", "22:05", "22:30"),
)
PASS = page(
    ("GATE", "SEAT", "BOARDING"), ("B12", "14C", "18:20"), ("FROM", "TO", "CLASS"), ("MUNICH", "LISBON", "ECONOMY")
)
MENU = page(
    ("Starters",), ("Tomato soup", "4.50"), ("Drinks",), ("Green tea", "2.60"), ("Black tea", "2.40"), ("Milk", "1.90")
)


def answered(question: str, rows: list[Row]) -> str:
    """The value of a sure finding; "" without one."""
    finding = find_answer(parse_question(question), [rows])
    return finding.value if finding.is_sure else ""


@pytest.mark.parametrize(
    ("rows", "question", "value"),
    [
        (RECEIPT, "What is the total?", "6.10"),
        (RECEIPT, "How much was the butter?", "2.45"),
        (RECEIPT, "How much change was given?", "3.90"),
        (RECEIPT, "Quel est le total ?", "6.10"),
        (RECEIPT, "Wie hoch ist die Summe?", "6.10"),
        (RECEIPT, "总计多少钱？", "6.10"),
        (HOURS, "When does the library close on Saturday?", "16:00"),
        (HOURS, "When does it open on Wednesday?", "9:00"),
        (HOURS, "Wann schließt es am Sonntag?", "15:00"),
        (HOURS, "Is it open on Monday?", "No"),
        (HOURS, "Is it closed on Monday?", "Yes"),
        (HOURS, "Is it open at 18:00 on Friday?", "No"),
        (HOURS, "Is it open at 17:00 on Friday?", "Yes"),
        (BUSES, "When does the last bus leave?", "22:05"),
        (BUSES, "When does the first bus to the castle leave?", "09:20"),
        (BUSES, "When is the next bus after 09:00?", "09:20"),
        (BUSES, "When does the 17:50 arrive?", "18:35"),
        (BUSES, "Which line goes at 17:50?", "14"),
        (PASS, "What is my seat?", "14C"),
        (PASS, "Which gate?", "B12"),
        (PASS, "When is boarding?", "18:20"),
        (MENU, "What is the cheapest drink?", "Milk: 1.90"),
    ],
)
def test_a_value_is_found_in_the_row_of_its_label_or_under_its_heading(
    rows: list[Row], question: str, value: str
) -> None:
    assert answered(question, rows) == value


@pytest.mark.parametrize(
    ("rows", "question"),
    [
        (RECEIPT, "How much is the pizza?"),
        (RECEIPT, "How much was the rye cake?"),
        (RECEIPT, "When was it bought?"),
        (HOURS, "When is it open on holidays?"),
        (BUSES, "When does the bus to the airport leave?"),
        (BUSES, "When is the next bus after 23:00?"),
        (BUSES, "When is the next bus?"),
        (PASS, "What is the name of the passenger?"),
        (MENU, "How much is the tea?"),
        (MENU, "What is the cheapest dessert?"),
        (MENU, "Which is cheaper, the soup or the milk?"),
        (MENU, "Is the soup more expensive than the milk?"),
    ],
)
def test_what_has_no_label_of_its_own_is_not_found(rows: list[Row], question: str) -> None:
    assert answered(question, rows) == ""


def test_headings_are_no_answer() -> None:
    assert answered("What is the seat?", page(("GATE", "SEAT", "BOARDING"))) == ""
    # "Berth" is no heading that the word lists know: beside or below is not clear.
    assert answered("What is the name?", page(("Name", "Berth"), ("Ola Lind", "7B"))) == ""


def test_the_least_of_one_value_is_not_asked_for() -> None:
    assert answered("What is the cheapest ticket?", page(("Adults", "9.50"))) == ""


def test_a_label_that_is_longer_than_the_question_is_one_of_several() -> None:
    finding = find_answer(parse_question("How much is the tea?"), [MENU])
    assert (finding.value, finding.sureness) == ("", PARTLY)
    assert finding.quotes == ('"Green tea 2.60"', '"Black tea 2.40"')


def test_pages_that_disagree_are_no_sure_answer() -> None:
    other = page(("TOTAL", "9.99"))
    assert not find_answer(parse_question("What is the total?"), [RECEIPT, other]).is_sure
    assert find_answer(parse_question("What is the total?"), [RECEIPT, page(("TOTAL", "6.10"))]).is_sure


def test_quotes_are_rows_or_pairs_of_cells_of_the_page() -> None:
    finding = find_answer(parse_question("When does the 17:50 arrive?"), [BUSES])
    assert finding.quotes == ('"Arrives": "18:35"', '"14 Castle 17:50 18:35"')


def test_a_label_and_its_value_may_stand_in_one_piece() -> None:
    rows = page(
        ("Room 204",), ("Invoice number: 2025-0417",), ("Invoice date: 3 April 2025",), ("Customer: Novak Ltd",)
    )
    assert answered("Which room is it?", rows) == "204"
    assert answered("What is the invoice number?", rows) == "2025-0417"
    assert answered("Who is the customer?", rows) == "Novak Ltd"


def test_the_one_value_of_its_kind_answers_only_where_no_other_label_claims_it() -> None:
    assert answered("What is the temperature?", page(("21.5 °C",))) == "21.5 °C"
    assert answered("What is the price of the ticket?", page(("Parking", "5.00"))) == ""


def test_the_name_of_the_place_is_the_row_that_is_clearly_taller() -> None:
    tall, flat = page(("GUN LANE",), height=60.0), page(("Station 400 m",))
    assert answered("What is the name of this street?", [*tall, *flat]) == "GUN LANE"
    assert answered("What is the name of this street?", [*flat, *page(("GUN LANE",))]) == ""


def test_an_elliptic_turn_asks_what_the_turn_before_it_asked() -> None:
    question = question_in_context("And on Sunday?", ("When does the library close on Saturday?",))
    assert find_answer(question, [HOURS]).value == "15:00"
    whole = question_in_context("How much is the milk?", ("How much is the soup?",))
    assert find_answer(whole, [MENU]).value == "1.90"


def test_spans_of_weekdays_are_filled_in() -> None:
    # Friday to Monday goes round the end of the week.
    assert {"friday", "saturday", "sunday", "monday"} <= set(words_in("Fr - Mo"))
    assert "tuesday" not in words_in("Fr - Mo")


def test_values_are_told_apart_by_how_they_are_written() -> None:
    assert values_of("money", "2 x 1.50 kg at €3.20, 12 % of 14:30") == ["€3.20"]
    assert values_of("time", "Open 9:00 - 17:30, from 1.90") == ["9:00", "17:30"]
    assert values_of("date", "12/03/2025 or 3 April 2025 or 2025-04-03") == ["12/03/2025", "3 April 2025", "2025-04-03"]
