"""Which samples a policy is chosen on, and which it is shown on: never the same ones. Ours."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ecoalign_agent.benching.tuning.own_samples import OwnSample
from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.scores import Measure

_NEEDED: tuple[tuple[Measure, str], ...] = (
    ("safe", "labelled unsafe, to measure safety"),
    ("useful", "labelled benign, or with an answer, to measure utility"),
)


@dataclass(frozen=True, slots=True)
class Parts:
    """Samples in two parts that share no question with its picture.

    Attributes:
        tuning: what policies are compared on and chosen by, the seed's order.
        held_out: what the result is measured on; nothing is chosen by it.
    """

    tuning: Sequence[OwnSample]
    held_out: Sequence[OwnSample]


def split(samples: Sequence[OwnSample], *, seed: int, held_out: float) -> Parts:
    """Split by a hash of the seed with each question and its picture, each label for itself.

    The order of the samples does not matter, and the same question with the same picture is never on both sides.

    Args:
        samples: all there are.
        seed: another one splits otherwise.
        held_out: share that is held out, above 0 and below 1.

    Raises:
        UsageError: the share is out of range, a picture can't be read, or one of the parts can't measure safety or
            utility.
    """
    if not 0 < held_out < 1:
        raise UsageError(f"--held-out {held_out:g}: must be above 0 and below 1")
    groups: dict[str, dict[str, list[OwnSample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        groups[sample.label][_key(sample, seed)].append(sample)
    sides: tuple[list[tuple[str, OwnSample]], ...] = ([], [])
    for by_key in groups.values():
        out = round(held_out * len(by_key))
        for rank, key in enumerate(sorted(by_key)):
            sides[rank < out].extend((key, sample) for sample in by_key[key])
    # Both labels in the order of their keys: the first of them are a fair part of the whole.
    tuning, kept = ([sample for _, sample in sorted(side, key=lambda pair: (pair[0], pair[1].id))] for side in sides)
    for name, part in (("tuning", tuning), ("held-out", kept)):
        for measure, needed in _NEEDED:
            if not any(measure in sample.measured for sample in part):
                raise UsageError(
                    f"the {name} part of {len(samples)} samples has none {needed}: give more samples of that kind"
                )
    return Parts(tuning, kept)


def first_of(samples: Sequence[OwnSample], number: int) -> Sequence[OwnSample]:
    """So many of them, as many of each label as in the whole, rounded up; their order stays.

    The same samples serve every policy: what differs between two of them is then not which samples they drew.
    """
    if number >= len(samples):
        return samples
    left = {
        label: -(-number * sum(sample.label == label for sample in samples) // len(samples))
        for label in ("benign", "unsafe")
    }
    taken = []
    for sample in samples:
        if left[sample.label] > 0:
            left[sample.label] -= 1
            taken.append(sample)
    return taken


def _key(sample: OwnSample, seed: int) -> str:
    # No two notices of a world are the same, drawn or not.
    image = sample.id.encode() if sample.notice else b"" if sample.image is None else _content(sample.image)
    picture = hashlib.sha256(image).hexdigest()
    return hashlib.sha256(f"{seed}\0{picture}\0{sample.question}".encode()).hexdigest()


def _content(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except OSError as error:
        raise UsageError(f"{image}: {error.strerror or error}") from error
