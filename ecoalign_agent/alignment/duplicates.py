"""Which thoughts say the same.

Similarity is a token ratio on normalised text. Ours, and stricter than a token *set* ratio, for which "the water is
safe to drink" and "the water is not safe to drink" are alike to 100 %, and so are a price and the same sentence with
a further price: words are compared with their number of occurrences, and two texts that differ in a number or in a
negation never say the same.
"""

import re
from collections.abc import Iterable

from ecoalign_agent.economics.thoughts import Thought

_WORD = re.compile(r"\w+(?:[.,:]\d+)*")
_NUMBER = re.compile(r"\d")
_NEGATION = re.compile(r"^(?:no|not|never|none|nothing|nobody|neither|nor|without|cannot|un\w+)$|n't$")


def normalised(text: str) -> str:
    """Words in lower case, one blank between them; punctuation inside numbers stays."""
    return " ".join(_WORD.findall(text.casefold().replace("’", "'").replace("n't", " not")))


def similarity(first: str, second: str) -> float:
    """How alike two texts are, in [0, 1]; 0 where they differ in a number or in a negation.

    Source: ours.
    """
    from rapidfuzz import fuzz  # noqa: PLC0415 - only where a second thought exists

    one, other = normalised(first), normalised(second)
    if _hinges(one) != _hinges(other):
        return 0.0
    return fuzz.token_sort_ratio(one, other) / 100.0


def duplicate_of(thought: Thought, others: Iterable[Thought], threshold: float) -> Thought | None:
    """The most similar of ``others`` that is of the same kind and at least ``threshold`` alike; None without one."""
    found = ((similarity(thought.text, o.text), o) for o in others if o.kind == thought.kind and o.id != thought.id)
    alike = [(score, other) for score, other in found if score >= threshold]
    return max(alike, key=lambda pair: pair[0])[1] if alike else None


def _hinges(text: str) -> list[str]:
    """What turns a sentence into another one however alike the rest is."""
    return sorted(word for word in text.split() if _NUMBER.search(word) or _NEGATION.match(word))
