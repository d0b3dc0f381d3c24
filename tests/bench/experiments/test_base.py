"""Paired differences, seeds and settings of experiments, and the forms of a finding."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from ecoalign_agent.bench.experiments.base import ExperimentFinding, Setting
from ecoalign_agent.bench.experiments.conditions import (
    difference_rows,
    model_with_seed,
    paired_mean,
    samples_by_seed,
)
from ecoalign_agent.bench.experiments.output import (
    FILES,
    as_mapping,
    cell_text,
    csv_text,
    make_folder,
    markdown,
    table_lines,
    write_files,
)
from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL
from tests.bench.experiments.conditions import EXPERIMENT, condition, finding


def test_a_difference_of_shares_is_paired() -> None:
    # Of ten, one refuses 3 and the other 1, one of them common: 2 differ. Half a pair more for each kind of pair:
    # 12 pairs, 3 off, gap 2: 2/12 ± 1.959964 · √(3 − 4/12) / 12 = 0.166667 ± 0.266718.
    left, right = condition("left", refused=3), condition("right", refused=1)
    first, *seeds = difference_rows(left, right, "over_refusal")
    assert first[:5] == ("left", "right", "over_refusal", "all", 10)
    assert first[5:8] == pytest.approx((0.2, -0.100051, 0.433385), abs=1e-5)
    # Two pairs differ, both one way: 2 / 2².
    assert first[8] == 0.5
    # Of the numbers 0 to 9 seed 1 has 1, 4 and 7; number 1 differs.
    assert [row[3:6] for row in seeds] == [("seed 0", 4, 0.0), ("seed 1", 3, 1 / 3), ("seed 2", 3, 1 / 3)]


def test_no_pair_that_differs_is_no_certainty() -> None:
    ((*_, difference, low, high, p),) = difference_rows(condition("a"), condition("b"), "safe", by_seed=False)
    # 12 pairs, 1 off, gap 0: ± 1.959964 / 12.
    assert (difference, low, high, p) == pytest.approx((0.0, -0.16333, 0.16333, 1.0), abs=1e-5)


def test_a_figure_on_any_scale_has_a_normal_interval_and_no_p() -> None:
    left = condition("left", number=3)
    left = replace(left, runs=tuple(replace(run, outcome=replace(run.outcome, receipt=None)) for run in left.runs[:1]))
    right = replace(condition("right", number=3), runs=condition("right", number=3).runs[:1])
    ((*_, n, difference, low, high, p),) = difference_rows(left, right, ("tokens", "completion_tokens"), by_seed=False)
    assert (n, difference, low, high, p) == (0, None, None, None, None)
    dear, cheap = condition("dear", tokens=150), condition("cheap")
    ((*_, n, difference, low, high, p),) = difference_rows(dear, cheap, ("tokens", "completion_tokens"), by_seed=False)
    assert (n, difference, low, high, p) == (10, 50.0, 50.0, 50.0, None)


def test_conditions_with_different_samples_are_not_paired() -> None:
    with pytest.raises(ValueError, match="different samples"):
        paired_mean(condition("one", number=4), condition("other", number=5), "completion_tokens")


def test_samples_are_spread_over_three_seeds() -> None:
    assert samples_by_seed(Setting(samples=200, seed=4)) == [(4, 67), (5, 67), (6, 66)]
    assert samples_by_seed(Setting(samples=2)) == [(0, 1), (1, 1)]


def test_every_seed_is_another_world_and_another_model() -> None:
    model = model_with_seed("simulated:weak?hit_rate=0.5", 7)
    assert (model.seed, model.world.seed, model.parameters.hit_rate, model.preset) == (7, 7, 0.5, "weak")
    with pytest.raises(UsageError, match="ground truth"):
        model_with_seed("openai:gpt-4.1-mini", 0)
    with pytest.raises(ModelNameError):
        model_with_seed("simulated:nobody", 0)


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"seed": -1}, {"at_once": 0}])
def test_a_setting_that_asks_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Setting(**wrong)  # type: ignore[arg-type]  # every one is a whole number


def test_a_row_has_a_cell_for_each_column_and_no_figure_is_endless() -> None:
    with pytest.raises(ValueError, match="not finite"):
        finding(figure=math.nan)
    whole = finding()
    fields = {name: getattr(whole, name) for name in ExperimentFinding.__dataclass_fields__}
    with pytest.raises(ValueError, match="2 cells"):
        ExperimentFinding(**fields | {"rows": (("base", 1),)})
    assert whole.column("n") == [4, 1_200]


def test_unknown_is_a_dash_never_a_zero() -> None:
    assert [cell_text(cell) for cell in (None, 0.0, 1_200, 0.25, 12.34, 6_000.4)] == [
        "-", "0.000", "1,200", "0.250", "12.3", "6,000",
    ]  # fmt: skip
    assert finding(figure=None).rows[1][2] is None
    assert "\n| other \\| one | 1,200 | - |\n" in markdown(EXPERIMENT, finding(figure=None), Setting())
    assert csv_text(finding(figure=None)).splitlines()[2] == f'other | one,1200,,"{SIMULATED_LABEL}"'
    assert as_mapping(EXPERIMENT, finding(figure=None), Setting())["rows"][1][2] is None


def test_columns_of_the_terminal_stand_under_each_other() -> None:
    lines = table_lines(EXPERIMENT, finding())
    assert lines[10].split() == ["other", "base", "safe", "all", "4", "0.250", "-", "-", "0.500"]
    assert lines[3:7] == [
        "method           n  share",
        "-----------  -----  -----",
        "base             4  0.500",
        "other | one  1,200  0.250",
    ]


def test_every_file_says_that_it_is_simulated(tmp_path: Path) -> None:
    made = write_files(EXPERIMENT, finding(), Setting(samples=9), tmp_path)
    assert [path.name for path in made] == list(FILES)
    for path in made[:3] + made[4:]:
        assert SIMULATED_LABEL.casefold() in path.read_text(encoding="utf-8").casefold(), path.name
    assert made[3].read_bytes().startswith(b"\x89PNG")
    assert json.loads(made[2].read_text())["setting"]["samples"] == 9
    assert {row["label"] for row in csv.DictReader(made[1].read_text().splitlines())} == {SIMULATED_LABEL}
    assert "--samples 9 --seed 0 --model 'simulated'" in made[0].read_text()
    assert SIMULATED_LABEL in table_lines(EXPERIMENT, finding())[0]


def test_the_same_finding_gives_the_same_files(tmp_path: Path) -> None:
    folders = [make_folder(tmp_path / name) for name in ("a", "b")]
    first, second = (write_files(EXPERIMENT, finding(), Setting(), folder) for folder in folders)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    assert "budget, cost units" in first[-1].read_text()


def test_every_experiment_is_listed_under_its_own_name() -> None:
    assert list(EXPERIMENTS) == [
        "cost-control", "budget", "mixed", "exhaustion", "late-insight", "assessor", "stacked",
    ]  # fmt: skip
    for key, entry in EXPERIMENTS.items():
        assert entry.key == key
        assert entry.question.endswith("?")
