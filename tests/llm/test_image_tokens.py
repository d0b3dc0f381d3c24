"""Token formulas, each figure worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import family_of, image_tokens


@pytest.mark.parametrize(
    ("size", "detail", "tokens"),
    [
        ((4_000, 3_000), "low", 85),
        ((512, 512), "high", 85 + 170),  # one tile
        ((1_024, 1_024), "high", 765),  # short side 768: 768 × 768, 2 × 2 tiles, 85 + 4 · 170
        ((2_048, 4_096), "high", 1_105),  # 1 024 × 2 048, then 768 × 1 536: 2 × 3 tiles, 85 + 6 · 170
        ((100, 50), "high", 255),  # never enlarged
        ((1_536, 300), "high", 85 + 3 * 170),  # 1 536 / 512 = 3 across, one down
        ((8_192, 64), "high", 85 + 4 * 170),  # 2 048 × 16: 4 across
    ],
)
def test_tiles(size: tuple[int, int], detail: str, tokens: int) -> None:
    assert image_tokens(size, detail, "openai-tiles") == tokens  # type: ignore[arg-type]  # low or high


def test_mini_tiles_cost_33_times_as_much() -> None:
    assert image_tokens((512, 512), "low", "openai-mini-tiles") == 2_833
    assert image_tokens((1_024, 1_024), "high", "openai-mini-tiles") == 2_833 + 4 * 5_667


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((512, 512), 630),  # 16 · 16 = 256 patches · 2.46 = 629.76
        ((33, 32), 5),  # 2 patches · 2.46 = 4.92
        ((4_000, 3_000), 3_779),  # capped at 1 536 patches · 2.46 = 3 778.56
    ],
)
def test_patches(size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(size, "high", "openai-patches") == tokens


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((280, 560), 10 * 20 + 2),
        ((512, 384), 18 * 14 + 2),  # 18.29 and 13.71
        ((10, 10), 4 + 2),  # at least 4
        ((5_000, 4_000), 16_384 + 2),  # 179 · 143 = 25 597, capped
    ],
)
def test_qwen(size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(size, "low", "qwen-vl") == tokens


@pytest.mark.parametrize(
    ("size", "tokens"),
    [
        ((384, 384), 1_120),
        ((960, 540), 1_548),  # tiles of ⌊540 / 1.5⌋ = 360: 3 × 2 · 258
        ((512, 512), 1_120),  # tiles of 341: 2 × 2 · 258 = 1 032, below Gemini 3's 1 120
        ((3_072, 768), 3_096),  # tiles of 512: 6 × 2 · 258
    ],
)
def test_gemini(size: tuple[int, int], tokens: int) -> None:
    assert image_tokens(size, "high", "gemini") == tokens


@pytest.mark.parametrize(("size", "tokens"), [((750, 100), 100), ((1_000, 1_000), 1_334), ((4_000, 3_000), 4_784)])
def test_anthropic(size: tuple[int, int], tokens: int) -> None:
    # Pixels / 750: 100; 1 333.3, rounded up; 16 000, capped.
    assert image_tokens(size, "high", "anthropic") == tokens


def test_a_view_counts_as_it_is_sent() -> None:
    view = ImageView(b"", "image/png", 512, 512, "high")
    assert image_tokens(view.size, view.detail, "openai-tiles") == 255


@pytest.mark.parametrize("size", [(0, 5), (5, -1)])
def test_a_picture_of_no_size_has_no_tokens(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        image_tokens(size, "low", "unknown")


@given(st.integers(1, 6_000), st.integers(1, 6_000), st.sampled_from(["low", "high"]))
def test_an_unknown_model_is_never_estimated_below_a_known_one(width: int, height: int, detail: str) -> None:
    def tokens(family: str) -> int:
        return image_tokens((width, height), detail, family)  # type: ignore[arg-type]  # names are listed here

    known = [tokens(f) for f in ("openai-tiles", "openai-patches", "qwen-vl", "gemini", "anthropic")]
    assert tokens("unknown") == max(known) >= min(known) >= 1


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gpt-4o", "openai-tiles"),
        ("openai:gpt-4o-2024-08-06", "openai-tiles"),
        ("gpt-4.1", "openai-tiles"),
        ("gpt-5", "openai-tiles"),
        ("o3", "openai-tiles"),
        ("openai:gpt-4o-mini", "openai-mini-tiles"),
        ("gpt-4.1-mini", "openai-patches"),
        ("gpt-5-nano", "openai-patches"),
        ("o4-mini", "openai-patches"),
        ("gpt-5.2", "unknown"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen-vl"),
        ("qwen-vl-max", "qwen-vl"),
        ("google_genai:gemini-2.5-flash", "gemini"),
        ("anthropic:claude-sonnet-4", "anthropic"),
        ("llava-1.6", "unknown"),
        ("offline", "openai-tiles"),
        ("", "unknown"),
    ],
)
def test_families_by_name(name: str, family: str) -> None:
    assert family_of(name) == family
