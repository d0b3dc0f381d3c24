"""The budget is hard, whatever becomes of each call: a state machine drives the search and keeps books beside its own.

``prove_budget.py`` beside this file drives it through thousands of sequences; here they are few, and shrunk where one
breaks a promise. What is held to stands in ``sequences.py``.
"""

import asyncio
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.laws.fates import FAILURES, REPORTS, Report
from tests.laws.policies import drawn_policy
from tests.laws.prove_budget import KINDS, prove, table
from tests.laws.sequences import DOORS, Door, Rig
from tests.search.stage import picture

pytestmark = pytest.mark.slow

SEEDS = st.integers(0, 2**32)
WHICH = st.integers(0, 5)


class Search(RuleBasedStateMachine):
    """One agent, one run after the other; every rule is something that can become of a run.

    A rule that finds no run begins one: no rule depends on what became of the last, which a clock may have decided.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.over = True
        self.next_run: tuple[Door, bool, int, int | None] = ("graph", False, 0, None)

    @initialize(seed=SEEDS, sees=st.sampled_from([0.1, 0.5, 1.0]), deadline=st.sampled_from([None, None, 0.03]))
    def an_agent(self, seed: int, sees: float, deadline: float | None) -> None:
        async def made() -> Rig:
            return Rig(drawn_policy(random.Random(seed), deadline=deadline), sees=sees)

        self.rig = self.runner.run(made())

    @rule(door=st.sampled_from(DOORS), seeing=st.booleans(), seed=SEEDS, leave_after=st.none() | st.integers(0, 12))
    def ask_next_time(self, door: Door, seeing: bool, seed: int, leave_after: int | None) -> None:
        self.next_run = (door, seeing, seed, leave_after)

    @rule(which=WHICH, report=st.sampled_from(REPORTS), seed=SEEDS)
    def answer(self, which: int, report: Report, seed: int) -> None:
        if self.asked():
            self.rig.answer(which, report, random.Random(seed))
            self.asked()

    @rule(which=WHICH, seed=SEEDS)
    def answer_honestly(self, which: int, seed: int) -> None:
        self.answer(which, "honest", seed)

    @rule(which=WHICH, failure=st.sampled_from(sorted(FAILURES)))
    def fail(self, which: int, failure: str) -> None:
        if self.asked():
            self.rig.fail(which, failure)
            self.asked()

    @rule(turns=st.integers(0, 4))
    def cancel(self, turns: int) -> None:
        async def cancel() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            self.rig.run.cancel()

        if self.asked():
            self.runner.run(cancel())
            self.end()

    @rule()
    def let_the_deadline_pass(self) -> None:
        if self.asked() and self.rig.policy.deadline is not None:
            self.runner.run(self.rig.until_over())
            self.end()

    @invariant()
    def what_is_committed_fits(self) -> None:
        if not self.over:
            self.rig.check_committed()

    def asked(self) -> bool:
        """Whether a call is open now, in a run that is begun where there is none."""
        if self.over:
            self.runner.run(self.begin())
            self.over = False
        open_ = self.runner.run(self.rig.until_asked())
        if not open_:
            self.end()
        return open_

    async def begin(self) -> None:
        door, seeing, seed, leave_after = self.next_run
        self.rig.begin(door, [picture()] if seeing else [], seed=seed, leave_after=leave_after)

    def end(self) -> None:
        self.over = True
        self.runner.run(self.rig.audit())

    def teardown(self) -> None:
        try:
            if not self.over:
                self.cancel(0)
        finally:
            self.runner.close()


def test_no_sequence_of_fates_breaks_the_budget() -> None:
    checks = settings(
        max_examples=25,
        stateful_step_count=20,
        deadline=None,
        # Building an agent takes longer than Hypothesis likes its data to take.
        suppress_health_check=[HealthCheck.too_slow],
    )
    run_state_machine_as_test(Search, settings=checks)


async def test_nor_do_a_few_hundred_drawn_ones_and_the_table_tells_of_each_kind() -> None:
    sequences = 5 * len(KINDS) * 5
    tallies = await prove(sequences)
    assert sum(tally.runs for tally in tallies.values()) == sequences
    # It is no proof where nothing happened.
    assert tallies["honest"].calls > 100
    assert tallies["honest"].statuses["answered"] > 5
    assert tallies["lying"].overshot > 0
    assert tallies["failing"].statuses["failed"] > 0
    assert tallies["cancelled"].statuses["cancelled"] > 5
    for kind, tally in tallies.items():
        assert tally.runs == sequences / len(KINDS)
        if kind not in {"lying", "all at once"}:
            assert tally.overshot == 0
    lines = table(tallies).splitlines()
    assert len(lines) == 1 + len(KINDS)
    assert len({len(line) for line in lines}) == 1


def test_a_sequence_can_be_run_again_by_its_number() -> None:
    def one() -> list[Any]:
        tallies = asyncio.run(prove(1, first=7 * 5))
        return [(kind, tally.calls, tally.statuses) for kind, tally in tallies.items()]

    assert one() == one()
