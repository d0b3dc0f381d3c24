"""Parts from other packages: assessors, action kinds, methods and benchmarks found by name; extras that must be there.

A name is either ``module:Name``, or the name of an entry point that an installed package declares in one of the groups
below. Modules are looked for in the working directory, too, after the installed packages.
"""

import sys
from collections.abc import Iterable
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from ecoalign_agent.errors import UsageError

Group = Literal[
    "ecoalign_agent.assessors", "ecoalign_agent.actions", "ecoalign_agent.methods", "ecoalign_agent.benchmarks"
]


def require_packages(purpose: str, packages: Iterable[str], *, extra: str) -> None:
    """Raise UsageError unless these packages of an extra are installed, before anything is paid for."""
    for name in packages:
        if find_spec(name) is None:
            raise UsageError(f"{purpose} needs {name}: pip install 'ecoalign-agent[{extra}]'")


def is_reference(name: str) -> bool:
    """True for a name of the form ``module:Name``, with a dotted module path of Python identifiers."""
    module, colon, attribute = name.partition(":")
    return bool(colon) and all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")])


def extension_names(group: Group) -> list[str]:
    """Names of the group's entry points in the installed packages, sorted."""
    return sorted({point.name for point in entry_points(group=group)})


def load_extension(group: Group, name: str) -> object:
    """The object that an entry point's name, or ``module:Name``, stands for; UsageError if it can't be loaded."""
    points = [point for point in entry_points(group=group) if point.name == name]
    if len({point.value for point in points}) > 1:
        owners = ", ".join(sorted(point.value for point in points))
        raise UsageError(f"{name!r}: declared by several packages in {group}: {owners}; write one of them instead")
    if not points and not is_reference(name):
        known = ", ".join(extension_names(group)) or "none is installed"
        raise UsageError(f"{name!r}: no entry point of {group} ({known}); write module:Name, or install its package")
    module_name, _, attribute = (points[0].value if points else name).partition(":")
    if not points and not {"", str(Path.cwd())} & set(sys.path):
        sys.path.append(str(Path.cwd()))  # a console script, unlike python -m, does not look there
    try:
        found: object = import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except Exception as error:  # a module of somebody else's may raise anything while it is imported
        raise UsageError(f"{name!r}: can't be loaded: {type(error).__name__}: {error}") from error
    return found
