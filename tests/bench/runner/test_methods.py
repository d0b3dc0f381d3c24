"""Methods by name: settings after a colon, and what is none."""

import pytest

from ecoalign_agent.bench.runner.config import ABLATIONS, ALL, ablations, chosen, expanded
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError


@pytest.mark.parametrize("name", [*ALL, *ablations()])
def test_every_method_and_ablation_is_there(name: str) -> None:
    assert chosen(name).name == name


def test_each_ablation_changes_the_policy_in_one_way() -> None:
    plain = Policy()
    for name, changes in ABLATIONS.items():
        one = chosen(f"ecoalign:{name}")
        assert one.policy == plain.replace(**changes)
        assert one.self_assessed == (name == "self-assessed")
        assert (one.policy != plain) != one.self_assessed


def test_settings_come_after_a_colon() -> None:
    assert chosen("ecoalign:budget=2500,k=0.1,choice=gamma").policy == Policy(budget=2_500, k=0.1, choice="gamma")
    assert chosen("ecoalign:paper,no-cost").policy == Policy.paper().replace(cost_in_value=False)
    assert chosen("ecoalign:paper", policy=Policy.strict()).policy == Policy.paper()
    assert chosen("ecoalign", policy=Policy.strict(), budget=900).policy == Policy.strict().replace(budget=900)
    assert chosen("bavt:budget=3000").budget == 3_000
    assert chosen("bavt").budget == Policy().budget


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ekoalign", "there is none of that name; there are base, cot"),
        ("ecoalign:lats-step", "no setting 'lats-step'; there are presets frugal"),
        ("ecoalign:budgets=3", "no setting 'budgets=3'"),
        ("ecoalign:paper,strict", "one preset at most"),
        ("base:k=0.1", "base has no setting 'k'"),
        ("bavt:budget=-3", "budget is -3; write a number above 0"),
        ("bavt:budget=true", "budget is True"),
        ("vlmguard:budget=3", "vlmguard takes no settings"),
    ],
)
def test_what_is_none_is_told_with_what_there_is(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        chosen(name)


def test_a_knob_out_of_range_names_the_method() -> None:
    with pytest.raises(PolicyError, match=r"method 'ecoalign:k=7': .*k"):
        chosen("ecoalign:k=7")


def test_names_on_the_command_line_are_written_out_once_each() -> None:
    assert expanded(["base", "ecoalign", "base"], ablated=False, sweeps=["k=0.1, 0.2"]) == (
        "base", "ecoalign", "ecoalign:k=0.1", "ecoalign:k=0.2",
    )  # fmt: skip
    assert expanded(["all"], ablated=False, sweeps=[]) == ALL
    assert expanded(["cot"], ablated=True, sweeps=[]) == ("cot", "ecoalign", *ablations())
    with pytest.raises(UsageError, match="write KNOB=VALUE"):
        expanded(["cot"], ablated=False, sweeps=["k"])
