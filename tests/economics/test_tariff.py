"""Usage and tariff, by hand-worked figures."""

import math

import pytest

from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.errors import PolicyError

CALL = Usage(text=400, image=85, cached=100, completion=60)


def test_prompt_and_total_are_sums_of_the_parts() -> None:
    assert CALL.prompt == 585  # 400 + 85 + 100
    assert CALL.total == 645  # + 60


def test_the_default_tariff_counts_completion_token_equivalents() -> None:
    # 0.25 · 400 + 0.25 · 85 + 0.10 · 100 + 1 · 60 = 100 + 21.25 + 10 + 60
    assert Tariff().cost(CALL) == pytest.approx(191.25, abs=1e-12)
    assert Tariff().name == "completion-token equivalents"


def test_the_papers_tariff_counts_every_processed_token() -> None:
    assert Tariff.processed().cost(CALL) == 645.0


def test_prices_are_per_million_tokens() -> None:
    tariff = Tariff.priced(text=2.5, completion=10.0, cached=1.25, currency="EUR")
    # Image tokens cost what text costs: (400 · 2.5 + 85 · 2.5 + 100 · 1.25 + 60 · 10) / 1e6
    #   = (1000 + 212.5 + 125 + 600) / 1e6
    assert tariff.cost(CALL) == pytest.approx(0.0019375, abs=1e-15)
    assert tariff.name == "EUR"


def test_without_a_price_of_their_own_cached_tokens_cost_what_text_costs() -> None:
    tariff = Tariff.priced(text=3.0, completion=15.0, image=1.0)
    assert (tariff.text, tariff.image, tariff.cached) == (3e-6, 1e-6, 3e-6)


def test_adding_usage_adds_every_part() -> None:
    assert CALL + Usage(1, 2, 3, 4) == Usage(401, 87, 103, 64)


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_a_sum_is_an_estimate_where_either_part_is(first: bool, second: bool) -> None:
    assert (Usage(1, estimated=first) + Usage(2, estimated=second)).estimated


def test_a_sum_of_reported_usage_is_no_estimate() -> None:
    assert not (Usage(1) + Usage(2)).estimated


@pytest.mark.parametrize("part", ["text", "image", "cached", "completion"])
def test_a_negative_count_is_refused(part: str) -> None:
    with pytest.raises(ValueError, match=f"{part} is -1"):
        Usage(**{part: -1})  # type: ignore[arg-type]  # mypy takes the name for any field's


@pytest.mark.parametrize("part", ["text", "image", "cached", "completion"])
@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf, True, "1"])
def test_a_weight_out_of_range_is_refused_by_name(part: str, weight: float) -> None:
    with pytest.raises(PolicyError, match=part):
        Tariff(**{part: weight})  # type: ignore[arg-type]  # wrong types are the point


def test_completion_tokens_are_never_free() -> None:
    with pytest.raises(PolicyError, match=r"completion is 0"):
        Tariff(completion=0)
    with pytest.raises(PolicyError, match="completion"):
        Tariff.priced(text=1.0, completion=0.0)
