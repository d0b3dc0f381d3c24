"""Rewriter, the facade of VLMGuard-R1: rewrites a dangerous prompt for an unchanged target model."""

import copy
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from pydantic import SecretStr

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.events.events import HEARTBEAT, Event, event_adapter
from ecoalign_agent.events.result import Rewrite
from ecoalign_agent.factory import Facade, build_endpoint, read_request
from ecoalign_agent.images.sources import PictureSource
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.rewriting.graph import build_rewrite_graph
from ecoalign_agent.rewriting.model_calls import RewriteCalls
from ecoalign_agent.rewriting.state import RewriteContext, RewriteInput, RewriteOutput, RewritePolicy, RewriteState
from ecoalign_agent.search.async_tasks import refuse_sync, run_in_task
from ecoalign_agent.search.checkpointing import strict_checkpointer
from ecoalign_agent.search.node_base import EVENT_KEY, HEARTBEAT_KEY, NO_LISTENERS, check_heartbeat, is_inside_run
from ecoalign_agent.settings import read_settings

_TRAINED = "trained:"


class Rewriter(Facade):
    """Rewrites dangerous prompts by reasoning over text and image; leaves harmless ones alone, word for word.

    Use it as an async context manager, or call :meth:`aclose` in the end.

    Args:
        model: analyses and rewrites: a name as :class:`~ecoalign_agent.EcoAlign` takes it, a chat model object, or
            ``"trained:NAME"`` for a fine-tuned rewriter: the name of a model behind an endpoint, or a folder that
            ``ecoalign train`` wrote. None: ``ECOALIGN_MODEL``.
        checker: checks a new question, by name or as an object. None: the model itself; a trained rewriter can't
            check, so without a checker only rules do, and every result says so.
        base_url: of an OpenAI-compatible server; holds for model and checker.
        api_key: for ``openai:`` models; else ``OPENAI_API_KEY``.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        checkpointer: runs are then stored under their ``run_id``.

    Raises:
        ModelNameError: a model can't be built; the message says why.
        PromptError: a prompt is missing or broken.
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
        settings = read_settings(base_url=base_url, api_key=api_key)
        self.policy = policy or RewritePolicy()
        choice = model if model is not None else settings.model
        trained = choice.removeprefix(_TRAINED) if isinstance(choice, str) and choice.startswith(_TRAINED) else None
        endpoint = build_endpoint(choice if trained is None else _trained_model(trained), settings)
        check_endpoint = endpoint if checker is None else build_endpoint(checker, settings)
        has_check = self.policy.check and (trained is None or checker is not None)
        calls = RewriteCalls(
            endpoint,
            "trained" if trained is not None else "frugal" if self.policy.frugal else "two_calls",
            checker=check_endpoint if has_check else None,
            prompts=prompts,
        )
        self.context = RewriteContext(calls, self.policy, ImageStore())
        self.endpoints: Sequence[Endpoint] = [endpoint] if checker is None else [endpoint, check_endpoint]
        self._checkpointer = None if checkpointer is None else strict_checkpointer(checkpointer)
        self.graph = self._compiled()
        """The compiled LangGraph graph; put it into a parent graph as a node."""

    @property
    def models(self) -> list[str]:
        """Names of those that analyse, rewrite and check."""
        return self.context.calls.models

    def bounded(self, *, budget: float | None = None, deadline: float | None = None) -> "Rewriter":
        """The same rewriter within tighter bounds, in cost units and seconds; looser ones change nothing.

        It shares endpoints, pictures and checkpoints with this one. Closing it closes nothing: the connections are this
        rewriter's.
        """
        own = self.policy
        deadlines = [limit for limit in (own.deadline, deadline) if limit is not None]
        bounded = copy.copy(self)
        bounded.policy = replace(
            own,
            budget=own.budget if budget is None else min(own.budget, budget),
            deadline=min(deadlines, default=None),
        )
        bounded.context, bounded.endpoints = replace(self.context, policy=bounded.policy), []
        bounded.graph = bounded._compiled()  # noqa: SLF001 - of this very class
        return bounded

    async def rewrite(
        self, question: str, images: Sequence[PictureSource] = (), *, run_id: str | None = None
    ) -> Rewrite:
        """Rewrite one question where it is dangerous; ``prompt`` is always the one for the target model.

        A run that could not be finished has the status ``failed`` or ``unknown`` and the original prompt.

        Args:
            question: at most 100 000 characters.
            images: paths, file contents, data URLs or PIL pictures.
            run_id: names the run and, with a checkpointer, its thread: 1 to 128 of A-Z, a-z, 0-9, _ and -; drawn when
                None.

        Raises:
            UsageError: the question or a picture can't be used; nothing was spent.
        """
        request = await read_request(question, images, run_id, self.context.image_store)
        own_config: Any = {"configurable": {"thread_id": request["run_id"], NO_LISTENERS: not is_inside_run()}}
        # Inside a node or a tool it is part of that run, with its listeners and its checkpoints.
        config = None if is_inside_run() and self._checkpointer is None else own_config
        rewrite = await self.graph.ainvoke(request, config, output_keys="rewrite")
        assert isinstance(rewrite, Rewrite)  # noqa: S101 - every path through the graph ends with one
        return rewrite

    async def stream(
        self,
        question: str,
        images: Sequence[PictureSource] = (),
        *,
        run_id: str | None = None,
        heartbeat: float = HEARTBEAT,
    ) -> AsyncGenerator[Event, None]:
        """Rewrite one question as a stream of typed events, the last one with the outcome; as :meth:`rewrite`.

        The new question is in no event before its check. Leaving the iteration cancels the calls under way. A picture
        that is cut short raises only after the first event.

        Args:
            heartbeat: seconds, from 0.01 to 10, between signs of life while the run waits for a model.
        """
        interval = {HEARTBEAT_KEY: check_heartbeat(heartbeat)}
        request = await read_request(question, images, run_id, self.context.image_store)
        config: Any = {"configurable": {"thread_id": request["run_id"], **interval}}
        # A generator, whatever its annotation says; closed here and now, as in EcoAlign.stream.
        stream = cast("AsyncGenerator[Any, None]", self.graph.astream(request, config, stream_mode="custom"))
        async with aclosing(run_in_task(stream)) as chunks:
            async for chunk in chunks:
                yield event_adapter.validate_python(chunk[EVENT_KEY])

    def _compiled(self) -> CompiledStateGraph[RewriteState, None, RewriteInput, RewriteOutput]:
        graph = build_rewrite_graph(self.context).compile(checkpointer=self._checkpointer, name="vlmguard")
        refuse_sync(graph, "Rewriter")
        return graph


def _trained_model(name: str) -> str | BaseChatModel:
    if Path(name).is_dir():
        from ecoalign_agent.models.trained import LocalRewriter  # noqa: PLC0415 - an extra, and heavy

        return LocalRewriter(folder=name)
    if ":" not in name:
        raise ModelNameError(
            f"model {_TRAINED + name!r}: there is no folder {name!r}; name one that ecoalign train wrote, or "
            "trained:openai:NAME for a rewriter behind a server"
        )
    return name
