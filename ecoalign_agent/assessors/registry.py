"""Assessors by name, read in one place: for the command line, the policy file, the environment and ``EcoAlign``.

- ``moderation:NAME``: a moderation endpoint, such as ``moderation:omni-moderation-latest``;
- ``guard:MODEL``: a guard model, where MODEL is written like any model, such as ``guard:openai:llama-guard-3-8b``;
- anything else is a chat model, written as for ``--model``: ``offline``, ``openai:gpt-4.1-mini``, ….
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

from ecoalign_agent.assessors.base import Assessor, grades_utility
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.combined import minimum
from ecoalign_agent.assessors.guard import GuardAssessor
from ecoalign_agent.assessors.moderation import ModerationAssessor
from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint

M = TypeVar("M")

AssessorKind = Literal["model", "moderation", "guard"]


class AssessorName(NamedTuple):
    """A name, taken apart: what makes the verdicts, and which model."""

    kind: AssessorKind
    model: str


def parse_assessor_name(name: str) -> AssessorName:
    """Take a name apart.

    Raises:
        ModelNameError: it names no model.
    """
    before, _, after = name.strip().partition(":")
    kind: AssessorKind = "moderation" if before == "moderation" else "guard" if before == "guard" else "model"
    model = name.strip() if kind == "model" else after
    if not model:
        raise ModelNameError(
            f"assessor {name!r} names no model; write openai:NAME, moderation:NAME, guard:MODEL or offline"
        )
    return AssessorName(kind, model)


def split_names(line: str) -> tuple[str, ...]:
    """The names in one line, separated by commas, as an environment variable holds them."""
    return tuple(name for part in line.split(",") if (name := part.strip()))


def make_assessor(
    choice: "str | Assessor | M",
    *,
    endpoint: Callable[["str | M"], Endpoint],
    moderation: Callable[[str], ModerationEndpoint],
    prompts: str | None = None,
) -> Assessor:
    """The assessor behind a name, a chat model or an object that is one already.

    Args:
        choice: which.
        endpoint: makes the endpoint of a chat model or its name.
        moderation: makes the moderation endpoint of a model's name.
        prompts: a folder whose prompts replace the shipped ones.

    Raises:
        ModelNameError: the name is unknown, its package is not installed, or its key is missing.
        PromptError: a prompt is missing or broken.
    """
    if isinstance(choice, str):
        kind, model = parse_assessor_name(choice)
        if kind == "moderation":
            return ModerationAssessor(moderation(model))
        if kind == "guard":
            return GuardAssessor(endpoint(model))
        return ModelAssessor(endpoint(model), prompts=prompts)
    if isinstance(choice, Assessor):
        return choice
    return ModelAssessor(endpoint(choice), prompts=prompts)


def combine_assessors(assessors: Sequence[Assessor]) -> Assessor:
    """The assessors of a search as one: the weakest link over them.

    Raises:
        UsageError: there is none, or none of them grades utility.
    """
    if not assessors:
        raise UsageError("an empty list of assessors: nothing would be graded; name one, or leave the list out")
    if not any(map(grades_utility, assessors)):
        names = ", ".join(assessor.name for assessor in assessors)
        raise UsageError(
            f"{names}: grades safety alone, and nobody would grade utility; add a chat model as an assessor, "
            "such as openai:gpt-4.1-mini, or the answering model itself"
        )
    return minimum(*assessors)
