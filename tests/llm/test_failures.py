"""Exceptions of any integration → our tree, in one line without a key."""

import email.utils
import time
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
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
from ecoalign_agent.llm.failures import Failure, classify_failure, redact

SECRET = "canary0123456789"


class IntegrationError(Exception):
    """As some integration raises it, with whatever it carries."""

    def __init__(self, message: str = "no", **carried: Any) -> None:
        super().__init__(message)
        self.__dict__.update(carried)


def meaning(error: Exception, *, compatible: bool = False) -> Failure:
    return classify_failure(error, name="there", address="127.0.0.1:1", secrets=[SECRET], compatible=compatible)


@pytest.mark.parametrize(
    ("status", "kind", "retry"),
    [
        (400, RejectedError, False),
        (401, AccessError, False),
        (403, AccessError, False),
        (404, NotFoundError, False),
        (408, ModelTimeoutError, False),
        (413, RejectedError, False),
        (422, RejectedError, False),
        (429, RateLimitError, True),
        (500, ServerError, True),
        (501, ServerError, False),
        (503, ServerError, True),
        (529, ServerError, True),
    ],
)
@pytest.mark.parametrize("where", ["status_code", "status", "code", "response"])
def test_a_status_says_what_it_is_wherever_it_stands(where: str, status: int, kind: type, retry: bool) -> None:
    carried = {"response": SimpleNamespace(status_code=status, headers={})} if where == "response" else {where: status}
    failure = meaning(IntegrationError("the reason", **carried))
    assert type(failure.error) is kind
    assert failure.retry is retry
    assert failure.billed is False
    assert str(failure.error).startswith(f"there: {status} (the reason): ")


def test_transport_errors() -> None:
    refused = meaning(httpx.ConnectError("All connection attempts failed"))
    assert isinstance(refused.error, UnreachableError)
    assert "nothing answers at 127.0.0.1:1" in str(refused.error)
    assert (refused.retry, refused.billed) == (False, False)
    broken = meaning(httpx.RemoteProtocolError("peer closed connection"))
    assert isinstance(broken.error, UnreachableError)
    assert (broken.retry, broken.billed) == (True, True)
    assert isinstance(meaning(ConnectionResetError("reset")).error, UnreachableError)
    slow = meaning(httpx.ReadTimeout("slow"))
    assert isinstance(slow.error, ModelTimeoutError)
    assert (slow.retry, slow.billed) == (False, True)


def test_a_cause_tells_as_well() -> None:
    outer = IntegrationError("request failed")
    outer.__cause__ = httpx.ConnectError("refused")
    assert isinstance(meaning(outer).error, UnreachableError)


@pytest.mark.parametrize("error", [ValueError("HTML"), TypeError("x"), KeyError("choices"), AttributeError("y")])
def test_a_compatible_wrapper_slips_on_what_is_no_completion(error: Exception) -> None:
    assert type(meaning(error, compatible=True).error) is ServerError
    # Of any other class it may be a mistake in the class itself.
    assert type(meaning(error).error) is ModelError
    assert meaning(error).billed


def test_what_nobody_knows_is_a_model_error_with_its_name() -> None:
    failure = meaning(RuntimeError("first line\nsecond line"))
    assert str(failure.error) == "there: RuntimeError: first line second line"
    assert failure.billed
    assert isinstance(failure.cause, RuntimeError)


def test_an_argument_that_the_class_does_not_take_was_not_sent() -> None:
    assert meaning(TypeError("f() got an unexpected keyword argument 'max_tokens'")).billed is False


def test_a_warning_that_hides_a_rejection_is_looked_behind() -> None:
    hidden = UserWarning("this model does not support …")
    hidden.__context__ = IntegrationError("no such format", status_code=400)
    assert isinstance(meaning(hidden).error, RejectedError)


def test_too_long_a_prompt_is_hopeless() -> None:
    class TooLongError(IntegrationError, ContextOverflowError):
        pass

    assert meaning(TooLongError(status_code=400)).hopeless
    assert meaning(IntegrationError("prompt is too long: 9 > 8", status_code=400)).hopeless
    assert not meaning(IntegrationError(status_code=400)).hopeless


@pytest.mark.parametrize(
    ("told", "seconds"),
    [("3", 3.0), ("0.25", 0.25), ("-5", 0.0), ("soon", None), ("nan", None), ("inf", None), (None, None)],
)
def test_how_long_the_server_asks_to_wait(told: str | None, seconds: float | None) -> None:
    headers = {} if told is None else {"retry-after": told}
    response = SimpleNamespace(status_code=429, headers=headers)
    assert meaning(IntegrationError(response=response)).retry_after == seconds


def test_a_date_to_wait_for() -> None:
    told = email.utils.formatdate(time.time() + 100, usegmt=True)
    response = SimpleNamespace(status_code=503, headers={"retry-after": told})
    seconds = meaning(IntegrationError(response=response)).retry_after
    assert seconds is not None
    # The date is in whole seconds.
    assert 98 <= seconds <= 100


class TestRedaction:
    @pytest.mark.parametrize(
        "text",
        [
            f"key {SECRET} is wrong",
            "Incorrect API key provided: sk-canary-abcdef123456.",
            "Incorrect API key provided: sk-canar***********3456",
            "Authorization: Bearer canary0123",
            "{'authorization': 'Bearer canary0123'}",
            "Authorization: Basic canary0123==",
            "header x-api-key=canary0123",
            'api_key="canary0123"',
            "bearer canary0123 expired",
            "http://user:canary0123@10.0.0.1/v1 refused",
            "AIzacanary0123456789",
            "gsk_canary0123",
        ],
    )
    def test_nothing_like_a_key_stays(self, text: str) -> None:
        assert "canar" not in redact(text, [SECRET])

    def test_other_words_stay(self) -> None:
        text = "the task-force asked for max_tokens 5 and the key is wrong; see https://example.com/v1"
        assert redact(text, [SECRET]) == text

    def test_it_is_one_line(self) -> None:
        assert redact("a\n  b\tc") == "a b c"

    def test_an_exception_that_holds_a_key_is_not_chained(self) -> None:
        assert meaning(IntegrationError(f"with {SECRET}", status_code=400)).cause is None
        outer = IntegrationError("fine", status_code=400)
        outer.__cause__ = ValueError(f"with {SECRET}")
        assert meaning(outer).cause is None
        assert meaning(IntegrationError("fine", status_code=400)).cause is not None

    def test_a_long_message_is_cut(self) -> None:
        assert len(str(meaning(IntegrationError("x" * 10_000, status_code=400)).error)) < 400

    def test_a_page_is_not_quoted(self) -> None:
        assert "an HTML page" in str(meaning(IntegrationError("<html><body>x</body></html>", status_code=502)).error)

    @pytest.mark.parametrize(
        "body", [{"error": {"message": "why", "param": "p"}}, {"message": "why", "param": "p"}, {"error": "why p"}]
    )
    def test_the_servers_own_words_are_preferred(self, body: Any) -> None:
        failure = meaning(IntegrationError("Error code: 400 - {...}", status_code=400, body=body))
        assert failure.text == "why p"
