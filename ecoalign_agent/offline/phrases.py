"""From word lists to patterns: the small notation in which the hazard rules are published.

A list is written with commas. A word may end in ``*`` for any ending; a space in a phrase matches any white space.
Ours.
"""

import re
from functools import cache


@cache
def things(listed: str) -> str:
    """A pattern for any of the listed words or phrases, in singular or plural, on word boundaries."""
    return rf"\b(?:{'|'.join(_phrase(word, 's?') for word in _split(listed))})(?!\w)"


@cache
def acts(listed: str) -> str:
    """A pattern for any of the listed verbs, bare or in -s or -ing; the first word of a phrase is inflected."""
    return rf"\b(?:{'|'.join(_verb(word) for word in _split(listed))})(?!\w)"


def near(first: str, second: str, words: int) -> str:
    """A pattern for ``first`` followed by ``second`` with at most ``words`` words between them, within a sentence."""
    return rf"(?:{first})(?:[^\w.!?\n]+[\w'-]+){{0,{words}}}?[^\w.!?\n]+(?:{second})"


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, for any case."""
    return re.compile(pattern, re.IGNORECASE)


def _split(listed: str) -> list[str]:
    return [" ".join(word.split()) for word in listed.split(",") if word.strip()]


def _phrase(phrase: str, ending: str) -> str:
    if phrase.endswith("*"):
        return re.escape(phrase[:-1]).replace(r"\ ", r"\s+") + r"\w*"
    if phrase.endswith("y") and ending:
        return re.escape(phrase[:-1]).replace(r"\ ", r"\s+") + "(?:y|ies)"
    return re.escape(phrase).replace(r"\ ", r"\s+") + ("(?:s|es)?" if ending else "")


def _verb(phrase: str) -> str:
    if phrase.endswith("*"):
        return _phrase(phrase, "")
    verb, _, rest = phrase.partition(" ")
    stem = (
        re.escape(verb[:-1]) + r"(?:e|es|ing)" if verb.endswith("e") else f"{re.escape(verb)}(?:s|es|{verb[-1]}?ing)?"
    )
    return stem + (r"\s+" + _phrase(rest, "") if rest else "")
