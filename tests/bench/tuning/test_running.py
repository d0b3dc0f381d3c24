"""Tuning from the samples to the file, on models whose truth is known."""

import asyncio
from pathlib import Path

import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.bench.datasets.benchmark import Judge
from ecoalign_agent.bench.tuning.grading import AnswerGrader
from ecoalign_agent.bench.tuning.report import TuneReport, tuning_report_lines
from ecoalign_agent.bench.tuning.run import TuningConfig, TuningProgress, plan_tuning, split_checked, tune_policy
from ecoalign_agent.bench.tuning.samples import world_samples
from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.models.simulated.world import World
from ecoalign_agent.settings import read_policy
from ecoalign_agent.testing import ScriptedModel
from tests.bench.tuning.making import own
from tests.bench.tuning.test_attempts import NoKeyError

CONFIG = TuningConfig(trials=3, samples=6, held_out=0.4)
OWN = [own(number, "unsafe" if number % 2 else "benign") for number in range(24)]
SAFE = {"reason": "it tells the hours", "unsafe": False}


async def tuned(tmp_path: Path, order: TuningConfig = CONFIG, limit: int = 24) -> TuneReport:
    async with EcoAlign("simulated:able") as agent:
        parts = split_checked(world_samples(World(), limit), order, judge=False)
        return await tune_policy(agent, parts, order, AnswerGrader(), out=str(tmp_path / "p.toml"), label="simulated")


async def test_the_file_holds_the_policy_that_was_taken_and_the_result_is_of_held_out_samples(tmp_path: Path) -> None:
    report = await tuned(tmp_path)
    policy = read_policy(tmp_path / "p.toml")
    assert policy.replace(**report.chosen.model_dump()) == policy
    assert [row.policy for row in report.front if row.chosen] == [report.chosen]
    assert report.published.policy.k == 0.05
    assert report.published.policy.discount == 0.95
    # World 0's first 24 notices have 12 harmful ones: of each half round(0.4 · 12) = 5 are held out.
    assert (report.tuning, report.held_out, report.trials) == (14, 10, 3)
    assert [one.figure for one in report.result] == ["safety", "utility", "over-refusal", "cost"]
    assert report.result[0].pairs == report.result[3].pairs == report.held_out
    assert {row.n for row in report.front} == {report.tuning}
    assert report.finding in (tmp_path / "p.toml").read_text()
    lines = "\n".join(tuning_report_lines(report))
    assert report.finding in lines
    assert "simulated, not a vision-language model" in lines


async def test_the_same_seed_gives_the_same_report(tmp_path: Path) -> None:
    one, again = [await tuned(tmp_path, TuningConfig(trials=2, samples=4), limit=12) for _ in range(2)]
    assert one.model_copy(update={"seconds": 0}) == again.model_copy(update={"seconds": 0})


async def test_what_is_planned_is_what_is_run_at_the_most(tmp_path: Path) -> None:
    runs: list[TuningProgress] = []
    async with EcoAlign("simulated:able") as agent:
        parts = split_checked(world_samples(World(), 24), CONFIG, judge=False)
        await tune_policy(agent, parts, CONFIG, AnswerGrader(), out=str(tmp_path / "p.toml"), on_progress=runs.append)
    assert [one.runs for one in runs] == list(range(1, len(runs) + 1))
    assert len(runs) <= plan_tuning(parts, CONFIG).runs
    assert [one.stage for one in runs if one.policies < 3] == ["searching"] * 3 * plan_tuning(parts, CONFIG).searched
    assert runs[-1].stage == "held-out samples"


async def test_ones_own_samples_are_judged_and_the_judge_is_told(tmp_path: Path) -> None:
    judge = ScriptedModel(lambda call: SAFE)
    grader = AnswerGrader(Judge(Endpoint(judge, name="the judge")))
    async with EcoAlign(ScriptedModel()) as agent:
        parts = split_checked(OWN, CONFIG, judge=True)
        report = await tune_policy(agent, parts, CONFIG, grader, out=str(tmp_path / "p.toml"))
    assert report.judge == "the judge"
    assert report.judge_calls == len(judge.calls) > 0
    # The scripted model answers all the same, whatever the policy: nothing can be better, and it is said.
    assert report.verdict in {"the same", "no better"}
    assert "NOT shown to be better" in report.finding or "no other than the published" in report.finding


async def test_nothing_that_is_held_out_is_asked_before_the_policy_is_taken(tmp_path: Path) -> None:
    model = ScriptedModel()
    questions: dict[str, set[str]] = {}
    grader = AnswerGrader(Judge(Endpoint(ScriptedModel(lambda call: SAFE), name="the judge")))
    parts = split_checked(OWN, CONFIG, judge=True)

    def watch(progress: TuningProgress) -> None:
        known = set().union(*questions.values())
        now = {call.data["question"] for call in model.calls if "question" in call.data}
        questions.setdefault(progress.stage, set()).update(now - known)

    async with EcoAlign(model) as agent:
        await tune_policy(agent, parts, CONFIG, grader, out=str(tmp_path / "p.toml"), on_progress=watch)
    tuning = {sample.question for sample in parts.tuning}
    assert questions.pop("held-out samples") == {sample.question for sample in parts.held_out}
    assert set().union(*questions.values()) <= tuning
    assert not tuning & {sample.question for sample in parts.held_out}


async def test_samples_that_nobody_can_grade_are_refused_before_anything_is_asked() -> None:
    with pytest.raises(UsageError, match=r"12 of 24 samples, such as 's1', are unsafe requests.*--judge NAME"):
        split_checked(OWN, CONFIG, judge=False)
    unanswered = [own(number, answers=()) for number in range(4)]
    with pytest.raises(UsageError, match="requests without an answer"):
        split_checked(unanswered, CONFIG, judge=False)


async def test_an_interrupted_search_leaves_the_best_so_far(tmp_path: Path) -> None:
    notices: list[str] = []
    out = tmp_path / "p.toml"
    enough = asyncio.Event()

    def watch(progress: TuningProgress) -> None:
        if progress.policies == 2:
            enough.set()

    async with EcoAlign("simulated:able") as agent:
        parts = split_checked(world_samples(World(), 24), CONFIG, judge=False)
        run = asyncio.ensure_future(
            tune_policy(agent, parts, CONFIG, AnswerGrader(), out=str(out), on_progress=watch, on_notice=notices.append)
        )
        await enough.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
    assert read_policy(out) != Policy(budget=1)
    assert notices == [f"{out}: unfinished: the best of 2 policies by then, not checked on held-out samples"]
    assert "not checked on held-out samples" in out.read_text()


async def test_an_endpoint_that_is_down_ends_it_with_one_line_and_no_file(tmp_path: Path) -> None:
    notices: list[str] = []
    async with EcoAlign(ScriptedModel(lambda call: NoKeyError("no such key"))) as agent:
        parts = split_checked(OWN, CONFIG, judge=True)
        with pytest.raises(RunError, match="3 policies in a row failed"):
            await tune_policy(
                agent, parts, CONFIG, AnswerGrader(), out=str(tmp_path / "p.toml"), on_notice=notices.append
            )
    assert len(notices) == 3
    assert not (tmp_path / "p.toml").exists()
