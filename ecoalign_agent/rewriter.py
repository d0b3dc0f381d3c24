"""Rewriter: the facade of VLMGuard-R1. A dangerous prompt in; a refined prompt out, for an unchanged target model."""

import copy
import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.events.events import HEARTBEAT, Event, event_adapter
from ecoalign_agent.events.result import Rewrite
from ecoalign_agent.factory import build_endpoint
from ecoalign_agent.images.sources import PictureSource
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.rewriting.graph import build_rewrite_graph
from ecoalign_agent.rewriting.model_calls import (
    PromptedAnalyst,
    PromptedChecker,
    PromptedWriter,
    RewritePorts,
    TrainedAnalyst,
)
from ecoalign_agent.rewriting.state import RewriteContext, RewriteInput, RewriteOutput, RewritePolicy, RewriteState
from ecoalign_agent.search.async_tasks import refuse_sync, run_in_task
from ecoalign_agent.search.checkpointing import strict_checkpointer
from ecoalign_agent.search.emitter import EVENT_KEY, HEARTBEAT_KEY, NO_LISTENERS, check_heartbeat, is_inside_run
from ecoalign_agent.search.request import validate_question, validate_run_id
from ecoalign_agent.settings import settings_with

_TRAINED = "trained:"


class Rewriter:
    """Rewrites dangerous prompts by reasoning over text and image; leaves harmless ones alone, word for word.

    Args:
        model: who analyses and rewrites: a name as :class:`~ecoalign_agent.EcoAlign` takes it, a chat model object, or
            ``"trained:NAME"`` for a fine-tuned rewriter: the name of a model behind an endpoint, or a folder that
            ``ecoalign train`` wrote. None: ``ECOALIGN_MODEL``.
        policy: budget, threshold, frugal or not, deadline.
        checker: who checks a new question, by name or as an object. None: the model itself; a trained rewriter can't
            check, so without a checker only rules do, and every result says so.
        base_url: of an OpenAI-compatible server; holds for model and checker.
        api_key: for ``openai:`` models; else ``OPENAI_API_KEY``.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        checkpointer: a LangGraph checkpointer; runs are then kept under their ``run_id``.

    Raises:
        ModelNameError: a model can't be built; the message says why.
        PromptError: a prompt is missing or broken.

    Use it as an async context manager, or call :meth:`aclose` in the end.
    """

    def __init__(
        self,
        model: str | BaseChatModel | None = None,
        *,
        policy: RewritePolicy | None = None,
        checker: str | BaseChatModel | None = None,
        base_url: str | None = None,
        api_key: SecretStr | str | None = None,
        prompts: str | None = None,
        checkpointer: BaseCheckpointSaver[str] | None = None,
    ) -> None:
        settings = settings_with(base_url=base_url, api_key=api_key)
        self.policy = policy or RewritePolicy()
        chosen = model if model is not None else settings.model
        trained = isinstance(chosen, str) and chosen.startswith(_TRAINED)
        endpoint = build_endpoint(_behind(chosen), settings)
        judge = endpoint if checker is None else build_endpoint(checker, settings)
        checks = self.policy.check and not (trained and checker is None)
        ports = RewritePorts(
            analyst=TrainedAnalyst(endpoint)
            if trained
            else PromptedAnalyst(endpoint, frugal=self.policy.frugal, prompts=prompts),
            writer=None if trained or self.policy.frugal else PromptedWriter(endpoint, prompts=prompts),
            checker=PromptedChecker(judge, prompts=prompts) if checks else None,
        )
        self.desk = RewriteContext(ports, self.policy, ImageStore())
        """What the graph's nodes share."""
        self.endpoints = list({id(one): one for one in (endpoint, judge)}.values())
        """Whom it asks."""
        self._checkpointer = None if checkpointer is None else strict_checkpointer(checkpointer)
        self.graph = self._compiled()
        """The compiled LangGraph graph; put it into a parent graph as a node."""

    @property
    def models(self) -> list[str]:
        """Who analyses, rewrites and checks."""
        return self.desk.models

    def bounded(self, *, budget: float | None = None, deadline: float | None = None) -> "Rewriter":
        """The same rewriter within tighter bounds: it shares endpoints, pictures and checkpoints with this one.

        Closing it closes nothing: the connections are this rewriter's.

        Args:
            budget: cost units at the most; its own where that is less.
            deadline: seconds at the most; its own where that is less.

        Raises:
            UsageError: a bound is out of range.
        """
        own = self.policy
        budgets, times = (own.budget, budget), (own.deadline, deadline)
        bounded = copy.copy(self)
        bounded.policy = replace(
            own,
            budget=min(given for given in budgets if given is not None),
            deadline=min((given for given in times if given is not None), default=None),
        )
        bounded.desk, bounded.endpoints = replace(self.desk, policy=bounded.policy), []
        bounded.graph = bounded._compiled()  # noqa: SLF001 - of this very class
        return bounded

    async def rewrite(
        self, question: str, images: Sequence[PictureSource] = (), *, run_id: str | None = None
    ) -> Rewrite:
        """Rewrite one question, or find that it can stay as it is.

        Args:
            question: at most 100 000 characters.
            images: paths, file contents, data URLs or PIL pictures.
            run_id: names the run and, with a checkpointer, its thread: 1 to 128 of A-Z, a-z, 0-9, _ and -; drawn when
                None.

        Returns:
            The outcome; ``prompt`` is always what the target model is to be asked. A run that could not be finished has
            the status ``failed`` or ``unknown`` and the original prompt; it raises nothing.

        Raises:
            UsageError: the question or a picture can't be used; nothing was spent.
        """
        request = await self._request(question, images, run_id)
        alone: Any = {"configurable": {"thread_id": request["run_id"], NO_LISTENERS: not is_inside_run()}}
        # Inside a node or a tool it is part of that run: heard where it is heard, kept where it is kept.
        config = None if is_inside_run() and self._checkpointer is None else alone
        made = await self.graph.ainvoke(request, config, output_keys="rewrite")
        assert isinstance(made, Rewrite)  # noqa: S101 - every way through the graph ends with one
        return made

    async def stream(
        self,
        question: str,
        images: Sequence[PictureSource] = (),
        *,
        run_id: str | None = None,
        heartbeat: float = HEARTBEAT,
    ) -> AsyncGenerator[Event, None]:
        """Rewrite one question and tell what happens: typed events, the last one with the outcome.

        The new question is told only after its check. Leaving the iteration cancels the calls under way.

        Args:
            question: as in :meth:`rewrite`.
            images: as in :meth:`rewrite`.
            run_id: as in :meth:`rewrite`.
            heartbeat: seconds, from 0.01 to 10, after which a run that waits for a model tells that it is still there.

        Raises:
            UsageError: as in :meth:`rewrite`; a picture that is cut short shows only after the first event.
        """
        beat = {HEARTBEAT_KEY: check_heartbeat(heartbeat)}
        request = await self._request(question, images, run_id)
        config: Any = {"configurable": {"thread_id": request["run_id"], **beat}}
        # A generator, whatever its annotation says; closed here and now, as in EcoAlign.stream.
        told = cast("AsyncGenerator[Any, None]", self.graph.astream(request, config, stream_mode="custom"))
        async with aclosing(run_in_task(told)) as chunks:
            async for chunk in chunks:
                yield event_adapter.validate_python(chunk[EVENT_KEY])

    async def aclose(self) -> None:
        """Close the connections that were opened on the running event loop; a later call opens new ones."""
        for endpoint in self.endpoints:
            await endpoint.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def _compiled(self) -> CompiledStateGraph[RewriteState, None, RewriteInput, RewriteOutput]:
        graph = build_rewrite_graph(self.desk).compile(checkpointer=self._checkpointer, name="vlmguard")
        refuse_sync(graph, "Rewriter")
        return graph

    async def _request(self, question: str, images: Sequence[PictureSource], run_id: str | None) -> RewriteInput:
        if isinstance(images, str | bytes) or not isinstance(images, Iterable):
            images = [images]  # one picture, not in a list
        return {
            "question": validate_question(question),
            "images": [await self.desk.image_store.read(image) for image in images],
            "run_id": uuid.uuid4().hex if run_id is None else validate_run_id(run_id),
        }


def _behind(model: str | BaseChatModel) -> str | BaseChatModel:
    """The model behind a name; a trained rewriter in a folder runs in this process."""
    if not isinstance(model, str) or not model.startswith(_TRAINED):
        return model
    name = model.removeprefix(_TRAINED)
    if not Path(name).is_dir():
        if ":" not in name:
            raise ModelNameError(
                f"model {model!r}: there is no folder {name!r}; name one that ecoalign train wrote, or "
                "trained:openai:NAME for a rewriter behind a server"
            )
        return name
    from ecoalign_agent.models.trained import LocalRewriter  # noqa: PLC0415 - an extra, and heavy

    return LocalRewriter(folder=name)
