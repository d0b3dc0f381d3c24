"""Errors in OpenAI's shape, so that its clients raise their own typed exceptions, and the mapping of ours to them.

==============================  ======  =========================
cause                           status  code
==============================  ======  =========================
a mistake in the request        400     by the mistake
no key, a wrong key             401     invalid_api_key
an unknown model                404     model_not_found
a body over the limit           413     request_too_large
no slot, and the queue full     429     server_busy
a fault of the program          500     internal_error
the model behind failed         502     upstream_failed
no slot in time; shutting down  503     server_busy, shutting_down
a person's verdict is needed    503     needs_review
out of time                     504     deadline
==============================  ======  =========================
"""

import json
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.types import Send

from ecoalign_agent.errors import BudgetTooSmallError, EcoAlignError, ImageError, ModelTimeoutError, UsageError
from ecoalign_agent.events.result import Result

NO_RETRY = {"x-should-retry": "false"}
"""OpenAI's clients repeat a 5xx by themselves; a run that failed spent its budget, and would again."""

_SERVER_ERROR = "server_error"

_BY_CLASS: Mapping[type[EcoAlignError], dict[str, Any]] = {
    ImageError: {"status": 400, "param": "messages", "code": "invalid_image"},
    BudgetTooSmallError: {"status": 400, "param": "ecoalign.budget", "code": "budget_too_small"},
    UsageError: {"status": 400, "code": "invalid_request"},
    ModelTimeoutError: {"status": 504, "kind": _SERVER_ERROR, "code": "deadline", "headers": NO_RETRY},
    EcoAlignError: {"status": 502, "kind": _SERVER_ERROR, "code": "upstream_failed", "headers": NO_RETRY},
}
"""Error class to the fields of its ``ApiError``; the first class that fits counts."""


@dataclass(eq=False)
class ApiError(Exception):
    """A request that is answered with an HTTP error; the message is one line: thing, value, limit, remedy."""

    status: int
    message: str
    kind: str = "invalid_request_error"
    """OpenAI's ``type``."""
    _: KW_ONLY
    param: str | None = None
    """The wrong field, where there is one."""
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    receipt: dict[str, Any] | None = None
    """Cost and outcome of a run that failed."""

    def __str__(self) -> str:
        return self.message

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that OpenAI's clients read."""
        error = {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error} | ({} if self.receipt is None else {"ecoalign": self.receipt})


def to_api_error(error: EcoAlignError) -> ApiError:
    """The HTTP error of an error of ours."""
    fields = next(fields for kind, fields in _BY_CLASS.items() if isinstance(error, kind))
    return ApiError(message=str(error), **fields)


def failed_run_error(result: Result) -> ApiError:
    """The HTTP error of a run without an answer: it failed, or waits for a person's verdict."""
    receipt = result.model_dump(mode="json")
    if result.status == "waiting":
        text = f"run {result.run_id} waits for a person's verdict: POST it to /v1/ecoalign/runs/{result.run_id}/review"
        return ApiError(503, text, _SERVER_ERROR, code="needs_review", headers=NO_RETRY, receipt=receipt)
    late = result.stop_reason == "deadline"
    return ApiError(
        504 if late else 502,
        result.failure or f"the run failed: {result.stop_reason}",
        _SERVER_ERROR,
        code="deadline" if late else "upstream_failed",
        headers=NO_RETRY,
        receipt=receipt,
    )


def invalid_body_error(error: ValidationError) -> ApiError:
    """400 for the first mistake in a body; nothing of what was sent is repeated but field names."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    field = ".".join(str(step) for step in first["loc"][:6])[:100]
    return ApiError(400, f"{field or 'the body'}: {first['msg']}", param=field or None, code="invalid_value")


def shutting_down_error() -> ApiError:
    """503: the server is ending."""
    return ApiError(503, "the server is shutting down; ask again in a moment", _SERVER_ERROR, code="shutting_down")


def internal_error() -> ApiError:
    """500 without the exception's message, which may hold anything and stays in the log."""
    text = "a fault of the program; its log says more under this request's x-request-id"
    return ApiError(500, text, _SERVER_ERROR, code="internal_error", headers=NO_RETRY)


def require_json(request: Request) -> None:
    """Refuse another content type than JSON with 415: a page in a browser can send those without asking first."""
    if not request.headers.get("content-type", "").lower().startswith("application/json"):
        raise ApiError(415, "send JSON, as content type application/json", code="unsupported_media_type")


async def send_error(error: ApiError, send: Send, *, more: bool = False) -> None:
    """Answer a request with an error; with ``more`` the caller ends the response itself."""
    content = json.dumps(error.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content)), **error.headers}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": content, "more_body": more})
