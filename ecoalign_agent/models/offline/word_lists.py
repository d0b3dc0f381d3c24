"""The word lists and patterns of ``questions.toml``, loaded when the first question is read."""

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

Kind = Literal["time", "money", "date", "phone", "email", "web", "temperature", "number"]
"""A kind of value that is known by how it is written."""

WORD = re.compile(r"[一-鿿]+|[^\W_]+(?:['.,:/-][^\W_]+)*")
"""A word; Chinese without spaces is one."""


def fold(text: str) -> str:
    """``text`` in small letters without accents."""
    plain = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


@cache
def load_lists(name: str) -> Mapping[str, Any]:
    """The lists in the file ``name`` of this package."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


@cache
def pattern(name: str) -> re.Pattern[str]:
    """The pattern ``name`` of a folded question."""
    return re.compile("|".join(load_lists("questions.toml")["patterns"][name]))


@cache
def value_pattern(kind: Kind) -> re.Pattern[str]:
    """How values of a kind are written."""
    return re.compile("|".join(load_lists("questions.toml")["values"][kind]), re.IGNORECASE)


@cache
def kind_patterns() -> tuple[tuple[Kind, re.Pattern[str]], ...]:
    """Each kind with the pattern of questions for it, in the order in which they are tried."""
    listed = load_lists("questions.toml")["kinds"]
    return tuple((entry["kind"], re.compile("|".join(entry["patterns"]))) for entry in listed)


@cache
def labels() -> Mapping[str, str]:
    """Words of labels and headings, folded → the word that stands for their meaning."""
    lines = load_lists("questions.toml")["labels"].strip().splitlines()
    return {fold(word): line.split()[0] for line in lines for word in line.split()}


@cache
def words_of_list(name: str) -> frozenset[str]:
    """The folded words of the list ``optional`` or ``function_words``."""
    return frozenset(fold(load_lists("questions.toml")[name]).split())
