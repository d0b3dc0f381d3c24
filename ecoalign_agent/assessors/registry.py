"""Assessors by name, in one place: for the command line, the policy file, the environment and ``EcoAlign``.

A name is tried in this order; the first that fits counts:

1. ``moderation:NAME``: a moderation endpoint, such as ``moderation:omni-moderation-latest``;
2. ``guard:MODEL``: a guard model, where MODEL is written like any model, such as ``guard:openai:llama-guard-3-8b``;
3. the name of an entry point in the group ``ecoalign_agent.assessors``;
4. ``module:Name`` with a dotted module, or with a plain one that can be imported and has that attribute: an assessor
   object, or a class or function that makes one without arguments;
5. a chat model, written as for ``--model``: ``offline``, ``openai:gpt-4.1-mini``, ….
"""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, NamedTuple

from langchain_core.language_models import BaseChatModel

from ecoalign_agent.assessors.base import Assessor, SimpleAssessor, grades_utility
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.combined import minimum
from ecoalign_agent.assessors.custom import as_assessor
from ecoalign_agent.assessors.guard import GuardAssessor
from ecoalign_agent.assessors.moderation import ModerationAssessor
from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.extensions import extension_names, is_reference, load_extension
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint

AssessorChoice = str | BaseChatModel | Assessor | SimpleAssessor
"""An assessor as a caller names it."""


@dataclass(frozen=True, slots=True)
class AssessorParts:
    """What assessors are built from: makers of endpoints, and a folder whose prompts replace the shipped ones."""

    endpoint: Callable[[str | BaseChatModel], Endpoint]
    moderation: Callable[[str], ModerationEndpoint]
    prompts: str | None = None


ASSESSOR_KINDS: dict[str, Callable[[str, AssessorParts], Assessor]] = {
    "moderation": lambda model, parts: ModerationAssessor(parts.moderation(model)),
    "guard": lambda model, parts: GuardAssessor(parts.endpoint(model)),
}
"""The word before the colon of a name → how the assessor of the model after it is made."""

_GROUP: Literal["ecoalign_agent.assessors"] = "ecoalign_agent.assessors"


class AssessorName(NamedTuple):
    """A name, taken apart: a key of ``ASSESSOR_KINDS``, ``model`` or ``extension``; of an extension the whole name."""

    kind: str
    model: str


def parse_assessor_name(name: str) -> AssessorName:
    """Take a name apart; see the module for the order. A ModelNameError where it names no model."""
    name = name.strip()
    prefix, _, rest = name.partition(":")
    kind, model = (prefix, rest) if prefix in ASSESSOR_KINDS else ("model", name)
    if not model:
        raise ModelNameError(
            f"assessor {name!r} names no model; write openai:NAME, moderation:NAME, guard:MODEL or offline"
        )
    return AssessorName("extension" if kind == "model" and _is_extension(name) else kind, model)


def _is_extension(name: str) -> bool:
    if name in extension_names(_GROUP):
        return True
    module, _, attribute = name.partition(":")
    if not is_reference(name):
        return False
    if "." in module:
        return True
    # A plain word before the colon is a provider of models for nearly everybody: openai:o3, ollama:llama3.
    try:
        importable = importlib.util.find_spec(module) is not None
        return importable and hasattr(import_module(module), attribute.partition(".")[0])
    except Exception:  # noqa: BLE001 - a module may raise anything; then its name is read as a model's
        return False


def _load(name: str) -> Assessor:
    loaded = load_extension(_GROUP, name)
    if isinstance(loaded, type) or (callable(loaded) and not hasattr(loaded, "assess")):
        try:
            loaded = loaded()
        except Exception as error:  # code of somebody else's may raise anything
            raise UsageError(f"assessor {name!r}: can't be made: {type(error).__name__}: {error}") from error
    try:
        return as_assessor(loaded)
    except UsageError as error:
        raise UsageError(f"assessor {name!r}: {error}") from error


def split_names(line: str) -> tuple[str, ...]:
    """The names in one line, separated by commas, as an environment variable holds them."""
    return tuple(name for part in line.split(",") if (name := part.strip()))


def make_assessor(choice: AssessorChoice, parts: AssessorParts) -> Assessor:
    """The assessor behind a name, a chat model or an object.

    Raises:
        ModelNameError: the name is unknown, its package is not installed, or its key is missing.
        UsageError: an extension can't be loaded, or an object is no assessor.
    """
    if isinstance(choice, str):
        kind, choice = parse_assessor_name(choice)
        if kind in ASSESSOR_KINDS:
            return ASSESSOR_KINDS[kind](choice, parts)
        if kind == "extension":
            return _load(choice)
    if isinstance(choice, str | BaseChatModel):
        return ModelAssessor(parts.endpoint(choice), prompts=parts.prompts)
    return as_assessor(choice)


def combine_assessors(assessors: Sequence[Assessor]) -> Assessor:
    """The assessors of a search as one: the weakest link over them; a UsageError where none grades utility."""
    if not assessors:
        raise UsageError("an empty list of assessors: nothing would be graded; name one, or leave the list out")
    if not any(map(grades_utility, assessors)):
        names = ", ".join(assessor.name for assessor in assessors)
        raise UsageError(
            f"{names}: grades safety alone, and nobody would grade utility; add a chat model as an assessor, "
            "such as openai:gpt-4.1-mini, or the answering model itself"
        )
    return minimum(*assessors)
