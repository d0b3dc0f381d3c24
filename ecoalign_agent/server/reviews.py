"""A person's verdict over HTTP: what a kept run waits for, and the ruling that lets it go on.

Whoever holds a key may review: put a proxy in front where askers and reviewers are not the same people.
"""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import EcoAlignError
from ecoalign_agent.server.answer_request import to_outcome
from ecoalign_agent.server.errors import ApiError, to_api_error
from ecoalign_agent.server.openai_schema import chat_completion
from ecoalign_agent.server.policies import tighten_policy, unknown_model
from ecoalign_agent.server.service import Service


class ReviewRequest(BaseModel):
    """What a reviewer sends.

    ``model``, ``ecoalign`` and ``max_completion_tokens`` as the question was sent with them: they are needed only where
    the server was started anew since.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    ruling: str | float
    model: str = "ecoalign"
    ecoalign: dict[str, Any] = Field(default_factory=dict)
    max_completion_tokens: int | None = None


def review_routes(service: Service) -> list[Route]:
    """``/v1/ecoalign/runs/{id}/review``: GET shows what is waited for, POST rules on it and answers as a completion."""

    async def asked(request: Request) -> Response:
        run_id = request.path_params["run_id"]
        try:
            waiting = await service.agent.under_review(run_id)
        except EcoAlignError as error:
            raise to_api_error(error) from None
        return JSONResponse({"run_id": run_id, "waiting": waiting})

    async def ruled(request: Request) -> Response:
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise ApiError(415, "send JSON, as content type application/json", code="unsupported_media_type")
        run_id, ruling = request.path_params["run_id"], _read(await request.body())
        agent = service.agent.with_policy(_policy(service, run_id, ruling))
        try:
            async with service.admission.place():
                result = await agent.review(run_id, ruling.ruling)
        except EcoAlignError as error:
            raise to_api_error(error) from None
        service.metrics.run(ruling.model, result)
        if result.status != "waiting":
            service.waiting.pop(run_id, None)
        outcome = to_outcome(result)
        return JSONResponse(
            chat_completion(
                run_id,
                ruling.model,
                outcome.message,
                outcome.finish,
                usage=outcome.usage,
                ecoalign=outcome.receipt,
            )
        )

    path = "/v1/ecoalign/runs/{run_id}/review"
    return [Route(path, asked, methods=["GET"]), Route(path, ruled, methods=["POST"])]


def _read(body: bytes) -> ReviewRequest:
    try:
        return ReviewRequest.model_validate(json.loads(body))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ApiError(400, f"{where}: {first['msg']}", param=where or None, code="invalid_value") from None
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is no JSON", code="invalid_request") from None


def _policy(service: Service, run_id: str, ruling: ReviewRequest) -> Policy:
    known = service.waiting.get(run_id)
    if known is not None:
        return known
    if ruling.model not in service.policies:
        raise unknown_model(ruling.model, service.models)
    return tighten_policy(service.policies[ruling.model], ruling.ecoalign, ruling.max_completion_tokens).policy
