"""MathVista, testmini: mathematics in pictures. Not to be trained on.

Source: P. Lu et al., "MathVista", ICLR 2024. Files as published; the hints on the form of the answer are our wording.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from ecoalign_agent.evaluation.benchmarks.files import locate, read_json, shown_choices, text_in
from ecoalign_agent.evaluation.benchmarks.samples import Broken, Listing, Sample, Source

SOURCE = Source(
    key="mathvista",
    folder="mathvista",
    title="MathVista, testmini",
    url="https://huggingface.co/datasets/AI4Math/MathVista",
    licence="CC BY-SA 4.0, not for training",
    files="data/testmini.json and data/images/",
    published="1 000",
)

AnswerType = Literal["text", "integer", "float", "list"]
_ANSWER_TYPES = ("text", "integer", "float", "list")


@dataclass(frozen=True, slots=True)
class Problem:
    """What the scorer has to know of a question.

    Attributes:
        answer: as published, a text whatever its type.
        answer_type: what it stands for.
        choices: of a multiple choice; None: a free answer.
        precision: decimal places that count of a float.
    """

    answer: str
    answer_type: AnswerType
    choices: tuple[str, ...] | None
    precision: int | None

    @classmethod
    def of(cls, sample: Sample) -> "Problem":
        """The problem in a sample."""
        choices, kind = sample.meta["choices"], cast("AnswerType", sample.meta["answer_type"])
        answer = sample.reference if isinstance(sample.reference, str) else ""
        return cls(answer, kind, None if choices is None else tuple(choices), sample.meta["precision"])


def letters(count: int) -> list[str]:
    """A, B, C … for so many choices."""
    return [chr(ord("A") + number) for number in range(count)]


def list_mathvista(folder: Path) -> Listing:
    """The records of MathVista's testmini.

    Raises:
        UsageError: files are missing or damaged.
    """
    index = locate(folder, SOURCE, ("data/testmini.json", "testmini.json"))
    rows = read_json(index, dict)
    return Listing((index,), index.parent, tuple(_record(pid, row, index) for pid, row in rows.items()))


def _record(pid: str, row: object, index: Path) -> Sample | Broken:
    where = f"{index.name}:{pid}"
    question, image = text_in(row, "question"), text_in(row, "image")
    if not isinstance(row, dict) or question is None or image is None:
        return Broken(where, "question or image is missing or empty")
    made = _problem(row)
    if isinstance(made, str):
        return Broken(where, made)
    metadata = row.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    return Sample(
        id=pid,
        question=_asked(question, text_in(row, "unit"), made),
        images=(index.parent / image,),
        reference=made.answer,
        category=str(metadata.get("task") or ""),
        meta={
            "choices": None if made.choices is None else list(made.choices),
            "precision": made.precision,
            "answer_type": made.answer_type,
            "plain_question": question,
            "metadata": metadata,
        },
    )


def _problem(row: Mapping[str, Any]) -> Problem | str:
    """The problem in a record; a text says why there is none."""
    answer, choices, kind = row.get("answer"), row.get("choices"), row.get("answer_type")
    if answer is None or isinstance(answer, bool) or not str(answer).strip():
        return "answer is missing: testmini has it, test has not"
    if kind not in _ANSWER_TYPES:
        return f"answer_type is {kind!r}, must be one of {', '.join(_ANSWER_TYPES)}"
    asked = row.get("question_type")
    if (asked == "multi_choice") != bool(choices) or asked not in {"multi_choice", "free_form"}:
        return f"question_type is {asked!r} and choices {'given' if choices else 'null'}"
    if choices and not (isinstance(choices, list) and str(answer) in map(str, choices)):
        return "the answer is none of the choices"
    precision = _precision(row.get("precision"))
    if kind == "float" and precision is None and not choices:
        return f"precision is {row.get('precision')!r}, must be a number of decimal places"
    return Problem(str(answer).strip(), kind, tuple(map(str, choices)) if choices else None, precision)


def _precision(value: object) -> int | None:
    """Decimal places; the file writes them as 1.0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return int(value) if value >= 0 and value == int(value) else None


def _asked(question: str, unit: str | None, problem: Problem) -> str:
    """The question with unit, choices, and what form its answer must have. Wording ours."""
    if unit is not None:
        question = f"{question} (unit: {unit})"
    if problem.choices is not None:
        return shown_choices(question, dict(zip(letters(len(problem.choices)), problem.choices, strict=True)))
    match problem.answer_type:
        case "integer":
            form = "a whole number, such as 3"
        case "float":
            form = f"a number with {problem.precision} decimal places"
        case "list":
            form = "a list in square brackets, such as [1, 2, 3]"
        case "text":
            form = "a word or a short phrase"
    return f"{question}\n\nGive the final answer as {form}."
