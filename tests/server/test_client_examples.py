"""The examples that start a server of their own and call it, as processes: they answer, and leave nothing running."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.server.process import HANG_SECONDS

ROOT = Path(__file__).parents[2]
EVENTS = ["run_started", "scanned", "proposed", "budget", "scored", "thought", "frontier", "budget", "answered"]

pytestmark = pytest.mark.skipif(find_spec("rapidocr") is None, reason="the offline model reads with rapidocr")


def lines_of(example: str) -> list[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI", "ECOALIGN", "LANG"))}
    example_run = subprocess.run(
        [sys.executable, "-W", "error", f"examples/{example}.py"],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert example_run.returncode == 0, example_run.stderr
    return example_run.stdout.splitlines()


def kinds(lines: list[str]) -> list[str]:
    """The kinds of events; a busy machine may add heartbeats."""
    return [kind for line in lines if line.startswith("  ") and (kind := line.split()[-1]) != "heartbeat"]


def test_openais_client_gets_an_answer_its_usage_and_its_receipt_and_then_a_stream() -> None:
    lines = lines_of("openai_client")
    assert "18:00" in lines[0]
    tokens = re.fullmatch(r"(\d+) prompt and (\d+) completion tokens", lines[1])
    assert tokens is not None
    assert int(tokens[1]) > int(tokens[2]) > 0
    spent = re.fullmatch(r"answered: (\d+) of (\d+) cost units", lines[2])
    assert spent is not None
    assert 0 < int(spent[1]) < int(spent[2])
    # The last event is the result: in a stream the receipt of the last chunk is that.
    assert kinds(lines) == EVENTS[:-1]
    assert lines[-1] == lines[0]


def test_langserves_client_gets_a_result_and_then_the_events() -> None:
    lines = lines_of("langserve_client")
    assert "18:00" in lines[0]
    assert lines[1].startswith("answered: ")
    assert kinds(lines) == EVENTS
    assert lines[-1] == lines[0]


@pytest.mark.skipif(find_spec("langgraph_api") is None, reason="needs the extra studio: langgraph-cli[inmem]")
def test_langgraphs_client_gets_the_events_and_the_answer() -> None:
    lines = lines_of("langgraph_client")
    assert kinds(lines) == EVENTS
    assert "18:00" in lines[-1]
