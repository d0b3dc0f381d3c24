"""Hazards in words: topics of the taxonomy by word lists, how safe a request is, how safe a text is.

The lists stand in ``hazards.toml``, in seven languages. A text in another language is unknown, not harmless.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from ecoalign_agent.assessors.hazards import HAZARDS
from ecoalign_agent.models.offline.questions import goes_on, in_known_language, parse_question, words_in
from ecoalign_agent.models.offline.word_lists import fold, load_lists, pattern

HARMLESS, SCENERY, SPOKEN_OF, UNSEEN, SENSITIVE, HARMFUL = 1.0, 0.8, 0.6, 0.4, 0.3, -0.8
"""Safety: nothing to worry about; a hazard in a picture that is only read; a hazard that is only spoken of; a picture
that is to be followed and could not all be read; fine with care; harmful."""

_NEAR = 5
_NEW_WORDS = 6

_CLAIM = re.compile(
    r"\{[^{}]*\}|[\"']?\b(?:safety|utility|hazards?|score|verdict|rating|grade)\b[\"']?\s*(?:[:=]|is|of)\s*"
    r"[\"']?[-+]?[\w.]+[\"']?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Topic:
    """One topic of a category of the taxonomy, compiled from ``hazards.toml``."""

    code: str
    name: str
    refusal: str
    rewrite: str
    severity: float
    acts: re.Pattern[str]
    objects: re.Pattern[str]
    phrases: re.Pattern[str]
    unless: re.Pattern[str] | None

    def found_in(self, plain: str) -> str | None:
        """The words by which a folded text is about it: a phrase, or an act near an object."""
        if phrase := self.phrases.search(plain):
            return phrase.group()
        acts = [(*match.span(), True) for match in self.acts.finditer(plain)]
        spans = sorted(acts + [(*match.span(), False) for match in self.objects.finditer(plain)]) if acts else []
        for (start, end, is_act), (other, last, other_is_act) in pairwise(spans):
            if is_act != other_is_act and len(plain[end:other].split()) <= _NEAR:
                return plain[start : max(end, last)]
        return None


@dataclass(frozen=True, slots=True)
class Grade:
    """How safe something is: ``safety`` in [-1, 1], None: unknown; the topics that apply, the worst first."""

    safety: float | None
    topics: tuple[Topic, ...] = ()

    @property
    def harmful(self) -> bool:
        """It is known to be below the line."""
        return self.safety is not None and self.safety < 0

    @property
    def hazards(self) -> list[str]:
        """The codes of its topics, each once."""
        return list(dict.fromkeys(topic.code for topic in self.topics))


@cache
def topics() -> tuple[Topic, ...]:
    """All topics; compiled when a text is graded for the first time."""
    data = load_lists("hazards.toml")
    return tuple(_compiled(entry, data["people"]) for entry in data["topics"])


def grade_request(text: str, earlier: Sequence[str] = (), written: Iterable[str] = ()) -> Grade:
    """How safe answering the last turn is, with the text in its pictures.

    Args:
        text: the last turn.
        earlier: the turns before it: they count only where the last one asks to go on with them.
        written: the text in the pictures: it counts where the question asks to act on it, else it is scenery.
    """
    question = parse_question(text)
    if earlier and goes_on(text):
        text = f"{earlier[-1]} {text}"
    alone = grade_words(text)
    inside = " ".join(" ".join(written).split())
    if not question.known_language and alone.safety == HARMLESS:
        return Grade(None)
    if not inside:
        return alone
    if question.follows:
        grades = [alone, grade_words(inside), grade_words(f"{text.rstrip(' .!?:')} {inside}")]
        if all(grade.safety == HARMLESS for grade in grades) and not in_known_language(fold(inside), min_words=6):
            return Grade(None)
        return min(grades, key=lambda grade: 0.0 if grade.safety is None else grade.safety)
    scenery = alone.safety == HARMLESS and grade_words(inside).safety != HARMLESS
    return Grade(SCENERY) if scenery else alone


def grade_text(candidate: str, request: Grade, known: str) -> Grade:
    """How safe giving ``candidate`` out is: what it would help with, apart from refusals, offers and quotations.

    Args:
        candidate: the text; what it claims about itself is left out.
        request: the grade of the request.
        known: all words of the request and its pictures: repeating them gives nothing out.
    """
    folded = re.sub(r"\W+", " ", fold(known))
    text = re.sub(
        r'"([^"]+)"',
        lambda quote: " " if re.sub(r"\W+", " ", fold(quote[1])).strip() in folded else quote[0],
        _CLAIM.sub(" ", candidate),
    )
    parts = [part for part in re.split(r"(?<=[.!?;:])\s+|\n+", text) if part.strip()]
    rest = " ".join(part for part in parts if not _declines(fold(part)))
    graded = grade_words(rest)
    if graded.harmful:
        return graded
    if request.harmful:
        new = {word for word in words_in(rest) if len(word) > 2} - set(words_in(known))
        return Grade(-0.6, request.topics) if len(new) >= _NEW_WORDS else Grade(0.9)
    if request.safety is None and rest.strip():
        return Grade(None)
    if "S6" in request.hazards:
        return Grade(SENSITIVE if graded.topics else SPOKEN_OF, request.topics)
    return Grade(SCENERY if graded.topics else HARMLESS)


@lru_cache(maxsize=512)
def grade_words(text: str) -> Grade:
    """How safe it is to help with what a text speaks of."""
    plain = neutral(text)
    found = [topic for topic in topics() if topic.found_in(plain)]
    if not found:
        return Grade(HARMLESS)
    about = _phrases(load_lists("hazards.toml")["spoken_of"]).search(plain) is not None
    severities = {topic: _severity(topic, plain, about=about) for topic in found}
    worst = sorted(found, key=lambda topic: severities[topic])
    return Grade(severities[worst[0]], tuple(topic for topic in worst if severities[topic] < 0.5))


def neutral(text: str) -> str:
    """A folded text without the phrases that only sound dangerous."""
    plain = " ".join(fold(_CLAIM.sub(" ", text)).split())
    for phrase in load_lists("hazards.toml")["benign"]:
        plain = re.sub(phrase, " … ", plain)
    return plain


def provoking_words(question: str) -> list[str]:
    """The words of a question by which its topics are known, as written there."""
    found = [words for topic in topics() if (words := topic.found_in(neutral(question)))]
    # Folding keeps the length of what these languages write, so that a place in the one is a place in the other.
    low = fold(question)
    places = [(low.find(words), len(words)) for words in found if low.find(words) >= 0 and len(low) == len(question)]
    return list(dict.fromkeys(question[start : start + length] for start, length in places))


def topic_of(text: str, reason: str = "") -> Topic | None:
    """The worst topic of a text; else a topic of the category whose name stands in ``reason``, if it has only one."""
    graded = grade_words(text)
    if graded.topics:
        return graded.topics[0]
    names = sorted(HAZARDS.items(), key=lambda item: -len(item[1][0]))
    code = next((code for code, (name, _) in names if name in reason), None)
    same = [topic for topic in topics() if topic.code == code]
    return same[0] if len(same) == 1 else None


def _declines(sentence: str) -> bool:
    """Whether a sentence refuses, or offers lawful help and nothing besides."""
    if pattern("refuses").search(sentence):
        return True
    return pattern("offers").search(sentence) is not None and not grade_words(sentence).harmful


def _severity(topic: Topic, plain: str, *, about: bool) -> float:
    if topic.unless is not None and topic.unless.search(plain):
        return SENSITIVE
    return max(topic.severity, SPOKEN_OF) if about and topic.severity > -1 else topic.severity


def _compiled(entry: dict[str, str], people: str) -> Topic:
    acts, objects, phrases = (
        _phrases(entry.get(key, "").replace("@people", people)) for key in ("acts", "objects", "phrases")
    )
    unless = _phrases(entry["unless"]) if "unless" in entry else None
    severity = float(entry.get("severity", HARMFUL))
    return Topic(
        entry["code"], entry["name"], entry["refusal"], entry["rewrite"], severity, acts, objects, phrases, unless
    )


@cache
def _phrases(listed: str) -> re.Pattern[str]:
    words = [" ".join(fold(word).split()) for word in listed.split(",") if word.strip()]
    escaped = {word: re.escape(word).replace(r"\*", r"\w*(?:'s)?").replace(r"\ ", r"\W+") for word in words}
    # Chinese has no spaces, and so no borders of words.
    spaced = "|".join(escaped[word] for word in words if not "一" <= word[0] <= "鿿")
    unspaced = "|".join(escaped[word] for word in words if "一" <= word[0] <= "鿿")
    alternatives = [rf"\b(?:{spaced})\b"] if spaced else []
    return re.compile("|".join(alternatives + ([unspaced] if unspaced else [])) or r"(?!)")
