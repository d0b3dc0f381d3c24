"""LangServe's routes for the search and the rewriter: invoke, batch, stream, stream_events, stream_log, a playground.

Runs are detached from LangServe's callbacks: ``/stream_events`` and ``/stream_log`` would otherwise show every model
output before its verdict. They show our own events, as custom events named ``ecoalign``.
"""

import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any, Literal, cast

from fastapi import FastAPI
from langchain_core.callbacks import AsyncCallbackManagerForChainRun, adispatch_custom_event
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from pydantic import BaseModel, ConfigDict, Field, RootModel

from ecoalign_agent.errors import EcoAlignError, UsageError
from ecoalign_agent.events.events import Event, Rewritten
from ecoalign_agent.events.result import Record, Result, Rewrite
from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.search.node_base import EVENT_KEY
from ecoalign_agent.server.errors import ApiError
from ecoalign_agent.server.event_streams import (
    EventRequest,
    admitted_events,
    check_image_urls,
    final_result,
    run_events,
)
from ecoalign_agent.server.service import Service

SEARCH_PATH = "/langserve/ecoalign"
REWRITE_PATH = "/langserve/rewrite"

MAX_BATCH = 16
"""Questions in one batch; those beyond it are refused."""

_Chunks = AsyncGenerator[dict[str, Any], None]


class RefusedRequest(BaseModel):
    """A question that was refused, or whose run broke: LangServe hides every exception."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["refused"] = "refused"
    error: str
    """Class of the error, such as ``ImageError``."""
    message: str


class SearchResponse(RootModel[Result | RefusedRequest]):
    """A result, as ``ecoalign ask --json`` prints it, or why there is none."""


class RewriteOptions(BaseModel):
    """Limits of one rewrite, each within the server's."""

    # No field may be optional: LangServe's playground stays blank where a schema says null.
    model_config = ConfigDict(extra="forbid")

    budget: float = Field(0.0, ge=0, allow_inf_nan=False, description="cost units at most; 0: as the server says")
    deadline: float = Field(0.0, ge=0, allow_inf_nan=False, description="seconds at most; 0: as the server says")


class RewriteRequest(BaseModel):
    """A question with its pictures."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="the prompt that your model is to be asked")
    images: list[str] = Field(default_factory=list, description="pictures as data URLs: data:image/png;base64,…")
    options: RewriteOptions = Field(default_factory=RewriteOptions)


class RewriteResponse(RootModel[Rewrite | RefusedRequest]):
    """A rewrite, as ``ecoalign rewrite --json`` prints it, or why there is none."""


class EventRunnable(Runnable[dict[str, Any], dict[str, Any]]):
    """Runs as a runnable of JSON: a request in, the record out; a stream holds the events before the record.

    Args:
        schemas: of a request, and of what comes back.
        events: request to the events of its run.
        record: the outcome in a run's last event; None for every other event.
    """

    def __init__(
        self,
        name: str,
        schemas: tuple[type[BaseModel], type[BaseModel]],
        events: Callable[[Any], AsyncGenerator[Event, None]],
        record: Callable[[Event], Record | None],
    ) -> None:
        self.name = name
        self._input_schema, self._output_schema = schemas
        self._events, self._record = events, record
        self._stream_events = True

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The schema of a request."""
        del config
        return self._input_schema

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The schema of a record or a refusal."""
        del config
        return self._output_schema

    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:  # noqa: A002, ANN401, ARG002 - Runnable's own signature
        """Refuse: runs are async."""
        raise UsageError("the search is async: await ainvoke(), or call the server through RemoteRunnable")

    async def ainvoke(
        self,
        input: dict[str, Any],  # noqa: A002 - Runnable's own name
        config: RunnableConfig | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> dict[str, Any]:
        """The record of one request."""
        return await self._acall_with_config(self._last_chunk, input, config, **kwargs)

    async def abatch(
        self,
        inputs: list[dict[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> list[dict[str, Any]]:
        """The records of several requests, in order; at most ``MAX_BATCH`` of them run."""
        configs = config[:MAX_BATCH] if isinstance(config, list) else config
        records = await super().abatch(inputs[:MAX_BATCH], configs, return_exceptions=return_exceptions, **kwargs)
        text = f"the batch holds {len(inputs)} questions, at most {MAX_BATCH} are answered"
        return records + [_refused(UsageError(text)) for _ in inputs[MAX_BATCH:]]

    async def astream(
        self,
        input: dict[str, Any],  # noqa: A002 - as above
        config: RunnableConfig | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> AsyncIterator[dict[str, Any]]:
        """The events of one request, and its record at the end."""
        if not self._stream_events:
            yield await self.ainvoke(input, config, **kwargs)
            return
        # A generator, whatever its annotation says: leaving it cancels the run.
        chunks = self._atransform_stream_with_config(_single(input), self._chunks, config, **kwargs)
        async with aclosing(cast("_Chunks", chunks)) as stream:
            async for chunk in stream:
                yield chunk

    def astream_log(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - as above; its type depends on its arguments
        """The run as patches of its log, the record as its only output: the playground shows it to a person."""
        if self._stream_events:
            silent = copy.copy(self)
            silent._stream_events = False  # noqa: SLF001 - of this very class
            return silent.astream_log(input, config, **kwargs)
        return super().astream_log(input, config, **kwargs)

    async def _chunks(
        self,
        requests: AsyncIterator[dict[str, Any]],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
    ) -> _Chunks:
        del run_manager  # it is in the config, too
        async for request in requests:
            try:
                run = self._events(self._input_schema.model_validate(request))
                async with aclosing(_detached(run)) as events:
                    async for event in events:
                        payload = {"event": event.model_dump(mode="json")}
                        await adispatch_custom_event(EVENT_KEY, {EVENT_KEY: payload["event"]}, config=config)
                        yield payload
                        if (record := self._record(event)) is not None:
                            yield record.model_dump(mode="json")
            except (ApiError, EcoAlignError) as error:
                yield _refused(error)

    async def _last_chunk(
        self, request: dict[str, Any], run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
    ) -> dict[str, Any]:
        async with aclosing(self._chunks(_single(request), run_manager, config)) as chunks:
            return [chunk async for chunk in chunks][-1]


def add_search_routes(app: FastAPI, service: Service, *, path: str = SEARCH_PATH) -> None:
    """Add LangServe's routes for the search.

    A run started by ``/invoke`` or ``/batch`` goes on when its client leaves, which LangServe does not report; the
    deadline, which a server's policy always has, ends it.
    """

    def events(request: EventRequest) -> AsyncGenerator[Event, None]:
        return run_events(service, request)

    _add_routes(app, EventRunnable("ecoalign", (EventRequest, SearchResponse), events, final_result), path)


def add_rewrite_routes(app: FastAPI, service: Service, rewriter: Rewriter, *, path: str = REWRITE_PATH) -> None:
    """Add LangServe's routes for a rewriter, whose policy is the ceiling; it is not closed with the app."""
    within = rewriter.bounded(deadline=service.config.max_seconds)

    def record(event: Event) -> Rewrite | None:
        return event.rewrite if isinstance(event, Rewritten) else None

    async def events(request: RewriteRequest) -> AsyncGenerator[Event, None]:
        check_image_urls(request.images, service.config.max_images)
        options = request.options
        limited = within.bounded(budget=options.budget or None, deadline=options.deadline or None)

        def stream() -> AsyncGenerator[Event, None]:
            return limited.stream(request.question, request.images, heartbeat=service.heartbeat)

        async with aclosing(admitted_events(service, stream)) as run:
            async for event in run:
                yield event

    _add_routes(app, EventRunnable("rewrite", (RewriteRequest, RewriteResponse), events, record), path)


def _add_routes(app: FastAPI, runnable: EventRunnable, path: str) -> None:
    try:
        from langserve import add_routes  # noqa: PLC0415 - the extra may be missing
    except ImportError as error:
        text = "LangServe is not installed: pip install 'ecoalign-agent[serve]', or serve without its routes"
        raise UsageError(text) from error
    # No key of a client's configuration is accepted: limits come by the request's `options`.
    add_routes(app, runnable, path=path, config_keys=(), disabled_endpoints=["config_hashes"])


async def _single(request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    yield request


async def _detached(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    # No caller's callbacks see the run's model calls.
    async with aclosing(events):
        while True:
            token = var_child_runnable_config.set(None)
            try:
                event = await anext(events, None)
            finally:
                var_child_runnable_config.reset(token)
            if event is None:
                return
            yield event


def _refused(error: ApiError | EcoAlignError) -> dict[str, Any]:
    return RefusedRequest(error=type(error).__name__, message=str(error)).model_dump(mode="json")
