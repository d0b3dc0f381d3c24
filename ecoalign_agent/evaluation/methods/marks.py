"""What a reply in words says: its marked final answer, a verdict of one word, a rating. Nothing is guessed. Ours."""

import re

_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_ANSWER = re.compile(r"^[\s*_#>]*(?:final )?answer[\s*_]*:[\s*_]*", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
_NUMBER = re.compile(r"[\s*]*([+\-−]?\d+(?:\.\d+)?)[\s*.]*")

MOST_GAIN = 5.0
"""A rating lies from minus this to this."""


def settled(text: str) -> str:
    """A reply without the thinking that some servers leave before it."""
    return _THINKING.sub("", text, count=1).strip()


def marked(text: str) -> tuple[str, str] | None:
    """What stands before the last line that begins with "Answer:", and what comes after that word.

    Returns:
        Both, without blanks at their ends; None: there is no such line, or nothing after it.
    """
    found = list(_ANSWER.finditer(text))
    if not found or not text[found[-1].end() :].strip():
        return None
    return text[: found[-1].start()].strip(), text[found[-1].end() :].strip()


def says_harmful(text: str) -> bool:
    """Whether a verdict is not a plain "no": one that can't be read counts as yes."""
    said = _WORD.fullmatch(settled(text))
    return said is None or said[1].casefold() != "no"


def gain_in(text: str) -> float | None:
    """A rating of progress in [-1, 1]; None: the reply is not one number from -5 to 5, so unknown."""
    said = _NUMBER.fullmatch(settled(text))
    if said is None:
        return None
    gain = float(said[1].replace("−", "-")) / MOST_GAIN
    return gain if -1.0 <= gain <= 1.0 else None
