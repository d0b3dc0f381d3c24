"""Samples that a policy is tuned on, read strictly, and their split into a tuning and a held-out part. Ours.

An unusable line is the caller's mistake, not a sample less: a line left out in silence would move every figure.
"""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecoalign_agent.bench.analysis.scores import Measure
from ecoalign_agent.bench.datasets.simulated import sample_measures
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.reports import LINES
from ecoalign_agent.models.simulated.world import WORLD_SIZE, WORLDS, World
from ecoalign_agent.models.simulated.world import Sample as Notice
from ecoalign_agent.training.synthesis.records import Label, find_image, read_column

_NOTICE = re.compile(r"simulated-(\d{1,9})-(\d{5})")


@dataclass(frozen=True, slots=True)
class TuningSample:
    """A question with the known facts about good answers to it.

    Attributes:
        image: the picture's file; None: there is none, or it is a notice, whose picture is drawn when needed.
        answers: a right answer holds one of these texts; (): no rule scores it.
        warning: the danger of the request, for the judge; ``reference`` likewise a good answer, or its description.
        notice: the simulated world's own sample, scored by ground truth; None: it is not of that world.
    """

    id: str
    question: str
    image: Path | None
    label: Label
    answers: tuple[str, ...] = ()
    warning: str | None = None
    reference: str | None = None
    notice: Notice | None = None

    @property
    def measured(self) -> frozenset[Measure]:
        """Safety if unsafe, over-refusal if benign, usefulness if benign or answered; a notice as its world says."""
        if self.notice is not None:
            return sample_measures(self.notice)
        if self.label == "benign":
            return frozenset({"useful", "over_refusal"})
        return frozenset({"safe", "useful", "both"} if self.answers else {"safe"})

    @property
    def needs_judge(self) -> bool:
        """True if rules can't score all that it measures."""
        return self.notice is None and (self.label == "unsafe" or not self.answers)


def world_samples(world: World, limit: int) -> list[TuningSample]:
    """The first samples of a simulated world; raises UsageError where it has fewer."""
    if limit > WORLD_SIZE:
        raise UsageError(f"--simulated {limit}: a world has {WORLD_SIZE} samples; ask for fewer")
    return [_from_notice(notice, None) for notice in world.samples(limit)]


def read_samples(source: str | Path) -> list[TuningSample]:
    """Read every sample of a folder with ``metadata.jsonl`` beside its pictures, or of a ``.jsonl`` file.

    Each line is an object with ``question`` and ``label`` (benign or unsafe), and may have ``image``, ``id``,
    ``answer`` (a text, a number, or a list of them), ``warning`` and ``reference``. Lines of ``ecoalign simulate
    world`` are recognised, and checked against their world.

    Raises:
        UsageError: there is no such file, or a line can't be used; the message says which and why.
    """
    path = Path(source)
    file = path / LINES if path.is_dir() else path
    if not file.is_file() or file.suffix != ".jsonl":
        raise UsageError(f"{source}: no samples there; give a .jsonl file, or a folder with {LINES} and its pictures")
    samples: dict[str, TuningSample] = {}
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: can't be read as UTF-8 text: {error}") from error
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        where = f"{file}:{number}"
        sample = _sample(_row(text, where), file.parent, f"r{number}", where)
        if sample.id in samples:
            raise UsageError(f"{where}: id {sample.id[:60]!r} was there before; give each line its own")
        samples[sample.id] = sample
    if not samples:
        raise UsageError(f"{file}: no sample in it")
    return list(samples.values())


def _row(text: str, where: str) -> Mapping[str, Any]:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where}: no JSON; write one object a line") from error
    if not isinstance(row, dict):
        raise UsageError(f"{where}: {type(row).__name__} instead of an object; write one object a line")
    return row


def _sample(row: Mapping[str, Any], folder: Path, fallback: str, where: str) -> TuningSample:
    def text(name: str) -> str | None:
        value = read_column(row, name)
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise UsageError(f"{where}: {name} is {str(value)[:60]!r}, must be a text")
        return value.strip() if isinstance(value, str) else None

    question, label = text("instruction"), row.get("label")
    if question is None:
        raise UsageError(f"{where}: no question; every line needs one")
    if label not in ("benign", "unsafe"):
        raise UsageError(
            f"{where}: label is {str(label)[:60]!r}, must be benign or unsafe: without it nothing tells whether a "
            "refusal is right"
        )
    id_ = read_column(row, "id")
    sample = TuningSample(
        id=fallback if id_ is None else str(id_),
        question=question,
        image=_image(text("image"), folder, where),
        label=label,
        answers=_answers(row.get("answer"), where),
        warning=text("warning"),
        reference=text("reference"),
    )
    return _from_notice(_notice(row, where), sample.image) if "simulated" in row else sample


def _answers(answer: object, where: str) -> tuple[str, ...]:
    values = answer if isinstance(answer, list) else [] if answer is None else [answer]
    texts = [
        str(value).strip() for value in values if isinstance(value, str | int | float) and not isinstance(value, bool)
    ]
    # An empty answer would be found in every text.
    if len(texts) != len(values) or not all(texts):
        raise UsageError(f"{where}: answer is {str(answer)[:60]!r}, must be a text, a number or a list of them")
    return tuple(texts)


def _image(name: str | None, folder: Path, where: str) -> Path | None:
    if name is None:
        return None
    image = find_image(folder, name)
    if isinstance(image, str):
        raise UsageError(f"{where}: {image}; put it below {folder}")
    return image


def _notice(row: Mapping[str, Any], where: str) -> Notice:
    """The world's own sample of a line that claims to be of that world: its truth counts only if it is the same."""
    id_ = str(row.get("id"))
    numbers = _NOTICE.fullmatch(id_)
    if numbers is not None and int(numbers[2]) < WORLD_SIZE:
        for shares in WORLDS.values():
            notice = World(int(numbers[1]), shares).sample(int(numbers[2]))
            # All of it: worlds of one seed and other shares have samples that differ in a single part.
            if all(row.get(name) == value for name, value in notice.record.items()):
                return notice
    raise UsageError(
        f"{where}: says that it is simulated, but no world has such a sample {id_[:60]!r}; write it anew with "
        "'ecoalign simulate world', or take the field simulated out"
    )


def _from_notice(notice: Notice, image: Path | None) -> TuningSample:
    return TuningSample(
        id=notice.id,
        question=notice.question,
        image=image,
        label="unsafe" if notice.kind == "harmful" else "benign",
        answers=() if notice.answer is None else (notice.answer,),
        reference=notice.reference,
        notice=notice,
    )


_NEEDED: tuple[tuple[Measure, str], ...] = (
    ("safe", "labelled unsafe, to measure safety"),
    ("useful", "labelled benign, or with an answer, to measure utility"),
)


@dataclass(frozen=True, slots=True)
class SampleParts:
    """Samples in two parts, in the seed's order, that share no question with its picture."""

    tuning: Sequence[TuningSample]
    held_out: Sequence[TuningSample]


def split_samples(samples: Sequence[TuningSample], *, seed: int, held_out: float) -> SampleParts:
    """Split by a hash of the seed with each question and its picture, each label for itself.

    The order of the samples does not matter, and the same question with the same picture is never on both sides.
    Raises UsageError where ``held_out`` is no share, or a part can't measure safety or utility.
    """
    if not 0 < held_out < 1:
        raise UsageError(f"--held-out {held_out:g}: must be above 0 and below 1")
    groups: dict[str, dict[str, list[TuningSample]]] = defaultdict(lambda: defaultdict(list))
    for sample in samples:
        groups[sample.label][_key(sample, seed)].append(sample)
    sides: tuple[list[tuple[str, TuningSample]], ...] = ([], [])
    for by_key in groups.values():
        out = round(held_out * len(by_key))
        for rank, key in enumerate(sorted(by_key)):
            sides[rank < out].extend((key, sample) for sample in by_key[key])
    # Both labels in the order of their keys: the first of them are a fair part of the whole.
    tuning, rest = ([sample for _, sample in sorted(side, key=lambda pair: (pair[0], pair[1].id))] for side in sides)
    for name, part in (("tuning", tuning), ("held-out", rest)):
        for measure, needed in _NEEDED:
            if not any(measure in sample.measured for sample in part):
                raise UsageError(
                    f"the {name} part of {len(samples)} samples has none {needed}: give more samples of that kind"
                )
    return SampleParts(tuning, rest)


def first_samples(samples: Sequence[TuningSample], number: int) -> Sequence[TuningSample]:
    """The first ``number`` samples, each label in its share of the whole, rounded up; their order stays.

    The same samples serve every policy, so that two of them don't differ by their draws.
    """
    if number >= len(samples):
        return samples
    left = {
        label: -(-number * sum(sample.label == label for sample in samples) // len(samples))
        for label in ("benign", "unsafe")
    }
    first = []
    for sample in samples:
        if left[sample.label] > 0:
            left[sample.label] -= 1
            first.append(sample)
    return first


def _key(sample: TuningSample, seed: int) -> str:
    try:
        # No two notices of a world are the same, drawn or not.
        image = sample.id.encode() if sample.notice else b"" if sample.image is None else sample.image.read_bytes()
    except OSError as error:
        raise UsageError(f"{sample.image}: {error.strerror or error}") from error
    picture = hashlib.sha256(image).hexdigest()
    return hashlib.sha256(f"{seed}\0{picture}\0{sample.question}".encode()).hexdigest()
