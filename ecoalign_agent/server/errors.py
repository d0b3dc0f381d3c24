"""Errors in OpenAI's shape, so that its clients raise their own typed exceptions; and what of ours becomes which.

==============================  ======  =========================
what happened                   status  code
==============================  ======  =========================
a mistake in the request        400     by what is wrong
no key, a wrong key             401     invalid_api_key
an unknown model                404     model_not_found
a body over the cap             413     request_too_large
no place, and the queue full    429     server_busy
a fault of the program          500     internal_error
the model behind failed         502     upstream_failed
no place in time; shutting down 503     server_busy, shutting_down
a person's verdict is needed    503     needs_review
out of time                     504     deadline
==============================  ======  =========================
"""

import json
from collections.abc import Mapping
from typing import Any

from starlette.types import Receive, Scope, Send

from ecoalign_agent.errors import BudgetTooSmallError, EcoAlignError, ImageError, ModelTimeoutError, UsageError
from ecoalign_agent.events.result import Result

NO_RETRY = {"x-should-retry": "false"}
"""OpenAI's clients repeat a 5xx by themselves; a run that failed spent its budget, and would again."""


class ApiError(Exception):
    """A request that is not answered, as the client is told.

    Args:
        status: of HTTP.
        message: one line: the thing, the value, the limit, what to do.
        kind: OpenAI's ``type``.
        param: the field that is wrong, where there is one.
        code: for programs to read.
        headers: that go with it.
        receipt: what was spent all the same.
    """

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "invalid_request_error",
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        receipt: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})
        self.receipt = receipt

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that OpenAI's clients read."""
        error = {"message": str(self), "type": self.kind, "param": self.param, "code": self.code}
        return {"error": error} | ({} if self.receipt is None else {"ecoalign": self.receipt})


async def send_error(error: ApiError, scope: Scope, receive: Receive, send: Send, *, more: bool = False) -> None:
    """Answer a request with an error.

    Args:
        error: what went wrong.
        scope: of the request.
        receive: of the request.
        send: of the request.
        more: the caller ends the response itself.
    """
    del scope, receive
    content = json.dumps(error.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(content))} | error.headers
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": content, "more_body": more})


def to_api_error(error: EcoAlignError) -> ApiError:
    """What a client is told of an error of ours."""
    if isinstance(error, ImageError):
        return ApiError(400, str(error), param="messages", code="invalid_image")
    if isinstance(error, BudgetTooSmallError):
        return ApiError(400, str(error), param="ecoalign.budget", code="budget_too_small")
    if isinstance(error, UsageError):
        return ApiError(400, str(error), code="invalid_request")
    if isinstance(error, ModelTimeoutError):
        return ApiError(504, str(error), "server_error", code="deadline", headers=NO_RETRY)
    return ApiError(502, str(error), "server_error", code="upstream_failed", headers=NO_RETRY)


def failed_run_error(result: Result) -> ApiError:
    """What a client is told of a run that failed: never an answer, and never an empty one."""
    if result.status == "waiting":
        said = f"run {result.run_id} waits for a person's verdict: POST it to /v1/ecoalign/runs/{result.run_id}/review"
        receipt = result.model_dump(mode="json")
        return ApiError(503, said, "server_error", code="needs_review", headers=NO_RETRY, receipt=receipt)
    late = result.stop_reason == "deadline"
    return ApiError(
        504 if late else 502,
        result.failure or f"the run failed: {result.stop_reason}",
        "server_error",
        code="deadline" if late else "upstream_failed",
        headers=NO_RETRY,
        receipt=result.model_dump(mode="json"),
    )


def shutting_down_error() -> ApiError:
    """The server was asked to end."""
    return ApiError(503, "the server is shutting down; ask again in a moment", "server_error", code="shutting_down")


def internal_error() -> ApiError:
    """A fault of the program: its words may hold anything, so they stay in the log."""
    return ApiError(
        500,
        "a fault of the program; its log says more under this request's x-request-id",
        "server_error",
        code="internal_error",
        headers=NO_RETRY,
    )
