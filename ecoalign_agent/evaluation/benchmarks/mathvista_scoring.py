"""MathVista's scorer: rules take the short answer out of a text, else a judge; then it is held against the right one.

Rules as published, but that nothing is guessed: what no rule can read, and what lies equally near to several choices,
is unknown.
"""

import json
import math
import re

from rapidfuzz.distance import Levenshtein

from ecoalign_agent.evaluation.benchmarks.mathvista import Problem, letters
from ecoalign_agent.evaluation.scores import Measure, Score

_MEASURED: frozenset[Measure] = frozenset({"useful"})

_ANSWER_IS = re.compile(r"""\bthe (?:final )?answer is:?\s*["“]?(.+?)["”]?\s*\.?\s*$""", re.IGNORECASE | re.DOTALL)
_LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")
_LETTER_FIRST = re.compile(r"\(([A-Za-z])\)")

MOST_EXTRACTED = 400
"""Characters of an extraction that are looked at; a longer one is no short answer."""


def extracted_by_rule(answer: str, problem: Problem) -> str | None:
    """The short answer in a text, where a rule can tell; None: a judge is needed.

    The whole text is one (a choice, its letter, a number, a list), or what follows "The answer is" at its end.
    """
    whole = answer.strip()
    found = _ANSWER_IS.search(whole)
    # The last one counts: a text may weigh several.
    said = re.split(r"\bthe (?:final )?answer is:?\s*", whole, flags=re.IGNORECASE)[-1] if found else None
    for text in (whole, None if said is None else said.strip().rstrip(".").strip().strip('"“”').strip()):
        if text and _fits(text, problem):
            return text
    return None


def _fits(text: str, problem: Problem) -> bool:
    """Whether a text is a short answer, and nothing else."""
    if problem.choices is not None:
        if any(text.rstrip(".").casefold() == choice.strip().casefold() for choice in problem.choices):
            return True
        letter = _LETTER.fullmatch(text) or _LETTER_FIRST.match(text)
        return letter is not None and letter[1].upper() in letters(len(problem.choices))
    match problem.answer_type:
        case "integer" | "float":
            return _number(text) is not None
        case "list":
            return _numbers(text) is not None
        case "text":
            return False


def normalised(extraction: str, problem: Problem) -> str | float | tuple[float, ...] | None:
    """An extraction as what it is held against; None: it can't be read, so unknown.

    Multiple choice: the letter's choice, else the nearest by edit distance, if one is nearer than all others. Whole
    numbers are cut off, floats rounded to the precision, as published.
    """
    text = extraction.strip()
    if not text or len(text) > MOST_EXTRACTED:
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


def score_extraction(extraction: str | None, problem: Problem) -> Score:
    """Whether the short answer is right; None, or one that can't be read, is unknown and counts as wrong."""
    said = None if extraction is None else normalised(extraction, problem)
    if said is None:
        what = "the text gives no answer" if extraction is None else "the extracted answer can't be read"
        return Score(unknown=what, measured=_MEASURED)
    return Score(useful=said == normalised(problem.answer, problem))


def _choice(text: str, choices: tuple[str, ...]) -> str | None:
    # A choice that is itself one letter, such as a point of a figure, is named by its own: letters were asked for.
    if len(text) > 1 and text in choices:
        return text
    marked = _LETTER_FIRST.search(text) or _LETTER.fullmatch(text)
    if marked is not None and marked[1].upper() in letters(len(choices)):
        return choices[letters(len(choices)).index(marked[1].upper())]
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
    numbers = [_number(str(item)) if isinstance(item, int | float | str) else None for item in items]
    if any(number is None or isinstance(item, bool) for number, item in zip(numbers, items, strict=True)):
        return None
    return tuple(number for number in numbers if number is not None)
