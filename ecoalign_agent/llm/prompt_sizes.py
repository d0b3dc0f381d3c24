"""How many tokens a prompt takes before anything is put into it: what the costs of calls are reckoned from."""

from pydantic import BaseModel

from ecoalign_agent.llm.prompts import Prompt
from ecoalign_agent.llm.strict_schema import sent_schema
from ecoalign_agent.llm.usage import PER_MESSAGE, text_tokens

SMALL_INPUTS = 80
"""Tokens of what a prompt carries besides the scene and the path: aims, kinds of actions, numbers."""


def prompt_tokens(prompt: Prompt, schema: type[BaseModel]) -> int:
    """Tokens of a prompt with empty fences, of its schema, and of what is small."""
    bare = prompt.render(**dict.fromkeys(prompt.inputs, ""))
    words = text_tokens(bare.system) + text_tokens(bare.user) + 2 * PER_MESSAGE
    return words + sent_schema(schema).tokens + SMALL_INPUTS
