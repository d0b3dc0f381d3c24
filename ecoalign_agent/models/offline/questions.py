"""Word lists of ``questions.toml``, and questions parsed by them: kind of value, topic words, rank, form of answer."""

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Literal

from rapidfuzz import fuzz

ValueKind = Literal["time", "money", "date", "phone", "email", "web", "temperature", "number"]
"""A kind of value that is known by its notation."""

AnswerForm = Literal["transcript", "colours", "value"]
"""The whole text, the colours of the picture, or one value in its text."""

Rank = Literal["first", "last"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_WORD = re.compile(r"[一-鿿]+|[^\W_]+(?:['.,:/-][^\W_]+)*")
_CLOCK = re.compile(r"\b(?:[01]?\d|2[0-4]):[0-5]\d\b")
_DAYS = re.compile(r"([^\W\d_]{2,})\.?\s*(?:-|–|to|bis|au|a|ate|至|~)\s*([^\W\d_]{2,})")
_MAX_READ = 4_000
_ALIKE = 86


@cache
def load_lists(name: str) -> Mapping[str, Any]:
    """The file ``name`` of this package, parsed."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The pattern ``name`` of a folded question."""
    return re.compile("|".join(load_lists("questions.toml")["patterns"][name]))


@cache
def value_pattern(kind: ValueKind) -> re.Pattern[str]:
    """The notation of values of a kind."""
    return re.compile("|".join(load_lists("questions.toml")["values"][kind]), re.IGNORECASE)


@cache
def _kind_patterns() -> list[tuple[ValueKind, re.Pattern[str]]]:
    return [(entry["kind"], re.compile("|".join(entry["patterns"]))) for entry in load_lists("questions.toml")["kinds"]]


@cache
def _labels() -> Mapping[str, str]:
    """Words of labels and headings, folded → the word that stands for their meaning."""
    lines = load_lists("questions.toml")["labels"].strip().splitlines()
    return {fold(word): line.split()[0] for line in lines for word in line.split()}


@cache
def _words_of_list(name: str) -> frozenset[str]:
    return frozenset(fold(load_lists("questions.toml")[name]).split())


def fold(text: str) -> str:
    """``text`` in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def normalised(text: str) -> str:
    """A text for comparing: small letters and digits alone."""
    return re.sub(r"[\W_]+", "", fold(text))


def has_word(word: str, words: Iterable[str]) -> bool:
    """Whether a word stands among ``words``; one letter in seven may be misread or an ending."""
    alike = len(word) > 4 and any(len(other) > 3 and fuzz.ratio(word, other) >= _ALIKE for other in words)
    return word in words or alike


@dataclass(frozen=True, slots=True)
class ParsedQuestion:
    """A question by the word lists; ``plain`` is its folded text."""

    plain: str
    kind: ValueKind | None
    """Of the value asked for; None: whatever stands beside its label."""
    topic: frozenset[str]
    """Words that have to stand beside the value, each by its meaning."""
    optional: frozenset[str]
    """Words that may stand beside it."""
    known_language: bool

    def asks(self, name: str) -> bool:
        """Whether the pattern ``name`` is found in it."""
        return pattern(name).search(self.plain) is not None

    @property
    def is_greeting(self) -> bool:
        """It only greets, thanks or asks what can be asked."""
        return pattern("greets").fullmatch(self.plain) is not None

    @property
    def form(self) -> AnswerForm:
        """The form of answer it asks for."""
        if self.asks("transcript"):
            return "transcript"
        # "What does colour cost?" asks for a value.
        return "colours" if self.kind is None and self.asks("colours") else "value"

    @property
    def rank(self) -> Rank | None:
        """Whether the least or the greatest value of a column is asked for."""
        if self.asks("last") or self.asks("most"):
            return "last"
        return "first" if self.asks("first") or self.asks("least") or self.asks("next") else None

    @property
    def edge(self) -> Rank | None:
        """The end of a span of time that is asked for; None: the whole."""
        if self.asks("whole"):
            return None
        return "last" if self.asks("ends") else "first" if self.asks("starts") else None

    @property
    def yes_no(self) -> bool:
        """It can be answered by yes or no."""
        return pattern("yes_no").match(self.plain) is not None

    @property
    def clock(self) -> str | None:
        """A time of day in it."""
        found = _CLOCK.search(self.plain)
        return found.group() if found else None

    @property
    def follows(self) -> bool:
        """It asks to act on what the picture says, or says nothing by itself."""
        acts = self.asks("follows")
        if self.form == "transcript":
            return acts and re.search(r"\b(?:do|follow|complete|explain|answer|help)\b", self.plain) is not None
        subjects = {word for word in self.topic if not pattern("follows").fullmatch(word)} - {"please"}
        return (acts and self.asks("refers")) or not (subjects or self.optional or self.kind)


@lru_cache(maxsize=512)
def parse_question(text: str) -> ParsedQuestion:
    """Parse a question; of a very long one the first 4 000 characters count."""
    plain = " ".join(fold(text[:_MAX_READ]).split())
    kind = next((kind for kind, asking in _kind_patterns() if asking.search(plain)), None)
    if kind == "time" and pattern("asks_for_label").match(plain):
        kind = None  # "What gate does it leave from?" names a label, whatever else it says
    ranks = ("last", "first", "next", "least", "most")
    spent = {word for name in ranks for match in pattern(name).finditer(plain) for word in match.group().split()}
    if pattern("next").search(plain) or pattern("yes_no").match(plain):
        spent |= set(_CLOCK.findall(plain))
    topic, optional = set[str](), set[str]()
    for word in _WORD.findall(plain):
        usable = (len(word) > 1 or not word.isalpha()) and not _is_chinese(word)
        if usable and word not in spent and word not in _words_of_list("function_words"):
            (optional if _is_optional(word, kind) else topic).add(meaning_of(word))
    return ParsedQuestion(plain, kind, frozenset(topic), frozenset(optional), in_known_language(plain))


def question_in_context(text: str, earlier: tuple[str, ...]) -> ParsedQuestion:
    """The last turn as a question; one such as "And on Sunday?" asks for what the turn before it asked for."""
    sentences = re.split(r"(?<=[.!?。？！])\s+", text)
    question = parse_question(" ".join(s for s in sentences if s.rstrip().endswith(("?", "？"))) or text)
    elliptic = pattern("elliptic").fullmatch(question.plain) is not None
    if not earlier or not elliptic or question.rank or question.form != "value":
        return question
    before = parse_question(earlier[-1])
    days = before.topic & set(WEEKDAYS) if not question.topic & set(WEEKDAYS) else frozenset[str]()
    edges = [match.group() for name in ("ends", "starts") for match in pattern(name).finditer(before.plain)]
    return replace(
        question,
        plain=" ".join([question.plain, *edges]),
        kind=question.kind or before.kind,
        topic=question.topic | days,
        optional=question.optional | before.optional,
    )


def words_in(text: str) -> list[str]:
    """The words of a text in a picture by their meanings; spans of weekdays are filled in."""
    plain = fold(text)
    words = [meaning_of(word) for word in _WORD.findall(plain)]
    for span in _DAYS.finditer(plain):
        first, last = (meaning_of(word) for word in span.groups())
        if first in WEEKDAYS and last in WEEKDAYS:
            start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
            words += [WEEKDAYS[n % 7] for n in range(start, (end if end >= start else end + 7) + 1)]
    daily, weekend, workdays = (pattern(name).search(plain) for name in ("daily", "weekend", "workdays"))
    return words + [day for n, day in enumerate(WEEKDAYS) if daily or (weekend and n > 4) or (workdays and n < 5)]


def meaning_of(word: str) -> str:
    """The one word that stands for all of a meaning; without the ending of an English plural or genitive."""
    if word in _labels() or len(word) <= 3:
        return _labels().get(word, word)
    bare = re.sub(r"'s$|(?<=[^\Ws])s$|(?<=[xs])es$", "", word)
    return _labels().get(bare, bare)


def chinese_topic(question: str, page_text: str) -> set[str]:
    """Topic words of a question without spaces: those that the page or the lists write."""
    runs = [run for run in re.findall(r"[一-鿿]+", page_text) if run in question]
    listed = {meaning for word, meaning in _labels().items() if _is_chinese(word) and word in question}
    return listed | {word for run in runs for word in words_in(run)}


def is_label(text: str) -> bool:
    """Whether every word of a text is one that labels and headings use."""
    words = [word for word in _WORD.findall(fold(text)) if word in _labels() or not _is_function_word(word)]
    return bool(words) and all(word in _labels() or meaning_of(word) in _words_of_list("optional") for word in words)


def in_known_language(plain: str, *, min_words: int = 3) -> bool:
    """Whether a folded text is in a language that the lists cover; fewer words than ``min_words`` are not judged."""
    letters = [letter for letter in plain if letter.isalpha()]
    if sum("a" <= c <= "z" or _is_chinese(c) or c in "øæœłß" for c in letters) < 0.8 * len(letters):
        return False
    words = [word for word in re.findall(r"[a-z']+", plain) if len(word) > 1]
    listed = [w for w in words if w in _labels() or _is_function_word(w) or w in _words_of_list("optional")]
    return len(words) < min_words or pattern("greets").fullmatch(plain) is not None or len(listed) >= 0.2 * len(words)


def _is_chinese(word: str) -> bool:
    return "一" <= word[0] <= "鿿"


def _is_function_word(word: str) -> bool:
    return word in _words_of_list("function_words")


def _is_optional(word: str, kind: ValueKind | None) -> bool:
    listed = _words_of_list("optional")
    of_kind = any(other == kind and asking.search(word) for other, asking in _kind_patterns())
    return word in listed or meaning_of(word) in listed or of_kind
