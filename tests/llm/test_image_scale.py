"""What an endpoint is found to count: figures by hand, and the law that it exceeds an estimate once at the most."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import ImageFamily, image_tokens
from ecoalign_agent.llm.structured_output import call_with_fallback
from ecoalign_agent.llm.tokens import MOST_TEXT, TokenCalibration
from ecoalign_agent.testing import (
    CompletionReply,
    JsonObject,
    proposed_action,
    scan_reply,
    scripted_call,
    task_replies,
    verdict_reply,
)
from tests.llm.asking import NOTE, PROMPT, PROMPT_TOKENS, Note, meter
from tests.llm.conftest import MakeEndpoint
from tests.scripted_server import Answer, ChatServer
from tests.search.stage import picture

VIEW = ImageView(b"", "image/png", 512, 512, "low")
CROP = ImageView(b"", "image/png", 1_024, 768, "high")
FORMULA = 1_120
"""Tokens of ``VIEW`` for an unknown family: Gemini's figure is the largest."""


def gauge(family: ImageFamily = "unknown") -> TokenCalibration:
    return TokenCalibration("openai:m", family)


class TestPicturesThatAreToldApart:
    def test_the_same_pictures_are_estimated_at_what_they_counted(self) -> None:
        one = gauge()
        assert one.estimate(300, [VIEW]) == Usage(text=300, image=FORMULA)
        one.learn(300, [VIEW], prompt=385, image=85)
        assert one.estimate(300, [VIEW]) == Usage(text=300, image=85)
        assert one.images.factor == pytest.approx(85 / 1_120)

    def test_other_pictures_by_the_greatest_ratio_with_a_margin(self) -> None:
        one = gauge()
        one.learn(300, [VIEW], prompt=500, image=112)
        other = ImageView(b"", "image/png", 512, 384, "low")
        # The formula says 1 120 for both; a tenth of it was counted: 1 120 · 0.1 · 1.5.
        assert one.images.estimate([other]) == 168
        one.learn(300, [other], prompt=700, image=280)
        # A quarter now: the greater ratio stands. Pictures that were seen alone are their own figures together.
        assert one.images.estimate([ImageView(b"", "image/png", 384, 512, "low")]) == 420
        assert one.images.estimate([VIEW, other]) == 112 + 280

    def test_a_low_detail_says_nothing_of_how_little_a_high_one_counts(self) -> None:
        one = gauge()
        one.learn(300, [VIEW], prompt=385, image=85)
        # 1 024 × 768: 32 · 24 patches · 2.46 = 1 889.28.
        assert one.images.estimate([CROP]) == 1_890
        # But that the formula is far too low for one, it says of both: 1 890 · 2 · 1.1.
        two = gauge()
        two.learn(300, [VIEW], prompt=3_000, image=2_240)
        assert two.images.estimate([CROP]) == 4_158

    def test_a_formula_that_is_right_is_left_alone(self) -> None:
        one = gauge("openai-tiles")
        one.learn(300, [VIEW], prompt=385, image=85)
        assert one.images.factor == 1.0
        # 85 and 4 tiles of 170.
        assert one.images.estimate([CROP]) == 765

    def test_a_count_that_varies_counts_with_its_highest(self) -> None:
        one = gauge()
        for image in (85, 200, 100):
            one.learn(300, [VIEW], prompt=300 + image, image=image)
        assert one.images.estimate([VIEW]) == 200


class TestPicturesThatAreNot:
    def test_the_sum_bounds_them_from_above(self) -> None:
        one = gauge()
        # Of 300 text tokens at least a quarter are there: 350 − 75 = 275 are left for the picture.
        one.learn(300, [VIEW], prompt=350, image=None)
        assert one.images.estimate([VIEW]) == 275
        # A shorter prompt with the same picture bounds it closer; a longer one says no more.
        one.learn(100, [VIEW], prompt=200, image=None)
        one.learn(900, [VIEW], prompt=900, image=None)
        assert one.images.estimate([VIEW]) == 175

    def test_a_sum_within_the_estimate_never_raises_it(self) -> None:
        one = gauge("openai-tiles")
        one.learn(1_800, [VIEW], prompt=1_345, image=None)
        assert one.estimate(1_800, [VIEW]) == Usage(text=1_800, image=85)

    def test_a_sum_beyond_the_estimate_may_be_the_pictures_or_the_text(self) -> None:
        one = gauge("openai-tiles")
        one.learn(300, [VIEW], prompt=1_000, image=None)
        # The picture: 1 000 − 75 at the most. The text: 1 000 / 300 of the estimate at the most, times 1.1.
        assert one.estimate(300, [VIEW]) == Usage(text=1_100, image=925)
        # Prompts without a picture show that it was not the text: (1 000 + 2 700) / (300 + 9 000) is less than 1.
        one.learn(9_000, [], prompt=2_700, image=None)
        assert one.estimate(300, []) == Usage(text=300)

    def test_a_figure_that_makes_no_sense_is_not_told(self) -> None:
        for image in (0, 501):
            one = gauge()
            one.learn(300, [VIEW], prompt=500, image=image)
            assert one.images.estimate([VIEW]) == 425


class TestText:
    def test_is_corrected_upwards_only(self) -> None:
        one = gauge()
        one.learn(300, [], prompt=100, image=None)
        assert one.estimate(300, []) == Usage(text=300)
        one.learn(700, [], prompt=1_900, image=None)
        # 2 000 counted of 1 000 estimated so far, times 1.1.
        assert one.estimate(300, []) == Usage(text=660)

    def test_a_template_round_a_short_prompt_does_not_make_long_ones_dearer(self) -> None:
        one = gauge()
        one.learn(2_000, [], prompt=1_500, image=None)
        one.learn(100, [], prompt=250, image=None)
        assert one.texts.factor == 1.0

    def test_what_no_tokenizer_can_count_is_not_learnt(self) -> None:
        one = gauge()
        one.learn(300, [], prompt=int(MOST_TEXT * 300) + 1, image=None)
        one.learn(300, [VIEW], prompt=9_000_000, image=None)
        one.learn(300, [VIEW], prompt=9_000_000, image=8_999_000)
        assert one.estimate(300, [VIEW]) == Usage(text=300, image=FORMULA)
        assert not one.known()


def test_what_was_learnt_survives_as_plain_values_and_hides_nothing_that_is_known() -> None:
    one, other = gauge(), gauge()
    one.learn(300, [VIEW], prompt=385, image=85)
    one.learn(300, [CROP], prompt=3_000, image=None)
    one.learn(300, [], prompt=600, image=None)
    other.recall(json.loads(json.dumps(one.known(), allow_nan=False)))
    assert other.known() == one.known()
    assert [other.estimate(300, [view]) for view in (VIEW, CROP)] == [
        one.estimate(300, [view]) for view in (VIEW, CROP)
    ]
    third = gauge()
    third.learn(300, [VIEW], prompt=500, image=200)
    third.recall(one.known())
    assert third.images.estimate([VIEW]) == 200


def test_only_the_latest_sizes_are_kept() -> None:
    one = gauge()
    for side in range(100, 140):
        one.learn(300, [ImageView(b"", "image/png", side, side, "low")], prompt=400, image=100)
    assert len(one.images.known()) == 32


# By a tenth at the least where it is above 1: below that, rounding may pass for the formula being right.
FACTORS = st.floats(0.25, 1.0) | st.floats(1.1, 6.0)
PICTURES = st.sampled_from([VIEW, CROP, ImageView(b"", "image/png", 300, 500, "low")])
VIEWS, SOME_VIEWS = st.lists(PICTURES, max_size=2), st.lists(PICTURES, min_size=1, max_size=2)


@settings(max_examples=300)
@given(FACTORS, FACTORS, st.lists(st.tuples(st.integers(200, 3_000), VIEWS), min_size=2, max_size=8), st.booleans())
def test_an_endpoint_that_counts_by_one_factor_each_exceeds_an_estimate_once_for_each_at_the_most(
    text: float, image: float, calls: list[tuple[int, list[ImageView]]], tells: bool
) -> None:
    one, exceeded = gauge(), []
    for number, (words, views) in enumerate(calls):
        pictures = round(image * sum(image_tokens(view, view.detail, "unknown") for view in views))
        prompt = round(text * words) + pictures
        if prompt > one.estimate(words, views).prompt + 2:
            exceeded.append(number)
        one.learn(words, views, prompt=prompt, image=pictures if tells else None)
    assert len(exceeded) <= 2
    if all(views for _, views in calls):
        assert len(exceeded) <= 1
        assert not tells or set(exceeded) <= {0}
    if not any(views for _, views in calls):
        assert set(exceeded) <= {0}


@settings(max_examples=200)
@given(FACTORS, st.lists(st.tuples(st.integers(200, 3_000), SOME_VIEWS), min_size=2, max_size=8), st.booleans())
def test_one_factor_for_all_is_known_after_the_first_call(
    factor: float, calls: list[tuple[int, list[ImageView]]], tells: bool
) -> None:
    one = gauge()
    for number, (words, views) in enumerate(calls):
        pictures = round(factor * sum(image_tokens(view, view.detail, "unknown") for view in views))
        prompt = round(factor * words) + pictures
        assert number == 0 or prompt <= one.estimate(words, views).prompt + 2
        one.learn(words, views, prompt=prompt, image=pictures if tells else None)


async def test_a_call_teaches_its_endpoint_and_books_both_figures(server: ChatServer, endpoint: MakeEndpoint) -> None:
    usage = {"prompt_tokens": 120, "completion_tokens": 5, "prompt_tokens_details": {"image_tokens": 85}}
    server.answering(CompletionReply(json.dumps(NOTE), usage=usage))
    one, account = endpoint(), meter()
    for _ in range(2):
        await call_with_fallback(one, PROMPT, Note, images=[VIEW], meter=account, phase="scan", max_tokens=100)
    assert account.ledger.usage.image == 2 * 85
    assert account.ledger.image_estimated == 2 * FORMULA
    assert one.images.estimate([VIEW]) == 85
    assert account.ledger.by_endpoint == {"openai:vision-1": account.ledger.usage}


async def test_a_refused_call_teaches_nothing_and_no_usage_neither(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(CompletionReply(json.dumps(NOTE), usage="absent"))
    one, account = endpoint(), meter()
    await call_with_fallback(one, PROMPT, Note, images=[VIEW], meter=account, phase="scan", max_tokens=100)
    assert not one.gauge.known()
    assert account.ledger.usage.image == FORMULA
    assert account.ledger.usage.text >= PROMPT_TOKENS


def counting(text: float, image: int, *, tells: bool, seed: int = 0) -> "Counting":
    return Counting(text, image, tells, random.Random(seed))


class Counting:
    """A model that thinks and never comes to the point; counts text by one factor and a picture as one figure."""

    def __init__(self, text: float, image: int, tells: bool, dice: random.Random) -> None:
        self.text, self.image, self.tells, self.dice = text, image, tells, dice
        self.number = 0

    def __call__(self, body: JsonObject) -> Answer:
        self.number += 1
        said = body["messages"]
        asked = scripted_call([SystemMessage(said[0]["content"]), HumanMessage(said[-1]["content"])])
        thought = f"Window {self.number} is lit, and number {self.number * 7919} on the door is painted green."
        more = [proposed_action("reason", f"look at window {self.number}", 0.9, 0.2)]
        script = task_replies(
            scan=scan_reply(safety=1.0, actions=more),
            reason={"text": thought},
            propose={"actions": more, "merge": [], "prune": []},
            assess=verdict_reply(0.9, 0.1),
        )
        # Our estimate of the text includes the schema that travels beside it.
        schema = json.dumps(body.get("response_format", "")).encode()
        words = round(self.text * (asked.prompt_tokens + len(schema) / 3))
        details = {"cached_tokens": 0} | ({"image_tokens": self.image * asked.images} if self.tells else {})
        prompt = words + self.image * asked.images
        usage = {"prompt_tokens": prompt, "completion_tokens": 40, "prompt_tokens_details": details}
        return CompletionReply(json.dumps(script(asked)), usage=usage)


@pytest.mark.parametrize("tells", [True, False])
@pytest.mark.parametrize(("text", "image"), [(0.7, 85), (0.7, 1_120), (1.0, 3_000), (1.6, 85), (2.0, 2_240)])
async def test_no_search_outspends_its_budget_whatever_its_server_counts(
    text: float, image: int, tells: bool, server: ChatServer
) -> None:
    server.answering(counting(text, image, tells=tells))
    async with EcoAlign("openai:m", base_url=server.url, policy=Policy(budget=14_000, forecasts="inline")) as agent:
        result = await agent.ask("Who is at the door?", [picture()])
    assert result.cost.overrun == 0
    assert result.cost.spent <= result.cost.budget
    assert result.cost.tokens.image_estimated > 0


async def test_a_search_with_an_unknown_family_uses_its_budget(server: ChatServer) -> None:
    policy = Policy(budget=8_000, forecasts="inline", max_rounds=100)
    server.answering(counting(0.7, 85, tells=True))
    async with EcoAlign("openai:m", base_url=server.url, policy=policy) as agent:
        result = await agent.ask("Who is at the door?", [picture()])
    # By the formula alone a call's picture is 280 cost units too dear, and the search ended with a third unspent.
    assert result.stop_reason == "budget"
    assert result.cost.spent >= 0.8 * result.cost.budget
    assert result.cost.image_factors == {"openai:m": pytest.approx(85 / FORMULA, abs=1e-4)}
