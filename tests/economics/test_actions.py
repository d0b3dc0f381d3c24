"""Actions as values."""

import pytest

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.valuation import Step

STEP = Step(0.5, 0.25, 30.0)


def test_a_checkpoints_lists_become_tuples_and_steps_again() -> None:
    whole = Action("a", "look", "read the sign", ("t", "r"), STEP, ((STEP, STEP), ()), (0.0, 0.0, 0.5, 1.0))
    listed = Action("a", "look", "read the sign", ["t", "r"], [0.5, 0.25, 30.0],  # type: ignore[arg-type]  # as a checkpoint returns it
                    [[[0.5, 0.25, 30.0], [0.5, 0.25, 30.0]], []], [0, 0, 0.5, 1])  # type: ignore[arg-type]  # fmt: skip
    assert listed == whole
    assert isinstance(listed.step, Step)
    assert isinstance(listed.forecasts[0][1], Step)
    assert isinstance(listed.forecasts, tuple)
    assert isinstance(listed.forecasts[0], tuple)


def test_the_first_parent_is_the_tip() -> None:
    assert Action("a", "fuse", "put both together", ("x", "y"), STEP).tip == "x"


def test_an_action_comes_from_somewhere_and_is_of_a_known_kind() -> None:
    with pytest.raises(ValueError, match="parents"):
        Action("a", "reason", "", (), STEP)
    with pytest.raises(ValueError, match="kind is 'root'"):
        Action("a", "root", "", ("r",), STEP)
