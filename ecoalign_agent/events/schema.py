"""The events as JSON Schema: ``python -m ecoalign_agent.events.schema > docs/events.schema.json`` publishes it."""

import json
import sys
from typing import Any

from ecoalign_agent.events.events import EVENT_VERSION, event_adapter


def event_schema() -> str:
    """JSON Schema of an event, as it stands in ``docs/events.schema.json``.

    It describes events as they are written, so that every field is there; and it allows fields that it does not name,
    so that a reader built from it can read a later minor version. Reading here, by ``event_adapter``, is strict.
    """
    schema = event_adapter.json_schema(mode="serialization")
    _require_all_fields(schema)
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"EcoAlign event, version {EVENT_VERSION}",
        "description": "Events of a run; docs/events.md says when each kind comes.",
    }
    return json.dumps(head | schema, indent=2, ensure_ascii=False) + "\n"


def _require_all_fields(node: Any) -> None:  # noqa: ANN401 - any JSON value
    """Require every field of every object, allow more, and drop defaults and titles, which help only a writer."""
    if isinstance(node, dict):
        if isinstance(node.get("properties"), dict):
            node.pop("additionalProperties", None)
            node["required"] = list(node["properties"])
            for field in node["properties"].values():
                field.pop("default", None)
                field.pop("title", None)
        for part in node.values():
            _require_all_fields(part)
    elif isinstance(node, list):
        for part in node:
            _require_all_fields(part)


if __name__ == "__main__":
    sys.stdout.write(event_schema())
