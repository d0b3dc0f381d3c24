"""Names and settings to endpoints, assessors and the compiled graph: the one place that builds chat models.

It also decides whether two names mean one model, and so whether an assessor is independent of the actor.
"""

import logging
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr

from ecoalign_agent.assessors.base import Assessor, grades_utility
from ecoalign_agent.assessors.registry import (
    AssessorChoice,
    AssessorParts,
    combine_assessors,
    make_assessor,
    parse_assessor_name,
    split_names,
)
from ecoalign_agent.economics.cost import MonetaryTariff, Price
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import ModelNameError, PolicyError, UsageError
from ecoalign_agent.events.result import Note
from ecoalign_agent.images.fetching import ImageFetcher
from ecoalign_agent.images.sources import PictureSource
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.endpoint_profile import apply_profile, endpoint_identity, read_profile
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.llm.prices import PriceTable, parse_prices, priced_policy, shipped_prices
from ecoalign_agent.rewriting.guarded_search import build_guarded_graph, rewrite_context_for
from ecoalign_agent.rewriting.state import QuestionRewriter, RewriteContext
from ecoalign_agent.search.async_tasks import refuse_sync
from ecoalign_agent.search.checkpointing import strict_checkpointer
from ecoalign_agent.search.context import SearchContext, build_context
from ecoalign_agent.search.graph import build_search_graph
from ecoalign_agent.search.request import validate_question, validate_run_id
from ecoalign_agent.search.state import SearchInput, SearchOutput
from ecoalign_agent.settings import Settings, checked_image_hosts, read_toml

ModelChoice = str | BaseChatModel
"""A name (see :func:`build_endpoint`) or a chat model."""

_OPENAI_NAMES = re.compile(r"(chatgpt|gpt|o\d)-")
"""Names that mean OpenAI's own models when no provider is written before them."""


class Facade:
    """Async context manager that closes the connections of its endpoints in the end."""

    endpoints: Sequence[Endpoint | ModerationEndpoint]

    async def aclose(self) -> None:
        """Close the connections that were opened on the running event loop; a later call opens new ones."""
        for endpoint in self.endpoints:
            await endpoint.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()


async def read_request(
    question: str, images: Sequence[PictureSource], run_id: str | None, image_store: ImageStore
) -> SearchInput:
    """The input of a run, checked; its pictures are read, and not decoded: the first event must not wait for that."""
    if isinstance(images, str | bytes) or not isinstance(images, Iterable):
        images = [images]  # one picture, not in a list
    return {
        "question": validate_question(question),
        "images": [await image_store.read(image) for image in images],
        "run_id": uuid.uuid4().hex if run_id is None else validate_run_id(run_id),
    }


class AgentFactory:
    """The endpoints and assessors of one agent; builds its search context under any policy, and compiles it.

    Args:
        policy: the first policy; it may name assessors.
        assessor: as ``EcoAlign`` takes it.
        image_hosts: hosts pictures are fetched from; None: the settings'.
        prices: a file of prices in money, read before the settings'.
    """

    def __init__(
        self,
        model: ModelChoice,
        *,
        policy: Policy,
        assessor: AssessorChoice | Sequence[AssessorChoice] | None,
        settings: Settings,
        prompts: str | None = None,
        image_hosts: Sequence[str] | None = None,
        prices: str | Path | None = None,
        rewriter: QuestionRewriter | None = None,
    ) -> None:
        self.actor = build_endpoint(model, settings)
        choices = choose_assessors(assessor, policy, settings)
        built = build_assessors(choices or (), settings, actor=(model, self.actor), prompts=prompts)
        note = utility_note(model, choices or (), built)
        self._rewriter = rewriter
        self._context: Callable[..., SearchContext] = partial(
            build_context,
            self.actor,
            None if choices is None else combine_assessors(built),
            independent=has_independent_assessor(model, choices or ()),
            prompts=prompts,
            notes=() if note is None else (note,),
            image_store=ImageStore(fetcher=ImageFetcher.for_hosts(checked_image_hosts(image_hosts, settings))),
        )
        rewriting = rewriter.endpoints if rewriter else ()
        endpoints = [self.actor, *assessor_endpoints(built), *rewriting]
        self._endpoints, self._price_files = endpoints, (prices, settings.prices)
        # An assessor object of the caller's is the caller's to close.
        pairs = zip(choices or (), built, strict=True)
        own = [assessor for choice, assessor in pairs if isinstance(choice, str | BaseChatModel)]
        self.owned_endpoints = [self.actor, *assessor_endpoints(own), *rewriting]

    def context(self, policy: Policy) -> SearchContext:
        """The nodes' shared parts under ``policy``.

        Raises:
            UsageError: the tariff is money, and a price is not known, or no budget in money was set.
        """
        given, environment = self._price_files
        own = policy.tariff.prices if isinstance(policy.tariff, MonetaryTariff) else None
        table = price_table(given, own, environment)
        priced, prices, tariffs = priced_policy(policy, endpoints=self._endpoints, table=table)
        context = self._context(priced, prices=prices, tariffs=tariffs)
        if self._rewriter is None:
            return context
        return replace(context, front=[*self._rewriter.context.calls.models, repr(self._rewriter.context.policy)])

    def compile(
        self, context: SearchContext, checkpointer: BaseCheckpointSaver[str] | None
    ) -> CompiledStateGraph[Any, None, SearchInput, SearchOutput]:
        """The graph of ``context``, with the rewriter in front where there is one."""
        front = None if self._rewriter is None else self._rewriter.context
        return compile_search(context, checkpointer=checkpointer, front=front)


def compile_search(
    context: SearchContext, *, checkpointer: BaseCheckpointSaver[str] | None = None, front: RewriteContext | None = None
) -> CompiledStateGraph[Any, None, SearchInput, SearchOutput]:
    """The compiled graph; its step limit follows from the policy.

    Args:
        checkpointer: the state is read back strictly. LangGraph Server brings its own: give None there.
        front: of a rewriter that every question goes through first.
    """
    if checkpointer is not None:
        checkpointer = strict_checkpointer(checkpointer)
    if front is None:
        graph: Any = build_search_graph(context).compile(checkpointer=checkpointer, name="ecoalign")
    else:
        guarded = build_guarded_graph(rewrite_context_for(context, front), context)
        graph = guarded.compile(checkpointer=checkpointer, name="guarded")
    refuse_sync(graph)
    # A rewrite, scan, plan, four nodes a round, and the ending, with room for one more round than allowed.
    limited: CompiledStateGraph[Any, None, SearchInput, SearchOutput] = graph.with_config(
        recursion_limit=4 * (context.policy.max_rounds + 2) + 12
    )
    return limited


def model_name(model: ModelChoice) -> str | None:
    """The name of a model at its provider; None: the object has none."""
    if isinstance(model, str):
        return model
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return name if isinstance(name, str) else None


def are_independent(actor: ModelChoice, assessor: ModelChoice) -> bool:
    """True if two choices are different models, whatever their provider; without names they differ by their classes."""
    if assessor is actor:
        return False
    left, right = model_name(actor), model_name(assessor)
    if left is None or right is None:
        return type(actor) is not type(assessor)
    return not (f":{left}".endswith(f":{right}") or f":{right}".endswith(f":{left}"))


def build_endpoint(model: ModelChoice, settings: Settings) -> Endpoint:
    """The endpoint behind a name or a chat model object, with the profile that ``ecoalign doctor`` stored for it.

    Args:
        model: ``offline``; ``simulated:PRESET``; ``openai:NAME`` (or any name with a base URL set) for OpenAI
            and servers that speak its protocol; any other string that LangChain's ``init_chat_model`` knows; or a chat
            model.

    Raises:
        ModelNameError: the name is unknown, its package is not installed, or its key is missing.
        UsageError: an object that is no chat model.
    """
    if isinstance(model, BaseChatModel):
        name = model_name(model)
        label = f"{type(model).__name__}({name})" if name else type(model).__name__
        return _profiled_endpoint(model, label, settings)
    if not isinstance(model, str):
        raise UsageError(
            f"model is of type {type(model).__name__}: give a name such as openai:NAME, or a LangChain chat model"
        )
    if model == "offline":
        from ecoalign_agent.models.offline.model import OFFLINE_LABEL, OfflineModel  # noqa: PLC0415 - only where it is chosen

        return _endpoint(OfflineModel(), f"offline ({OFFLINE_LABEL})", settings)
    if model.partition(":")[0].partition("?")[0] == "simulated":
        from ecoalign_agent.models.simulated.model import simulated_model  # noqa: PLC0415 - as above
        from ecoalign_agent.models.simulated.world import SIMULATED_LABEL  # noqa: PLC0415 - as above

        simulated = simulated_model(model)
        return _endpoint(simulated, f"{simulated.model_name} ({SIMULATED_LABEL})", settings)
    provider, _, name = model.partition(":")
    if provider == "openai" or (not name and (settings.base_url or _OPENAI_NAMES.match(model))):
        return _profiled_endpoint(_openai_model(name if provider == "openai" else model, settings), model, settings)
    return _profiled_endpoint(_langchain_model(model), model, settings)


def _endpoint(chat: BaseChatModel, name: str, settings: Settings, *, per_minute: int | None = None) -> Endpoint:
    return Endpoint(
        chat,
        name=name,
        concurrency=settings.concurrency,
        timeout=settings.timeout,
        requests_per_minute=per_minute,
    )


def _profiled_endpoint(chat: BaseChatModel, name: str, settings: Settings) -> Endpoint:
    endpoint = _endpoint(chat, name, settings, per_minute=settings.requests_per_minute)
    stored = read_profile(settings.cache_folder, endpoint_identity(endpoint))
    if stored.profile is not None:
        apply_profile(endpoint, stored.profile)
    elif stored.note is not None:
        logging.getLogger(__name__).warning("%s: %s", name, stored.note)
    return endpoint


def _openai_model(name: str, settings: Settings) -> BaseChatModel:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - only where it is chosen

    if not name:
        raise ModelNameError("model openai: names no model; write openai:NAME, such as openai:gpt-4o-mini")
    key = _openai_key(settings)
    if key is None:
        raise ModelNameError(f"model openai:{name} needs a key: set OPENAI_API_KEY, or use --model offline")
    return ChatOpenAI(
        model=name,
        base_url=settings.base_url,
        api_key=key,
        # Retries and time-outs are ours, so that every attempt is booked.
        max_retries=0,
        timeout=settings.timeout,
        disable_streaming=True,
    )


def _openai_key(settings: Settings) -> SecretStr | None:
    """The key; a dummy for a server of one's own, which needs none while the client insists on one."""
    key = settings.openai_api_key
    if key is not None and key.get_secret_value():
        return key
    return None if settings.base_url is None else SecretStr("none")


def _langchain_model(model: str) -> BaseChatModel:
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


def choose_assessors(
    given: AssessorChoice | Sequence[AssessorChoice] | None, policy: Policy, settings: Settings
) -> Sequence[AssessorChoice] | None:
    """The caller's assessors, else the policy's, else the environment's; None: the actor's own model assesses."""
    if given is not None:
        # Checked for a sequence first: an object with an assessor's methods may be anything else besides.
        return list(given) if isinstance(given, Sequence) and not isinstance(given, str) else [given]
    if policy.assessors:
        return policy.assessors
    return split_names(settings.assessor) if settings.assessor else None


def build_assessors(
    choices: Sequence[AssessorChoice],
    settings: Settings,
    *,
    actor: tuple[ModelChoice, Endpoint] | None = None,
    prompts: str | None = None,
) -> list[Assessor]:
    """The assessors behind ``choices``, in the same order: for the command line, policy files and Python alike.

    Args:
        actor: the answering model and its endpoint: an assessor of the same name shares its limits.

    Raises:
        ModelNameError: a name is unknown, its package is not installed, or its key is missing.
        UsageError: an object that is no assessor.
    """

    def endpoint(model: ModelChoice) -> Endpoint:
        return actor[1] if actor is not None and actor[0] == model else build_endpoint(model, settings)

    parts = AssessorParts(endpoint, lambda model: _moderation_endpoint(model, settings), prompts)
    return [make_assessor(choice, parts) for choice in choices]


def assessor_endpoints(assessors: Sequence[Assessor]) -> list[Endpoint | ModerationEndpoint]:
    """The endpoints of assessors that have one, each once."""
    found = (getattr(assessor, "endpoint", None) for assessor in assessors)
    return list({id(entry): entry for entry in found if isinstance(entry, Endpoint | ModerationEndpoint)}.values())


def has_independent_assessor(actor: ModelChoice, choices: Sequence[AssessorChoice]) -> bool:
    """True if an assessor is another model than the actor: its lower grade counts."""
    return any(_is_independent(actor, choice) for choice in choices)


def utility_note(actor: ModelChoice, choices: Sequence[AssessorChoice], assessors: Sequence[Assessor]) -> Note | None:
    """The note for results whose safety an independent assessor grades, but whose utility none does."""
    pairs = zip(choices, assessors, strict=True)
    graders = [choice for choice, assessor in pairs if grades_utility(assessor)]
    if has_independent_assessor(actor, choices) and not has_independent_assessor(actor, graders):
        text = "safety is graded by others too, utility by the actor's own model alone"
        return Note(code="utility_not_independent", text=text)
    return None


def _is_independent(actor: ModelChoice, choice: AssessorChoice) -> bool:
    if isinstance(choice, str):
        name = parse_assessor_name(choice)
        return name.kind in {"moderation", "extension"} or are_independent(actor, name.model)
    if isinstance(choice, BaseChatModel):
        return are_independent(actor, choice)
    # An object of the caller's: the same model only where it is plainly built on it.
    model = getattr(getattr(choice, "endpoint", None), "model", None)
    return are_independent(actor, model) if isinstance(model, BaseChatModel) else getattr(choice, "name", None) != actor


def _moderation_endpoint(model: str, settings: Settings) -> ModerationEndpoint:
    key = _openai_key(settings)
    if key is None:
        raise ModelNameError(f"assessor moderation:{model} needs a key: set OPENAI_API_KEY")
    return ModerationEndpoint(
        model,
        api_key=key,
        base_url=settings.base_url,
        concurrency=settings.concurrency,
        timeout=settings.timeout,
        requests_per_minute=settings.requests_per_minute,
    )


def price_table(*files: str | Path | None) -> PriceTable:
    """The prices in ``files``, in order of precedence, and the shipped ones after them. None stands for no file."""
    return PriceTable([_read_prices(file) for file in files if file], shipped_prices())


def _read_prices(file: str | Path) -> Mapping[str, Price]:
    content = read_toml(file, what="price file")
    try:
        return parse_prices(content)
    except PolicyError as error:
        raise PolicyError(f"price file {str(file)!r}: {error}") from error
