"""LangServe's routes: invoke, batch, stream, stream_events, stream_log, schemas and a playground.

The search runs apart from LangServe's callbacks: ``/stream_events`` and ``/stream_log`` would otherwise show what every
model said, before its verdict. They show the events of our own contract, as custom events of the name ``ecoalign``.

LangServe's routes for the rewriter alone: a question in, the record of its rewrite out.

They show the same as the search's routes, and hide the same: see ``langserve.py``.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Literal, cast

from fastapi import FastAPI
from langchain_core.callbacks import AsyncCallbackManagerForChainRun as Watched
from langchain_core.callbacks import adispatch_custom_event
from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from pydantic import BaseModel, ConfigDict, Field, RootModel

from ecoalign_agent.errors import EcoAlignError, UsageError
from ecoalign_agent.events.events import HEARTBEAT, Answered, Declined, Event, Failed, ReviewAsked, Rewritten
from ecoalign_agent.events.result import Record, Result, Rewrite
from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.search.emitter import EVENT_KEY
from ecoalign_agent.server.errors import ApiError, shutting_down_error
from ecoalign_agent.server.event_streams import EventRequest, check_image_urls, run_events
from ecoalign_agent.server.service import Service

SEARCH_PATH = "/langserve/ecoalign"

_Chunks = AsyncGenerator[dict[str, Any], None]

MAX_BATCH = 16
"""Questions in one batch; those beyond it are refused."""


class RefusedRequest(BaseModel):
    """What is said of a question that was not taken up, or whose run broke: LangServe hides every exception."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["refused"] = "refused"
    error: str
    """The kind of mistake, such as ``ImageError``."""
    message: str
    """One line: the thing, the value, the limit, what to do."""


class Output(RootModel[Result | RefusedRequest]):
    """A result, as ``ecoalign ask --json`` prints it, or why there is none."""


class ServedAnswer(Runnable[dict[str, Any], dict[str, Any]]):
    """The search as a runnable of JSON: a question in, the result out.

    Args:
        service: what the routes share.
    """

    name = "ecoalign"

    def __init__(self, service: Service) -> None:
        self._service = service

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The schema of a question."""
        del config
        return EventRequest

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The schema of what comes back."""
        del config
        return Output

    def invoke(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> dict[str, Any]:  # noqa: A002, ANN401, ARG002 - Runnable's own signature
        """Not there: the search is async.

        Raises:
            UsageError: always.
        """
        raise UsageError("the search is async: await ainvoke(), or call the server through RemoteRunnable")

    async def ainvoke(
        self,
        input: dict[str, Any],  # noqa: A002 - Runnable's own name
        config: RunnableConfig | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> dict[str, Any]:
        """The result of one question."""
        return await self._acall_with_config(self._answered, input, config, **kwargs)

    async def abatch(
        self,
        inputs: list[dict[str, Any]],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> list[dict[str, Any]]:
        """The results of several questions, in their order; ``MOST_IN_BATCH`` of them run."""
        configs = config[:MAX_BATCH] if isinstance(config, list) else config
        done = await super().abatch(inputs[:MAX_BATCH], configs, return_exceptions=return_exceptions, **kwargs)
        said = f"the batch holds {len(inputs)} questions, at most {MAX_BATCH} are answered"
        return done + [_refused(UsageError(said)) for _ in inputs[MAX_BATCH:]]

    def _run(self, question: dict[str, Any]) -> AsyncGenerator[Event, None]:
        """The events of a run for what a client sent."""
        return run_events(self._service, EventRequest.model_validate(question))

    def _outcome(self, event: Event) -> Record | None:
        """What a run comes to, where this is its last event."""
        return event.result if isinstance(event, Answered | Declined | Failed | ReviewAsked) else None

    async def _told(
        self, given: AsyncIterator[dict[str, Any]], run_manager: Watched, config: RunnableConfig
    ) -> _Chunks:
        del run_manager  # it is in the config, too
        async for question in given:
            try:
                async with aclosing(_apart(self._run(question))) as events:
                    async for event in events:
                        payload = {"event": event.model_dump(mode="json")}
                        await adispatch_custom_event(EVENT_KEY, {EVENT_KEY: payload["event"]}, config=config)
                        yield payload
                        if (outcome := self._outcome(event)) is not None:
                            yield outcome.model_dump(mode="json")
            except (ApiError, EcoAlignError) as error:
                yield _refused(error)

    async def _answered(self, question: dict[str, Any], run_manager: Watched, config: RunnableConfig) -> dict[str, Any]:
        async def given() -> AsyncIterator[dict[str, Any]]:
            yield question

        last: dict[str, Any] = {}
        async with aclosing(self._told(given(), run_manager, config)) as chunks:
            async for chunk in chunks:
                last = chunk
        return last


class ServedSearch(ServedAnswer):
    """The same, and its stream is the events of the run.

    A chunk of the stream is ``{"event": …}``; the last one is the result itself. The log of a stream holds the result
    alone: it is what the playground shows, where a person looks for the answer.
    """

    async def astream(
        self,
        input: dict[str, Any],  # noqa: A002 - as above
        config: RunnableConfig | None = None,
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> AsyncIterator[dict[str, Any]]:
        """The events of one question, and its result at the end."""

        async def given() -> AsyncIterator[dict[str, Any]]:
            yield input

        # A generator, whatever its annotation says: leaving it leaves the run.
        streaming = cast("_Chunks", self._atransform_stream_with_config(given(), self._told, config, **kwargs))
        async with aclosing(streaming) as chunks:
            async for chunk in chunks:
                yield chunk

    def astream_log(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - as above; how it is typed depends on its arguments
        """The run as patches of its log, the result as its only output."""
        return ServedAnswer(self._service).astream_log(input, config, **kwargs)


def add_search_routes(app: FastAPI, service: Service, *, path: str = SEARCH_PATH) -> None:
    """Add LangServe's routes to an app.

    A run that was asked for by ``/invoke`` or ``/batch`` goes on when its client leaves: LangServe does not say so. The
    deadline, which a server's policy always has, ends it.

    Args:
        app: gets the routes.
        service: what the routes share.
        path: under which they stand.

    Raises:
        UsageError: LangServe is not installed.
    """
    add_routes_of(app, ServedSearch(service), path=path)


def add_routes_of(app: FastAPI, runnable: ServedAnswer, *, path: str) -> None:
    """Add LangServe's routes for a runnable of ours to an app.

    Raises:
        UsageError: LangServe is not installed.
    """
    try:
        from langserve import add_routes  # noqa: PLC0415 - the extra may not be there
    except ImportError as error:
        said = "LangServe is not installed: pip install 'ecoalign-agent[serve]', or serve without its routes"
        raise UsageError(said) from error
    # No key of a client's configuration is taken: it reaches the run by `options` alone.
    add_routes(app, runnable, path=path, config_keys=(), disabled_endpoints=["config_hashes"])


async def _apart(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Event, None]:
    """The events of a run that nobody else listens to: its models' calls belong to no caller's run."""
    async with aclosing(events):
        while True:
            before = var_child_runnable_config.set(None)
            try:
                event = await anext(events, None)
            finally:
                var_child_runnable_config.reset(before)
            if event is None:
                return
            yield event


def _refused(error: ApiError | EcoAlignError) -> dict[str, Any]:
    return RefusedRequest(error=type(error).__name__, message=str(error)).model_dump(mode="json")


REWRITE_PATH = "/langserve/rewrite"


class RewriteOptions(BaseModel):
    """How a question is rewritten; it can tighten what the server allows, never loosen it."""

    # No field may be optional: LangServe's playground stays blank where a schema says null.
    model_config = ConfigDict(extra="forbid")

    budget: float = Field(0.0, ge=0, allow_inf_nan=False, description="cost units at most; 0: as the server says")
    deadline: float = Field(0.0, ge=0, allow_inf_nan=False, description="seconds at most; 0: as the server says")


class ToRewrite(BaseModel):
    """A question with its pictures."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="the prompt that your model is to be asked")
    images: list[str] = Field(default_factory=list, description="pictures as data URLs: data:image/png;base64,…")
    options: RewriteOptions = Field(default_factory=RewriteOptions)


class RewriteOutput(RootModel[Rewrite | RefusedRequest]):
    """A rewrite, as ``ecoalign rewrite --json`` prints it, or why there is none."""


class RewriteAnswer(ServedAnswer):
    """The rewriter as a runnable of JSON.

    Args:
        service: what the routes share.
        rewriter: who rewrites; its policy is the ceiling.
    """

    name = "rewrite"

    def __init__(self, service: Service, rewriter: Rewriter) -> None:
        super().__init__(service)
        self._rewriter = rewriter.bounded(deadline=service.config.most_seconds)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The schema of a question."""
        del config
        return ToRewrite

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """The schema of what comes back."""
        del config
        return RewriteOutput

    def _run(self, question: dict[str, Any]) -> AsyncGenerator[Event, None]:
        return self._events(ToRewrite.model_validate(question))

    def _outcome(self, event: Event) -> Rewrite | None:
        return event.rewrite if isinstance(event, Rewritten) else None

    async def _events(self, asked: ToRewrite) -> AsyncGenerator[Event, None]:
        service, options = self._service, asked.options
        check_image_urls(asked.images, service.config.most_images)
        rewriter = self._rewriter.bounded(budget=options.budget or None, deadline=options.deadline or None)
        heartbeat = min(HEARTBEAT, service.config.heartbeat)
        told = rewriter.stream(asked.question, asked.images, heartbeat=heartbeat)
        async with service.admission.place(), aclosing(told) as events:
            async for event in events:
                if service.over.is_set():
                    raise shutting_down_error()
                yield event


class ServedRewrite(RewriteAnswer, ServedSearch):
    """The same, and its stream is the events of the rewrite."""

    def astream_log(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - Runnable's own signature
        """The run as patches of its log, the record as its only output."""
        return RewriteAnswer(self._service, self._rewriter).astream_log(input, config, **kwargs)


def add_rewrite_routes(app: FastAPI, service: Service, rewriter: Rewriter, *, path: str = REWRITE_PATH) -> None:
    """Add LangServe's routes for the rewriter to an app.

    Args:
        app: gets the routes.
        service: what the routes share: places, ceilings, the end.
        rewriter: who rewrites; whoever built it closes it.
        path: under which they stand.

    Raises:
        UsageError: LangServe is not installed.
    """
    add_routes_of(app, ServedRewrite(service, rewriter), path=path)
