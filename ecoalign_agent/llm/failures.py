"""Exceptions of an integration → one error of our tree, in one line, with a remedy, and never with a key in it.

Exceptions are classified by their status code or their cause in the HTTP client, so that no integration has to be
imported for it.
"""

import email.utils
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from langchain_core.exceptions import ContextOverflowError

from ecoalign_agent.errors import (
    AccessError,
    ModelError,
    ModelTimeoutError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ServerError,
    UnreachableError,
)

_KEY_LIKE = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|hf|key)[-_][\w*.\-]{4,}"
    r"|\bAIza[\w\-]{10,}"
    r"|\bbearer\s+[^\s\"',}]+"
    r"|\b(?:authorization|x-api-key|api[-_ ]?key)\b[\"']?\s*[:=]\s*[\"']?(?:(?:bearer|basic)\s+)?[^\s\"',}]+",
    re.IGNORECASE,
)
_USER_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")

_REFUSED_KINDS = frozenset({"ConnectError", "ConnectionRefusedError", "gaierror"})
_TIMEOUT_KINDS = frozenset({"TimeoutError", "TimeoutException", "APITimeoutError"})
_BROKEN_KINDS = frozenset({"NetworkError", "ProtocolError", "ConnectionError", "APIConnectionError", "TransportError"})

_WRAPPER_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""What langchain-openai raises, by accident or on purpose, when a 200 holds no chat completion."""

_TOO_LONG = re.compile(r"context_length_exceeded|context (?:length|window)|prompt is too long", re.IGNORECASE)
"""No output mode makes a prompt shorter. LangChain's own error misses servers that only send a code."""

_MAX_LINE = 200


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed attempt.

    Attributes:
        text: the server's own words, redacted, from which the reason of a rejection is read.
        retry: whether the same request may succeed a little later, after ``retry_after`` seconds if the server says so.
        billed: whether the attempt may have cost something.
        hopeless: no other output mode can help.
        cause: the exception to chain; None: its own text may hold a key.
    """

    error: ModelError
    text: str = ""
    status: int | None = None
    retry: bool = False
    retry_after: float | None = None
    billed: bool = True
    hopeless: bool = False
    cause: BaseException | None = None


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """``text`` on one line, without ``secrets``, anything that looks like a key, or a user's name in an address."""
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    return " ".join(_USER_IN_URL.sub("", _KEY_LIKE.sub("[redacted]", text)).split())


def classify_failure(error: Exception, *, name: str, address: str, secrets: Sequence[str], compatible: bool) -> Failure:
    """The failure that a model call's exception stands for; ``secrets`` must not appear in it.

    ``address`` (host and port; empty: not known) goes into messages. The wrapper of a ``compatible`` endpoint, which
    speaks OpenAI's protocol, fails on a 200 that is no chat completion.
    """
    if isinstance(error, Warning) and isinstance(error.__context__, Exception):
        # langchain-openai warns of some rejections before it raises them; where warnings are errors, that hides them.
        error = error.__context__
    text = redact(_server_message(error), secrets)
    clean = all(redact(str(e), secrets) == " ".join(str(e).split()) for e in _chain(error))
    case = _Exception(
        error=error,
        name=name,
        text=text,
        line=text if len(text) <= _MAX_LINE else f"{text[:_MAX_LINE]}…",
        status=_status(error),
        kinds=frozenset(kind.__name__ for e in _chain(error) for kind in type(e).__mro__),
        cause=error if clean else None,
    )
    if case.status is not None and case.status >= 400:
        return _of_status(case, case.status)
    return _of_transport(case, address) or _of_wrapper(case, compatible=compatible)


@dataclass(frozen=True, slots=True)
class _Exception:
    error: Exception
    name: str
    text: str
    line: str
    status: int | None
    kinds: frozenset[str]
    cause: BaseException | None

    def failure(self, kind: type[ModelError], message: str, *, retry: bool = False, billed: bool = True) -> Failure:
        return Failure(kind(f"{self.name}: {message}"), self.text, retry=retry, billed=billed, cause=self.cause)


def _of_status(case: _Exception, status: int) -> Failure:
    kind, advice = _meaning(status)
    detail = f" ({case.line})" if case.line else ""
    return Failure(
        kind(f"{case.name}: {status}{detail}: {advice}"),
        case.text,
        status,
        # 501: the server will not learn it in a second.
        retry=kind in {RateLimitError, ServerError} and status != 501,
        retry_after=_retry_after(case.error),
        billed=False,
        hopeless=isinstance(case.error, ContextOverflowError) or _TOO_LONG.search(case.text) is not None,
        cause=case.cause,
    )


def _meaning(status: int) -> tuple[type[ModelError], str]:
    if status >= 500:
        return ServerError, "the server failed; try again later"
    return {
        401: (AccessError, "the key is wrong or missing; check it"),
        403: (AccessError, "the key may not do this; check its rights"),
        404: (NotFoundError, "no such model or path there; check the model's name and the base URL"),
        408: (ModelTimeoutError, "the server gave up waiting; try again"),
        429: (RateLimitError, "too many requests, or no quota left; wait, or ask for more"),
    }.get(status, (RejectedError, "the server refuses the request as it is"))


def _of_transport(case: _Exception, address: str) -> Failure | None:
    if case.kinds & _REFUSED_KINDS:
        place = f" at {address}" if address else ""
        message = f"nothing answers{place}; start the server or check the base URL"
        return case.failure(UnreachableError, message, billed=False)
    if case.kinds & _TIMEOUT_KINDS:
        return case.failure(ModelTimeoutError, "no answer in time; try again or raise the time-out")
    if case.kinds & _BROKEN_KINDS:
        message = "the connection broke before the answer was complete; try again"
        return case.failure(UnreachableError, message, retry=True)
    return None


def _of_wrapper(case: _Exception, *, compatible: bool) -> Failure:
    error, plain = case.error, f"{type(case.error).__name__}: {case.line}"
    if not compatible:
        # A class that does not take an argument was not called: nothing was sent.
        unsent = isinstance(error, TypeError) and "unexpected keyword argument" in case.text
        return case.failure(ModelError, plain, billed=not unsent)
    if isinstance(error, IndexError) or (isinstance(error, TypeError) and "'choices'" in case.text):
        # Some servers answer so when they are overloaded: worth another try.
        return case.failure(ServerError, "the answer holds no choices; try again later", retry=True)
    if isinstance(error, _WRAPPER_ERRORS) or case.status is not None:
        message = f"the answer is no chat completion ({case.line}); check the base URL, it may lack /v1"
        return case.failure(ServerError, message)
    return case.failure(ModelError, plain)


def _server_message(error: Exception) -> str:
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else None
    if isinstance(inner, str):
        return inner
    if isinstance(inner, Mapping):
        parts = [part for key in ("message", "param", "code") if isinstance(part := inner.get(key), str)]
        if parts:
            return " ".join(parts)
    text = str(error)
    return "an HTML page" if "<html" in text[:2_000].lower() else text


def _status(error: Exception) -> int | None:
    for holder in (error, getattr(error, "response", None)):
        for attribute in ("status_code", "status", "code"):
            status = getattr(holder, attribute, None)
            if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
                return status
    return None


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None)
    if not isinstance(headers, Mapping):
        return None
    # LiteLLM's proxy passes a provider's headers on under names of its own.
    value = headers.get("retry-after") or headers.get("llm_provider-retry-after")
    if not isinstance(value, str):
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
