"""Methods and benchmarks of other packages: found by module:Name or an entry point, run like ours."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from ecoalign_agent import extensions
from ecoalign_agent.bench.datasets.registry import benchmark_names, find_benchmark
from ecoalign_agent.bench.methods.registry import configure_method, find_method, method_names, split_method_name
from ecoalign_agent.errors import UsageError
from examples.benchmark import SIGNS
from examples.method import CHECKED
from tests.bench.runner.counting import ECOALIGN


def test_the_examples_run_through_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*ECOALIGN, "run", "examples.benchmark:SIGNS", "--methods"]
    command += ["base,ecoalign,examples.method:CHECKED"]
    ended = subprocess.run(
        [*command, "--model", "offline", "--limit", "2", "--out", str(out), "--json", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    rows = {row["method"]: row for row in json.loads(ended.stdout)["rows"]}
    assert list(rows) == ["base", "ecoalign", "examples.method:CHECKED"]
    for row in rows.values():
        assert (row["benchmark"], row["n"], row["failed"]) == ("examples.benchmark:SIGNS", 2, 0)
        assert row["utility"] is not None
    assert rows["base"]["calls"] == 1
    # Task and data reach a model in this process beside the words that Inspect's bridge carries.
    assert rows["ecoalign"]["utility"] == 1.0
    assert rows["examples.method:CHECKED"]["calls"] >= 2, "the answer and its verdict"


def test_a_method_of_elsewhere_on_a_world_of_ours(tmp_path: Path) -> None:
    command = [*ECOALIGN, "run", "simulated", "--methods", "examples.method:CHECKED"]
    command += ["--model", "simulated?latency=0"]
    ended = subprocess.run(
        [*command, "--limit", "2", "--out", str(tmp_path / "out"), "--json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    (row,) = json.loads(ended.stdout)["rows"]
    assert (row["n"], row["unknown"]) == (2, 0.0)


def test_names_are_references_or_entry_points_of_installed_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    points = EntryPoints(
        [
            EntryPoint("checked", "examples.method:CHECKED", "ecoalign_agent.methods"),
            EntryPoint("signs", "examples.benchmark:SIGNS", "ecoalign_agent.benchmarks"),
        ]
    )
    monkeypatch.setattr(extensions, "entry_points", lambda *, group: points.select(group=group))
    assert find_method("checked") is find_method("examples.method:CHECKED") is CHECKED
    assert find_benchmark("signs") is find_benchmark("examples.benchmark:SIGNS") is SIGNS
    assert method_names()[-1] == "checked"
    assert benchmark_names()[-1] == "signs"


@pytest.mark.parametrize(
    ("name", "method", "settings"),
    [
        ("base", "base", ""),
        ("ecoalign:paper,k=0.1", "ecoalign", "paper,k=0.1"),
        ("examples.method:CHECKED", "examples.method:CHECKED", ""),
        ("examples.method:CHECKED:budget=3", "examples.method:CHECKED", "budget=3"),
    ],
)
def test_settings_follow_the_methods_name(name: str, method: str, settings: str) -> None:
    assert split_method_name(name) == (method, settings)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("examples.method:WRONG", "can't be loaded: AttributeError"),
        ("examples.nowhere:CHECKED", "can't be loaded: ModuleNotFoundError"),
        ("examples.method:answer_checked", "is function, must be a Method"),
        ("examples.method:CHECKED:budget=3", "has no setting 'budget'; it takes none"),
    ],
)
def test_a_wrong_object_is_one_line(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as raised:
        configure_method(name)
    assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="is tuple, must be a Benchmark"):
        find_benchmark("examples.benchmark:WORDS")


def test_the_process_is_told_of_a_wrong_object(tmp_path: Path) -> None:
    command = [*ECOALIGN, "run", "examples.benchmark:WORDS", "--model", "offline", "--out", str(tmp_path / "out")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "is tuple, must be a Benchmark" in ended.stderr
    assert not (tmp_path / "out").exists()
    assert sys.executable == ECOALIGN[0]
