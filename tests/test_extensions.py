"""Parts of other packages: by entry point, or by module:Name from the working directory."""

import subprocess
import sys
from pathlib import Path

import pytest

from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import extension_names, is_reference, load_extension


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a module and two entry points, one of which points nowhere."""
    (tmp_path / "spare_parts.py").write_text("class Bench:\n    mark = 7\n\nmark = Bench()\n", encoding="utf-8")
    info = tmp_path / "spare_parts-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spare-parts\nVersion: 1.0\n", encoding="utf-8")
    points = "[ecoalign_agent.benchmarks]\nspare = spare_parts:Bench\nlost = spare_parts:Nowhere\n"
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "spare_parts", raising=False)
    return tmp_path


@pytest.mark.usefixtures("installed")
def test_an_entry_point_is_found_by_its_name_and_a_module_by_its_path() -> None:
    assert extension_names("ecoalign_agent.benchmarks") == ["lost", "spare"]
    bench = load_extension("ecoalign_agent.benchmarks", "spare")
    assert bench is load_extension("ecoalign_agent.methods", "spare_parts:Bench")
    assert load_extension("ecoalign_agent.methods", "spare_parts:mark.mark") == 7


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("lost", "no attribute 'Nowhere'"),
        ("nothing", "lost, spare"),
        ("spare_parts:Absent", "no attribute 'Absent'"),
        ("absent_parts:Bench", "No module named 'absent_parts'"),
    ],
)
def test_what_is_not_there_is_named_in_one_line(name: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_extension("ecoalign_agent.benchmarks", name)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_module_that_raises_while_it_is_imported_is_the_callers_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "breaking_parts.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="ZeroDivisionError"):
        load_extension("ecoalign_agent.assessors", "breaking_parts:Bench")


def test_a_program_without_the_working_directory_on_its_path_finds_modules_there(tmp_path: Path) -> None:
    (tmp_path / "local_parts.py").write_text("found = 'here'\n", encoding="utf-8")
    code = (
        "import sys; sys.path = [place for place in sys.path if place]; "
        "from ecoalign_agent.extensions import load_extension; "
        "print(load_extension('ecoalign_agent.methods', 'local_parts:found'))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "here\n"


def test_a_reference_is_a_dotted_module_and_a_name() -> None:
    assert all(is_reference(name) for name in ("module:Name", "package.module:Name", "module:Name.inner"))
    assert not any(is_reference(name) for name in ("name", "openai:gpt-4o", "a:b:c", ":Name", "module:", "2:x"))
