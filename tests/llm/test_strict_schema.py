"""The schemas that are sent, held against the rules of strict mode."""

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from ecoalign_agent.assessors import base
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search import schemas


class Inner(BaseModel):
    """Written for programmers: not sent."""

    title: str
    weight: Annotated[float, Field(ge=0, le=1, description="how sure")] = 0.5


class Everything(BaseModel):
    kind: Literal["a", "b"]
    only: Literal["x"] = "x"
    box: tuple[float, float, float, float]
    mixed: tuple[int, str]
    inner: Inner = Field(description="stands beside a reference")
    many: Annotated[list[Inner], Field(max_length=3)] = []
    maybe: str | None = None


def test_it_reads_as_strict_mode_wants_it() -> None:
    sent = sent_schema(Everything)
    assert sent.name == "Everything"
    assert sent.response_format["json_schema"]["strict"] is True
    assert sent.response_format["json_schema"]["schema"] == {
        "type": "object",
        "properties": {
            "kind": {"type": "string", "enum": ["a", "b"]},
            "only": {"type": "string", "enum": ["x"]},
            "box": {"type": "array", "items": {"type": "number"}},
            "mixed": {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}},
            "inner": {"$ref": "#/$defs/Inner"},
            "many": {"type": "array", "items": {"$ref": "#/$defs/Inner"}},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        },
        "required": ["kind", "only", "box", "mixed", "inner", "many", "maybe"],
        "additionalProperties": False,
        "$defs": {
            "Inner": {
                "type": "object",
                "properties": {"title": {"type": "string"}, "weight": {"type": "number", "description": "how sure"}},
                "required": ["title", "weight"],
                "additionalProperties": False,
            }
        },
    }
    assert sent.tool["function"]["parameters"] == sent.response_format["json_schema"]["schema"]


def test_it_is_made_once_for_a_class() -> None:
    assert sent_schema(Everything) is sent_schema(Everything)


def test_its_tokens_are_those_of_its_compact_json() -> None:
    class Tiny(BaseModel):
        a: int

    # {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"],"additionalProperties":false}: 101 bytes
    assert sent_schema(Tiny).tokens == 34
    assert text_tokens("x" * 101) == 34


def test_an_enumeration_keeps_its_values() -> None:
    class Colour(Enum):
        RED = "red"

    class Painted(BaseModel):
        colour: Colour

    definition = sent_schema(Painted).response_format["json_schema"]["schema"]["$defs"]["Colour"]
    assert definition["enum"] == ["red"]


def test_a_mapping_with_free_keys_is_refused_by_name() -> None:
    class Loose(BaseModel):
        scores: dict[str, float]

    with pytest.raises(TypeError, match=r"Loose\.scores"):
        sent_schema(Loose)


def test_a_class_of_its_own_kind_may_nest() -> None:
    class Tree(BaseModel):
        leaves: list["Tree"] = []

    assert sent_schema(Tree).response_format["json_schema"]["schema"]


@pytest.mark.parametrize(
    "schema",
    [
        *(getattr(schemas, n) for n in ("ScanReply", "ProposeReply", "SimulateReply", "TextReply")),
        base.ThoughtVerdictReply,
        base.RequestVerdictReply,
    ],
)
def test_every_schema_we_ask_for_is_strict(schema: type[BaseModel]) -> None:
    _require_strict(sent_schema(schema).response_format["json_schema"]["schema"])


def _require_strict(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _require_strict(item)
    if not isinstance(node, dict):
        return
    if node.get("type") == "object":
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])
        for value in [*node["properties"].values(), *node.get("$defs", {}).values()]:
            _require_strict(value)
        return
    assert set(node) <= {"type", "enum", "anyOf", "$ref", "items", "description"}
    assert "$ref" not in node or len(node) == 1
    for value in node.values():
        _require_strict(value)
