"""Methods by name: settings after a colon, and what is none."""

import pytest

from ecoalign_agent.bench.methods.ecoalign import ABLATIONS
from ecoalign_agent.bench.methods.registry import METHODS, configure_method, expand_method_names
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError

ABLATED = [f"ecoalign:{name}" for name in ABLATIONS]


@pytest.mark.parametrize("name", [*METHODS, *ABLATED])
def test_every_method_and_ablation_is_there(name: str) -> None:
    assert configure_method(name).name == name


def test_each_ablation_changes_the_policy_in_one_way() -> None:
    plain = Policy()
    for name, changes in ABLATIONS.items():
        one = configure_method(f"ecoalign:{name}")
        assert one.policy == plain.replace(**changes)
        assert one.self_assessed == (name == "self-assessed")
        assert (one.policy != plain) != one.self_assessed


def test_settings_come_after_a_colon() -> None:
    assert configure_method("ecoalign:budget=2500,k=0.1,choice=gamma").policy == Policy(
        budget=2_500, k=0.1, choice="gamma"
    )
    assert configure_method("ecoalign:paper,no-cost").policy == Policy.paper().replace(cost_in_value=False)
    assert configure_method("ecoalign:paper", policy=Policy.strict()).policy == Policy.paper()
    assert configure_method("ecoalign", policy=Policy.strict(), budget=900).policy == Policy.strict().replace(
        budget=900
    )
    assert configure_method("bavt:budget=3000").budget == 3_000
    assert configure_method("bavt").budget == Policy().budget


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ekoalign", "there is none of that name; there are base, cot"),
        ("ecoalign:lats-step", "no setting 'lats-step'; there are presets frugal"),
        ("ecoalign:budgets=3", "no setting 'budgets=3'"),
        ("ecoalign:paper,strict", "one preset at most"),
        ("base:k=0.1", "base has no setting 'k'"),
        ("bavt:budget=-3", "budget is -3; write a number above 0"),
        ("bavt:budget=true", "budget is True"),
        ("vlmguard:budget=3", "vlmguard has no setting 'budget'; it takes none"),
    ],
)
def test_what_is_none_is_told_with_what_there_is(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        configure_method(name)


def test_a_setting_out_of_range_names_the_method() -> None:
    with pytest.raises(PolicyError, match=r"method 'ecoalign:k=7': .*k"):
        configure_method("ecoalign:k=7")


def test_names_on_the_command_line_are_written_out_once_each() -> None:
    assert expand_method_names(["base", "ecoalign", "base"], ablations=False, sweeps=["k=0.1, 0.2"]) == (
        "base", "ecoalign", "ecoalign:k=0.1", "ecoalign:k=0.2",
    )  # fmt: skip
    assert expand_method_names(["all"], ablations=False, sweeps=[]) == tuple(METHODS)
    assert expand_method_names(["cot"], ablations=True, sweeps=[]) == ("cot", "ecoalign", *ABLATED)
    with pytest.raises(UsageError, match="write SETTING=VALUE"):
        expand_method_names(["cot"], ablations=False, sweeps=["k"])
