"""``/v1/ecoalign/runs/{id}/review``: the thought that a stored run waits for, and a reviewer's decision on it.

Every key may review: put a proxy in front where askers and reviewers are different people.
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
from ecoalign_agent.server.errors import ApiError, invalid_body_error, require_json, to_api_error
from ecoalign_agent.server.service import Service


class ReviewRequest(BaseModel):
    """A reviewer's decision.

    ``model``, ``ecoalign`` and ``max_completion_tokens`` are those of the question; they are needed only after a
    restart of the server.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    ruling: str | float
    model: str = "ecoalign"
    ecoalign: dict[str, Any] = Field(default_factory=dict)
    max_completion_tokens: int | None = None


def review_routes(service: Service) -> list[Route]:
    """GET: the waiting thought. POST: decide on it; answers as a completion."""

    async def show(request: Request) -> Response:
        run_id = request.path_params["run_id"]
        try:
            waiting = await service.agent.under_review(run_id)
        except EcoAlignError as error:
            raise to_api_error(error) from None
        return JSONResponse({"run_id": run_id, "waiting": waiting})

    async def decide(request: Request) -> Response:
        require_json(request)
        run_id, review = request.path_params["run_id"], _read_review(await request.body())
        agent = service.agent.with_policy(_policy(service, run_id, review))
        try:
            async with service.admission.slot():
                result = await agent.review(run_id, review.ruling)
        except EcoAlignError as error:
            raise to_api_error(error) from None
        service.metrics.record_run(review.model, result)
        if result.status != "waiting":
            service.waiting.pop(run_id, None)
        return JSONResponse(to_outcome(result).completion(run_id, review.model))

    path = "/v1/ecoalign/runs/{run_id}/review"
    return [Route(path, show, methods=["GET"]), Route(path, decide, methods=["POST"])]


def _read_review(body: bytes) -> ReviewRequest:
    try:
        return ReviewRequest.model_validate(json.loads(body))
    except ValidationError as error:
        raise invalid_body_error(error) from None
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is no JSON", code="invalid_request") from None


def _policy(service: Service, run_id: str, review: ReviewRequest) -> Policy:
    waiting = service.waiting.get(run_id)
    return waiting or service.policy_for(review.model, review.ecoalign, review.max_completion_tokens).policy
