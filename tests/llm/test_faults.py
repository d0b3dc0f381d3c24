"""Everything that goes wrong between a client and a model: what the caller sees, and what is booked.

The prompt is 32 tokens by our estimate, and the schema beside it ⌈142 bytes / 3⌉ = 48; a call may write 100. So a whole
reservation is 80 · 0.25 + 100 = 120 cost units. The test server counts the prompt's 47 bytes as ⌈47 / 4⌉ = 12 tokens,
which are 3 cost units.
"""

import asyncio
import json
import logging
import socket
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

import pytest

from ecoalign_agent.errors import (
    AccessError,
    BudgetError,
    ModelError,
    ModelTimeoutError,
    NotFoundError,
    RateLimitError,
    RejectedError,
    ServerError,
    UnreachableError,
)
from ecoalign_agent.llm.endpoint import OUTPUT_MODES, Endpoint, OutputMode
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.structured_output import ModelReply, call_with_fallback
from ecoalign_agent.testing import CompletionReply, ErrorReply
from tests.llm.asking import GRADE, KEY, NOTE, PROMPT, PROMPT_TOKENS, Grade, Note, meter
from tests.llm.conftest import MakeEndpoint
from tests.scripted_server import (
    Answer,
    ChatServer,
    Cut,
    Delayed,
    Hang,
    Page,
    Raw,
    cut_off,
    empty_choices,
    fenced,
    filtered,
    in_turn,
    refusal,
    saying,
    structured,
)
from tests.scripted_server.faults import FAULTS, given

RESERVED = 120.0


def test_the_figures_above() -> None:
    assert PROMPT_TOKENS == 32
    assert sent_schema(Note).tokens == 48
    assert len((PROMPT.system + PROMPT.user).encode()) == 47


async def asked(endpoint: MakeEndpoint, account: Meter, *, seconds: float = 5.0) -> ModelReply[Note]:
    return await call_with_fallback(
        endpoint(timeout=seconds), PROMPT, Note, meter=account, phase="plan", max_tokens=100
    )


class TestFailures:
    """The endpoint failed: an error of our tree, in one line; what may have cost something is booked."""

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (ErrorReply(401), (AccessError, 1, 0.0)),
            (ErrorReply(403), (AccessError, 1, 0.0)),
            (ErrorReply(404), (NotFoundError, 1, 0.0)),
            (ErrorReply(400), (RejectedError, 4, 0.0)),  # once on every rung: it may have been the rung
            (ErrorReply(413), (RejectedError, 1, 0.0)),
            (ErrorReply(429, retry_after="0"), (RateLimitError, 3, 0.0)),
            (ErrorReply(500, retry_after="0"), (ServerError, 3, 0.0)),
            (ErrorReply(503, retry_after="0"), (ServerError, 3, 0.0)),
            (Page(status=502), (ServerError, 3, 0.0)),
            # A 200 may have been billed, whatever stands in it.
            (Page(), (ServerError, 1, RESERVED)),
            (Raw("not json"), (ServerError, 1, RESERVED)),
            (Raw('{"error": {"message": "overloaded"}}'), (ServerError, 1, RESERVED)),
            (empty_choices(), (ServerError, 3, 3 * RESERVED)),
            (Raw('{"choices": null}'), (ServerError, 3, 3 * RESERVED)),
            (Raw("{}"), (ServerError, 3, 3 * RESERVED)),
            (Raw("[]"), (ServerError, 1, RESERVED)),
            # And so may an answer that broke off.
            (Cut(), (UnreachableError, 3, 3 * RESERVED)),
            (Cut(b'{"id": "chatcmpl-1", "choices": [{"mess'), (UnreachableError, 3, 3 * RESERVED)),
        ],
    )
    async def test_is_typed_and_booked(
        self,
        server: ChatServer,
        endpoint: MakeEndpoint,
        answer: Answer,
        expected: tuple[type[ModelError], int, float],
    ) -> None:
        kind, requests, spent = expected
        server.answering(answer)
        account = meter()
        with pytest.raises(ModelError) as caught:
            await asked(endpoint, account)
        assert type(caught.value) is kind
        assert str(caught.value).startswith("openai:vision-1: ")
        assert "\n" not in str(caught.value)
        assert len(server.requests) == account.ledger.calls == requests
        assert account.budget.spent == pytest.approx(spent)
        assert account.budget.reserved == 0
        assert account.ledger.estimated_calls == (requests if spent else 0)

    async def test_nobody_listens(self, endpoint: MakeEndpoint) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            account, there = meter(), endpoint(url=f"http://127.0.0.1:{port}/v1")
            with pytest.raises(UnreachableError, match=f"nothing answers at 127.0.0.1:{port}"):
                await call_with_fallback(there, PROMPT, Note, meter=account, phase="plan", max_tokens=100)
        assert (account.budget.spent, account.ledger.calls) == (0, 1)

    async def test_a_retry_that_does_not_fit_tells_what_failed_before(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        # Room for one reservation: what it held may have been billed, so nothing is left for a second.
        server.answering(Cut())
        account = meter(RESERVED + 10)
        with pytest.raises(UnreachableError):
            await asked(endpoint, account)
        assert (len(server.requests), account.budget.spent) == (1, RESERVED)

    async def test_it_recovers_from_a_cut_and_books_both(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(in_turn(Cut(), structured(NOTE)))
        account = meter()
        reply = await asked(endpoint, account)
        # ⌈39 / 4⌉ = 10 tokens are written: 3 + 10.
        assert reply.cost == account.budget.spent == RESERVED + 13
        assert (reply.calls, reply.usage.estimated) == (2, True)


class TestUnreadable:
    """An answer came and can't be used: no error, no value, a reason, and its cost."""

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (cut_off('{"text": "te'), ("cut off", 1, 3)),  # 12 characters
            (refusal(), ("refused", 1, 0)),
            (filtered(), ("withheld", 1, 0)),
            (CompletionReply('{"text": "te'), ("broken JSON", 2, 6)),  # one more rung is tried
            (CompletionReply('{"text": 10}'), ("does not fit Note: text", 2, 6)),
            (CompletionReply('{"text": "a", "weight": 7}'), ("does not fit Note: weight", 2, 14)),  # 26 characters
            (CompletionReply("It is ten."), ("no JSON", 2, 6)),  # 10 characters
            (CompletionReply(""), ("no JSON", 2, 0)),
            (CompletionReply(None), ("no JSON", 2, 0)),
            (CompletionReply('{"text": "a"} {"text": "b"}'), ("2 different JSON objects", 2, 14)),  # 27 characters
        ],
    )
    async def test_is_booked_and_explained(
        self,
        server: ChatServer,
        endpoint: MakeEndpoint,
        answer: CompletionReply,
        expected: tuple[str, int, int],
    ) -> None:
        reason, calls, completion = expected
        server.answering(answer)
        account = meter()
        reply = await asked(endpoint, account)
        assert reply.value is None
        assert reply.unreadable is not None
        assert reason in reply.unreadable
        assert (reply.calls, reply.usage.completion) == (calls, completion)
        # 3 cost units for each prompt, and one for each token written.
        assert reply.cost == account.budget.spent == account.ledger.cost == 3 * calls + completion
        assert reply.finish_reason == answer.finish
        assert not reply.usage.estimated

    async def test_a_second_rung_that_does_not_fit_is_not_tried(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(saying('{"text": "te'))
        # 20 for the prompt and 32 to write just fit; 6 are spent, and 46 are too few for a second attempt.
        account = meter(52)
        reply = await call_with_fallback(endpoint(), PROMPT, Note, meter=account, phase="plan", max_tokens=100)
        assert (reply.value, reply.calls, reply.unreadable) == (None, 1, "broken JSON")

    async def test_a_fence_is_readable(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(fenced(NOTE))
        assert (await asked(endpoint, meter())).value == Note(**NOTE)


class Cell(NamedTuple):
    """What comes of a question whose every request meets the same fault."""

    outcome: type[ModelError] | str | Note
    """An error, why it is unknown, or the value."""
    requests: int
    booked: float


WHOLE = Note(**NOTE)
HALF = Note(text="ten o'clo")

# The prompt is 32 tokens by our estimate: 8 cost units. A schema that travels adds 48, which makes it 20. A call may
# write 100. So all that a call can cost is 120 where the schema travels, and 108 in JSON mode and plain text.
# The server counts 12 tokens for the prompt, on every rung: 3 cost units. NOTE as JSON is 38 characters, which it
# counts as 10 tokens; half of them, 19, as 5; NOTE mistyped, {"text": 10, "weight": "many"}, 30, as 8; NOTE in a
# fence, 8 + 38 + 4 = 50, as 13.
# An unreadable reply is asked for once more on the next rung; what the model or its provider meant to end is not.
#                    json_schema, function_calling, json_mode, plain
MATRIX: dict[str, tuple[Cell, Cell, Cell, Cell]] = {
    # Refused: nothing was billed. No other way of asking opens a door or finds a model.
    "401": (Cell(AccessError, 1, 0),) * 4,
    "404": (Cell(NotFoundError, 1, 0),) * 4,
    # Refused, and worth three attempts.
    "429": (Cell(RateLimitError, 3, 0),) * 4,
    "500": (Cell(ServerError, 3, 0),) * 4,
    "503": (Cell(ServerError, 3, 0),) * 4,
    # A 200 may have been billed, whatever stands in it: all that was reserved.
    "HTML": (*(Cell(ServerError, 1, 120),) * 2, *(Cell(ServerError, 1, 108),) * 2),
    "empty choices": (*(Cell(ServerError, 3, 3 * 120),) * 2, *(Cell(ServerError, 3, 3 * 108),) * 2),
    "refusal": (Cell("refused", 1, 3),) * 4,
    "length": (Cell("cut off", 1, 3 + 5),) * 4,
    "content filter": (Cell("withheld", 1, 3),) * 4,
    # In a fence there is but one way to read it; where a function call was due, text is read as well.
    "fenced JSON": (Cell(WHOLE, 1, 3 + 13),) * 4,
    # Repaired in plain text only, where a model can't do better.
    "broken JSON": (
        Cell("not JSON", 2, 2 * (3 + 5)),  # the last word has the function call
        Cell("broken JSON", 2, 2 * (3 + 5)),
        Cell(HALF, 2, 2 * (3 + 5)),
        Cell(HALF, 1, 3 + 5),
    ),
    "wrong types": (*(Cell("does not fit Note: text", 2, 2 * (3 + 8)),) * 3, Cell("does not fit Note: text", 1, 3 + 8)),
    # Estimated: the prompt as above, and ⌈38 bytes / 3⌉ = 13 tokens written.
    "no usage": (*(Cell(WHOLE, 1, 20 + 13),) * 2, *(Cell(WHOLE, 1, 8 + 13),) * 2),
    "absurd usage": (*(Cell(WHOLE, 1, 20 + 13),) * 2, *(Cell(WHOLE, 1, 8 + 13),) * 2),
    # Nobody knows what the server went on to do.
    "slow drip": (*(Cell(ModelTimeoutError, 1, 120),) * 2, *(Cell(ModelTimeoutError, 1, 108),) * 2),
    "hang": (*(Cell(ModelTimeoutError, 1, 120),) * 2, *(Cell(ModelTimeoutError, 1, 108),) * 2),
    "cut connection": (*(Cell(UnreachableError, 3, 3 * 120),) * 2, *(Cell(UnreachableError, 3, 3 * 108),) * 2),
}

ONCE: dict[str, type[ModelError] | str | Note | int] = {
    # The first request alone meets the fault. A number: so many requests until the whole value.
    **dict.fromkeys(("fenced JSON", "no usage", "absurd usage"), 1),
    **dict.fromkeys(("429", "500", "503", "empty choices", "cut connection", "broken JSON", "wrong types"), 2),
    **{fault: row[0].outcome for fault, row in MATRIX.items() if row[0].requests == 1 and row[0].outcome != WHOLE},
}

NAMED = [
    "401",
    "404",
    "429",
    "500",
    "503",
    "HTML",
    "empty choices",
    "refusal",
    "length",
    "content filter",
    "fenced JSON",
    "broken JSON",
    "wrong types",
    "no usage",
    "absurd usage",
    "slow drip",
    "cut connection",
    "hang",
]

CELLS = [(fault, rung) for fault in FAULTS for rung in OUTPUT_MODES]


SLOW = {"slow drip", "hang"}


def on_rung(endpoint: MakeEndpoint, rung: OutputMode, fault: str) -> Endpoint:
    """An endpoint that has learnt to begin at ``rung``; it backs off shortly.

    Where a server is slow a quarter second is too late. Elsewhere time must not decide, however busy the machine is.
    """
    there = endpoint(timeout=0.25 if fault in SLOW else 30.0, backoff=0.01)
    for higher in OUTPUT_MODES[: OUTPUT_MODES.index(rung)]:
        there.capabilities.refuse(higher, "refused before")
    return there


def asks_on(body: dict[str, object]) -> OutputMode:
    """The rung on which a request asks."""
    if "tools" in body:
        return "function_calling"
    form = body.get("response_format")
    if not isinstance(form, dict):
        return "plain"
    return "json_schema" if form["type"] == "json_schema" else "json_mode"


class TestEveryFaultOnEveryRung:
    def test_the_table_is_complete(self) -> None:
        assert set(MATRIX) == set(FAULTS) == set(NAMED) == set(ONCE)
        assert all(len(row) == len(OUTPUT_MODES) for row in MATRIX.values())
        assert len(CELLS) == len(set(CELLS)) == 18 * 4

    @pytest.mark.parametrize(("fault", "rung"), CELLS)
    async def test_what_comes_of_it(
        self, server: ChatServer, endpoint: MakeEndpoint, fault: str, rung: OutputMode
    ) -> None:
        expected = MATRIX[fault][OUTPUT_MODES.index(rung)]
        server.answering(lambda body: FAULTS[fault](body, json.dumps(NOTE)))
        there, account = on_rung(endpoint, rung, fault), meter()
        outcome: type[ModelError] | str | Note | None
        try:
            reply = await call_with_fallback(there, PROMPT, Note, meter=account, phase="plan", max_tokens=100)
            outcome = reply.value or reply.unreadable
        except ModelError as error:
            outcome = type(error)
        if isinstance(expected.outcome, str):
            assert isinstance(outcome, str)
            assert expected.outcome in outcome
        else:
            assert outcome == expected.outcome
        assert asks_on(server.bodies[0]) == rung
        assert len(server.requests) == account.ledger.calls == expected.requests
        assert account.budget.spent == account.ledger.cost == pytest.approx(expected.booked)
        assert account.budget.reserved == 0
        # Nothing goes on behind our back.
        await server.until(lambda: server.open_requests == 0, within=1)

    @pytest.mark.parametrize(("fault", "rung"), CELLS)
    async def test_what_comes_of_it_once(
        self, server: ChatServer, endpoint: MakeEndpoint, fault: str, rung: OutputMode
    ) -> None:
        expected = ONCE[fault]
        if rung == "plain" and fault in {"broken JSON", "wrong types"}:
            # There is no rung below.
            expected = 1 if fault == "broken JSON" else "does not fit Note: text"
        good = json.dumps(NOTE)
        server.answering(in_turn(lambda body: FAULTS[fault](body, good), lambda body: given(body, good)))
        account = meter()
        asking = call_with_fallback(
            on_rung(endpoint, rung, fault), PROMPT, Note, meter=account, phase="plan", max_tokens=100
        )
        if isinstance(expected, type):
            with pytest.raises(expected):
                await asking
            assert len(server.requests) == 1
        elif isinstance(expected, str):
            assert expected in str((await asking).unreadable)
            assert len(server.requests) == 1
        else:
            assert (await asking).value == (HALF if (fault, rung) == ("broken JSON", "plain") else WHOLE)
            assert len(server.requests) == account.ledger.calls == expected

    @pytest.mark.parametrize(("fault", "rung"), CELLS)
    async def test_no_verdict_is_made_of_a_broken_one(
        self, server: ChatServer, endpoint: MakeEndpoint, fault: str, rung: OutputMode
    ) -> None:
        server.answering(lambda body: FAULTS[fault](body, json.dumps(GRADE)))
        asking = call_with_fallback(
            on_rung(endpoint, rung, fault), PROMPT, Grade, meter=meter(), phase="assess", max_tokens=100, exact=True
        )
        try:
            value = (await asking).value
        except ModelError:
            value = None
        whole = fault in {"fenced JSON", "no usage", "absurd usage"}
        assert value == (Grade(**GRADE) if whole else None)


class TestUsage:
    @pytest.mark.parametrize(
        "usage",
        [
            "absent",
            {"prompt_tokens": -5, "completion_tokens": 3, "total_tokens": -2},
            {"prompt_tokens": 5, "completion_tokens": -3, "total_tokens": 2},
            {"prompt_tokens": "many", "completion_tokens": "few", "total_tokens": 1},
            {"prompt_tokens": 1e30, "completion_tokens": 3, "total_tokens": 3},
            {"prompt_tokens": 99_999_999, "completion_tokens": 3, "total_tokens": 3},
            {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            {"total_tokens": 7},
            {},
        ],
    )
    async def test_absent_or_absurd_is_estimated(
        self, server: ChatServer, endpoint: MakeEndpoint, usage: object
    ) -> None:
        server.answering(structured(NOTE, usage=usage))
        account = meter()
        reply = await asked(endpoint, account)
        assert reply.value == Note(**NOTE)
        # The estimate of the prompt with its schema, 80 · 0.25 = 20, and ⌈39 bytes / 3⌉ = 13 written.
        assert reply.cost == account.budget.spent == 33
        assert reply.usage.estimated
        assert account.ledger.estimated_calls == 1

    async def test_more_than_was_reserved_is_an_overrun(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        usage = {"prompt_tokens": 4_000, "completion_tokens": 40, "total_tokens": 4_040}
        server.answering(structured(NOTE, usage=usage))
        account = meter(200)
        reply = await asked(endpoint, account)
        # 4 000 · 0.25 + 40
        assert (reply.cost, account.budget.overrun) == (1_040, 840)
        with pytest.raises(BudgetError):
            await asked(endpoint, account)


class TestTime:
    async def test_a_hanging_server_is_left_after_the_time_out(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(Hang())
        account = meter()
        with pytest.raises(ModelTimeoutError, match=r"no answer within 0\.2 s"):
            await asked(endpoint, account, seconds=0.2)
        # It may have been billed.
        assert (account.budget.spent, account.ledger.calls, account.ledger.estimated_calls) == (RESERVED, 1, 1)
        await server.until(lambda: server.abandoned_requests == 1)

    async def test_the_deadline_comes_before_a_longer_time_out(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(Hang())
        with pytest.raises(ModelTimeoutError):
            await asked(endpoint, meter(deadline=time.time() + 0.2), seconds=30)

    async def test_after_the_deadline_nothing_is_asked(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        account = meter(deadline=time.time() - 1)
        with pytest.raises(ModelTimeoutError, match="the deadline has passed; the call was not made"):
            await asked(endpoint, account)
        assert (server.requests, account.ledger.calls, account.budget.spent) == ([], 0, 0)

    async def test_a_slow_answer_in_time_is_an_answer(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(Delayed(0.2, CompletionReply(json.dumps(NOTE))))
        reply = await asked(endpoint, meter())
        assert reply.value == Note(**NOTE)
        assert reply.seconds >= 0.2

    async def test_a_cancelled_call_is_booked_and_the_server_is_left(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(Hang())
        account = meter()
        asking = asyncio.ensure_future(asked(endpoint, account))
        await server.until(lambda: len(server.requests) == 1)
        assert account.budget.reserved == RESERVED
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert (account.budget.spent, account.budget.reserved, account.ledger.calls) == (RESERVED, 0, 1)
        assert account.ledger.usage.estimated
        await server.until(lambda: server.abandoned_requests == 1, within=1)


# A server that means ill, or a proxy that means well, quotes the key it was given.
ECHOES: list[Callable[[str], Answer]] = [
    lambda key: ErrorReply(401, f"Incorrect API key provided: {key}."),
    lambda key: ErrorReply(400, f"bad header Authorization: Bearer {key}"),
    lambda key: ErrorReply(404, f"no model for {key}", code=key),
    lambda key: ErrorReply(429, f"{key} is out of quota", retry_after="0"),
    lambda key: ErrorReply(500, f"{{'headers': {{'authorization': 'Bearer {key}'}}}}", retry_after="0"),
    lambda key: Raw(json.dumps({"error": {"message": f"key {key}"}})),
    lambda key: Page(f"<html><body>{key}</body></html>"),
    lambda key: Raw(f"plain {key}", mime="text/plain"),
    lambda key: Raw(json.dumps({"detail": key, "choices": None})),
    lambda key: Raw(json.dumps({"detail": f"{key} "}), status=422),
    lambda key: Cut(key.encode()),
]


@pytest.mark.parametrize("echo", ECHOES)
@pytest.mark.parametrize("key", [KEY, "canary-of-another-shape-0123456789"])
async def test_no_error_and_no_log_shows_the_key(
    server: ChatServer,
    endpoint: MakeEndpoint,
    caplog: pytest.LogCaptureFixture,
    echo: Callable[[str], Answer],
    key: str,
) -> None:
    server.answering(echo(key))
    caplog.set_level(logging.DEBUG, logger="ecoalign_agent")
    with pytest.raises(ModelError) as caught:
        await call_with_fallback(endpoint(key=key), PROMPT, Note, meter=meter(), phase="plan", max_tokens=100)
    shown = "".join(traceback.format_exception(caught.value))
    assert "canary" not in shown + str(caught.value) + repr(caught.value) + caplog.text
    assert server.requests[0].headers["authorization"] == f"Bearer {key}"
