"""From settings to models to ports to the graph: the one place that introduces them to each other."""

import re

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr

from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.alignment.graph import build_alignment_graph
from ecoalign_agent.alignment.state import CHECKPOINTED, AlignmentInput, AlignmentOutput, SearchState
from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.llm.endpoint import Endpoint
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
        model: ``offline``; ``openai:NAME`` (or any name with a base URL set) for OpenAI-compatible servers; any other
            string that LangChain's ``init_chat_model`` knows; or a chat model.
        settings: base URL, key, time-out, concurrency.

    Raises:
        ModelNameError: the name is unknown, its package is not installed, or its key is missing.
    """
    if isinstance(model, BaseChatModel):
        name = told_name(model)
        label = f"{type(model).__name__}({name})" if name else type(model).__name__
        return Endpoint(model, name=label, concurrency=settings.concurrency, timeout=settings.timeout)
    if model == "offline":
        from ecoalign_agent.offline import OFFLINE_LABEL, OfflineModel  # noqa: PLC0415 - only where it is chosen

        return Endpoint(
            OfflineModel(),
            name=f"offline ({OFFLINE_LABEL})",
            concurrency=settings.concurrency,
            timeout=settings.timeout,
        )
    provider, _, name = model.partition(":")
    if provider == "openai" or (not name and (settings.base_url or _OPENAI_NAMES.match(model))):
        chat: BaseChatModel = _openai(name if provider == "openai" else model, settings)
    else:
        chat = _any(model)
    return Endpoint(chat, name=model, concurrency=settings.concurrency, timeout=settings.timeout)


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


def compile_alignment(
    desk: Desk, *, checkpointer: BaseCheckpointSaver[str] | None = None
) -> CompiledStateGraph[SearchState, None, AlignmentInput, AlignmentOutput]:
    """The compiled graph; its step limit follows from the policy.

    Args:
        desk: ports, policy, and what the nodes share.
        checkpointer: where the state is kept between steps. LangGraph Server brings its own: give None there.
    """
    rounds = desk.policy.max_rounds
    if checkpointer is not None:
        checkpointer = checkpointer.with_allowlist(CHECKPOINTED)
    graph = build_alignment_graph(desk).compile(checkpointer=checkpointer, name="ecoalign")
    # scan, plan, four nodes a round, and the ending, with room for one more round than allowed.
    return graph.with_config(recursion_limit=4 * (rounds + 2) + 8)
