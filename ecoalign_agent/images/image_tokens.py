"""How many prompt tokens a picture costs before a provider says so: published formulas, one per family of models.

Ours: LangChain's own counters charge a flat 85 for any picture or download tokenizer files, and servers disagree
wildly. These figures only size a reservation; what is booked is the provider's own count wherever it reports one. So
where a family's members differ the larger figure stands: too low an estimate would let the hard budget slip.
"""

import math
import re
from typing import Literal

Detail = Literal["low", "high"]
"""OpenAI's switch: ``low`` is read as one small thumbnail, ``high`` tile by tile. Other families ignore it."""

ImageFamily = Literal[
    "openai-tiles", "openai-mini-tiles", "openai-patches", "qwen-vl", "gemini", "anthropic", "unknown"
]
"""Models that count a picture's tokens alike. ``unknown``: the largest of the others, the mini tiles left out."""

Size = tuple[int, int]


def image_tokens(size: Size, detail: Detail, family: ImageFamily) -> int:
    """Prompt tokens of a picture of that width and height in pixels as it is sent, by the providers' formulas.

    Only OpenAI's tile formulas read ``detail``.
    """
    width, height = size
    if width < 1 or height < 1:
        raise ValueError(f"a picture of {width}×{height} pixels has no tokens: both sides must be at least 1")
    if family == "openai-mini-tiles":
        return _tiles(width, height, detail, base=2833, tile=5667)
    counts: dict[ImageFamily, int] = {
        "openai-tiles": _tiles(width, height, detail, base=85, tile=170),
        # 2.46 is the largest of the published multipliers (1.62, 1.72, 2.46).
        "openai-patches": math.ceil(min(math.ceil(width / 32) * math.ceil(height / 32), 1536) * 2.46),
        # At least 4 and by default at most 16 384 cells; two tokens more mark where the picture begins and ends.
        "qwen-vl": min(16384, max(4, round(width / 28) * round(height / 28))) + 2,
        "gemini": _gemini(width, height),
        # Before the provider's own shrinking: at most 4 784 on the models with the highest resolution.
        "anthropic": min(4784, math.ceil(width * height / 750)),
    }
    # The mini tiles charge 33 times the others' figure, and the one model that uses them has a well-known name: to
    # reserve that much for every self-hosted model would leave nothing of a small budget.
    return counts.get(family, max(counts.values()))


def family_of(model_name: str) -> ImageFamily:
    """The family that a model's name points to, with or without a prefix such as ``openai:`` or ``Qwen/``."""
    name = re.split(r"[:/]", model_name.lower().strip())[-1]
    return next((family for pattern, family in _FAMILIES if re.match(pattern, name)), "unknown")


_FAMILIES: list[tuple[str, ImageFamily]] = [
    (r"offline\b", "openai-tiles"),  # the embedded rules count as they say they do
    (r"simulated\b", "openai-tiles"),  # so does the simulated model
    (r"gpt-4o-mini", "openai-mini-tiles"),
    (r"(gpt-4\.1|gpt-5)-(mini|nano)|o4-mini", "openai-patches"),
    (r"(chatgpt-)?gpt-4|chatgpt-4o|gpt-5(-chat|-\d{4}|$)|o[13](-|$)", "openai-tiles"),
    (r"qwen.*vl|qvq", "qwen-vl"),
    (r"gemini", "gemini"),
    (r"claude", "anthropic"),
]
"""The first match counts. Newer names (gpt-5.1 and on) stay unknown: how they count is not published as a formula."""


def _tiles(width: int, height: int, detail: Detail, *, base: int, tile: int) -> int:
    if detail == "low":
        return base
    # Fitted into 2048 × 2048, then the short side down to 768; never enlarged.
    scale = min(1.0, 2048 / max(width, height))
    scale = min(scale, 768 / min(width, height))
    across, down = (max(1, math.ceil(round(side * scale, 6) / 512)) for side in (width, height))
    return base + tile * across * down


def _gemini(width: int, height: int) -> int:
    # Up to Gemini 2.5: 258 a tile, one tile up to 384 pixels. From Gemini 3 on 1 120 by default, whatever the size.
    if max(width, height) <= 384:
        return 1120
    side = min(768, max(256, math.floor(min(width, height) / 1.5)))
    return max(1120, 258 * math.ceil(width / side) * math.ceil(height / side))
