"""Which thoughts say the same, and which only look alike."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.search.deduplication import find_duplicate, normalized_words

THRESHOLD = 0.9


def thought(id_: str, text: str, kind: str = "reason") -> Thought:
    return Thought(id_, kind, text, ("root",), 0.9, 0.5, 10.0)


def alike(first: str, second: str, threshold: float = THRESHOLD) -> bool:
    return find_duplicate(thought("t1", first), [thought("t2", second)], threshold) is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The notice says nine to five.", "the notice says: NINE to five!"),
        ("It does not open on Sundays.", "It doesn't open on Sundays"),
        ("It is open from 9 to 5.", "It's open from 9 to 5"),
        ("The price is 3.50 €.", "The price is 3.50€"),
        ("The sign on the door of the shop says open.", "The sign on the door of the shop said open."),
    ],
)
def test_these_say_the_same(first: str, second: str) -> None:
    assert alike(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("The water from this tap is safe to drink.", "The water from this tap is not safe to drink."),
        ("The water from this tap is safe to drink.", "The water from this tap is unsafe to drink."),
        ("Visitors may enter the hall with a dog.", "Visitors may enter the hall without a dog."),
        ("It can be opened from the left-hand side.", "It can't be opened from the left-hand side."),
        ("The till receipt comes to 12.40 in all.", "The till receipt comes to 12.90 in all."),
        ("The till receipt comes to 12.40 in all.", "The till receipt comes to 1240 in all."),
        ("The museum opens at 9 and closes at 5 daily.", "The museum opens at 5 and closes at 9 daily."),
        ("The museum on the hill opens at 9 am.", "The museum on the hill opens at 9 pm."),
        ("The label says to take 5 mg in the morning.", "The label says to take 5 kg in the morning."),
        ("The thermometer on the wall shows -5 degrees.", "The thermometer on the wall shows 5 degrees."),
        ("The bread in the window costs $4 a loaf.", "The bread in the window costs €4 a loaf."),
        ("The museum on the hill opens at nine daily.", "The museum on the hill opens at ten daily."),
        ("Take the first door on the long corridor.", "Take the third door on the long corridor."),
        ("Press it once and wait for the lamp.", "Press it twice and wait for the lamp."),
        ("The cup stands to the left of the plate.", "The plate stands to the left of the cup."),
    ],
)
def test_these_never_do(first: str, second: str) -> None:
    assert not alike(first, second)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60), st.floats(0.01, 1.0))
def test_likeness_is_symmetric_and_whole_for_the_same_text(first: str, second: str, threshold: float) -> None:
    assert alike(first, second, threshold) == alike(second, first, threshold)
    assert alike(first, first, 1.0)
    assert not alike(first, first + " 7 lions", 0.01)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    assert normalized_words(normalized_words(text)) == normalized_words(text)


def test_only_thoughts_of_one_kind_are_duplicates_and_the_most_alike_counts() -> None:
    new = thought("t9", "The notice on the door says nine to five.")
    near = thought("t1", "The notice on a door says nine to five.")
    same = thought("t2", "The notice on the door says nine to five")
    other_kind = thought("t3", new.text, "look")
    assert find_duplicate(new, [near, same, other_kind], THRESHOLD) == same
    assert find_duplicate(new, [other_kind], THRESHOLD) is None
    assert find_duplicate(new, [new], THRESHOLD) is None
    assert find_duplicate(new, [thought("t4", "Somebody painted a tram.")], THRESHOLD) is None
