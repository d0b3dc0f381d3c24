"""MathVista, testmini: mathematics in pictures. Not to be trained on.

Source: P. Lu et al., "MathVista", ICLR 2024. Files as published; the hints on the form of the answer are our wording.

The scorer extracts the short answer from a text by rules, else by a judge, and compares it with the right one. Rules as
published, except that nothing is guessed: an answer that no rule can read, or that lies equally near to several
choices, is unknown.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict
from rapidfuzz.distance import Levenshtein

from ecoalign_agent.bench.analysis.scores import AnswerScore, Measure
from ecoalign_agent.bench.datasets.benchmark import (
    BLANK,
    Benchmark,
    Judge,
    ScoreAnswer,
    ScoredAnswer,
    unknown_score,
)
from ecoalign_agent.bench.datasets.samples import (
    BenchmarkSample,
    BenchmarkSource,
    BrokenRecord,
    Listing,
    format_choices,
    text_field,
)
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt

_SOURCE = BenchmarkSource(
    key="mathvista",
    folder="mathvista",
    title="MathVista, testmini",
    url="https://huggingface.co/datasets/AI4Math/MathVista",
    licence="CC BY-SA 4.0, not for training",
    files="data/testmini.json and data/images/",
    published="1 000",
)

AnswerType = Literal["text", "integer", "float", "list"]
_FORMS: dict[AnswerType, str] = {
    "text": "a word or a short phrase",
    "integer": "a whole number, such as 3",
    "float": "a number with {precision} decimal places",
    "list": "a list in square brackets, such as [1, 2, 3]",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """A question's answer as published: a text that stands for a value of ``answer_type``.

    Attributes:
        choices: of a multiple choice; None: a free answer.
        precision: decimal places that count of a float.
    """

    answer: str
    answer_type: AnswerType
    choices: tuple[str, ...] | None
    precision: int | None


def _letters(choices: Sequence[str]) -> list[str]:
    return [chr(ord("A") + number) for number in range(len(choices))]


def list_mathvista(folder: Path) -> Listing:
    """List the records of MathVista's testmini."""
    index, rows = _SOURCE.read_index(folder, ("data/testmini.json", "testmini.json"), dict)
    return Listing((index,), index.parent, tuple(_record(pid, row, index) for pid, row in rows.items()))


def _record(pid: str, row: object, index: Path) -> BenchmarkSample | BrokenRecord:
    where = f"{index.name}:{pid}"
    question, image = text_field(row, "question"), text_field(row, "image")
    if not isinstance(row, dict) or question is None or image is None:
        return BrokenRecord(where, "question or image is missing or empty")
    problem = _problem(row)
    if isinstance(problem, str):
        return BrokenRecord(where, problem)
    return BenchmarkSample(
        id=pid,
        question=_question(question, text_field(row, "unit"), problem),
        images=(index.parent / image,),
        reference=problem.answer,
        category=text_field(row.get("metadata"), "task") or "",
        meta={"problem": problem},
    )


def _problem(row: Mapping[str, Any]) -> Problem | str:
    """The problem in a record; a text says why there is none."""
    answer, choices, kind = row.get("answer"), row.get("choices"), row.get("answer_type")
    if answer is None or isinstance(answer, bool) or not str(answer).strip():
        return "answer is missing: testmini has it, test has not"
    if kind not in list(_FORMS):
        return f"answer_type is {kind!r}, must be one of {', '.join(_FORMS)}"
    form = row.get("question_type")
    if (form == "multi_choice") != bool(choices) or form not in {"multi_choice", "free_form"}:
        return f"question_type is {form!r} and choices {'given' if choices else 'null'}"
    if choices and not (isinstance(choices, list) and str(answer) in map(str, choices)):
        return "the answer is none of the choices"
    precision = _precision(row.get("precision"))
    if kind == "float" and precision is None and not choices:
        return f"precision is {row.get('precision')!r}, must be a number of decimal places"
    return Problem(
        str(answer).strip(), cast("AnswerType", kind), tuple(map(str, choices)) if choices else None, precision
    )


def _precision(value: object) -> int | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return int(value) if value >= 0 and value == int(value) else None


def _question(question: str, unit: str | None, problem: Problem) -> str:
    if unit is not None:
        question = f"{question} (unit: {unit})"
    if problem.choices is not None:
        return format_choices(question, dict(zip(_letters(problem.choices), problem.choices, strict=True)))
    form = _FORMS[problem.answer_type].format(precision=problem.precision)
    return f"{question}\n\nGive the final answer as {form}."


_MEASURES: frozenset[Measure] = frozenset({"useful"})

_ANSWER_IS = re.compile(r"""\bthe (?:final )?answer is:?\s*["“]?(.+?)["”]?\s*\.?\s*$""", re.IGNORECASE | re.DOTALL)
_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")
_LETTER_FIRST = re.compile(r"\(([A-Za-z])\)")

_MAX_EXTRACTED = 400
"""Characters of an extraction; a longer one is no short answer."""


def extract_by_rule(answer: str, problem: Problem) -> str | None:
    """Short answer by rule: the whole text, or the text after "The answer is" at its end; None: a judge is needed."""
    whole = answer.strip()
    candidates = [whole]
    if _ANSWER_IS.search(whole):
        # The last one counts: a text may weigh several.
        last = re.split(r"\bthe (?:final )?answer is:?\s*", whole, flags=re.IGNORECASE)[-1]
        candidates.append(last.strip().rstrip(".").strip().strip('"“”').strip())
    return next((text for text in candidates if text and _fits(text, problem)), None)


def _fits(text: str, problem: Problem) -> bool:
    if problem.choices is not None:
        if any(text.rstrip(".").casefold() == choice.strip().casefold() for choice in problem.choices):
            return True
        letter = _LETTER.fullmatch(text) or _LETTER_FIRST.match(text)
        return letter is not None and letter[1].upper() in _letters(problem.choices)
    if problem.answer_type == "list":
        return _numbers(text) is not None
    return problem.answer_type != "text" and _number(text) is not None


def normalise_extraction(extraction: str, problem: Problem) -> str | float | tuple[float, ...] | None:
    """Convert an extraction into a value to compare, as published; None: it can't be read, so unknown.

    Multiple choice: the letter's choice, else the nearest by edit distance, if one is nearer than all others.
    """
    text = extraction.strip()
    if not text or len(text) > _MAX_EXTRACTED:
        return None
    if problem.choices is not None:
        return _choice(text, problem.choices)
    if problem.answer_type == "text":
        return text
    if problem.answer_type == "list":
        numbers = _numbers(text)
        return None if numbers is None else tuple(_rounded(number, problem) for number in numbers)
    number = _number(text)
    return None if number is None else _rounded(number, problem)


def _rounded(number: float, problem: Problem) -> float:
    if problem.answer_type == "integer":
        return float(int(number))
    return number if problem.precision is None else round(number, problem.precision)


def score_extraction(extraction: str | None, problem: Problem) -> AnswerScore:
    """Score the short answer; None, or one that can't be read, is unknown and counts as wrong."""
    value = None if extraction is None else normalise_extraction(extraction, problem)
    if value is None:
        reason = "the text gives no answer" if extraction is None else "the extracted answer can't be read"
        return AnswerScore(unknown=reason, measured=_MEASURES)
    return AnswerScore(useful=value == normalise_extraction(problem.answer, problem))


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    # A choice that is itself one letter, such as a point of a figure, is named by its own: letters were asked for.
    if len(text) > 1 and text in choices:
        return text
    letters = _letters(choices)
    letter = _LETTER_FIRST.search(text) or _LETTER.fullmatch(text)
    if letter is not None and letter[1].upper() in letters:
        return choices[letters.index(letter[1].upper())]
    distances = [Levenshtein.distance(text, choice) for choice in choices]
    nearest = min(distances)
    return choices[distances.index(nearest)] if distances.count(nearest) == 1 else None


def _number(text: str) -> float | None:
    try:
        # 1,200 is a number; 1,2 is not: it could be 1.2 or two numbers.
        number = float(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text.strip().rstrip(".")))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _numbers(text: str) -> tuple[float, ...] | None:
    try:
        items = json.loads(text.strip().rstrip("."))
    except (ValueError, RecursionError):
        return None
    if not isinstance(items, list) or not items:
        return None
    plain = all(isinstance(item, int | float | str) and not isinstance(item, bool) for item in items)
    numbers = [number for item in items if (number := _number(str(item))) is not None]
    return tuple(numbers) if plain and len(numbers) == len(items) else None


class ExtractionReply(BaseModel):
    """The short answer in a text; ``found`` is false where it gives none."""

    model_config = ConfigDict(extra="forbid", strict=True)

    found: bool
    answer: str


def _make_scorer(judge: Judge | None, prompts: str | None) -> ScoreAnswer:
    """Score by rules; the judge extracts the short answer where no rule can, and never scores it."""
    template = load_prompt("judging/extraction", prompts)

    async def score(sample: BenchmarkSample, answer: str, meter: Meter) -> ScoredAnswer:
        if not answer.strip():
            return unknown_score(BLANK, _MEASURES)
        problem: Problem = sample.meta["problem"]
        extraction = extract_by_rule(answer, problem)
        if extraction is not None:
            return ScoredAnswer(score_extraction(extraction, problem))
        if judge is None:
            return unknown_score("no rule finds the answer, and there is no judge", _MEASURES)
        prompt = template.render(question=sample.question, answer=answer)
        judgement = await judge.judge(prompt, ExtractionReply, meter=meter)
        if judgement.value is None:
            return unknown_score(judgement.unknown_reason, _MEASURES, judgement.cost)
        extraction = judgement.value.answer if judgement.value.found else None
        return ScoredAnswer(score_extraction(extraction, problem), judgement.cost)

    return score


MATHVISTA = Benchmark(_SOURCE, list_mathvista, _MEASURES, _make_scorer, judge_calls=1)
