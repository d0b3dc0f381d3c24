"""Questions taken apart: kind of value, topic words, rank, reference to what is written in a picture."""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from ecoalign_agent.models.offline.word_lists import (
    WORD,
    Kind,
    fold,
    kind_patterns,
    labels,
    pattern,
    words_of_list,
)  # fmt: skip

Rank = Literal["first", "last"]
Manner = Literal["transcript", "colours", "size", "description", "value"]

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_MAX_READ = 4_000
_OF_TIME = frozenset({"time", "date", "open", "close", "departure", "arrival", *WEEKDAYS})
_CLOCK = re.compile(r"\b(?:[01]?\d|2[0-4]):[0-5]\d\b")
_DAYS = re.compile(r"([^\W\d_]{2,})\.?\s*(?:-|–|to|bis|au|a|ate|至|~)\s*([^\W\d_]{2,})")
_DAILY = re.compile(r"\b(?:daily|every day|taglich|tous les jours|todos os dias|todos los dias|tutti i giorni)\b|每天")


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart.

    Attributes:
        text: the question itself.
        plain: the same, folded.
        kind: of the value asked for; None: whatever stands beside its label.
        topic: words that have to stand beside the value, each by its meaning.
        optional: words that may stand beside it.
        known_language: its words are of a language that the word lists cover.
    """

    text: str
    plain: str
    kind: Kind | None
    topic: frozenset[str]
    optional: frozenset[str]
    known_language: bool

    def asks(self, name: str) -> bool:
        """Whether the pattern ``name`` is found in it."""
        return pattern(name).search(self.plain) is not None

    @property
    def words(self) -> frozenset[str]:
        """Its topic and its optional words."""
        return self.topic | self.optional

    @property
    def greeting(self) -> bool:
        """It only greets, thanks or asks what can be asked."""
        return pattern("greets").fullmatch(self.plain) is not None

    @property
    def manner(self) -> Manner:
        """What kind of answer it wants."""
        if self.asks("transcript"):
            return "transcript"
        seen: tuple[Manner, ...] = ("colours", "size", "description")
        # "What does colour cost?" wants a value.
        return next((manner for manner in seen if self.kind is None and self.asks(manner)), "value")

    @property
    def rank(self) -> Rank | None:
        """Whether the least or the greatest value of a column is asked for."""
        if self.asks("last") or self.asks("most"):
            return "last"
        return "first" if self.asks("first") or self.asks("least") or self.asks("next") else None

    @property
    def edge(self) -> Rank | None:
        """Which end of a span of time is asked for; None: the whole."""
        if self.asks("whole") or self.yes_no:
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
        if self.manner == "transcript":
            return acts and re.search(r"\b(?:do|follow|complete|explain|answer|help)\b", self.plain) is not None
        subjects = {word for word in self.topic if not pattern("follows").fullmatch(word)} - {"please"}
        return (acts and self.asks("refers")) or not (subjects or self.optional or self.kind)


@lru_cache(maxsize=512)
def parse_question(text: str) -> Question:
    """Take a question apart; of a very long one the first 4 000 characters count."""
    plain = " ".join(fold(text[:_MAX_READ]).split())
    kind = next((kind for kind, asking in kind_patterns() if asking.search(plain)), None)
    if (
        kind == "time"
        and (noun := pattern("asked_noun").match(plain))
        and labels().get(noun[1], "time") not in _OF_TIME
    ):
        kind = None  # "What gate does it leave from?" names a label, whatever else it says
    ranks = ("last", "first", "next", "least", "most")
    spent = {word for name in ranks for match in pattern(name).finditer(plain) for word in match.group().split()}
    if pattern("next").search(plain) or pattern("yes_no").match(plain):
        spent |= set(_CLOCK.findall(plain))
    topic, optional = set[str](), set[str]()
    for word in WORD.findall(plain):
        if word in spent or word in words_of_list("function_words") or "一" <= word[0] <= "鿿":
            continue
        if len(word) > 1 or not word.isalpha():
            (optional if _is_optional(word, kind) else topic).add(meaning_of(word))
    return Question(text, plain, kind, frozenset(topic), frozenset(optional), in_known_language(plain))


def question_in_context(text: str, earlier: tuple[str, ...]) -> Question:
    """The last turn as a question. One such as "And on Sunday?" asks for what the turn before it asked for."""
    sentences = re.split(r"(?<=[.!?。？！])\s+", text)
    question = parse_question(" ".join(s for s in sentences if s.rstrip().endswith(("?", "？"))) or text)
    elliptic = pattern("elliptic").fullmatch(question.plain) is not None
    if not earlier or not elliptic or question.rank or question.manner != "value":
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


def goes_on(text: str) -> bool:
    """Whether a turn says nothing by itself and asks to go on with the turn before it."""
    return pattern("continues").fullmatch(fold(" ".join(text.split()))) is not None


def words_in(text: str) -> list[str]:
    """The words of a text of a picture by their meanings; those of a span of weekdays are filled in."""
    plain = fold(text)
    words = [meaning_of(word) for word in WORD.findall(plain)]
    for span in _DAYS.finditer(plain):
        first, last = (meaning_of(word) for word in span.groups())
        if first in WEEKDAYS and last in WEEKDAYS:
            start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
            words += [WEEKDAYS[n % 7] for n in range(start, (end if end >= start else end + 7) + 1)]
    words += WEEKDAYS if _DAILY.search(plain) else ()
    words += WEEKDAYS[5:] if "weekend" in words or "wochenende" in words else ()
    return words + list(WEEKDAYS[:5] if "weekday" in words or "werktag" in words else ())


def meaning_of(word: str) -> str:
    """The one word that stands for all of a meaning; without the ending of an English plural or genitive."""
    if word in labels() or len(word) <= 3:
        return labels().get(word, word)
    bare = re.sub(r"'s$|(?<=[^\Ws])s$|(?<=[xs])es$", "", word)
    return labels().get(bare, bare)


def labels_within(plain: str) -> list[str]:
    """The meanings of the Chinese label words in a text without spaces."""
    return [meaning for word, meaning in labels().items() if "一" <= word[0] <= "鿿" and word in plain]


def is_label(text: str) -> bool:
    """Whether every word of a text is one that labels and headings use."""
    words = [
        word for word in WORD.findall(fold(text)) if word not in words_of_list("function_words") or word in labels()
    ]
    return bool(words) and all(word in labels() or meaning_of(word) in words_of_list("optional") for word in words)


def in_known_language(plain: str, *, min_words: int = 3) -> bool:
    """Whether a folded text is in a language that the lists cover; fewer words than ``min_words`` are not judged."""
    letters = [letter for letter in plain if letter.isalpha()]
    known_letters = [c for c in letters if "a" <= c <= "z" or "一" <= c <= "鿿" or c in "øæœłß"]
    if len(known_letters) < 0.8 * len(letters):
        return False
    words = [word for word in re.findall(r"[a-z']+", plain) if len(word) > 1]
    listed = [
        w for w in words if w in labels() or w in words_of_list("function_words") or w in words_of_list("optional")
    ]
    return len(words) < min_words or pattern("greets").fullmatch(plain) is not None or len(listed) >= 0.2 * len(words)


def _is_optional(word: str, kind: Kind | None) -> bool:
    listed = words_of_list("optional")
    return word in listed or meaning_of(word) in listed or any(k == kind and p.search(word) for k, p in kind_patterns())
