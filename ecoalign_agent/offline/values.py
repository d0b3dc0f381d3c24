"""Values in a line of text, by type: times, prices, dates, numbers, phone numbers, addresses. Ours: plain patterns."""

import re
from typing import Literal

ValueType = Literal["time", "money", "date", "phone", "email", "website", "address", "number"]
"""What kind of value a question asks for."""

VALUE_TYPES: tuple[ValueType, ...] = ("time", "money", "date", "phone", "email", "website", "address", "number")
"""All of them."""

_CURRENCY = r"(?:[€$£¥]|EUR|USD|GBP|CHF|JPY|SEK|NOK|DKK|PLN|CZK|euros?|dollars?|pounds?|francs?)"
_AMOUNT = r"\d{1,3}(?:[.,' ]\d{3})+(?:[.,]\d{2})?|\d+(?:[.,]\d{1,2})?"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
_CLOCK = r"(?:[01]?\d|2[0-4])[:h][0-5]\d(?:\s?[ap]\.?m\b\.?)?|(?:1[0-2]|0?[1-9])(?:\.[0-5]\d)?\s?[ap]\.?m\b\.?"
_UNIT = (
    r"(?:\s?(?:km/h|mph|km|kg|mg|ml|cm|mm|kW|[mglVWA]|min(?:utes?)?|hours?|days?|weeks?|years?|%|°C?|pcs)(?![\w/]))?"
)
_STREET = r"(?:street|lane|road|avenue|square|way|court|drive|place|terrace|boulevard|alley|quay|row|hill)"

CLOCK = re.compile(rf"(?<![\d:.])(?:{_CLOCK}|noon\b|midnight\b)", re.IGNORECASE)
"""One time of day."""

CLOCK_RANGE = re.compile(
    rf"(?<![\d:.])(?:{_CLOCK}|noon|midnight|\d{{1,2}}\.[0-5]\d(?=\s*[-–—]))\s*(?:-|–|—|to|until|till)\s*"
    rf"(?:{_CLOCK}|noon\b|midnight\b|\d{{1,2}}\.[0-5]\d(?![\d.]))",
    re.IGNORECASE,
)
"""From one time to another, such as opening hours."""

CLOSED = re.compile(r"\bclosed\b|\bno service\b", re.IGNORECASE)
"""The time of what does not open at all."""

_BEFORE_OR_AFTER = re.compile(r"\b\d+\s?(?:min\w*|hours?|h)\s(?:before|after)\s\w+", re.IGNORECASE)

_PATTERNS: dict[ValueType, tuple[re.Pattern[str], ...]] = {
    "time": (CLOCK_RANGE, CLOCK, CLOSED, _BEFORE_OR_AFTER, re.compile(r"\b24 hours\b", re.IGNORECASE)),
    "money": (
        re.compile(rf"(?<!\w)-?\s?{_CURRENCY}\s?-?(?:{_AMOUNT})(?!\d)", re.IGNORECASE),
        re.compile(rf"(?<![\w.,:])-?(?:{_AMOUNT})\s?{_CURRENCY}(?!\w)", re.IGNORECASE),
        re.compile(
            r"(?<![\w.,:/])-?\d{1,3}(?:[.,' ]?\d{3})*[.,]\d{2}(?![\d:%]|[.,/]\d|\s?(?:kg|g|l|ml|cm|mm|m|km|v|w)\b)"
        ),
        re.compile(r"\bfree(?: of charge)?\b(?!-)", re.IGNORECASE),
    ),
    "date": (
        re.compile(r"(?<![\d.])\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})(?![\d.])"),
        re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)"),
        re.compile(
            rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th)?\.?\s(?:of\s)?{_MONTH}(?:,?\s\d{{4}})?(?![a-z\d])", re.IGNORECASE
        ),
        re.compile(rf"\b{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?(?:,?\s\d{{4}})?(?![\d:])", re.IGNORECASE),
        re.compile(rf"\b{_MONTH}\s\d{{4}}\b|(?<![\d/])(?:0[1-9]|1[0-2])/\d{{4}}(?!\d)", re.IGNORECASE),
    ),
    "phone": (re.compile(r"(?<![\w.,])(?:\+\d{1,3}|\(?0\d)[\d()/ -]{5,16}\d(?![\d.,:])"),),
    "email": (re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+"),),
    "website": (re.compile(r"\b(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|org|net|eu|de|uk|info|museum|io)\b(?:/\S*)?"),),
    "address": (
        re.compile(rf"\b\d+[a-z]?\s(?:[A-Z][\w'.-]*\s){{1,3}}(?i:{_STREET})\b(?:,\s?[A-Z][\w' -]+)?"),
        re.compile(rf"\b(?:[A-Z][\w'.-]*\s){{1,3}}(?i:{_STREET})\b(?:\s\d+[a-z]?)?", 0),
    ),
    "number": (
        re.compile(rf"(?<![\w.,:/-])(?:\d[\d.,]*\d|\d)(?![\d:/]|[.,]\d){_UNIT}(?!\w)"),
        re.compile(r"\b[A-Z]{1,3}-?\d+\b"),
    ),
}


def values_in(text: str, kind: ValueType) -> list[str]:
    """All values of one type in ``text``, from left to right, without overlaps; the longer reading of a place wins."""
    spans: list[tuple[int, int]] = []
    for pattern in _PATTERNS[kind]:
        for match in pattern.finditer(text):
            if not any(match.start() < end and start < match.end() for start, end in spans):
                spans.append(match.span())
    return [text[start:end].strip() for start, end in sorted(spans)]


def normalised(value: str) -> str:
    """A value as it is compared: case, spaces and kinds of dashes don't count, nor does a final full stop."""
    dashed = re.sub(r"\s*[-–—]\s*|\s+(?:to|until|till)\s+(?=\d)", "-", value.casefold())
    return re.sub(r"\s+", "", dashed).rstrip(".,;")


def bounds(hours: str) -> tuple[str, str] | None:
    """First and last time of a range such as ``10:00 - 18:00``; None when it is no range."""
    match = CLOCK_RANGE.search(hours)
    if match is None:
        return None
    first, last = re.split(r"\s*(?:-|–|—|\bto\b|\buntil\b|\btill\b)\s*", match.group(), maxsplit=1)
    return first.strip(), last.strip()


def minutes(clock: str) -> int | None:
    """A time of day in minutes after midnight; None when it is none."""
    words = {"noon": 720, "midnight": 1440}
    if (text := clock.strip().casefold()) in words:
        return words[text]
    match = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2}))?\s?(?:([ap])\.?m\.?)?", text)
    if match is None:
        return None
    hour, minute = int(match.group(1)), int(match.group(2) or 0)
    if match.group(3):
        hour = hour % 12 + (12 if match.group(3) == "p" else 0)
    return hour * 60 + minute
