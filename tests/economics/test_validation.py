"""One line for a setting that is refused, by small classes."""

import math
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from ecoalign_agent.economics.validation import one_line_errors, require_known_names, show
from ecoalign_agent.errors import PolicyError, UsageError


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Oven:
    heat: Annotated[float, Field(gt=0, le=250, allow_inf_nan=False)] = 180.0
    shelves: Annotated[int | None, Field(ge=1)] = None
    mode: Literal["air", "grill"] = "air"
    light: bool = True
    grace: Annotated[float, Field(ge=0, description="a number of seconds, at least 0")] = 20.0
    name: str = "oven"

    _errors = one_line_errors("oven", PolicyError)


class Door(BaseModel):
    max_seconds: Annotated[float, Field(gt=0)] = 1.0

    _errors = one_line_errors(name_of=lambda name: "--" + name.replace("_", "-"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"heat": 0}, "oven: heat is 0, must be a number above 0 and at most 250"),
        ({"heat": math.nan}, "oven: heat is nan, must be a number above 0 and at most 250"),
        ({"heat": "180"}, "oven: heat is '180', must be a number above 0 and at most 250"),
        ({"heat": True}, "oven: heat is True, must be a number above 0 and at most 250"),
        ({"heat": 10**5000}, "oven: heat is too large, must be a number above 0 and at most 250"),
        ({"shelves": 1.5}, "oven: shelves is 1.5, must be a whole number at least 1"),
        ({"mode": "steam"}, "oven: mode is 'steam', must be one of 'air', 'grill'"),
        ({"light": 1}, "oven: light is 1, must be one of True, False"),
        ({"grace": -1}, "oven: grace is -1, must be a number of seconds, at least 0"),
        ({"name": 3}, "oven: name is 3, must be a text"),
        ({"shelfs": 3}, "oven: there is no 'shelfs'; the nearest is 'shelves'"),
    ],
)
def test_a_refused_setting_is_named_with_value_and_limit(settings: dict[str, object], message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Oven(**settings)  # type: ignore[arg-type]  # wrong values are the point
    assert str(refused.value) == message


def test_a_setting_by_position_is_named_too() -> None:
    with pytest.raises(PolicyError, match=r"^oven: shelves is 0, must be a whole number at least 1$"):
        Oven(180.0, 0)


def test_a_setting_goes_by_the_name_that_the_user_knows() -> None:
    with pytest.raises(UsageError, match=r"^--max-seconds is -1, must be a number above 0$"):
        Door(max_seconds=-1)


def test_a_name_that_is_not_known_is_answered_with_the_nearest() -> None:
    require_known_names(["heat"], {"heat", "mode"}, subject="oven")
    with pytest.raises(PolicyError, match=r"^oven: there is no 'hat'; the nearest is 'heat'$"):
        require_known_names(["heat", "hat"], {"heat", "mode"}, subject="oven")


def test_a_long_value_is_cut() -> None:
    assert show("x" * 100) == "'" + "x" * 59 + "…"
    assert show(10**5000) == show(-(10**5000)) == "too large"
