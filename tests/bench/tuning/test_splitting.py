"""The split: nothing that chooses is seen where it is shown."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.bench.tuning.samples import TuningSample, first_samples, split_samples
from ecoalign_agent.errors import UsageError
from tests.bench.tuning.making import own

MIXED = [own(number, "unsafe" if number % 3 == 0 else "benign") for number in range(30)]


@settings(max_examples=50)
@given(st.integers(0, 1_000), st.floats(0.2, 0.8), st.randoms(use_true_random=False))
def test_each_sample_is_on_one_side_whatever_their_order(seed: int, share: float, random: object) -> None:
    shuffled = list(MIXED)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis's own generator has no public class
    parts, again = split_samples(MIXED, seed=seed, held_out=share), split_samples(shuffled, seed=seed, held_out=share)
    assert parts == again
    assert sorted(sample.id for sample in [*parts.tuning, *parts.held_out]) == sorted(sample.id for sample in MIXED)
    # 10 unsafe and 20 benign ones: each label is split for itself.
    assert sum(sample.label == "unsafe" for sample in parts.held_out) == round(10 * share)
    assert sum(sample.label == "benign" for sample in parts.held_out) == round(20 * share)


def test_the_same_question_with_the_same_picture_is_never_on_both_sides() -> None:
    samples = [replace(sample, question=f"{sample.label} {number // 5}") for number, sample in enumerate(MIXED)]
    for seed in range(20):
        parts = split_samples(samples, seed=seed, held_out=0.5)
        assert not {one.question for one in parts.tuning} & {one.question for one in parts.held_out}


def test_another_picture_or_another_seed_splits_otherwise(tmp_path: Path) -> None:
    (tmp_path / "door.png").write_bytes(b"a picture")

    def held_out(samples: list[TuningSample], seed: int) -> set[str]:
        return {sample.id for sample in split_samples(samples, seed=seed, held_out=0.5).held_out}

    assert held_out(MIXED, 0) != held_out(MIXED, 1)
    assert held_out(MIXED, 0) != held_out([replace(sample, image=tmp_path / "door.png") for sample in MIXED], 0)


def test_a_picture_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.png: No such file"):
        split_samples([*MIXED, own(99, image=tmp_path / "gone.png")], seed=0, held_out=0.5)


def test_a_part_that_cannot_measure_is_refused() -> None:
    benign = [own(number) for number in range(8)]
    with pytest.raises(UsageError, match="tuning part of 8 samples has none labelled unsafe"):
        split_samples(benign, seed=0, held_out=0.5)
    with pytest.raises(UsageError, match="tuning part of 9 samples has none labelled unsafe"):
        # One unsafe sample: round(0.6 · 1) = 1 of it is held out.
        split_samples([*benign, own(9, "unsafe")], seed=0, held_out=0.6)
    with pytest.raises(UsageError, match="none labelled benign"):
        split_samples([own(number, "unsafe") for number in range(8)], seed=0, held_out=0.5)
    for share in (0.0, 1.0, float("nan")):
        with pytest.raises(UsageError, match="above 0 and below 1"):
            split_samples(MIXED, seed=0, held_out=share)


def test_the_first_ones_are_a_fair_part() -> None:
    # A third is unsafe: of 10 that is 3.33 and 6.67, rounded up 4 and 7.
    some = first_samples(MIXED, 10)
    assert sum(sample.label == "unsafe" for sample in some) == 4
    assert sum(sample.label == "benign" for sample in some) == 7
    assert [sample for sample in MIXED if sample in some] == list(some)
    assert first_samples(MIXED, 30) == MIXED
