"""The image and the compose file, as far as they can be held against the code without an engine to build them."""

import inspect
import json
import os
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from ecoalign_agent.cli.serve import serve
from ecoalign_agent.settings import Settings
from tests.server.process import ServeProcess

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVED: dict[str, Any] = COMPOSE["services"]["serve"]
KNOWN = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "ENV", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")

IGNORED = [
    line
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]


def instructions() -> list[tuple[str, str]]:
    """Every instruction with its arguments, those of several lines in one."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines if line.strip()]


def said(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def in_context(path: str) -> bool:
    """Whether ``.dockerignore`` lets a path through: the last rule that names it, or a folder above it, decides."""
    kept = True
    above = [path, *(str(parent) for parent in Path(path).parents)]
    for rule in IGNORED:
        if any(Path(part).match(rule.lstrip("!").removeprefix("**/")) for part in above if part != "."):
            kept = rule.startswith("!")
    return kept


def variables() -> set[str]:
    """The environment variables that the program reads."""
    fields = Settings.model_fields
    return {str(field.validation_alias or f"ECOALIGN_{name.upper()}") for name, field in fields.items()}


def options() -> dict[str, typer.models.OptionInfo]:
    return {
        f"--{name.replace('_', '-')}": parameter.annotation.__metadata__[0]
        for name, parameter in inspect.signature(serve).parameters.items()
    }


def default_port() -> int:
    port: int = inspect.signature(serve).parameters["port"].default
    return port


def after(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def test_every_instruction_is_one_and_what_is_copied_is_there() -> None:
    assert {instruction for instruction, _ in instructions()} <= KNOWN
    for rest in said("COPY"):
        words = [word for word in rest.split() if not word.startswith("--")]
        if "--from=build" not in rest:
            for source in words[:-1]:
                assert (ROOT / source).exists(), source
                assert in_context(source), f"{source} is copied, and .dockerignore keeps it out"


def test_the_wheel_s_every_folder_is_in_the_image_s_first_stage() -> None:
    copied = " ".join(said("COPY")).split()
    for folder in PYPROJECT["tool"]["setuptools"]["package-dir"].values():
        assert folder in copied
        assert in_context(f"{folder}/any.file")
    # What setuptools reads besides.
    assert {"pyproject.toml", PYPROJECT["project"]["readme"], *PYPROJECT["project"]["license-files"]} <= set(copied)
    extras = next(rest for rest in said("ARG") if rest.startswith("EXTRAS=")).split("=")[1].split(",")
    assert extras == ["serve", "offline"]
    assert set(extras) <= set(PYPROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize(
    "path", [".env", "secrets/serve_keys", ".git/config", "tests/gates.py", "examples/ask.py", "runs.sqlite", "x.pem"]
)
def test_nothing_else_reaches_the_builder(path: str) -> None:
    assert not in_context(path)


def test_it_runs_as_nobody_and_is_built_of_one_named_version() -> None:
    names = [instruction for instruction, _ in instructions()]
    user = said("USER")[-1]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user), "by number, so that it can be seen not to be root"
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert "RUN" not in names[names.index("USER") :]
    assert all(re.fullmatch(r"python:3\.12-slim( AS build)?", base) for base in said("FROM"))
    # The last stage installs nothing.
    last = instructions()[len(names) - 1 - names[::-1].index("FROM") :]
    assert not any(re.search(r"\b(apt-get|pip install)\b", rest) for _, rest in last)


def test_no_secret_is_in_a_layer_and_every_variable_is_one_that_is_read() -> None:
    others = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "ORT_DISABLE_TELEMETRY"}
    named = {name for rest in [*said("ENV"), *said("ARG")] for name in re.findall(r"(\w+)=", rest)} - {"EXTRAS"}
    assert named - others <= variables()
    assert not any(SECRET.search(name) for name in named)
    environment = SERVED["environment"]
    # A key comes as a file, by the entry point's own variable.
    assert set(environment) - {"OPENAI_API_KEY_FILE"} <= variables()
    assert not any(SECRET.search(name) for name in environment if not name.endswith("_FILE"))


def test_it_listens_where_the_health_check_asks_and_compose_points() -> None:
    port = str(default_port())
    command = json.loads(said("CMD")[0])
    assert command[0] == "serve"
    assert (after(command, "--host"), after(command, "--port")) == ("0.0.0.0", port)  # noqa: S104 - in a container
    assert said("EXPOSE") == [port]
    assert f"HTTPConnection as C; c = C('127.0.0.1', {port}," in said("HEALTHCHECK")[0]
    assert SERVED["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert after(SERVED["command"], "--port") == port
    for given in (command, SERVED["command"]):
        assert {word for word in given if word.startswith("--")} <= set(options())


def test_compose_takes_its_rights_away_and_waits_for_the_runs() -> None:
    assert SERVED["read_only"] is True
    assert SERVED["cap_drop"] == ["ALL"]
    assert SERVED["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[gm]", SERVED["mem_limit"])
    assert SERVED["pids_limit"] > 0
    assert not {"privileged", "volumes", "network_mode", "cap_add"} & set(SERVED)
    secrets = {f"/run/secrets/{name}" for name in SERVED["secrets"]}
    assert {after(SERVED["command"], "--api-key-file"), SERVED["environment"]["OPENAI_API_KEY_FILE"]} == secrets
    assert set(SERVED["secrets"]) == set(COMPOSE["secrets"])
    # Three seconds are for the last words of cancelled runs.
    assert int(SERVED["stop_grace_period"].rstrip("s")) > int(after(SERVED["command"], "--grace")) + 3


def test_the_health_check_tells_a_server_from_none() -> None:
    program = json.loads(said("HEALTHCHECK")[0].split("CMD ", 1)[1])[2]

    def checked(port: int) -> int:
        at = program.replace(str(default_port()), str(port))
        return subprocess.run(["python3", "-c", at], capture_output=True, check=False, timeout=300).returncode

    with ServeProcess("--no-langserve", ECOALIGN_SERVE_KEYS="canary-key-5f1d9a77c0e24b") as served:
        port = int(served.url.split(":")[2].split("/")[0])
        assert checked(port) == 0
        assert served.end() == 0
    assert checked(port) == 1


def test_the_entry_point_reads_a_key_from_its_file_and_hands_on_every_word(tmp_path: Path) -> None:
    program = tmp_path / "ecoalign"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "${OPENAI_API_KEY-none}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    (tmp_path / "key").write_text("sk-canary-of-a-file\n", encoding="utf-8")

    def printed(**more: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | more
        command = ["sh", str(ROOT / "docker-entrypoint.sh"), *shlex.split("serve --model 'two words'")]
        return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)

    assert printed().stdout.splitlines() == ["none", "serve", "--model", "two words"]
    told = printed(OPENAI_API_KEY_FILE=str(tmp_path / "key"))
    assert told.stdout.splitlines() == ["sk-canary-of-a-file", "serve", "--model", "two words"]
    # A file that is named and not there is no empty key: nothing is started.
    missing = printed(OPENAI_API_KEY_FILE=str(tmp_path / "nowhere"))
    assert (missing.returncode != 0, missing.stdout) == (True, "")
