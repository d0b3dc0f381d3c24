"""The contract of events as it is published: the schema is the code's, and the document's examples are events."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.events import events
from ecoalign_agent.events.events import EVENT_VERSION, event_adapter
from ecoalign_agent.events.schema import event_schema
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies, verdict_reply
from tests.search.stage import QUESTION

DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "events.schema.json").read_text(encoding="utf-8"))
PAGE = (DOCS / "events.md").read_text(encoding="utf-8")
WITH_A_RESULT = {"answered", "declined", "failed", "review_asked", "rewritten"}
"""Shown shortened: their results have pages of fields."""


def models() -> dict[str, Any]:
    """Every event by its kind."""
    union = get_args(get_args(events.Event)[0])
    return {model.model_fields["kind"].default: model for model in union}


def test_the_published_schema_is_the_codes() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ecoalign_agent.events.schema"], capture_output=True, text=True, check=True
    )
    assert done.stdout == event_schema()
    assert (DOCS / "events.schema.json").read_text(encoding="utf-8") == event_schema(), (
        "run: python -m ecoalign_agent.events.schema > docs/events.schema.json"
    )


def test_the_schema_names_every_kind_and_what_every_event_has() -> None:
    assert set(SCHEMA["discriminator"]["mapping"]) == set(models())
    for model in models().values():
        described = SCHEMA["$defs"][model.__name__]
        assert {"kind", "version", "run_id", "number", "at"} <= set(described["required"])
        assert described["properties"]["version"] == {"const": EVENT_VERSION, "type": "integer"}
        assert described["description"]
        # A reader built from it can read what a later release of this version tells.
        assert "additionalProperties" not in described


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"scan": scan_reply(safety=0.4)},
        {"scan": scan_reply(safety=-0.9)},
        {"scan": "?"},
        {"assess": verdict_reply(-0.5)},
    ],
    ids=["plain", "sensitive", "declined", "failed", "unsafe"],
)
async def test_what_is_told_fits_the_published_schema(parts: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(SCHEMA)
    told = [
        event.model_dump(mode="json") async for event in EcoAlign(ScriptedModel(task_replies(**parts))).stream(QUESTION)
    ]
    assert told
    for event in told:
        validator.validate(event)
        validator.validate(event | {"a field of a later release": 1})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(told[0] | {"version": EVENT_VERSION + 1})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({key: value for key, value in told[0].items() if key != "run_id"})


def test_the_page_explains_every_kind_with_an_example_that_is_one() -> None:
    assert set(re.findall(r"^### (\w+)$", PAGE, re.MULTILINE)) == set(models())
    examples = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]
    assert {example["kind"] for example in examples} == set(models()) - WITH_A_RESULT
    for example in examples:
        assert event_adapter.validate_python(example).model_dump(mode="json") == example
        section = PAGE[: PAGE.index(f'"kind": "{example["kind"]}"')].rsplit("\n### ", 1)[1]
        assert section.startswith(f"{example['kind']}\n")


def test_the_page_names_the_seconds_that_the_code_has() -> None:
    assert f"when nothing else was told for {events.HEARTBEAT:g} s" in PAGE
