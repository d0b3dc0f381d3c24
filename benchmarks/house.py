"""Size and shape of the source: lines, modules, import circles, names, identifiers.

    python benchmarks/house.py            # a table with goals
    python benchmarks/house.py --names    # also the names with several meanings, the identifiers, the circles

Reads the source as text and syntax tree; imports nothing of the package.
"""

import argparse
import ast
import io
import re
import statistics
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "ecoalign_agent"
WORDS = re.compile(r"(?:^|_)(?:told|tell|said|asked|kept|ruled)(?:_|$)", re.IGNORECASE)
"""Identifiers that tell a story: a whole part of a name counts, as in ``asked_in`` or ``_told``."""


@dataclass(frozen=True)
class Module:
    """One source file.

    Attributes:
        name: dotted, with the package's name.
        lines: of the file.
        tree: its syntax tree.
        text: its source.
    """

    name: str
    lines: int
    tree: ast.Module
    text: str


def modules(root: Path) -> list[Module]:
    """All modules of the package below ``root``."""
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, len(text.splitlines()), ast.parse(text), text))
    return found


def top_names(root: Path) -> list[str]:
    """Modules and packages directly in the package."""
    return sorted(
        path.stem
        for path in (root / PACKAGE).iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").is_file()
    )


def public_names(module: Module) -> Iterator[str]:
    """Names without an underscore that a module defines itself, at its top level."""
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names = [node.name]
        elif isinstance(node, ast.Assign):
            names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names = [node.target.id]
        else:
            continue
        yield from (name for name in names if not name.startswith("_"))


def shared_names(every: list[Module]) -> dict[str, list[str]]:
    """Public names that more than one module defines; type variables of one letter are left out."""
    homes: dict[str, set[str]] = defaultdict(set)
    for module in every:
        for name in public_names(module):
            if len(name) > 1:
                homes[name].add(module.name)
    return {name: sorted(found) for name, found in sorted(homes.items()) if len(found) > 1}


def imports(module: Module, names: set[str]) -> set[str]:
    """Modules of the package that a module imports when it is loaded, or for its types."""
    found: set[str] = set()
    pending: list[ast.stmt] = list(module.tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If | ast.Try):
            pending += [*node.body, *node.orelse]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in names else node.module)
    return (found & names) - {module.name}


def circles(every: list[Module]) -> list[list[str]]:
    """Groups of modules that import one another."""
    names = {module.name for module in every}
    edges = {module.name: imports(module, names) for module in every}
    reach: dict[str, set[str]] = {}
    for start, direct in edges.items():
        seen: set[str] = set()
        pending = list(direct)
        while pending:
            at = pending.pop()
            if at not in seen:
                seen.add(at)
                pending += edges[at]
        reach[start] = seen
    groups = {frozenset(x for x in reach[name] if name in reach[x]) for name in edges if name in reach[name]}
    return sorted(sorted(group) for group in groups)


def story_words(every: list[Module]) -> Counter[str]:
    """Identifiers with one of the words, and how often each stands."""
    found: Counter[str] = Counter()
    for module in every:
        for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
            if token.type == tokenize.NAME and WORDS.search(token.string):
                found[token.string] += 1
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--names", action="store_true", help="list what was counted")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="another checkout")
    chosen = parser.parse_args()
    every = modules(chosen.root)
    sizes = [module.lines for module in every]
    shared, words, found = shared_names(every), story_words(every), circles(every)
    rows = [
        ("source lines", f"{sum(sizes):,}", "≤ 36,000"),
        ("modules", str(len(every)), "≤ 260"),
        ("median lines", f"{statistics.median(sizes):g}", "130 to 260"),
        ("largest module, lines", str(max(sizes)), ""),
        ("names at the top of the package", str(len(top_names(chosen.root))), "≤ 17"),
        ("public names with more than one home", str(len(shared)), "≤ 10"),
        ("told/tell/said/asked/kept/ruled as identifiers", str(sum(words.values())), "0"),
        ("import circles", str(len(found)), "0"),
    ]
    print(f"{'what':<48}{'figure':>10}  goal")
    for what, figure, goal in rows:
        print(f"{what:<48}{figure:>10}  {goal}")
    if chosen.names:
        print("\nnames:", *(f"{name}: {', '.join(homes)}" for name, homes in shared.items()), sep="\n  ")
        print("\nidentifiers:", *(f"{count:5} {word}" for word, count in words.most_common()), sep="\n  ")
        print("\ncircles:", *(" ".join(group) for group in found), sep="\n  ")
        print("\ntop:", " ".join(top_names(chosen.root)))


if __name__ == "__main__":
    main()
