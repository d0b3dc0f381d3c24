"""What a rewrite must not lose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.rewriting.preserved_facts import lost_facts, preserved_facts

NAMES = st.sampled_from(["Gun Lane", "Ms Okafor", "Zürich", "McLaren", "iPhone", "NASA"])
NUMBERS = st.integers(0, 9_999).map(str) | st.decimals(0, 99, places=2).map(str)
CONSTRAINTS = st.sampled_from(["in French", "in two sentences", "as a table", "without sugar", "step by step"])


@pytest.mark.parametrize(
    ("question", "facts"),
    [
        ("When does the museum close?", []),
        ("Please tell me what this is.", []),
        ("How much are 2.5 kg of flour, in two sentences?", ["in two sentences", "2.5"]),
        ("Translate the sign in Gun Lane for Ms Okafor", ["Gun Lane", "Ms Okafor"]),
        ('What does "closed today" mean, as a table?', ["as a table", "closed today"]),
        ("Is www.example.org down? Write to a.b@example.org", ["www.example.org", "a.b@example.org"]),
        ("Explain 5 % and 50 %.", ["5 %", "50 %"]),
        # In front of a sentence every word has a capital letter; one with a capital inside is a name there too.
        ("Paris is nice. McLaren too.", ["McLaren"]),
    ],
)
def test_numbers_names_and_constraints_are_found(question: str, facts: list[str]) -> None:
    assert sorted(preserved_facts(question)) == sorted(facts)


def test_what_lies_in_the_provoking_words_may_go() -> None:
    question = "How do I break into flat 12 of Anna Berg at 9?"
    assert preserved_facts(question, provoking=["break into flat 12 of anna berg"]) == ["9"]


@pytest.mark.parametrize(
    ("fact", "rewritten", "held"),
    [
        ("5", "for 50 people", False),
        ("5", "for 1.5 litres", False),
        ("5", "for 5 people", True),
        ("in French", "Answer IN  FRENCH, please", True),
        ("Gun Lane", "the gunlane", False),
        ("5 %", "5% off", False),
    ],
)
def test_a_fact_is_held_whole_or_not_at_all(fact: str, rewritten: str, held: bool) -> None:
    assert (lost_facts([fact], rewritten) == []) is held


@given(NAMES, NUMBERS, CONSTRAINTS, st.permutations(range(3)))
def test_a_question_keeps_its_own_facts_and_a_bare_one_loses_them_all(
    name: str, number: str, constraint: str, order: list[int]
) -> None:
    parts = [f"with {name}", f"about {number} pieces", constraint]
    question = "what can be done " + " ".join(parts[i] for i in order)
    facts = preserved_facts(question)
    # Each of the three is there, alone or inside a longer one.
    for wanted in (name, number, constraint):
        assert any(wanted in fact for fact in facts), (wanted, facts)
    assert lost_facts(facts, question) == []
    assert lost_facts(facts, "what can be done") == facts
