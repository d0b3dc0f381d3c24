"""The policy: defaults, presets, ranges, files."""

import dataclasses
import math
import re

import pytest

from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError

DEFAULTS: dict[str, object] = {
    "budget": 6000, "risk_floor": 0.5, "k": 0.05, "unit": 20, "max_horizon": 5, "discount": 0.95,
    "width": 1, "branching": 3, "batch": 2, "value": "rate", "forecasts": "auto", "path_safety": "minimum",
    "tariff": Tariff(), "choice": "satisfied", "answers": "early", "caution": 0.5, "satisfied_safety": 0.5,
    "satisfied_utility": 0.8, "max_rounds": 12, "deadline": None, "merge_similarity": 0.9, "label_cap": 256,
    "cost_in_value": True, "horizon": "shrinking", "draft": True, "max_answer_tokens": None,
    "confirm_decline": True, "partial": True, "review_below": None,
    "assess_answers_twice": False, "assessors": (), "actions": ("answer", "reason", "look", "fuse"),
}  # fmt: skip


SHARES = ("caution", "satisfied_safety", "satisfied_utility")
SWITCHES = ("cost_in_value", "draft", "confirm_decline", "partial", "assess_answers_twice")


def _differences(policy: Policy) -> dict[str, object]:
    return {
        setting: value
        for setting, value in dataclasses.asdict(policy).items()
        if value != dataclasses.asdict(Policy())[setting]
    }


def test_every_default_is_the_published_or_decided_one() -> None:
    assert {setting.name: getattr(Policy(), setting.name) for setting in dataclasses.fields(Policy)} == DEFAULTS


def test_the_presets_change_what_they_are_for_and_nothing_else() -> None:
    assert _differences(Policy.frugal()) == {"budget": 2500, "forecasts": "inline", "branching": 2}
    assert _differences(Policy.strict()) == {
        "caution": 0.7, "satisfied_safety": 0.7, "risk_floor": 0.35, "assess_answers_twice": True
    }  # fmt: skip
    assert _differences(Policy.paper()) == {
        "tariff": dataclasses.asdict(Tariff.processed()), "budget": 30_000, "value": "npv", "forecasts": "simulated",
        "choice": "gamma", "answers": "end", "draft": False, "confirm_decline": False, "partial": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        *[("budget", value) for value in (0, -1, math.nan, math.inf, True, "6000", None)],
        *[("risk_floor", value) for value in (0, -0.1, 1.1, math.nan)],
        *[("k", value) for value in (-0.01, 1.01, math.nan, math.inf)],
        *[("unit", value) for value in (0, -20, math.inf)],
        *[("max_horizon", value) for value in (-1, 101, 2.0, True)],
        *[("discount", value) for value in (0, -0.5, 1.01, math.nan)],
        *[
            (setting, value)
            for setting in ("width", "branching", "batch", "max_rounds")
            for value in (0, 1.5, 1001, True)
        ],
        *[(setting, value) for setting in SHARES for value in (-0.1, 1.1, True)],
        *[("merge_similarity", value) for value in (0, 1.1)],
        *[("assessors", value) for value in ("openai:m", ["openai:m", 1], [""], None)],
        *[("label_cap", value) for value in (3, 256.0, math.nan)],
        *[("deadline", value) for value in (0, -1, math.nan, True, "10")],
        *[("max_answer_tokens", value) for value in (15, 0, 300.0, True, "300")],
        ("value", "irr"),
        ("forecasts", "none"),
        ("path_safety", "max"),
        ("choice", "best"),
        ("answers", "never"),
        ("horizon", 5),
        *[(setting, value) for setting in SWITCHES for value in (1, 0, "true", None)],
        ("tariff", "free"),
        ("tariff", {"text": -1}),
    ],
)
def test_a_setting_out_of_range_is_refused_naming_setting_and_value(setting: str, value: object) -> None:
    shown = "-1" if isinstance(value, dict) else repr(value)
    with pytest.raises(PolicyError, match=rf"{setting}.* is {re.escape(shown)}.*(must be|at least)"):
        Policy(**{setting: value})  # type: ignore[arg-type]  # wrong values are the point


@pytest.mark.parametrize(
    ("setting", "value"),
    [("risk_floor", 1), ("k", 0), ("k", 1), ("discount", 1), ("max_horizon", 0), ("caution", 0), ("caution", 1),
     ("label_cap", 4), ("merge_similarity", 1), ("deadline", 0.5), ("deadline", 30), ("width", 1000),
     ("max_answer_tokens", 16)],
)  # fmt: skip
def test_the_limits_themselves_are_allowed(setting: str, value: float) -> None:
    assert getattr(Policy().replace(**{setting: value}), setting) == value


def test_a_message_says_the_limit() -> None:
    with pytest.raises(PolicyError, match=r"^policy: discount is 1\.5, must be a number above 0 and at most 1$"):
        Policy(discount=1.5)
    with pytest.raises(PolicyError, match=r"^policy: width is 0, must be a whole number at least 1 and at most 1000$"):
        Policy(width=0)


def test_a_policy_file() -> None:
    policy = Policy.from_mapping(
        {"preset": "frugal", "budget": 3000, "tariff": {"completion": 4.0, "text": 1}, "draft": False}
    )
    assert policy == Policy.frugal().replace(
        budget=3000.0, tariff=Tariff(text=1, completion=4.0, name="weights of the policy"), draft=False
    )
    assert isinstance(policy.budget, float)
    assert Policy.from_mapping({}) == Policy()
    assert Policy.from_mapping({"preset": "paper"}) == Policy.paper()
    assert Policy.from_mapping({"preset": "strict", "tariff": "processed"}).tariff == Tariff.processed()
    assert Policy.from_mapping({"preset": "paper", "tariff": "equivalents"}).tariff == Tariff()


@pytest.mark.parametrize(
    ("entries", "complaint"),
    [
        ({"buget": 3000}, r"'buget'.*nearest is 'budget'"),
        ({"discont": 0.9}, r"'discont'.*nearest is 'discount'"),
        ({"prest": "paper"}, r"'prest'.*nearest is 'preset'"),
        ({"tariff": {"completions": 1.0}}, r"'completions'.*nearest is 'completion'"),
        ({"preset": "cheap"}, r"preset is 'cheap'.*'frugal'"),
        ({"preset": 3}, r"preset is 3"),
        ({"tariff": 3}, r"tariff is 3"),
        ({"tariff": {"text": "1"}}, r"text is '1'"),
        ({"budget": "much"}, r"budget is 'much'"),
    ],
)
def test_a_policy_file_with_a_mistake(entries: dict[str, object], complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        Policy.from_mapping(entries)


def test_reading_a_file_leaves_its_entries_alone() -> None:
    entries: dict[str, object] = {"preset": "frugal", "k": 0.1}
    Policy.from_mapping(entries)
    assert entries == {"preset": "frugal", "k": 0.1}


def test_replacing_an_unknown_setting_names_the_nearest() -> None:
    with pytest.raises(PolicyError, match=r"'batches'.*'batch'"):
        Policy().replace(batches=3)


@pytest.mark.parametrize(
    ("s0", "budget"),
    # 6000 · (0.5 + 0.5 · max(s0, 0))
    [(1.0, 6000), (0.5, 4500), (0.0, 3000), (-0.4, 3000), (-1.0, 3000)],
)
def test_riskier_requests_are_governed_more_tightly(s0: float, budget: float) -> None:
    assert Policy().budget_for_risk(s0) == budget


@pytest.mark.parametrize("s0", [1.1, -1.1, math.nan])
def test_an_unknown_risk_is_no_budget(s0: float) -> None:
    with pytest.raises(ValueError, match="safety"):
        Policy().budget_for_risk(s0)


def test_the_horizon_follows_the_policy() -> None:
    assert [Policy().horizon_at(2000, spent) for spent in (0, 1200, 1601)] == [5, 2, 0]
    assert [Policy(horizon="fixed").horizon_at(2000, spent) for spent in (0, 1601)] == [5, 5]
    assert Policy(horizon="none").horizon_at(2000, 0) == 0
    assert Policy(k=0.1, unit=50, max_horizon=9).horizon_at(2000, 0) == 4  # 0.1 · 2000 / 50


def test_assessors_come_as_a_list_and_stay_a_tuple() -> None:
    assert Policy.from_mapping({"assessors": ["offline", "moderation:m"]}).assessors == ("offline", "moderation:m")
    assert Policy().assessors == ()


def test_a_result_under_an_ablation_can_say_so() -> None:
    assert Policy().ablated == Policy.paper().ablated == Policy.strict().ablated == []
    ablated = Policy(path_safety="mean", cost_in_value=False, horizon="fixed")
    assert ablated.ablated == ["path_safety", "cost_in_value", "horizon"]


def test_names_come_in_an_order() -> None:
    assert Policy.from_mapping({"assessors": ["offline", "other"]}).assessors == ("offline", "other")
    with pytest.raises(PolicyError, match="assessors"):
        Policy.from_mapping({"assessors": {"offline", "other"}})
