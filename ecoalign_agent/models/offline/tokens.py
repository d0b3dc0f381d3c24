"""What a call to the embedded model is said to cost: a documented count, the same for the same call.

Text counts one token for four bytes of UTF-8, rounded up; a picture counts as OpenAI's tile formula has it: 85 at low
detail; at high detail 85 and 170 for every 512-pixel tile, after fitting into 2048 × 2048 and a short side of 768. The
program itself is free: the counts let budgets, forecasts and receipts work as with a hosted model.
Source: the tile formula is OpenAI's published one; the count of text is ours.
"""

import math
from typing import Any, Literal

from ecoalign_agent.images.image_tokens import image_tokens

BYTES_A_TOKEN = 4
"""How many bytes of UTF-8 text count as one token."""


def text_tokens(text: str) -> int:
    """Tokens of ``text``: a quarter of its bytes in UTF-8, rounded up."""
    return math.ceil(len(text.encode("utf-8", "replace")) / BYTES_A_TOKEN)


def picture_tokens(width: int, height: int, detail: Literal["low", "high"]) -> int:
    """Tokens of one picture of ``width`` × ``height`` pixels; one of unknown size (0) counts as one tile."""
    return image_tokens((max(1, width), max(1, height)), detail, "openai-tiles")


def cut(text: str, most: int) -> tuple[str, bool]:
    """``text`` within ``most`` tokens, and whether anything had to be cut off."""
    if text_tokens(text) <= most:
        return text, False
    return text.encode("utf-8")[: max(0, most) * BYTES_A_TOKEN].decode("utf-8", "ignore"), True


def token_usage(prompt_text: int, image: int, completion: int) -> dict[str, Any]:
    """The usage in the shape of OpenAI's API."""
    prompt = prompt_text + image
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": image},
    }
