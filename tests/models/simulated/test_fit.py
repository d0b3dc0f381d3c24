"""The fit: it reads plain rows only, and what it fits comes out as published."""

from dataclasses import replace

import pytest

from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.fit import (
    COMPARED_WITH,
    FITTED_TO,
    PublishedRow,
    expected_utility,
    fit_parameters,
    fitted_presets,
)
from ecoalign_agent.models.simulated.model import simulated_model
from ecoalign_agent.models.simulated.parameters import Parameters
from ecoalign_agent.models.simulated.reports import fitted_cells

pytestmark = pytest.mark.slow


def test_only_plain_rows_are_fitted_to() -> None:
    assert {row.method for row in FITTED_TO} <= {"Base", "CoT"}
    assert {row.method for row in COMPARED_WITH} == {"EcoAlign"}
    for row in COMPARED_WITH:
        with pytest.raises(UsageError, match="Base and CoT only"):
            fit_parameters(row)


@pytest.mark.parametrize("row", FITTED_TO, ids=lambda row: row.model)
def test_what_is_fitted_comes_out_as_published(row: PublishedRow) -> None:
    parameters = fit_parameters(row)
    assert parameters.caution_image == pytest.approx(row.scores["MM-SafetyBench"] / 100)
    if "MathVista" in row.scores:
        # Four digits of the skill leave less than a tenth of a percent.
        assert 100 * expected_utility(parameters) == pytest.approx(row.scores["MathVista"], abs=0.1)
        assert expected_utility(replace(parameters, thought_skill=parameters.skill)) < expected_utility(parameters)
    if row.cost is not None:
        assert parameters.tokens["cot"] / parameters.tokens["plain"] == pytest.approx(row.cost, abs=0.02)


def test_the_expected_utility_of_certain_skill_is_what_reading_and_shyness_leave() -> None:
    sure = replace(Parameters(), thought_skill=1.0, reading=1.0, over_caution=0.1)
    assert expected_utility(sure) == pytest.approx(0.9)
    assert expected_utility(replace(sure, thought_skill=0.0, reading=0.0)) == 0.0


def test_the_fitted_model_measures_like_its_row() -> None:
    # 40 samples: a standard error of at most 7.9 points, so three of them are 24.
    cells = fitted_cells(FITTED_TO[2], samples=40, seed=1)
    assert [cell.what for cell in cells] == ["MM-SafetyBench", "SIUO", "MathVista", "cost"]
    assert all(abs(cell.residual) < 24 for cell in cells)
    assert abs(cells[-1].residual) < 0.1
    assert all(cell.label == "simulated, not a vision-language model" for cell in cells)


def test_every_fitted_preset_has_a_name() -> None:
    for name, parameters in fitted_presets().items():
        assert simulated_model(f"simulated:{name}?seed=1").parameters == parameters
