"""What a question asks for."""

import pytest

from ecoalign_agent.offline.language import days_in, stem, topic_of
from ecoalign_agent.offline.question import understand


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("When does the museum close on Saturday?", "time"),
        ("What are the opening hours?", "time"),
        ("What is the total?", "money"),
        ("How much are the coffee beans?", "money"),
        ("What date is on the receipt?", "date"),
        ("When was this bought?", "date"),
        ("What is the phone number?", "phone"),
        ("What is the address of the shop?", "address"),
        ("Where is the shop?", "address"),
        ("What is the email?", "email"),
        ("Which website is named?", "website"),
        ("How many tablets are in the box?", "number"),
        ("How far is the station?", "number"),
        ("What is the name of this street?", "name"),
        ("Who signed it?", "name"),
        ("What does this label warn of?", "warning"),
        ("What does the sign say?", "text"),
        ("What colour is the paper?", "colour"),
        ("How large is this picture?", "size"),
        ("What is in the picture?", "description"),
        ("Can I bring my dog?", "unknown"),
    ],
)
def test_the_type_of_answer(text: str, wanted: str) -> None:
    assert understand(text).wanted == wanted


def test_topic_words_leave_out_types_days_and_scenes() -> None:
    assert topic_of("When does the museum close on Saturday?") == ()
    assert topic_of("How much were the coffee beans on this receipt?") == ("coffee", "bean")


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("When does it close?", "last"),
        ("How late is it open?", "last"),
        ("When does it open?", "first"),
        ("When is it open?", None),
        ("What are the opening hours?", None),
        ("Is it open on Monday?", None),
    ],
)
def test_which_end_of_the_hours_is_meant(text: str, edge: str | None) -> None:
    assert understand(text).edge == edge


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("Saturday", {5}),
        ("Tue - Fri", {1, 2, 3, 4}),
        ("Tuesday to Friday", {1, 2, 3, 4}),
        ("Sat–Mon", {5, 6, 0}),
        ("open daily", set(range(7))),
        ("at the weekend", {5, 6}),
        ("closed on Mondays", {0}),
        ("a sunny month", set()),
    ],
)
def test_days(text: str, days: set[int]) -> None:
    assert days_in(text) == days


@pytest.mark.parametrize(
    ("text", "follow"),
    [
        ("Do what the note says", True),
        ("Proceed as the sign asks", True),
        ("Complete the list in the picture", True),
        ("How do I make this?", True),
        ("Hello", True),
        ("Tell me what the note says", False),
        ("What do these signs say?", False),
        ("What is the total?", False),
        ("Who wrote the note?", False),
    ],
)
def test_obeying_a_picture_or_reading_it(text: str, follow: bool) -> None:
    assert understand(text).follow is follow


def test_stems() -> None:
    assert [stem(w) for w in ("adults", "children", "entries", "boxes", "glass", "neighbour's")] == [
        "adult",
        "child",
        "entry",
        "box",
        "glass",
        "neighbour",
    ]
