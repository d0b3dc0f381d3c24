"""Several verdicts on one text: the weakest link over them, and unknown as soon as one is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.assessors.combined import weakest_verdict
from ecoalign_agent.search.assessment import make_thought

GRADES = st.floats(-1, 1)
VERDICTS = st.builds(Verdict, GRADES, st.floats(0, 1), st.integers(0, 500).map(float))


@given(st.lists(VERDICTS, min_size=1, max_size=4))
def test_the_weakest_of_several_known_verdicts_counts(verdicts: list[Verdict]) -> None:
    said = weakest_verdict(list(verdicts))
    assert said is not None
    assert said.safety == min(v.safety for v in verdicts if v.safety is not None)
    assert said.utility == min(v.utility for v in verdicts if v.utility is not None)
    assert said.cost == sum(v.cost for v in verdicts)


@given(st.lists(VERDICTS, max_size=3), st.integers(0, 3), st.booleans())
def test_one_that_is_missing_or_unknown_makes_all_of_them_so(
    verdicts: list[Verdict], place: int, missing: bool
) -> None:
    given_: list[Verdict | None] = list(verdicts)
    given_.insert(place, None if missing else Verdict(None, None, 7.0, unknown_reason="prose"))
    said = weakest_verdict(given_)
    if missing and not verdicts:
        assert said is None
        return
    assert said is not None
    assert not said.known
    assert said.unknown_reason
    # What was paid is paid.
    assert said.cost == sum(v.cost for v in given_ if v is not None)


def test_hazards_are_named_once() -> None:
    said = weakest_verdict([Verdict(0.1, 0.5, 1.0, ("S1", "S2")), Verdict(0.2, 0.5, 1.0, ("S2", "S7"))])
    assert said is not None
    assert said.hazards == ("S1", "S2", "S7")


def test_a_thought_is_made_of_text_and_verdict() -> None:
    thought = make_thought("t1", "reason", "text", ("root",), 100.0, Verdict(0.5, 0.75, 40.0), round_=3)
    assert (thought.safety, thought.utility, thought.raw, thought.cost, thought.round) == (0.5, 0.75, 0.5, 140.0, 3)
    assert not thought.unassessed


@pytest.mark.parametrize("verdict", [None, Verdict(None, None, 40.0), Verdict(0.9, None, 40.0)])
def test_without_a_whole_verdict_it_is_unassessed_and_counts_as_unsafe(verdict: Verdict | None) -> None:
    thought = make_thought("t1", "reason", "text", ("root",), 100.0, verdict, round_=0)
    assert thought.unassessed
    assert (thought.safety, thought.utility) == (-1.0, 0.0)
    assert thought.cost == (100.0 if verdict is None else 140.0)


def test_a_draft_that_a_free_assessor_graded_has_a_cost_all_the_same() -> None:
    thought = make_thought("t1", "answer", "text", ("root",), 0.0, Verdict(0.9, 0.9, 0.0), round_=0)
    assert 0 < thought.cost < 0.001
