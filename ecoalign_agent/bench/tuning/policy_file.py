"""A policy as a TOML file for ``--policy FILE`` and ``read_policy``. Ours."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from ecoalign_agent.bench.tuning.search import TUNED_SETTINGS
from ecoalign_agent.economics.cost import MonetaryTariff, Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.settings import read_policy


def format_policy(policy: Policy, remarks: Sequence[str] = ()) -> str:
    """Text of the file: remarks as comments, the tuned settings, and every other one that is not at its default."""
    default, names = Policy(), (setting.name for setting in dataclasses.fields(Policy))
    others = [name for name in names if name not in TUNED_SETTINGS and getattr(policy, name) != getattr(default, name)]
    # A line break in a remark would end the comment.
    comments = [f"# {' '.join(remark.split())}\n" for remark in remarks]
    return "".join([*comments, *(f"{name} = {_value(getattr(policy, name))}\n" for name in (*TUNED_SETTINGS, *others))])


def require_free(path: str | Path) -> None:
    """Raise UsageError, before anything is spent, where something is there already or the folder is missing."""
    target = Path(path)
    if target.exists():
        raise UsageError(f"--out {path}: is there already; give another name, or take it away")
    if not target.parent.is_dir():
        raise UsageError(f"--out {path}: no folder {target.parent}; make it first")


def write_policy(path: str | Path, policy: Policy, remarks: Sequence[str] = ()) -> None:
    """Write the file; raises RunError where it can't be written, or reads back as another policy."""
    try:
        Path(path).write_text(format_policy(policy, remarks), encoding="utf-8")
    except OSError as error:
        raise RunError(f"{path}: the policy can't be written: {error.strerror or error}") from error
    if read_policy(path) != policy:
        raise RunError(f"{path}: reads back as another policy; don't use it, and report this")


def _value(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case tuple():
            return json.dumps(list(value), ensure_ascii=False)
        case Tariff():
            return _tariff(value)
        case _:
            # Without escapes beyond quotes and controls, JSON's strings are TOML's.
            return json.dumps(str(value), ensure_ascii=False)


def _tariff(tariff: Tariff) -> str:
    if isinstance(tariff, MonetaryTariff) and tariff.prices is not None:
        # A relative name would be read beside this file.
        return f"{{ prices = {json.dumps(str(Path(tariff.prices).resolve()))} }}"
    if isinstance(tariff, MonetaryTariff):
        return '"money"'
    if tariff == Tariff.processed():
        return '"processed"'
    weights = ", ".join(f"{part} = {getattr(tariff, part)!r}" for part in ("text", "image", "cached", "completion"))
    return f"{{ {weights} }}"
