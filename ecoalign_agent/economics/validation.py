"""One-line messages for settings out of range: subject, setting, value, limit.

A pydantic dataclass or model that has ``_errors = one_line_errors(...)`` in its body raises an error of this package in
place of pydantic's `ValidationError`. Source: ours.
"""

import difflib
from collections.abc import Callable, Collection, Mapping
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError, ValidatorFunctionWrapHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ArgsKwargs

from ecoalign_agent.errors import EcoAlignError, PolicyError, UsageError

_SHOWN_DIGITS = 15
_KINDS = {int: "a whole number", float: "a number", str: "a text"}
_BOUNDS = (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))


def one_line_errors(
    subject: str = "", error: type[EcoAlignError] = UsageError, *, name_of: Callable[[str], str] = str
) -> Any:  # noqa: ANN401 - pydantic's own descriptor
    """A validator that turns the first error of a class into one line, such as "policy: k is 2, must be a number …".

    The limit is the field's description if it has one, else follows from its type and bounds. Not for dataclasses with
    slots, which pydantic makes twice.

    Args:
        subject: what the settings belong to; empty: the message begins with the setting.
        name_of: a field's name as the user knows it, such as an option.
    """

    def validate(cls: Any, data: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - pydantic's signature
        try:
            return handler(data)
        except ValidationError as refused:
            given = (data.kwargs if isinstance(data, ArgsKwargs) else data) or {}
            message = explain(refused, cls, given, name_of=name_of)
            raise error(f"{subject}: {message}" if subject else message) from None

    return model_validator(mode="wrap")(classmethod(validate))  # type: ignore[arg-type]  # of any class


def explain(
    refused: ValidationError, cls: type, given: Mapping[str, object], *, name_of: Callable[[str], str] = str
) -> str:
    """The first error in one line: "k is 2, must be a number at least 0 and at most 1".

    Args:
        cls: the class that raised it.
        given: its arguments by name.
    """
    fields: Mapping[str, FieldInfo] = getattr(cls, "__pydantic_fields__", {})
    first = refused.errors(include_url=False)[0]
    if not first["loc"]:
        return first["msg"]
    place = first["loc"][0]
    name = list(fields)[place] if isinstance(place, int) else place
    if name not in fields:
        return _unknown_name(name, fields)
    value = "missing" if first["type"] == "missing" else show(given.get(name, first["input"]))
    return f"{name_of(name)} is {value}, must be {_limits(fields[name])}"


def require_known_names(names: Collection[str], known: Collection[str], *, subject: str) -> None:
    """Raise PolicyError if a name is unknown; the message names the nearest that is known."""
    for name in names:
        if name not in known:
            raise PolicyError(f"{subject}: {_unknown_name(name, known)}")


def show(value: object) -> str:
    """A value as a message shows it: at most 60 characters, and "too large" for an integer of many digits."""
    if isinstance(value, int) and abs(value) >= 10**_SHOWN_DIGITS:
        return "too large"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _unknown_name(name: str, known: Collection[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)
    return f"there is no {name!r}; the nearest is {nearest[0]!r}"


def _limits(field: FieldInfo) -> str:
    if field.description:
        return field.description
    parts = get_args(field.annotation)
    kind: Any = next(part for part in parts if part is not NoneType) if NoneType in parts else field.annotation
    choices = (True, False) if kind is bool else get_args(kind) if get_origin(kind) is Literal else ()
    if choices:
        return f"one of {', '.join(map(repr, choices))}"
    bounds = [
        f"{word} {bound:g}"
        for limit in field.metadata
        for name, word in _BOUNDS
        if (bound := getattr(limit, name, None)) is not None
    ]
    return f"{_KINDS.get(kind, 'another value')} {' and '.join(bounds)}".rstrip()
