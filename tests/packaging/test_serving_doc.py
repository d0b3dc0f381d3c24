"""docs/serving.md against the code: every option, variable, metric, error code and route, in both directions."""

import inspect
import re
import shlex
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families

from ecoalign_agent import EcoAlign
from ecoalign_agent.cli.serve import serve
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.server.app import create_app
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.observability import ROUTES
from ecoalign_agent.server.policies import REQUEST_OPTIONS
from ecoalign_agent.settings import Settings
from ecoalign_agent.testing import ScriptedModel

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
SHOWN = [line for block in re.findall(r"```\w*\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
SPANS = re.findall(r"`([^`\n]+)`", PROSE)


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    assert found, title
    return found[1]


def rows(title: str) -> list[list[str]]:
    lines = [line for line in section(title).splitlines() if line.startswith(("| `", "| 4", "| 5"))]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def first_cells(title: str) -> list[str]:
    return [name for row in rows(title) for name in re.findall(r"`([^`]+)`", row[0])]


def of_the_command() -> set[str]:
    """Every option of ``ecoalign serve``, the second name of a switch included."""
    commands = typer.Typer(add_completion=False)
    commands.command()(serve)
    parameters = typer.main.get_command(commands).params
    return {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)} - {"--help"}


@pytest.fixture(scope="module")
def app() -> Any:
    return create_app(ServingConfig(allow_base=True), agent=EcoAlign(ScriptedModel()))


def test_every_option_of_the_command_is_told_and_none_that_is_not_there() -> None:
    table = {name for name in first_cells("Every option") if name.startswith("--")}
    assert table == of_the_command()
    used = {
        word for span in SPANS if not span.startswith("--build-arg") for word in re.findall(r"--[a-z][a-z-]+", span)
    }
    for line in SHOWN:
        if "ecoalign serve" in line:
            command = shlex.split(line.split("ecoalign serve", 1)[1], comments=True)
            used |= {word for word in command if word.startswith("--")}
    assert used - {"--json"} <= table  # of `ecoalign ask`
    assert "--json" not in table


def test_the_defaults_told_are_the_commands() -> None:
    defaults = {name: parameter.default for name, parameter in inspect.signature(serve).parameters.items()}
    told: dict[str, str] = {}
    for row in rows("Every option"):
        names = re.findall(r"`--([a-z-]+)`", row[0])
        values = row[1].split(", ")
        if len(names) == len(values):
            told |= dict(zip(names, values, strict=True))
    numbers = {name: float(value.replace(" ", "")) for name, value in told.items() if re.fullmatch(r"[\d ]+", value)}
    assert numbers == {
        name: float(defaults[name.replace("-", "_")])
        for name in ("port", "max-seconds", "max-images", "max-bytes", "runs", "queue", "queue-seconds")
    } | {"heartbeat": defaults["heartbeat"], "grace": defaults["grace"]}
    assert told["host"] == defaults["host"]


def test_every_variable_is_told_and_none_that_is_not_read() -> None:
    read = {str(field.validation_alias or f"ECOALIGN_{name.upper()}") for name, field in Settings.model_fields.items()}
    table = {name for name in first_cells("Every option") if re.fullmatch(r"[A-Z_]+", name)}
    assert table == read
    named = set(re.findall(r"\bECOALIGN_[A-Z_]+|\bOPENAI_[A-Z_]+", TEXT))
    # What the image's entry point reads.
    assert named - {"OPENAI_API_KEY_FILE"} <= read


def test_every_metric_is_told_with_its_labels(app: Any) -> None:
    metrics = app.state.service.metrics
    metrics.record_request("/v1/models", 200, 0.1)
    metrics.record_cancellation("client_left")
    # One series of everything that has labels, so that they can be seen; no run is needed for that.
    for metric in (metrics._runs, metrics._run_seconds, metrics._tokens, metrics._cost):
        metric.labels(*["x"] * len(metric._labelnames))
    there = {}
    for family in text_string_to_metric_families(metrics.text().decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        if not family.name.endswith("_created"):
            there[name] = labels
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows("Health and metrics")}
    assert told == there


def test_every_option_of_a_request_is_told() -> None:
    assert sorted(first_cells("Options of a request")) == sorted(REQUEST_OPTIONS)


def test_every_model_is_told(app: Any) -> None:
    assert first_cells("Models are policies") == app.state.service.models


def test_every_error_code_is_told_and_none_that_is_not_there() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ecoalign_agent" / "server").glob("*.py"))
    given = set(re.findall(r'(?<!Note\()code"?[=:] ?"([a-z_]+)"', source)) | set(
        re.findall(r'4\d\d: "([a-z_]+)"', source)
    )
    given |= {"deadline", "upstream_failed", "invalid_request"}
    told = {code for row in rows("Errors") for code in re.findall(r"`([a-z_]+)`", row[1])}
    assert told == given


async def test_every_path_that_is_told_is_a_route_and_every_route_is_told(app: Any) -> None:
    told = {
        span.split()[-1] for span in SPANS if re.fullmatch(r"(GET |POST )?/(v1|healthz|metrics|langserve)\S*", span)
    }
    assert all(any(path.startswith(route) for path in told) for route in ROUTES)
    told.discard("/langserve/rewrite")  # only where a rewriter is served
    if find_spec("langserve") is None:
        told = {path for path in told if not path.startswith("/langserve")}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for path in told:
            asked = path + "/input_schema" if path == "/langserve/ecoalign" else path
            # 405 and 422: it is there, and wants a body.
            assert (await client.get(asked)).status_code != 404, path


def test_what_is_said_of_the_named_policies_holds() -> None:
    # "less than half the budget"
    assert Policy.frugal().budget < Policy().budget / 2


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (ROOT / "docs" / target).exists(), target
    titles = {
        re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) == titles
