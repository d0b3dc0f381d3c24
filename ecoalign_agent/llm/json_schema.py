"""A pydantic class as the JSON schema that is sent, in OpenAI's strict mode and short; and the tokens of a bare prompt.

Strict mode wants every property required and no other allowed, and knows few keywords. What it can't express (ranges,
lengths, defaults) is left out here and checked by the class itself when the reply is parsed. Source: ours.
"""

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel

from ecoalign_agent.llm.prompts import Prompt
from ecoalign_agent.llm.tokens import PER_MESSAGE, text_tokens

_KEYWORDS = frozenset({"type", "enum", "anyOf", "$ref", "items", "description"})


@dataclass(frozen=True, slots=True)
class SentSchema:
    """One schema in the forms in which it travels; ``tokens`` is our estimate of what sending it adds to the prompt."""

    name: str
    response_format: dict[str, Any]
    tool: dict[str, Any]
    tokens: int


@cache
def sent_schema(schema: type[BaseModel]) -> SentSchema:
    """The schema of ``schema``, made once per class; a TypeError for free keys, which strict mode can't express."""
    name = re.sub(r"[^A-Za-z0-9_-]", "_", schema.__name__)[:64]
    full = schema.model_json_schema()
    strict = _strict(full, schema.__name__)
    if "$defs" in full:
        strict["$defs"] = {key: _strict(node, key) for key, node in full["$defs"].items()}
    return SentSchema(
        name=name,
        response_format={"type": "json_schema", "json_schema": {"name": name, "schema": strict, "strict": True}},
        tool={"type": "function", "function": {"name": name, "description": "Give the reply.", "parameters": strict}},
        tokens=text_tokens(json.dumps(strict, separators=(",", ":"))),
    )


def _strict(node: dict[str, Any], path: str) -> dict[str, Any]:
    if "$ref" in node:
        # Nothing may stand beside a reference.
        return {"$ref": node["$ref"]}
    if node.get("type") == "object":
        return _strict_object(node, path)
    if len(alternatives := node.get("allOf", [])) == 1:
        return _strict(alternatives[0], path)
    node = dict(node)
    if "const" in node:
        node["enum"] = [node["const"]]
    if "oneOf" in node:
        node["anyOf"] = node["oneOf"]
    if "prefixItems" in node:
        # A tuple: strict mode knows no positions, only kinds of items.
        kinds = [item for i, item in enumerate(node["prefixItems"]) if item not in node["prefixItems"][:i]]
        node["items"] = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    strict = {key: value for key, value in node.items() if key in _KEYWORDS}
    if "items" in strict:
        strict["items"] = _strict(strict["items"], path)
    if "anyOf" in strict:
        strict["anyOf"] = [_strict(choice, path) for choice in strict["anyOf"]]
    return strict


def _strict_object(node: dict[str, Any], path: str) -> dict[str, Any]:
    if "properties" not in node and node.get("additionalProperties", True) is not False:
        raise TypeError(f"{path}: a mapping with free keys can't be asked for; use a list of named pairs")
    # The description of an object is its class's docstring, written for programmers: it is not sent.
    properties = {name: _strict(value, f"{path}.{name}") for name, value in node.get("properties", {}).items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


SMALL_INPUTS = 80
"""Tokens of a prompt's small inputs: aims, kinds of actions, numbers."""


def prompt_tokens(prompt: Prompt, schema: type[BaseModel]) -> int:
    """Tokens of a prompt with empty fences, of its schema, and of its small inputs."""
    bare = prompt.render(**dict.fromkeys(prompt.inputs, ""))
    words = text_tokens(bare.system) + text_tokens(bare.user) + 2 * PER_MESSAGE
    return words + sent_schema(schema).tokens + SMALL_INPUTS
