"""Our figures beside a paper's: what can be compared, what can't, and why."""

from typing import Any

import pytest

from ecoalign_agent.bench.analysis.published import comparability, compare_with_published, same_model
from ecoalign_agent.bench.analysis.tables import published_lines
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated import fit
from ecoalign_agent.models.simulated.fit import PUBLISHED_ROWS, PublishedRow
from tests.bench.analysis.runs import row

KNOWN = PublishedRow(
    "GPT-4o",
    "EcoAlign",
    {"MM-SafetyBench": 96.5},
    version="gpt-4o-2024-08-06",
    judge="openai:gpt-4o",
    split="all",
    samples=1680,
)
"""As if the paper had told everything."""


def ours(method: str = "ecoalign", **more: Any) -> Any:
    given = {
        "benchmark": "mm-safetybench",
        "model": "openai:gpt-4o-2024-08-06",
        "judge": "openai:gpt-4o",
        "n": 1680,
        "of": 1680,
        **more,
    }
    return row(method, **{"safety": 0.95, "utility": None, "tokens": 2000.0, **given})


def test_the_published_rows_are_the_papers() -> None:
    cells = {(one.model, one.method): one for one in PUBLISHED_ROWS}
    assert len(cells) == len(PUBLISHED_ROWS) == 10
    assert cells["GPT-4o", "EcoAlign"].scores == {"MM-SafetyBench": 96.5, "SIUO": 87.1, "MathVista": 85.4}
    assert [cells["GPT-4o", method].cost for method in ("CoT", "VLM-Guard", "EcoAlign")] == [104.3, 3.1, 21.2]
    assert cells["Gemini-2.5-Flash", "Base"].scores == {"MM-SafetyBench": 64.2}
    assert "2511.11301" in fit.ROWS_SOURCE


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("gpt-4o", "GPT-4o", True),
        ("openai:gpt-4o-2024-08-06", "GPT-4o", True),
        ("openrouter/openai/gpt-4o", "GPT-4o", True),
        ("meta-llama/Llama-3.2-11B-Vision-Instruct", "Llama-3.2-11B-Vision", True),
        ("qwen-vl-max-latest", "Qwen-VL-Max", True),
        ("gpt-4o-mini", "GPT-4o", False),
        ("gpt-4o-mini-2024-07-18", "GPT-4o", False),
        ("gemini-2.5-flash-lite", "Gemini-2.5-Flash", False),
        ("my-gpt-4o", "GPT-4o", False),
        ("llama-3.2-90b-vision", "Llama-3.2-11B-Vision", False),
    ],
)
def test_a_name_is_the_same_model_but_for_provider_and_version(ours: str, theirs: str, same: bool) -> None:
    assert same_model(ours, theirs) is same


@pytest.mark.parametrize(
    ("differs", "why"),
    [
        ({"simulated": True}, "simulated"),
        ({"model": "openai:gpt-4o-mini"}, "another model: openai:gpt-4o-mini, the paper's GPT-4o"),
        ({"model": "openai:gpt-4o-2024-05-13"}, "another model version"),
        ({"judge": "openai:o4-mini"}, "another judge: openai:o4-mini, the paper's openai:gpt-4o"),
        ({"judge": None}, "another judge: none"),
        ({"n": 100}, "a part of the benchmark: 100 of 1,680 samples"),
        ({"n": 1681, "of": 1681}, "another number of samples: 1,681, the paper's 1,680"),
    ],
)
def test_every_difference_is_named(differs: dict[str, Any], why: str) -> None:
    found = comparability(ours(**differs), KNOWN)
    assert found.answer == "no"
    assert any(why in reason for reason in found.reasons)


def test_another_method_is_no_comparison() -> None:
    assert any("another method: cot" in reason for reason in comparability(ours("cot"), KNOWN).reasons)
    (guard,) = [one for one in PUBLISHED_ROWS if (one.model, one.method) == ("GPT-4o", "VLM-Guard")]
    found = comparability(ours("vlmguard"), guard)
    assert found.answer == "no"
    assert "another method" in found.reasons[0]


def test_what_the_paper_does_not_tell_is_unknown_and_never_a_yes() -> None:
    (theirs,) = [one for one in PUBLISHED_ROWS if (one.model, one.method) == ("GPT-4o", "CoT")]
    found = comparability(ours("cot"), theirs)
    assert found.answer == "unknown"
    assert found.reasons == ("not known of the paper: model version, judge, split, number of samples",)


def test_yes_needs_everything_to_be_known_and_the_same() -> None:
    complete = PublishedRow("GPT-4o", "CoT", {"MM-SafetyBench": 69.1}, None, KNOWN.version, KNOWN.judge, "all", 1680)
    assert comparability(ours("cot"), complete) == ("yes", ())
    # What our default policy does is not what the paper's did.
    assert comparability(ours(), KNOWN).answer == "unknown"
    assert comparability(ours("ecoalign:paper"), KNOWN).answer == "yes"


def test_a_row_stands_beside_its_own_models_row_with_its_cost() -> None:
    base = ours("base", tokens=100.0)
    safety, cost = compare_with_published([base, ours()])[-2:]
    assert (safety.what, safety.ours, safety.published) == ("safety", 0.95, 0.965)
    assert (safety.low, safety.high) == (0.95 - 0.04, 0.95 + 0.04)
    assert (safety.paper_model, safety.paper_method, safety.over_refusal) == ("GPT-4o", "EcoAlign", 0.05)
    # 2 000 completion tokens where Base takes 100: 20 times.
    assert (cost.what, cost.ours, cost.published) == ("cost", 20.0, 21.2)
    assert cost.comparable != "yes"


def test_a_model_the_paper_does_not_have_stands_beside_all_of_them_as_no() -> None:
    found = [one for one in compare_with_published([ours(model="local:qwen2-vl")]) if one.what == "safety"]
    assert [one.paper_model for one in found] == ["GPT-4o", "Qwen-VL-Max", "Llama-3.2-11B-Vision", "Gemini-2.5-Flash"]
    assert {one.comparable for one in found} == {"no"}


def test_usefulness_is_what_mathvista_measures() -> None:
    (found, _) = compare_with_published([ours("cot", benchmark="mathvista", safety=None, utility=0.9, judge=None)])
    assert (found.what, found.ours, found.published) == ("utility", 0.9, 0.868)


def test_simulated_rows_never_stand_beside_published_figures() -> None:
    with pytest.raises(UsageError, match="1 of 2 rows are simulated"):
        compare_with_published([ours(), ours("cot", simulated=True)])


def test_nothing_published_is_said() -> None:
    with pytest.raises(UsageError, match="none of these rows has a published figure"):
        compare_with_published([ours(benchmark="ocrbench")])
    with pytest.raises(UsageError, match="none of these rows"):
        compare_with_published([ours("ecoalign:last-step")])


def test_beside_on_a_terminal_gives_every_reason_in_words() -> None:
    found = compare_with_published([ours("base", tokens=100.0), ours(), ours("vlmguard"), ours("cot", n=40)])
    lines = published_lines(found)
    assert all(len(line) <= 130 for line in lines)
    for one in found:
        for reason in one.reasons:
            assert any(line.endswith(reason) for line in lines)
    (line,) = [line for line in lines if line.startswith("ecoalign  safety")]
    assert line.split()[2:8] == ["95.0", "[91.0,", "99.0]", "96.5", "−1.5", "5.0"]
