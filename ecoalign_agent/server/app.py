"""The server as an ASGI application.

::

    RequestLogMiddleware      request id, log line, metrics; unhandled exceptions become a 500
      AuthMiddleware          keys; without keys only this machine
        BodyLimitMiddleware   413 before parsing
          routes              /v1/chat/completions  /v1/models  /v1/ecoalign/…  /langserve  /healthz  /metrics

Routes added to the result of :func:`create_app` find everything they need in ``app.state.service``.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec

from fastapi import FastAPI, Request, Response
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.search.checkpointing import open_checkpointer
from ecoalign_agent.server.auth import AuthMiddleware
from ecoalign_agent.server.completions import completion_routes
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.errors import ApiError
from ecoalign_agent.server.event_streams import events_router
from ecoalign_agent.server.limits import BodyLimitMiddleware
from ecoalign_agent.server.observability import RequestLogMiddleware, request_log_of
from ecoalign_agent.server.reviews import review_routes
from ecoalign_agent.server.service import Service


def create_app(config: ServingConfig, *, agent: EcoAlign | None = None) -> FastAPI:
    """Build the application; nothing is connected before the first request.

    An ``agent`` is closed when the application ends; one is built from ``config`` where there is none.

    Raises:
        UsageError: the agent can't be built, or LangServe is configured and not installed.
    """
    rewriter = None
    if config.rewriter is not None:
        rewriter = Rewriter(config.rewriter, base_url=config.base_url, prompts=config.prompts)
    if agent is None:
        agent = EcoAlign(
            config.model,
            policy=config.policy,
            assessor=list(config.assessor) or None,
            base_url=config.base_url,
            prompts=config.prompts,
            image_hosts=config.image_hosts,
            rewriter=rewriter,
        )
    service = Service.create(config, agent)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        async with AsyncExitStack() as stack:
            if config.state is not None:
                saver = await stack.enter_async_context(open_checkpointer(config.state))
                service.agent = agent.with_checkpointer(saver)
            try:
                yield
            finally:
                service.admission.close()
                await agent.aclose()
                if rewriter is not None:
                    await rewriter.aclose()

    # No documentation pages: they load scripts from other hosts.
    app = FastAPI(title="EcoAlign", lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.service = service
    app.router.routes.extend(completion_routes(service))
    app.include_router(events_router(service))
    app.router.routes.extend(review_routes(service))

    @app.get("/healthz")
    async def health() -> Response:
        ending = service.admission.closed
        return JSONResponse({"status": "ending" if ending else "ok"}, 503 if ending else 200)

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)

    if config.langserve or (config.langserve is None and find_spec("langserve") is not None):
        from ecoalign_agent.server.langserve import add_rewrite_routes, add_search_routes  # noqa: PLC0415 - it is slow to load

        add_search_routes(app, service)
        if rewriter is not None:
            add_rewrite_routes(app, service, rewriter)
    app.add_exception_handler(ApiError, _error_response)
    app.add_exception_handler(HTTPException, _error_response)
    # The last one added is the outermost.
    app.add_middleware(
        BodyLimitMiddleware,
        max_bytes=config.max_bytes,
        max_bytes_at_once=config.max_bytes_at_once,
        seconds=config.body_seconds,
    )
    app.add_middleware(AuthMiddleware, digests=config.key_digests)
    app.add_middleware(RequestLogMiddleware, metrics=service.metrics)
    return app


async def _error_response(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid_request")
        error = ApiError(error.status_code, str(error.detail), code=code, headers=error.headers or {})
    assert isinstance(error, ApiError)  # noqa: S101 - it is registered for these two
    request_log_of(request.scope).fields |= {"error_code": error.code, "problem": str(error)}
    return JSONResponse(error.body, error.status, error.headers)
