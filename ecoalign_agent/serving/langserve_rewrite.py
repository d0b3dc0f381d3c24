"""LangServe's routes for the rewriter alone: a question in, the record of its rewrite out.

They show the same as the search's routes, and hide the same: see ``langserve.py``.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import FastAPI
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel, ConfigDict, Field, RootModel

from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.serving.asking import check_pictures
from ecoalign_agent.serving.faults import shutting_down
from ecoalign_agent.serving.langserve import Refused, ServedAnswer, ServedSearch, add_routes_of
from ecoalign_agent.serving.service import Service
from ecoalign_agent.trace.events import HEARTBEAT, Event, Rewritten
from ecoalign_agent.trace.rewrite import Rewrite

PATH = "/langserve/rewrite"


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


class RewriteOutput(RootModel[Rewrite | Refused]):
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
        check_pictures(asked.images, service.config.most_images)
        rewriter = self._rewriter.bounded(budget=options.budget or None, deadline=options.deadline or None)
        heartbeat = min(HEARTBEAT, service.config.heartbeat)
        told = rewriter.stream(asked.question, asked.images, heartbeat=heartbeat)
        async with service.admission.place(), aclosing(told) as events:
            async for event in events:
                if service.over.is_set():
                    raise shutting_down()
                yield event


class ServedRewrite(RewriteAnswer, ServedSearch):
    """The same, and its stream is the events of the rewrite."""

    def astream_log(self, input: dict[str, Any], config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002, ANN401 - Runnable's own signature
        """The run as patches of its log, the record as its only output."""
        return RewriteAnswer(self._service, self._rewriter).astream_log(input, config, **kwargs)


def add_rewrite(app: FastAPI, service: Service, rewriter: Rewriter, *, path: str = PATH) -> None:
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
