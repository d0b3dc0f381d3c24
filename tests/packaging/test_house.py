"""The house as it is drawn: packages, licence, and what an import may load."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import ecoalign_agent

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_packages_listed_are_the_packages_on_disk() -> None:
    on_disk = {
        str(init.parent.relative_to(ROOT)).replace("/", ".") for init in (ROOT / "ecoalign_agent").rglob("__init__.py")
    }
    mapped = set(PYPROJECT["tool"]["setuptools"]["package-dir"]) - {"ecoalign_agent"}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == on_disk | mapped


def test_importing_the_package_loads_neither_langgraph_nor_openai_nor_pillow() -> None:
    code = (
        "import sys, ecoalign_agent; ecoalign_agent.Policy; "
        "print([m for m in ('langgraph', 'openai', 'langchain_core', 'PIL', 'numpy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_can_be_had_from_the_package() -> None:
    assert all(getattr(ecoalign_agent, name) is not None for name in ecoalign_agent.__all__)
    assert set(ecoalign_agent.__all__) <= set(dir(ecoalign_agent))
    with pytest.raises(AttributeError, match="no attribute 'Polizy'"):
        _ = ecoalign_agent.Polizy


def test_constraints_name_versions_and_no_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", pin) for pin in pins)


def test_only_settings_read_the_environment() -> None:
    reading = re.compile(r"getenv|environ\[|environ\.get")
    readers = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "ecoalign_agent").rglob("*.py")
        if reading.search(path.read_text(encoding="utf-8"))
    ]
    assert readers in ([], ["ecoalign_agent/settings.py"])


@pytest.mark.parametrize(
    "document", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "graphs/README.md"]
)
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", text))
    assert document != "ARCHITECTURE.md" or "economics/reserve.py" in named
    assert [
        path for path in sorted(named) if not any((ROOT / base / path).exists() for base in ("", "ecoalign_agent"))
    ] == []
