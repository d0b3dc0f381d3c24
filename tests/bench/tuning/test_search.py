"""The search: the published policy first, the same seed the same way, nothing swallowed."""

import pytest

from ecoalign_agent.bench.tuning.attempts import PolicyFigures, policy_front
from ecoalign_agent.bench.tuning.search import TUNED_SETTINGS, SearchRecord, SearchSpace, search_policies, search_space
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetTooSmallError, RunError, UsageError

SPACE = search_space(Policy(caution=0.7))


def landscape(policy: Policy) -> PolicyFigures:
    # A made-up model: it does best with four branches, and pays for its budget and its look-ahead.
    return PolicyFigures(policy, 60, 0.9, policy.branching / 4, None, 0.0, policy.budget + 10_000 * policy.k, 6.0)


async def searched(trials: int = 20, seed: int = 0, space: SearchSpace = SPACE, **failing: Exception) -> SearchRecord:
    record = SearchRecord()
    lines: list[str] = []

    async def try_policy(policy: Policy) -> PolicyFigures:
        for number, error in failing.items():
            if record.tried + 1 == int(number.removeprefix("at")):
                raise error
        return landscape(policy)

    await search_policies(space, try_policy, trials=trials, seed=seed, record=record, on_notice=lines.append)
    assert lines == record.failures
    return record


async def test_the_published_policy_is_the_first_and_the_others_keep_its_other_settings() -> None:
    record = await searched()
    assert record.figures[0].policy == Policy(caution=0.7)
    assert len({point.policy for point in record.figures}) == 20
    assert {point.policy.caution for point in record.figures} == {0.7}


async def test_the_published_k_and_discount_are_where_it_starts_whatever_the_policy_had() -> None:
    space = search_space(Policy(k=0.2, discount=0.5, budget=0.03, width=7, branching=9, batch=8))
    first = (await searched(2, space=space)).figures[0].policy
    assert first == Policy(k=0.05, discount=0.95, budget=0.03, width=7, branching=9, batch=8)


async def test_the_same_seed_goes_the_same_way_and_another_one_another() -> None:
    one, again, other = [await searched(seed=seed) for seed in (3, 3, 4)]
    assert one.figures == again.figures
    assert one.figures != other.figures


async def test_it_finds_better_than_it_started_from() -> None:
    record = await searched(40)
    start = record.figures[0]
    best = [
        point for point in policy_front(record.figures) if point.utility > start.utility and point.cost < start.cost
    ]
    assert best


async def test_one_failure_is_told_and_the_search_goes_on() -> None:
    record = await searched(6, at2=RunError("no answer in time"))
    assert len(record.figures) == 5
    (line,) = record.failures
    assert line.startswith("policy 2 (budget ")
    assert line.endswith("failed: no answer in time")


async def test_three_failures_in_a_row_end_it() -> None:
    down = RunError("nothing answers")
    # Two, one that works, two: the count begins anew.
    assert len((await searched(8, at2=down, at3=down, at5=down, at6=down)).figures) == 4
    with pytest.raises(RunError, match="3 policies in a row failed, so the search ends; the last one: nothing answers"):
        await searched(8, at2=down, at3=down, at4=down)


async def test_a_budget_too_small_is_a_policy_that_does_not_work_and_no_endpoint_that_fails() -> None:
    small = BudgetTooSmallError("the least is about 1800")
    record = await searched(8, at2=small, at3=small, at4=small)
    assert (len(record.figures), len(record.failures)) == (5, 3)
    with pytest.raises(BudgetTooSmallError):
        await searched(8, at1=small)
    with pytest.raises(UsageError, match="broken picture"):
        await searched(8, at2=UsageError("broken picture"))


def test_every_corner_of_the_space_is_a_policy_and_its_middle_the_base() -> None:
    for space in (SPACE, search_space(Policy.paper()), search_space(Policy.frugal())):
        assert space.policy(space.published) == space.base
        for corner in (0, -1):
            policy = space.policy({name: steps[corner] for name, steps in space.grid.items()})
            untouched = {setting: getattr(space.base, setting) for setting in TUNED_SETTINGS}
            assert policy.replace(**untouched) == space.base
        assert policy.budget == space.max_budget == 2 * space.base.budget
