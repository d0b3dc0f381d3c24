"""What is booked for a call, by hand."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.tokens import TokenCalibration, estimate_text_tokens, reported_usage, text_tokens

ESTIMATE = Usage(text=300, image=85)


def booked(token_usage: Any = None, metadata: Any = None, written: str = "abcdef") -> Usage:
    message = AIMessage(written, response_metadata={} if token_usage is None else {"token_usage": token_usage})
    if metadata is not None:
        message.usage_metadata = metadata
    return reported_usage(message, ESTIMATE, written)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("é", 1), ("日本", 2), ("日本語で", 4), ("\ud800", 1)],
)
def test_text_is_a_token_for_every_three_bytes(text: str, tokens: int) -> None:
    assert text_tokens(text) == tokens


def test_a_prompt_is_its_messages_its_schema_and_its_pictures() -> None:
    view = ImageView(b"", "image/png", 512, 512, "low")
    # ⌈3/3⌉ + 8, ⌈6/3⌉ + 8, and 34 of a schema; two pictures of 85.
    text = estimate_text_tokens(["abc", "abcdef"], schema_tokens=34)
    assert TokenCalibration("m", "openai-tiles").estimate(text, [view, view]) == Usage(53, 170)


class TestReported:
    def test_parts_as_told(self) -> None:
        details = {"cached_tokens": 128, "image_tokens": 100}
        usage = {"prompt_tokens": 500, "completion_tokens": 40, "prompt_tokens_details": details}
        # 500 − 100 of pictures = 400 of text, of which 128 were cached.
        assert booked(usage) == Usage(text=272, image=100, cached=128, completion=40)

    def test_pictures_that_are_not_told_apart_are_estimated(self) -> None:
        assert booked({"prompt_tokens": 500, "completion_tokens": 40}) == Usage(text=415, image=85, completion=40)
        # Of fewer tokens than estimated, both get their shares: 50 · 85 / (300 + 85) = 11.04 for the pictures.
        assert booked({"prompt_tokens": 50, "completion_tokens": 40}) == Usage(text=39, image=11, completion=40)

    def test_a_cache_holds_text_first_and_then_pictures(self) -> None:
        details = {"cached_tokens": 450, "image_tokens": 100}
        usage = {"prompt_tokens": 500, "completion_tokens": 1, "prompt_tokens_details": details}
        assert booked(usage) == Usage(text=0, image=50, cached=450, completion=1)

    def test_more_cached_than_asked_is_all_that_was_asked(self) -> None:
        details = {"cached_tokens": 9_000, "image_tokens": 0}
        usage = {"prompt_tokens": 500, "completion_tokens": 1, "prompt_tokens_details": details}
        assert booked(usage) == Usage(cached=500, completion=1)

    def test_langchains_own_record_stands_in(self) -> None:
        metadata = {
            "input_tokens": 500,
            "output_tokens": 40,
            "total_tokens": 540,
            "input_token_details": {"cache_read": 15},
        }
        assert booked(metadata=metadata) == Usage(text=400, image=85, cached=15, completion=40)

    def test_it_is_believed_also_where_it_is_more_than_was_reserved(self) -> None:
        assert booked({"prompt_tokens": 900_000, "completion_tokens": 1}).prompt == 900_000


class TestNotReported:
    # The estimate of the prompt, and ⌈6 bytes / 3⌉ = 2 tokens written.
    ESTIMATED = Usage(text=300, image=85, completion=2, estimated=True)

    def test_nothing_told(self) -> None:
        assert booked() == self.ESTIMATED

    @pytest.mark.parametrize(
        ("prompt", "completion"),
        [
            (-1, 40),
            (500, -40),
            ("500", 40),
            (500.0, 40),
            (True, 40),
            (500, True),
            (None, None),
            (500, None),
            (0, 40),  # no prompt is of no tokens
            (500, 0),  # and no text either
            (10_000_000, 1),
            (float("nan"), 1),
            ([], {}),
        ],
    )
    def test_what_makes_no_sense_is_not_told(self, prompt: Any, completion: Any) -> None:
        assert booked({"prompt_tokens": prompt, "completion_tokens": completion}) == self.ESTIMATED
        metadata = {"input_tokens": prompt, "output_tokens": completion, "total_tokens": 1}
        assert booked(metadata=metadata) == self.ESTIMATED

    @pytest.mark.parametrize("details", [[], "many", {"cached_tokens": -5, "image_tokens": "x"}, None])
    def test_details_that_make_no_sense_leave_the_sum(self, details: Any) -> None:
        usage = {"prompt_tokens": 500, "completion_tokens": 40, "prompt_tokens_details": details}
        assert booked(usage) == Usage(text=415, image=85, completion=40)

    def test_an_empty_reply_may_have_cost_no_completion(self) -> None:
        assert booked({"prompt_tokens": 500, "completion_tokens": 0}, written="") == Usage(text=415, image=85)
        # Where nothing is told, at least one token is assumed: unknown is not zero.
        assert booked(written="").completion == 1
