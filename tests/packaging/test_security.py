"""SECURITY.md names tests: they exist, and each row names one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith(("| threat |", "| --- |"))]


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert (ROOT / path).is_file()
    assert not name or name in names_in(ROOT / path)


def test_every_row_names_a_test_and_what_it_reached() -> None:
    assert len(ROWS) >= 27
    for row in ROWS:
        threat, happens, shown, reached = (cell.strip() for cell in row.strip("|").split(" | "))
        assert re.search(r"`tests/[\w/]+\.py::\w+`", shown), threat
        assert all((threat, happens, reached))
