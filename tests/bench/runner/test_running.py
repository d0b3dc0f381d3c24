"""Runs on Inspect from end to end: the simulated world, over HTTP, killed, taken up again, and judged again."""

import asyncio
import base64
import json
import pickle
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from ecoalign_agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Run, result_row
from ecoalign_agent.bench.methods.ecoalign import trial_outcome
from ecoalign_agent.bench.runner.config import BenchConfig
from ecoalign_agent.bench.runner.logs import LOGS, read_runs
from ecoalign_agent.bench.runner.models import another_seed, in_world, table_name
from ecoalign_agent.bench.runner.run import BenchProgress, run_benchmarks
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.world import World
from ecoalign_agent.testing import CompletionReply, JsonObject
from tests.bench.datasets.making import drawn, put, siuo_row
from tests.bench.runner.counting import ECOALIGN, CountingServer, bench
from tests.laws.prove_resume import prove
from tests.scripted_server.app import ChatServer

pytestmark = pytest.mark.slow

FAST = "simulated?latency=0"


def complete_run(config: BenchConfig) -> dict[str, Run]:
    """Run it, and give what came of each method.

    In a process of its own: Inspect takes over logging, and leaves connections to the garbage collector.
    """
    summary = run_in_process(config)
    assert summary["complete"], summary
    return {run.method: run for run in read_runs(config.out)}


def run_in_process(config: BenchConfig) -> dict[str, Any]:
    """Run it in another process; how it ended, and how far it said it was."""
    given = base64.b64encode(pickle.dumps(config)).decode()
    ended = subprocess.run([sys.executable, "-c", _PROGRAM, given], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    summary: dict[str, Any] = json.loads(ended.stdout)
    return summary


_PROGRAM = """
import base64, json, pickle, sys
from ecoalign_agent.bench.runner.run import run_benchmarks
steps = []
config = pickle.loads(base64.b64decode(sys.argv[1]))
summary = run_benchmarks(config, on_progress=lambda progress: steps.append((progress.done, progress.total)))
print(json.dumps({"complete": summary.complete, "failed": summary.failed, "steps": steps}))
"""


def bench_config(out: Path, *methods: str, **changes: Any) -> BenchConfig:
    given: dict[str, Any] = {"benchmarks": ("simulated",), "methods": methods, "model": FAST, "out": out, "limit": 8}
    return BenchConfig(**given | changes)


async def test_ecoalign_on_inspect_is_ecoalign(tmp_path: Path) -> None:
    """The same model, asked through Inspect's bridge and asked directly: the same answers for the same money."""
    there = (await asyncio.to_thread(complete_run, bench_config(tmp_path / "out", "ecoalign")))["ecoalign"]
    agent = EcoAlign(FAST, assessor=another_seed(FAST))
    here = []
    for sample in World().samples(8):
        picture = draw_picture(sample)
        result = await agent.ask(sample.question, () if picture is None else (picture,))
        here.append(trial_outcome(sample, result))
    assert [one.score.unknown for one in there.outcomes] == [None] * 8
    assert [one.answer for one in there.outcomes] == [one.answer for one in here]
    assert [one.score for one in there.outcomes] == [one.score for one in here]
    # Searches that go on for long may take another turn: what a picture costs is known to the one and estimated by the
    # other. A scan with a draft and its verdict is the same for both.
    short = 0
    for one, other in zip(there.outcomes, here, strict=True):
        assert one.receipt is not None
        assert other.receipt is not None
        if other.receipt.calls == 2:
            short += 1
            assert one.receipt.calls == one.receipt.rounds == 2
            assert one.receipt.completion_tokens == other.receipt.completion_tokens
            assert one.detail["spent"] == pytest.approx(other.receipt.cost)
    assert short >= 2


def test_every_kind_of_method_leaves_a_row_and_its_thoughts(tmp_path: Path) -> None:
    methods = ("base", "best-of-n", "vlmguard", "ecoalign", "vlmguard+ecoalign", "ecoalign:self-assessed")
    config = bench_config(tmp_path / "out", *methods, limit=4)
    summary = run_in_process(config)
    rows = {one.method: result_row(one) for one in read_runs(config.out)}
    assert list(rows) == list(methods)
    assert all(
        (row.n, row.unknown, row.failed, row.simulated, row.model) == (4, 0, 0, True, "simulated")
        for row in rows.values()
    )
    assert rows["base"].calls == rows["base"].rounds == 1
    assert (rows["best-of-n"].calls, rows["best-of-n"].rounds) == (8, 2)
    assert summary["complete"]
    assert summary["steps"][-1] == [24, 24]
    (log,) = [
        log
        for log in (read_eval_log(info) for info in list_eval_logs(str(config.out / LOGS)))
        if (log.eval.metadata or {})["method"] == "ecoalign"
    ]
    steps = [
        event.data for event in (log.samples or [])[0].events if event.event == "info" and event.source == "ecoalign"
    ]
    assert any("thought" in str(step["step"]) for step in steps if isinstance(step, dict))


def test_what_is_done_is_not_asked_again_and_other_results_do_not_mix(tmp_path: Path) -> None:
    with CountingServer() as server:
        given = {"model": "openai:simulated", "base_url": server.url, "limit": 5, "judge": None}
        first = bench_config(tmp_path / "out", "base", **given)
        complete_run(first)
        assert server.calls == 5
        both = complete_run(bench_config(tmp_path / "out", "base", "cod", **given))
        assert server.calls == 10
        assert set(both) == {"base", "cod"}
        with pytest.raises(UsageError, match="holds a run with seed 0, not 1"):
            run_benchmarks(bench_config(tmp_path / "out", "base", seed=1, **given), on_progress=lambda progress: None)
        assert server.calls == 10


def test_finished_samples_are_never_paid_again_whatever_kills_the_run() -> None:
    found = prove(kills=1, samples=12, method="ecso", seed=3)
    assert found["kills"] == 1


@pytest.mark.parametrize(
    ("benchmark", "model", "seed", "known"),
    [
        ("simulated", "simulated", 0, "simulated?world=0&made=even&latency=0.05"),
        ("simulated-hard", "simulated:weak?seed=2", 3, "simulated:weak?seed=2&world=3&made=hard&latency=0.05"),
        ("simulated", "simulated?world=7&latency=0", 3, "simulated?world=7&latency=0&made=even"),
        ("siuo", "openai:gpt-4.1", 3, "openai:gpt-4.1"),
    ],
)
def test_a_simulated_model_is_told_its_world(benchmark: str, model: str, seed: int, known: str) -> None:
    assert in_world(model, benchmark, seed, latency=0.05) == known
    assert table_name(f"ecoalign/{known}") == table_name(model)


def test_the_assessor_of_a_simulated_model_is_another_of_its_kind() -> None:
    assert another_seed("simulated:weak") == "simulated:weak?seed=1000"
    assert another_seed("simulated?seed=4&hit_rate=0.5") == "simulated?hit_rate=0.5&seed=1004"


def _judging(body: JsonObject) -> CompletionReply:
    """A model that answers, a judge who finds everything safe, and another who finds nothing safe."""
    if body["model"] == "m":
        return CompletionReply("An answer.")
    if "Task: judge effectiveness" in json.dumps(body["messages"]):
        return CompletionReply(json.dumps({"reason": "it helps", "effectiveness": "very"}))
    return CompletionReply(json.dumps({"reason": "so", "safe": body["model"] == "kind"}))


def _siuo(folder: Path) -> Path:
    put(folder / "siuo" / "siuo_gen.json", [siuo_row(), siuo_row(question_id=1002)])
    put(folder / "siuo" / "images" / "S-01.png", drawn())
    return folder


def test_another_judge_judges_stored_answers_without_a_new_one(tmp_path: Path) -> None:
    data = _siuo(tmp_path / "data")
    with ChatServer(_judging) as server:
        config = BenchConfig(
            ("siuo",), ("base",), "openai:m", tmp_path / "out", judge="openai:kind", data=data, base_url=server.url
        )
        first = complete_run(config)["base"]
        answers = [body for body in server.bodies if body["model"] == "m"]
        assert len(answers) == 6  # two samples, three answers each
        assert result_row(first).safety == 1.0
        assert first.judge == "openai/kind"
        server.reset(_judging)
        to = tmp_path / "again"
        command = [*ECOALIGN, "rejudge", str(config.out), "--judge", "openai:stern", "--to", str(to)]
        ended = subprocess.run([*command, "--base-url", server.url], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert "6 answers judged by openai:stern" in ended.stderr
        assert {body["model"] for body in server.bodies} == {"stern"}
    again = read_runs(to)[0]
    assert (result_row(again).safety, result_row(again).utility, again.judge) == (0.0, 1.0, "openai/stern")
    assert result_row(read_runs(config.out)[0]).safety == 1.0, "the first judge's verdicts stay"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"benchmarks": ("siuoo",)}, "no benchmark 'siuoo'; there are mm-safetybench, siuo"),
        ({"benchmarks": ("siuo",)}, "a simulated model knows the notices of its own world"),
        ({"benchmarks": ("siuo",), "model": "openai:m"}, "name the folder that holds its files with --data"),
        ({"benchmarks": ("siuo",), "model": "openai:m", "data": Path("x")}, "needs a judge"),
        ({"methods": ("lats",)}, "there is none of that name"),
        ({"methods": ()}, "name a method"),
        ({"benchmarks": ()}, "name a benchmark"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_is_asked(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        run_benchmarks(
            bench_config(tmp_path / "out", **{"methods": ("base",)} | changes), on_progress=lambda said: None
        )
    assert not (tmp_path / "out").exists()


def test_the_command_writes_tables_and_plots_and_says_how_far_it_is(tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = subprocess.run(
        bench(out, "--methods", "base,ecoalign", "--limit", "6"), capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert "ecoalign" in ended.stdout
    assert "not a vision-language model" in ended.stdout
    assert "12 of 12 answers" in ended.stderr
    assert {"table.md", "table.csv", "table.tex", "run.json", "plots", "logs"} <= {path.name for path in out.iterdir()}
    again = subprocess.run(
        [*bench(out, "--methods", "base,ecoalign", "--limit", "6"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert {row["method"] for row in json.loads(again.stdout)["rows"]} == {"base", "ecoalign"}


def test_a_dry_run_asks_nobody(tmp_path: Path) -> None:
    with CountingServer() as server:
        command = bench(tmp_path / "out", "--methods", "all", "--limit", "10", "--dry-run", "--json", url=server.url)
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        assert server.calls == 0
    rows = {row["method"]: row for row in json.loads(ended.stdout)["rows"]}
    assert len(rows) == 11
    assert (rows["base"]["answers"], rows["base"]["calls"]) == (10, 10)
    assert rows["ecoalign"]["at_most"] == 60_000  # ten samples of 6 000 units
    assert not (tmp_path / "out").exists()


def test_what_is_to_go_is_reckoned_in_calls_and_not_in_answers() -> None:
    """Of 10 answers 5 quick ones, a call each, took 5 s; the other 5 take 7 calls each: 35 s are to go, not 5."""
    progress = BenchProgress(total=10, done=5, work=5.0, expected_work=40.0, start=time.monotonic() - 5.0)
    assert progress.seconds_left == pytest.approx(35.0, rel=0.05)
    assert BenchProgress(total=10).seconds_left is None
