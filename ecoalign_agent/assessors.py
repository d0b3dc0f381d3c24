"""Who grades: from what the caller, the policy or the environment names to assessors, and how independent they are."""

from collections.abc import Sequence

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from ecoalign_agent.assessing.names import assessor_for, names_in, read_name
from ecoalign_agent.assessing.port import Assessor, grades_utility
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.endpoints import ModelChoice, endpoint_of, independent
from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.settings import Settings

AssessorChoice = str | BaseChatModel | Assessor
"""A name (see ``assessing/names.py``), a chat model, or an object that grades."""


def chosen_assessors(
    given: AssessorChoice | Sequence[AssessorChoice] | None, policy: Policy, settings: Settings
) -> Sequence[AssessorChoice] | None:
    """Who was chosen: by the caller, else by the policy, else by the environment; None: the actor grades itself."""
    if given is not None:
        # A sequence is told first: what has the methods of an assessor may be anything else besides.
        return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if policy.assessors:
        return policy.assessors
    return names_in(settings.assessor) if settings.assessor else None


def assessors_of(
    choices: Sequence[AssessorChoice],
    settings: Settings,
    *,
    actor: tuple[ModelChoice, Endpoint] | None = None,
    prompts: str | None = None,
) -> list[Assessor]:
    """The assessors behind ``choices``, in the same order.

    Args:
        choices: which.
        settings: base URL, key, time-out, concurrency.
        actor: the answering model and its endpoint: an assessor of the same name shares its limits.
        prompts: a folder whose prompts replace the shipped ones.

    Raises:
        ModelNameError: a name is unknown, its package is not installed, or its key is missing.
        PromptError: a prompt is missing or broken.
    """

    def endpoint(model: ModelChoice) -> Endpoint:
        return actor[1] if actor is not None and actor[0] == model else endpoint_of(model, settings)

    def moderation(model: str) -> ModerationEndpoint:
        return _moderation(model, settings)

    return [assessor_for(choice, endpoint=endpoint, moderation=moderation, prompts=prompts) for choice in choices]


def endpoints_of(assessors: Sequence[Assessor]) -> list[Endpoint | ModerationEndpoint]:
    """The endpoints of assessors that have one, each once."""
    held = (getattr(assessor, "endpoint", None) for assessor in assessors)
    found = [endpoint for endpoint in held if isinstance(endpoint, Endpoint | ModerationEndpoint)]
    return list({id(endpoint): endpoint for endpoint in found}.values())


def judged_by_others(actor: ModelChoice, choices: Sequence[AssessorChoice] | None) -> bool:
    """Whether at least one assessor is another model than the actor: as the weakest link counts, it has a veto."""
    return any(_is_other(actor, choice) for choice in choices or ())


def self_graded_note(
    actor: ModelChoice, choices: Sequence[AssessorChoice], assessors: Sequence[Assessor]
) -> str | None:
    """What a result must say where others judge safety, but nobody else judges utility."""
    graders = [choice for choice, one in zip(choices, assessors, strict=True) if grades_utility(one)]
    if judged_by_others(actor, choices) and not judged_by_others(actor, graders):
        return "safety is graded by others too, utility by the actor's own model alone"
    return None


def _is_other(actor: ModelChoice, choice: AssessorChoice) -> bool:
    if isinstance(choice, str):
        name = read_name(choice)
        return name.kind == "moderation" or independent(actor, name.model)
    if isinstance(choice, BaseChatModel):
        return independent(actor, choice)
    # An object of the caller's: the same model only where it is plainly built on it.
    model = getattr(getattr(choice, "endpoint", None), "model", None)
    return independent(actor, model) if isinstance(model, BaseChatModel) else choice.name != actor


def _moderation(model: str, settings: Settings) -> ModerationEndpoint:
    key = settings.openai_api_key
    if key is None or not key.get_secret_value():
        if settings.base_url is None:
            raise ModelNameError(f"assessor moderation:{model} needs a key: set OPENAI_API_KEY")
        # Local servers ask for none, but the client insists on sending one.
        key = SecretStr("none")
    return ModerationEndpoint(
        model,
        api_key=key,
        base_url=settings.base_url,
        concurrency=settings.concurrency,
        timeout=settings.timeout,
        requests_per_minute=settings.requests_per_minute,
    )
