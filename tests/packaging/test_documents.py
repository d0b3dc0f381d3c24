"""The documents hold code: it runs. The examples run, each opened by what it shows."""

import ast
import re
import subprocess
import sys
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from ecoalign_agent import Policy
from ecoalign_agent.settings import read_policy

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
README_CODE = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)

pytestmark = pytest.mark.skipif(find_spec("rapidocr") is None, reason="the offline model reads with rapidocr")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.mark.parametrize("number", range(len(README_CODE)))
def test_the_code_in_the_readme_runs(number: int) -> None:
    done = run("-W", "error", "-c", README_CODE[number])
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_shows_and_stays_short(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(source))
    if path.stem != "make_images":
        assert len(source.splitlines()) < 60


def test_asking_in_python_finds_the_closing_hour() -> None:
    done = run("examples/ask.py")
    assert done.returncode == 0, done.stderr
    assert "18:00" in done.stdout.splitlines()[0]
    assert "answered" in done.stdout


def test_streaming_shows_the_look_that_finds_the_total() -> None:
    done = run("examples/stream.py")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(" look:" in line and "52.47" in line for line in lines)
    assert "52.47" in lines[-1]


def test_the_pictures_are_what_their_script_draws(tmp_path: Path) -> None:
    # Compared by pixels: how a PNG is packed depends on the library's version.
    done = run("examples/make_images.py", str(tmp_path))
    assert done.returncode == 0, done.stderr
    drawn = sorted(tmp_path.glob("*.png"))
    assert [path.name for path in drawn] == sorted(path.name for path in (ROOT / "examples/images").glob("*.png"))
    for path in drawn:
        with Image.open(path) as new, Image.open(ROOT / "examples" / "images" / path.name) as kept:
            assert ImageChops.difference(new.convert("RGB"), kept.convert("RGB")).getbbox() is None, path.name


def test_the_example_policy_names_every_setting_at_its_default() -> None:
    path = ROOT / "examples" / "policy.toml"
    assert read_policy(path) == Policy()
    named = set(re.findall(r"^(?:# )?(\w+) = ", path.read_text(encoding="utf-8"), re.MULTILINE))
    assert named == {setting.name for setting in fields(Policy)} | {"preset"}


def test_a_presets_bare_name_is_a_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_policy("frugal") == Policy.frugal()
    (tmp_path / "frugal").write_text('preset = "strict"\n', encoding="utf-8")
    assert read_policy("frugal") == Policy.strict()  # a file of that name is meant
