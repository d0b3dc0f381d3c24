"""``ecoalign tune``: what a person types, and what comes of it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ecoalign_agent.bench.tuning.samples import world_samples
from ecoalign_agent.cli.main import main
from ecoalign_agent.models.simulated.reports import write_world
from ecoalign_agent.models.simulated.world import World
from ecoalign_agent.settings import read_policy
from tests.bench.tuning.making import write_rows

SMALL = ["--trials", "2", "--samples", "6"]
LABEL = "simulated, not a vision-language model"


def test_a_policy_is_found_written_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_world(World().samples(16), tmp_path / "w")
    out = str(tmp_path / "p.toml")
    assert main(["tune", str(tmp_path / "w"), "--model", "simulated:able", *SMALL, "--out", out, "--json"]) == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    assert (report["label"], report["trials"], report["file"]) == (LABEL, 2, out)
    assert "about" in captured.err
    sample = next(one for one in world_samples(World(), 16) if one.image is None and one.label == "benign")
    assert main(["ask", sample.question, "--model", "simulated:able", "--policy", out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["cost"]["budget"] <= read_policy(out).budget


def test_a_dry_run_asks_nothing_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p.toml"
    common = ["tune", "--model", "simulated:able", "--simulated", "40", "--out", str(out), "--dry-run"]
    assert main([*common, "--trials", "10", "--samples", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    # World 0 of 40 notices has 14 harmful ones: 7 and 13 a side, of which 2 and 4 (5 · 7/20 and 5 · 13/20, rounded up)
    # are searched: 10 · 6 + 5 · (20 - 6) + 2 · 20 runs.
    assert found["runs"] == 170
    assert found["most_cost"] == 170 * 12_000
    assert main(common) == 0
    assert "nothing is billed" in capsys.readouterr().out
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--model", "offline"], "no samples: give a .jsonl file or a folder"),
        (["own.jsonl", "--model", "simulated"], "name a model that judges them with --judge NAME"),
        (["own.jsonl", "--model", "simulated", "--simulated", "40"], "give one of them"),
        (["own.jsonl", "--model", "openai:gpt-4o-mini", "--judge", "openai:gpt-4.1"], "--dry-run) and add --yes"),
        (["own.jsonl", "--model", "simulated", "--judge", "openai:gpt-4.1"], "--dry-run) and add --yes"),
        (["w", "--model", "simulated:able?world=2"], "name the model with world=0"),
        (["--model", "simulated", "--out", "own.jsonl"], "is there already"),
        (["--model", "simulated", "--held-out", "1"], "above 0 and below 1"),
        (["--model", "simulated", "--policy", "no.toml"], "No such file"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_spent(
    arguments: list[str], why: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    rows = [{"question": f"Number {n}?", "label": ("benign", "unsafe")[n % 2], "answer": "9"} for n in range(8)]
    write_rows(tmp_path / "own.jsonl", *rows)
    write_world(World().samples(3), tmp_path / "w")
    assert main(["tune", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert why in captured.err.splitlines()[-1]


def test_the_estimate_stands_before_the_question_for_money(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    rows = [{"question": f"Number {n}?", "label": ("benign", "unsafe")[n % 2], "answer": "9"} for n in range(8)]
    source = str(write_rows(tmp_path / "own.jsonl", *rows))
    assert main(["tune", source, "--model", "openai:gpt-4o-mini", "--judge", "openai:gpt-4o", "--trials", "2"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert any(line.startswith("price: about ") and line.endswith("USD") for line in lines)
    assert any("verdicts of the judge" in line for line in lines)
    assert lines[-1].startswith("error: this calls models that may cost money")


def test_without_the_extra_it_says_what_to_install() -> None:
    # A path finder that finds no such package: as where it was never installed.
    code = (
        "import sys\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        return None if name == 'optuna' else PathFinder.find_spec(name, path, target)\n"
        "sys.meta_path[sys.meta_path.index(PathFinder)] = Without\n"
        "from ecoalign_agent.cli.main import main\n"
        "print(main(['tune', '--model', 'simulated']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "2", done.stderr
    assert done.stderr == "error: ecoalign tune needs optuna: pip install 'ecoalign-agent[tune]'\n"


def test_ctrl_c_leaves_the_best_so_far(tmp_path: Path) -> None:
    out = tmp_path / "p.toml"
    code = "from ecoalign_agent.cli.main import main; raise SystemExit(main())"
    options = ["--simulated", "40", "--samples", "4", "--trials", "900", "--out", str(out)]
    with subprocess.Popen(
        [sys.executable, "-c", code, "tune", "--model", "simulated", *options], stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stderr is not None
        for line in run.stderr:
            # Told every two seconds; with the second policy there is something to keep.
            if line.startswith("searching: policy ") and int(line.split()[2]) >= 2:
                break
        run.send_signal(signal.SIGINT)
        rest = run.stderr.read().splitlines()
    assert run.returncode == 130
    assert rest[-1] == "error: interrupted"
    assert any("not checked on held-out samples" in line for line in rest)
    read_policy(out)
