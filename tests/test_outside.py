"""The outside: names that users and their programs rely on. ``outside.json`` changes only on purpose.

``python -m tests.test_outside`` writes it anew.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import pytest
import typer

import ecoalign_agent
from ecoalign_agent import errors
from ecoalign_agent.cli.main import app
from ecoalign_agent.events import events
from ecoalign_agent.events.schema import event_schema

ROOT = Path(__file__).parents[1]
PINNED = Path(__file__).with_name("outside.json")


def public_names() -> list[str]:
    return sorted(ecoalign_agent.__all__)


def command_options() -> dict[str, list[str]]:
    """Options and arguments of every command, as ``--help`` names them."""
    return dict(_options(typer.main.get_command(app), "ecoalign"))


def _options(command: Any, name: str) -> Iterator[tuple[str, list[str]]]:
    names = []
    for parameter in command.params:
        spellings = [*parameter.opts, *parameter.secondary_opts]
        names.append(spellings[0].upper() if parameter.param_type_name == "argument" else "/".join(spellings))
    yield name, sorted(names)
    for child, below in sorted(getattr(command, "commands", {}).items()):
        yield from _options(below, f"{name} {child}")


def event_fields() -> dict[str, list[str]]:
    schema = json.loads(event_schema())
    definitions = schema["$defs"]
    kinds = schema["discriminator"]["mapping"].items()
    return {kind: sorted(definitions[place.rpartition("/")[2]]["properties"]) for kind, place in kinds}


def result_fields() -> dict[str, list[str]]:
    definitions = json.loads(event_schema())["$defs"]
    parts = (
        "Result",
        "Cost",
        "Tokens",
        "Money",
        "Time",
        "PathStep",
        "PrunedThought",
        "Rewrite",
        "RiskReport",
        "Waiting",
    )
    return {part: sorted(definitions[part]["properties"]) for part in parts}


def inspect_names() -> list[str]:
    # In a process of its own, without the checkout on its path: an egg-info there would hide the installed package.
    code = (
        "import json, ecoalign_agent.bench.runner.inspect_registry; "
        "from inspect_ai._util.registry import registry_find, registry_info; "
        "found = registry_find(lambda info: info.name.startswith('ecoalign_agent/')); "
        "print(json.dumps(sorted(f'{registry_info(e).type} {registry_info(e).name}' for e in found)))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout.splitlines()[-1])
    return names


def prompt_versions() -> dict[str, int]:
    heads = [path.read_text("utf-8") for path in sorted((ROOT / "prompts").rglob("*.md"))]
    found = [re.match(r"---\nname: (\S+)\nversion: (\d+)\n", head) for head in heads]
    return {name: int(version) for name, version in (match.groups() for match in found if match)}


PARTS = {
    "public_names": public_names,
    "command_options": command_options,
    "event_fields": event_fields,
    "result_fields": result_fields,
    "inspect_names": inspect_names,
    "prompt_versions": prompt_versions,
}


@pytest.mark.parametrize("part", PARTS)
def test_the_outside_stays_as_it_is(part: str) -> None:
    assert PARTS[part]() == json.loads(PINNED.read_text("utf-8"))[part]


def test_every_public_name_loads() -> None:
    assert all(getattr(ecoalign_agent, name) is not None for name in ecoalign_agent.__all__)
    assert set(ecoalign_agent.__all__) <= set(dir(ecoalign_agent))
    assert ecoalign_agent.__version__ == version("ecoalign-agent")


def test_every_public_name_has_its_line_in_the_documentation() -> None:
    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/api.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(ecoalign_agent.__all__)


def test_every_error_and_every_event_is_public() -> None:
    defined = [*vars(errors).values(), *get_args(get_args(events.Event)[0])]
    classes = {entry.__name__ for entry in defined if isinstance(entry, type)}
    assert classes <= set(ecoalign_agent.__all__)


if __name__ == "__main__":
    PINNED.write_text(json.dumps({part: read() for part, read in PARTS.items()}, indent=2) + "\n", "utf-8")
