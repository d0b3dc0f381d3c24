"""Question and rows, written by hand: which row answers, and how sure that is."""

import pytest

from ecoalign_agent.offline.finding import Finding
from ecoalign_agent.offline.question import understand
from ecoalign_agent.offline.reading import find
from ecoalign_agent.offline.rows import Row

NOTICE = [
    Row(text)
    for text in (
        "HARBOUR MUSEUM",
        "Opening hours",
        "Monday closed",
        "Tuesday to Friday 10:00 - 18:00",
        "Saturday 10:00 - 20:00",
        "Sunday 11:00 - 17:00",
        "Adults 9.50 EUR",
        "Children under 12 free",
        "Last entry 45 minutes before closing",
    )
]
RECEIPT = [
    Row(text)
    for text in (
        "12 Mill Lane, Oakham",
        "Phone 01632 960 144",
        "Receipt 20418",
        "Rye bread 750 g 3.20",
        "Coffee beans 1 kg 13.90",
        "SUBTOTAL 54.97",
        "TOTAL EUR 52.47",
        "Date 14.03.2025",
    )
]
LABEL = [
    Row(text)
    for text in (
        "Glass cleaner 500 ml",
        "DANGER: flammable liquid",
        "Keep away from children",
        "Made in Norway",
        "Do not mix with bleach",
    )
]


def found(question: str, rows: list[Row]) -> Finding:
    return find(understand(question), rows)


@pytest.mark.parametrize(
    ("question", "rows", "value"),
    [
        ("When does the museum close on Saturday?", NOTICE, "20:00"),
        ("When does it open on Sunday?", NOTICE, "11:00"),
        ("When does it close on Wednesday?", NOTICE, "18:00"),
        ("Is it open on Monday?", NOTICE, "No"),
        ("Is it open on Friday?", NOTICE, "Yes, 10:00 - 18:00"),
        ("Is it open at 19:00 on Saturday?", NOTICE, "Yes"),
        ("Is it open at 20:00 on Saturday?", NOTICE, "No"),
        ("How much is an adult ticket?", NOTICE, "9.50 EUR"),
        ("What does it cost for kids?", NOTICE, "free"),
        ("When is last entry?", NOTICE, "45 minutes before closing"),
        ("What is the name of the museum?", NOTICE, "HARBOUR MUSEUM"),
        ("What is the total?", RECEIPT, "EUR 52.47"),
        ("How much were the coffee beans?", RECEIPT, "13.90"),
        ("What is the phone number?", RECEIPT, "01632 960 144"),
        ("What is the address?", RECEIPT, "12 Mill Lane, Oakham"),
        ("What date is on it?", RECEIPT, "14.03.2025"),
        ("When was it bought?", RECEIPT, "14.03.2025"),
    ],
)
def test_the_row_that_answers(question: str, rows: list[Row], value: str) -> None:
    answer = found(question, rows)
    assert answer.value == value
    assert answer.is_sure


def test_hours_without_a_day_are_all_of_them() -> None:
    answer = found("What are the opening hours?", NOTICE)
    assert {row.text for row in answer.rows} >= {"Monday closed", "Saturday 10:00 - 20:00"}
    assert answer.is_sure


def test_several_days_are_all_told() -> None:
    assert [row.text for row in found("How late is it open at the weekend?", NOTICE).rows] == [
        "Saturday 10:00 - 20:00",
        "Sunday 11:00 - 17:00",
    ]


def test_a_label_s_warnings() -> None:
    answer = found("What does this label warn of?", LABEL)
    assert [row.text for row in answer.rows] == [
        "DANGER: flammable liquid",
        "Keep away from children",
        "Do not mix with bleach",
    ]


def test_text_that_names_the_thing_without_its_value_is_no_answer() -> None:
    answer = found("What does the glass cleaner cost?", LABEL)
    assert answer.value == ""
    assert not answer.is_sure


@pytest.mark.parametrize(
    "question", ["How much do students pay?", "When does it close on the Moon?", "Who is it from?"]
)
def test_what_is_not_there_is_not_found(question: str) -> None:
    assert not found(question, RECEIPT[:1]).is_sure


def test_two_different_values_for_the_same_are_not_sure() -> None:
    assert not found("What is the total?", [Row("Total 10.00"), Row("Total 99.00")]).is_sure


def test_a_single_value_answers_a_bare_question_unless_more_could_not_be_read() -> None:
    bare = understand("What does it cost?")
    assert find(bare, [Row("4.50 EUR")]).is_sure
    assert not find(bare, [Row("4.50 EUR")], unread=True).is_sure


def test_the_tallest_row_is_the_title() -> None:
    rows = [Row("Food market", height=0.03), Row("GREENGROVE", height=0.08)]
    assert found("What is the name?", rows) == Finding("GREENGROVE", (rows[1],), 0.9)


def test_nothing_is_found_in_nothing() -> None:
    assert found("What is the total?", []) == Finding()
