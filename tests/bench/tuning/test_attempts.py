"""Trying a policy: nothing is paid for twice, and no failure is swallowed."""

from pathlib import Path

import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.bench.tuning.attempts import PolicyTrials, summarise_attempts
from ecoalign_agent.bench.tuning.grading import AnswerGrader
from ecoalign_agent.bench.tuning.samples import world_samples
from ecoalign_agent.errors import BudgetTooSmallError, RunError, UsageError
from ecoalign_agent.models.simulated.world import World
from ecoalign_agent.testing import AnyReply, ScriptedCall, ScriptedModel, task_replies
from tests.bench.tuning.making import attempts, own

SAMPLES = [own(number) for number in range(6)]


def undecided(why: str) -> None:
    raise LookupError(why)


class NoKeyError(Exception):
    """A provider's 401."""

    status_code = 401


async def test_a_sample_is_asked_once_under_a_policy() -> None:
    model, reports = ScriptedModel(), []
    async with EcoAlign(model) as agent:
        trials = PolicyTrials(agent, AnswerGrader(), concurrency=3, on_run=lambda: reports.append(1))
        first = await trials.attempt(Policy(), SAMPLES[:4])
        calls = len(model.calls)
        assert (trials.runs, trials.calls, len(reports)) == (4, calls, 4)
        assert await trials.attempt(Policy(), SAMPLES[:4]) == first
        assert len(model.calls) == calls
        assert len(await trials.attempt(Policy(), SAMPLES)) == 6
        assert trials.runs == 6
        await trials.attempt(Policy(budget=5_000), SAMPLES[:1])
        assert trials.runs == 7
    assert trials.spent == pytest.approx(sum(one.cost for one in first) / 4 * 7)
    assert [one.graded.sample for one in first] == ["s0", "s1", "s2", "s3"]


async def test_an_endpoint_that_fails_is_one_clear_line_and_what_was_answered_stays() -> None:
    script = task_replies()

    def failing(call: ScriptedCall) -> AnyReply:
        return NoKeyError("bad key") if "door 4" in call.data.get("question", "") else script(call)

    async with EcoAlign(ScriptedModel(failing)) as agent:
        trials = PolicyTrials(agent, AnswerGrader(), concurrency=1)
        with pytest.raises(RunError, match=r"^sample s4: ") as raised:
            await trials.attempt(Policy(), SAMPLES)
        assert "\n" not in str(raised.value)
        # One at a time: those before it were answered, the one after it was not asked.
        assert trials.runs == 5
        assert len(await trials.attempt(Policy(), SAMPLES[:4])) == 4
        assert trials.runs == 5


async def test_a_sample_that_cannot_be_asked_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no picture")
    async with EcoAlign(ScriptedModel()) as agent:
        trials = PolicyTrials(agent, AnswerGrader())
        with pytest.raises(UsageError, match=r"^sample s9: "):
            await trials.attempt(Policy(), [own(9, image=tmp_path / "broken.png")])
        with pytest.raises(BudgetTooSmallError, match=r"^sample s0: a budget of 100 "):
            await trials.attempt(Policy(budget=100), SAMPLES)


async def test_a_fault_of_the_program_is_no_failure_of_an_endpoint() -> None:
    async with EcoAlign("simulated:perfect") as agent:
        trials = PolicyTrials(agent, AnswerGrader(), on_run=lambda: undecided("no such thing"))
        with pytest.raises(ExceptionGroup):
            await trials.attempt(Policy(), world_samples(World(), 1))


def test_a_point_is_the_mean_of_its_attempts() -> None:
    found = summarise_attempts(
        Policy(), attempts([True, True, True, False], [True, False, False, False], [10, 20, 30, 40])
    )
    assert (found.n, found.safety, found.utility, found.cost, found.calls, found.unknown) == (4, 0.75, 0.25, 25, 6, 0)
    with pytest.raises(ValueError, match="measure no safety"):
        summarise_attempts(Policy(), [])
