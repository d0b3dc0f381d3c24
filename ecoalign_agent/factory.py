"""From names to endpoints: the one place that builds chat models, and knows when two names mean one model.

Who grades: from what the caller, the policy or the environment names to assessors, and how independent they are.

From ports to the compiled graph: the last step before a run.
"""

import logging
import re
from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr

from ecoalign_agent.assessors.base import Assessor, grades_utility
from ecoalign_agent.assessors.registry import assessor_for, names_in, read_name
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.endpoint_profile import identity_of, read_kept, start_from
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.rewriting.guarded_search import build_guarded_graph, in_front_of
from ecoalign_agent.rewriting.state import RewriteDesk
from ecoalign_agent.search.async_tasks import refuse_sync
from ecoalign_agent.search.checkpointing import reading_strictly
from ecoalign_agent.search.context import Desk
from ecoalign_agent.search.graph import build_alignment_graph
from ecoalign_agent.search.state import AlignmentInput, AlignmentOutput
from ecoalign_agent.settings import Settings

ModelChoice = str | BaseChatModel

_OPENAI_NAMES = re.compile(r"(chatgpt|gpt|o\d)-")
"""Names that mean OpenAI's own models when no provider is written before them."""


def told_name(model: ModelChoice) -> str | None:
    """The name that a model goes by at its provider; None: it tells none."""
    if isinstance(model, str):
        return model
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return name if isinstance(name, str) else None


def independent(actor: ModelChoice, assessor: ModelChoice | None) -> bool:
    """Whether two models judge: without an assessor of its own, or with the same one twice, a run judges itself.

    A provider before the name makes no other model of it. Models that tell no name are told apart by their classes.
    """
    if assessor is None or assessor is actor:
        return False
    one, other = told_name(actor), told_name(assessor)
    if one is None or other is None:
        return type(actor) is not type(assessor)
    return not (f":{one}".endswith(f":{other}") or f":{other}".endswith(f":{one}"))


def endpoint_of(model: ModelChoice, settings: Settings) -> Endpoint:
    """The endpoint behind a name or a chat model object.

    Args:
        model: ``offline``; ``simulated:PRESET``; ``openai:NAME`` (or any name with a base URL set) for OpenAI
            and servers that speak its protocol; any other string that LangChain's ``init_chat_model`` knows; or a chat
            model.
        settings: base URL, key, time-out, concurrency, requests per minute, and the cache: an endpoint starts from what
            ``ecoalign doctor`` found out about it.

    Raises:
        ModelNameError: the name is unknown, its package is not installed, or its key is missing.
    """
    if isinstance(model, BaseChatModel):
        name = told_name(model)
        label = f"{type(model).__name__}({name})" if name else type(model).__name__
        return _endpoint(model, label, settings)
    if model == "offline":
        from ecoalign_agent.offline.model import OFFLINE_LABEL, OfflineModel  # noqa: PLC0415 - only where it is chosen

        return Endpoint(
            OfflineModel(),
            name=f"offline ({OFFLINE_LABEL})",
            concurrency=settings.concurrency,
            timeout=settings.timeout,
        )
    if model.partition(":")[0].partition("?")[0] == "simulated":
        from ecoalign_agent.models.simulated.model import simulated_model  # noqa: PLC0415 - as above
        from ecoalign_agent.models.simulated.world import SIMULATED_LABEL  # noqa: PLC0415 - only where it is chosen

        simulated = simulated_model(model)
        return Endpoint(
            simulated,
            name=f"{simulated.model_name} ({SIMULATED_LABEL})",
            concurrency=settings.concurrency,
            timeout=settings.timeout,
        )
    provider, _, name = model.partition(":")
    if provider == "openai" or (not name and (settings.base_url or _OPENAI_NAMES.match(model))):
        chat: BaseChatModel = _openai(name if provider == "openai" else model, settings)
    else:
        chat = _any(model)
    return _endpoint(chat, model, settings)


def _endpoint(chat: BaseChatModel, name: str, settings: Settings) -> Endpoint:
    endpoint = Endpoint(
        chat,
        name=name,
        concurrency=settings.concurrency,
        timeout=settings.timeout,
        requests_per_minute=settings.requests_per_minute,
    )
    kept = read_kept(settings.cache_folder, identity_of(endpoint))
    if kept.known is not None:
        start_from(endpoint, kept.known)
    elif kept.note is not None:
        logging.getLogger(__name__).warning("%s: %s", name, kept.note)
    return endpoint


def _openai(name: str, settings: Settings) -> BaseChatModel:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - only where it is chosen

    if not name:
        raise ModelNameError("model openai: names no model; write openai:NAME, such as openai:gpt-4o-mini")
    key = settings.openai_api_key
    if key is None or not key.get_secret_value():
        if settings.base_url is None:
            raise ModelNameError(f"model openai:{name} needs a key: set OPENAI_API_KEY, or use --model offline")
        # Local servers ask for none, but the client insists on sending one.
        key = SecretStr("none")
    return ChatOpenAI(
        model=name,
        base_url=settings.base_url,
        api_key=key,
        # Retries and time-outs are ours, so that every attempt is booked.
        max_retries=0,
        timeout=settings.timeout,
        disable_streaming=True,
    )


def _any(model: str) -> BaseChatModel:
    from langchain.chat_models import init_chat_model  # noqa: PLC0415 - only where it is chosen

    if not model.strip():
        raise ModelNameError(f"model {model!r} names no model; write offline, openai:NAME or PROVIDER:NAME")
    try:
        chat = init_chat_model(model)
    except (ValueError, ImportError) as error:
        line = str(error).strip().splitlines()[0]
        if ":" not in model:
            line = "write offline, openai:NAME, or PROVIDER:NAME for any other that LangChain knows"
        raise ModelNameError(f"model {model!r} can't be built: {line}") from error
    assert isinstance(chat, BaseChatModel)  # noqa: S101 - a string without configurable fields gives a model
    return chat


AssessorChoice = str | BaseChatModel | Assessor
"""A name (see ``assessors/registry.py``), a chat model, or an object that grades."""


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


def compile_alignment(
    desk: Desk, *, checkpointer: BaseCheckpointSaver[str] | None = None, front: RewriteDesk | None = None
) -> CompiledStateGraph[Any, None, AlignmentInput, AlignmentOutput]:
    """The compiled graph; its step limit follows from the policy.

    Args:
        desk: ports, policy, and what the nodes share.
        checkpointer: where the state is kept, and read back strictly. LangGraph Server brings its own: give None there.
        front: of a rewriter that every question goes through first; None: there is none.
    """
    rounds = desk.policy.max_rounds
    if checkpointer is not None:
        checkpointer = reading_strictly(checkpointer)
    if front is None:
        graph: Any = build_alignment_graph(desk).compile(checkpointer=checkpointer, name="ecoalign")
    else:
        guarded = build_guarded_graph(in_front_of(desk, front), desk)
        graph = guarded.compile(checkpointer=checkpointer, name="guarded")
    refuse_sync(graph)
    # A rewrite, scan, plan, four nodes a round, and the ending, with room for one more round than allowed.
    limited: CompiledStateGraph[Any, None, AlignmentInput, AlignmentOutput] = graph.with_config(
        recursion_limit=4 * (rounds + 2) + 12
    )
    return limited
