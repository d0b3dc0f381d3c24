"""Similarity of thoughts.

Similarity is a ratio on normalised text. Ours, and stricter than a token *set* ratio, for which "the water is safe to
drink" and "the water is not safe to drink" are alike to 100 %, and so are a price and the same sentence with a further
price. Words are compared in their order and with their number of occurrences; and two texts that differ in a number,
in what it counts, or in a negation never say the same. A merge that was missed costs a little; a wrong one loses a
thought.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from ecoalign_agent.economics.thoughts import Thought

_WORD = re.compile(r"\w+(?:[.,:]\d+)*")
_HINGE = re.compile(r"[-+−$€£¥]*\d+(?:[.,:/]\d+)*\s*(?:[%°$€£¥]|[^\W\d_]+)?|[^\W\d_]+")
"""A number with its sign and with what it counts ("9 am", "5 mg", "-5 °"), or a word."""

_NEGATION = re.compile(r"no|not|never|none|nothing|nobody|neither|nor|without|cannot|un\w+")
_NUMBER_WORD = re.compile(
    r"zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|[mb]illion|half|"
    r"first|second|third|(?:four|fif|six|seven|eigh|nin|ten)th|once|twice"
)


def normalized_words(text: str) -> str:
    """Words in lower case, one blank between them; punctuation inside numbers stays."""
    return " ".join(_WORD.findall(_lowered(text)))


def find_duplicate(thought: Thought, others: Iterable[Thought], threshold: float) -> Thought | None:
    """The most similar of ``others`` that is of the same kind and at least ``threshold`` alike; None without one."""
    words, hinges = _compared(thought.text)
    near = [o for o in others if o.kind == thought.kind and o.id != thought.id and _compared(o.text)[1] == hinges]
    if not near:
        return None
    from rapidfuzz import fuzz, process  # noqa: PLC0415 - only where a second thought exists

    candidates = [_compared(other.text)[0] for other in near]
    found = process.extractOne(words, candidates, scorer=fuzz.ratio, score_cutoff=100.0 * threshold)
    return None if found is None else near[found[2]]


@lru_cache(maxsize=4096)
def _compared(text: str) -> tuple[str, list[str]]:
    """Normalised words of a text, and its hinges: numbers and negations, which turn a sentence into another one."""
    found = ("".join(match.split()) for match in _HINGE.findall(_lowered(text)))
    hinges = [w for w in found if not w.isalpha() or _NEGATION.fullmatch(w) or _NUMBER_WORD.fullmatch(w)]
    return normalized_words(text), hinges


def _lowered(text: str) -> str:
    return text.casefold().replace("’", "'").replace("n't", " not")
