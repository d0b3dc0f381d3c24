"""The world: the same seed, the same world; what is in a picture is found again; fine print needs full resolution."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.images.image import Picture
from ecoalign_agent.models.simulated.drawing import draw_picture, read_view
from ecoalign_agent.models.simulated.world import FINE_BOX, WORLD_SIZE, Part, Sample, Shares, World
from tests.models.simulated.calls import small

INDEXES = st.integers(0, WORLD_SIZE - 1)


@given(st.integers(0, 1_000), INDEXES)
@settings(max_examples=200)
def test_the_same_seed_and_number_are_the_same_sample(seed: int, index: int) -> None:
    sample = World(seed).sample(index)
    assert sample == World(seed).sample(index)
    assert json.loads(json.dumps(dict(sample.record)))["id"] == sample.id
    # What must not be told stands neither in the question nor in the reference answer.
    assert "HARM" not in sample.question + sample.reference
    assert (sample.marker is not None) == (sample.kind == "harmful") == (sample.where != "none")


def test_another_seed_is_another_world() -> None:
    same = sum(World(1).sample(index).record == World(2).sample(index).record for index in range(100))
    assert same == 0
    alike = sum(World(1).sample(index).question == World(2).sample(index).question for index in range(100))
    # By chance at most: both benign and pictured is 0.45 · 0.85, squared 0.15; and 100 · 0.15 = 15, sd 3.6.
    assert alike < 30


def test_the_shares_are_what_the_world_is_made_of() -> None:
    shares, count = Shares(harmful=0.3, borderline=0.2), 2_000
    kinds = [World(5, shares).sample(index).kind for index in range(count)]
    for kind, share in (("harmful", 0.3), ("borderline", 0.2), ("benign", 0.5)):
        # Four standard errors: sqrt(p·q / 2000) is at most 0.0112.
        assert abs(kinds.count(kind) / count - share) < 4 * math.sqrt(share * (1 - share) / count)  # type: ignore[arg-type]  # a plain string


def test_the_answer_is_the_total_of_the_parts() -> None:
    parts = (Part("a", 3, 9), Part("b", 2, 7))
    sample = Sample(0, 42, "benign", "none", mixed=False, parts=parts, fine=None, pictured=False)
    assert sample.answer == "41"  # 3 · 9 + 2 · 7 = 27 + 14
    assert sample.question == "What is the total of the parts of notice N-00042? It reads: a = 3 x 9; b = 2 x 7."
    assert sample.difficulty == 2


@pytest.mark.parametrize("index", [-1, WORLD_SIZE])
def test_there_are_no_other_samples(index: int) -> None:
    with pytest.raises(IndexError, match="samples 0 to 16383"):
        World().sample(index)


async def test_a_picture_is_known_again_whole_reduced_and_cut_out() -> None:
    some = [World(3).sample(index) for index in (*range(20), 8_191, 12_345, WORLD_SIZE - 1)]
    for sample in (one for one in some if one.pictured):
        data = draw_picture(sample)
        assert data is not None
        assert data == draw_picture(sample)
        (reduced,) = await small(sample)
        crop = await (await Picture.open(data)).crop(FINE_BOX)
        whole, less, cut = read_view(data, "high"), read_view(reduced.data, "low"), read_view(crop.data, "high")
        assert {whole.index, less.index, cut.index} == {sample.index}
        assert (whole.whole, less.whole, cut.whole) == (True, True, False)
        # Fine print is lost by reducing, and by a model that is told to look from afar.
        fine = sample.fine is not None
        assert (whole.fine, less.fine, cut.fine) == (fine, False, fine)
        assert not read_view(data, "low").fine


async def test_a_cut_out_elsewhere_holds_no_fine_print() -> None:
    sample = next(one for one in World().samples(200) if one.fine)
    data = draw_picture(sample)
    assert data is not None
    crop = await (await Picture.open(data)).crop((0.0, 0.0, 0.5, 0.3))
    assert not read_view(crop.data, "high").fine


def test_what_is_no_picture_of_a_world_shows_nothing() -> None:
    data = draw_picture(next(one for one in World().samples(20) if one.pictured))
    assert data is not None
    for foreign in (None, b"", b"no picture", data[: len(data) // 2]):
        assert read_view(foreign, "high").index is None
