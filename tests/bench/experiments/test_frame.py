"""What an experiment gives, its figures, and how it is shown."""

import csv
import json
import math
from pathlib import Path

import pytest

from ecoalign_agent.bench.experiments.base import Finding, Mean, Setting, factor, mean_of
from ecoalign_agent.bench.experiments.conditions import completion, model_of, paired, paired_share, spread
from ecoalign_agent.bench.experiments.output import FILES, as_mapping, csv_text, keep, markdown, plot, table_lines, told
from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL
from tests.bench.experiments.made import arm, finding


def test_a_mean_has_the_normal_interval() -> None:
    # 1, 2, 3: mean 2, s = 1, 1.959964 / √3 = 1.131586.
    found = mean_of([1, 2, 3])
    assert (found.of, found.mean) == (3, 2.0)
    assert [found.low, found.high] == pytest.approx([0.868414, 3.131586], abs=1e-5)
    assert mean_of([]) == Mean(0, None, None, None)
    assert mean_of([5.0]) == Mean(1, 5.0, None, None)


def test_a_difference_of_shares_is_paired() -> None:
    # Of ten, one refuses 3 and the other 1, one of them common: 2 differ. Half a pair more for each kind of pair:
    # 12 pairs, 3 off, gap 2: 2/12 ± 1.959964 · √(3 − 4/12) / 12 = 0.166667 ± 0.266718.
    found = paired_share(arm("one", refused=3), arm("other", refused=1), "over_refusal")
    assert found.mean == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([-0.100051, 0.433385], abs=1e-5)


def test_no_pair_that_differs_is_no_certainty() -> None:
    found = paired_share(arm("one"), arm("other"), "safe")
    # 12 pairs, 1 off, gap 0: ± 1.959964 / 12.
    assert [found.mean, found.low, found.high] == pytest.approx([0.0, -0.16333, 0.16333], abs=1e-5)


def test_arms_with_other_samples_are_not_paired() -> None:
    with pytest.raises(ValueError, match="other samples"):
        paired(arm("one", of=4), arm("other", of=5), completion)


def test_a_factor_is_the_difference_over_the_mean() -> None:
    # 25 more than 100 is 1.25 times; an interval of 10 to 40 more is 1.1 to 1.4 times.
    assert factor(Mean(9, 25, 10, 40), Mean(9, 100, 90, 110)) == Mean(9, 1.25, 1.1, 1.4)
    assert factor(Mean(9, 25, 10, 40), Mean(9, 0.0, 0.0, 0.0)).mean is None


def test_samples_are_spread_over_three_seeds() -> None:
    assert spread(Setting(samples=200, seed=4)) == [(4, 67), (5, 67), (6, 66)]
    assert spread(Setting(samples=2)) == [(0, 1), (1, 1)]


def test_every_seed_is_another_world_and_another_model() -> None:
    model = model_of(Setting(model="simulated:weak?hit_rate=0.5"), 7)
    assert (model.seed, model.world.seed, model.parameters.hit_rate, model.preset) == (7, 7, 0.5, "weak")
    with pytest.raises(UsageError, match="ground truth"):
        model_of(Setting(model="openai:gpt-4.1-mini"), 0)
    with pytest.raises(ModelNameError):
        model_of(Setting(model="simulated:nobody"), 0)


@pytest.mark.parametrize("wrong", [{"samples": 0}, {"seed": -1}, {"at_once": 0}])
def test_a_setting_that_asks_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Setting(**wrong)  # type: ignore[arg-type]  # every one is a whole number


def test_a_row_has_a_cell_for_each_column_and_no_figure_is_endless() -> None:
    with pytest.raises(ValueError, match="not finite"):
        finding(figure=math.nan)
    whole = finding()
    fields = {name: getattr(whole, name) for name in Finding.__dataclass_fields__}
    with pytest.raises(ValueError, match="2 cells"):
        Finding(**fields | {"rows": (("base", 1),)})
    assert whole.column("n") == [4, 1_200]


def test_unknown_is_a_dash_never_a_zero() -> None:
    assert [told(cell) for cell in (None, 0.0, 1_200, 0.25, 12.34, 6_000.4)] == [
        "-", "0.000", "1,200", "0.250", "12.3", "6,000",
    ]  # fmt: skip
    assert finding(figure=None).rows[1][2] is None
    assert "\n| other \\| one | 1,200 | - |\n" in markdown(finding(figure=None), Setting())
    assert csv_text(finding(figure=None)).splitlines()[2] == f'other | one,1200,,"{SIMULATED_LABEL}"'
    assert as_mapping(finding(figure=None), Setting())["rows"][1][2] is None


def test_columns_of_the_terminal_stand_under_each_other() -> None:
    lines = table_lines(finding())
    assert lines[3:7] == [
        "method           n  share",
        "-----------  -----  -----",
        "base             4  0.500",
        "other | one  1,200  0.250",
    ]


def test_every_file_says_that_it_is_simulated(tmp_path: Path) -> None:
    made = keep(finding(), Setting(samples=9), tmp_path)
    assert [path.name for path in made] == list(FILES)
    for path in made[:3] + made[4:]:
        assert SIMULATED_LABEL.casefold() in path.read_text(encoding="utf-8").casefold(), path.name
    assert made[3].read_bytes().startswith(b"\x89PNG")
    assert json.loads(made[2].read_text())["setting"]["samples"] == 9
    assert {row["label"] for row in csv.DictReader(made[1].read_text().splitlines())} == {SIMULATED_LABEL}
    assert "--samples 9 --seed 0 --model 'simulated'" in made[0].read_text()
    assert SIMULATED_LABEL in table_lines(finding())[0]


def test_the_same_finding_draws_the_same_file(tmp_path: Path) -> None:
    one, other = tmp_path / "one.svg", tmp_path / "other.svg"
    plot(finding(), one)
    plot(finding(), other)
    assert one.read_bytes() == other.read_bytes()
    assert "budget, cost units" in one.read_text()


def test_every_experiment_is_listed_under_its_own_name() -> None:
    assert list(EXPERIMENTS) == [
        "cost-control", "budget", "mixed", "exhaustion", "late-insight", "assessor", "stacked",
    ]  # fmt: skip
    for key, entry in EXPERIMENTS.items():
        assert entry.key == key
        assert entry.question.endswith("?")
