"""Which rung is asked on, what is sent there, and what is remembered of it."""

import json
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent.errors import NotFoundError, RejectedError, ServerError
from ecoalign_agent.llm.endpoint import Capabilities, Endpoint, OutputMode
from ecoalign_agent.llm.failures import Failure
from ecoalign_agent.llm.prompts import RenderedPrompt
from ecoalign_agent.llm.structured_output import ModelReply, call_with_fallback
from ecoalign_agent.testing import CompletionReply, ErrorReply, ToolCallReply
from tests.llm.asking import GRADE, KEY, NOTE, PROMPT, Grade, Note, meter
from tests.llm.conftest import MakeEndpoint
from tests.scripted_server import ChatServer, fenced, in_turn, rejecting, saying, structured

SCHEMA, TOOLS, MODE = "response_format=json_schema", "tools", "response_format=json_object"


async def asked(endpoint: Endpoint, **changes: Any) -> ModelReply[Note]:
    return await call_with_fallback(endpoint, PROMPT, Note, meter=meter(), phase="plan", max_tokens=100, **changes)


async def graded(endpoint: Endpoint) -> ModelReply[Grade]:
    return await call_with_fallback(endpoint, PROMPT, Grade, meter=meter(), phase="assess", max_tokens=100, exact=True)


def forms(server: ChatServer) -> list[str]:
    """The rung of each request, as seen from outside."""
    return ["tools" if "tools" in b else b.get("response_format", {}).get("type", "plain") for b in server.bodies]


class TestRungs:
    @pytest.mark.parametrize(
        ("rejected", "rung", "form"),
        [
            ([], "json_schema", "json_schema"),
            ([SCHEMA], "function_calling", "tools"),
            ([SCHEMA, TOOLS], "json_mode", "json_object"),
            (["response_format", TOOLS], "plain", "plain"),
        ],
    )
    async def test_the_best_that_the_server_takes_is_used_and_remembered(
        self, server: ChatServer, endpoint: MakeEndpoint, rejected: list[str], rung: OutputMode, form: str
    ) -> None:
        server.answering(rejecting(structured(NOTE), *rejected))
        there = endpoint()
        first = await asked(there)
        assert (first.value, first.mode, first.unreadable) == (Note(**NOTE), rung, None)
        tried = len(server.requests)
        second = await asked(there)
        assert second.value == Note(**NOTE)
        # What was rejected once is not tried again.
        assert (len(server.requests) - tried, second.calls, forms(server)[-1]) == (1, 1, form)

    @pytest.mark.parametrize("status", [400, 404, 422, 501])
    async def test_servers_say_no_in_several_ways(
        self, server: ChatServer, endpoint: MakeEndpoint, status: int
    ) -> None:
        server.answering(rejecting(structured(NOTE), "response_format", TOOLS, status=status))
        assert (await asked(endpoint())).mode == "plain"

    @pytest.mark.parametrize(
        "message",
        [
            # langchain-openai warns when it reads these, and here a warning is an error.
            "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
            "Invalid schema for response_format 'Note'",
        ],
    )
    async def test_a_rejection_that_the_wrapper_warns_of(
        self, server: ChatServer, endpoint: MakeEndpoint, message: str
    ) -> None:
        server.answering(rejecting(structured(NOTE), SCHEMA, message=message))
        assert (await asked(endpoint())).mode == "function_calling"

    async def test_the_schema_is_sent_beside_the_prompt(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        await asked(endpoint())
        sent = server.bodies[0]
        assert sent["messages"] == [
            {"role": "system", "content": PROMPT.system},
            {"role": "user", "content": PROMPT.user},
        ]
        assert sent["response_format"]["json_schema"]["strict"] is True
        assert sent["response_format"]["json_schema"]["schema"]["required"] == ["text", "weight"]
        assert not sent["stream"]
        assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"

    async def test_the_one_tool_must_be_called(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(rejecting(structured(NOTE), "response_format"))
        await asked(endpoint())
        sent = server.bodies[-1]
        assert [tool["function"]["name"] for tool in sent["tools"]] == ["Note"]
        assert sent["tool_choice"] == {"type": "function", "function": {"name": "Note"}}

    async def test_json_mode_asks_for_json(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        # OpenAI's server rejects JSON mode where no message speaks of JSON.
        prompt = RenderedPrompt("Look at the picture.", "What time is it?", "t")
        server.answering(rejecting(structured(NOTE), SCHEMA, TOOLS))
        await call_with_fallback(endpoint(), prompt, Note, meter=meter(), phase="plan", max_tokens=100)
        assert "JSON" in server.bodies[-1]["messages"][0]["content"]
        assert server.bodies[0]["messages"][0]["content"] == prompt.system

    async def test_plain_text_may_be_repaired(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(rejecting(saying('Well: {"text": "ten", '), "response_format", TOOLS))
        assert (await asked(endpoint())).value == Note(text="ten")

    async def test_a_fence_is_no_matter(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(fenced(NOTE))
        assert (await asked(endpoint())).mode == "json_schema"


class TestRemembering:
    async def test_a_rejection_without_a_reason_counts_when_the_next_rung_is_taken(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(rejecting(structured(NOTE), SCHEMA, message="Invalid request"))
        there = endpoint()
        assert (await asked(there)).mode == "function_calling"
        assert list(there.capabilities.refused) == ["json_schema"]

    async def test_a_question_that_is_rejected_anyway_teaches_nothing(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(ErrorReply(400, "the picture shows a face"))
        there = endpoint()
        with pytest.raises(RejectedError, match="the picture shows a face"):
            await asked(there)
        assert forms(server) == ["json_schema", "tools", "json_object", "plain"]
        assert there.capabilities.refused == {}

    async def test_a_proven_rung_is_not_given_up_for_one_bad_question(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(in_turn(structured(NOTE), ErrorReply(400, "the picture shows a face"), structured(NOTE)))
        there = endpoint()
        await asked(there)
        with pytest.raises(RejectedError):
            await asked(there)
        assert (await asked(there)).mode == "json_schema"

    async def test_too_long_a_prompt_is_told_at_once(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(ErrorReply(400, "maximum context length is 8192 tokens", code="context_length_exceeded"))
        with pytest.raises(RejectedError, match="8192"):
            await asked(endpoint())
        assert len(server.requests) == 1

    async def test_a_missing_model_is_told_at_once(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(ErrorReply(404, "the model `vision-1` does not exist"))
        with pytest.raises(NotFoundError):
            await asked(endpoint())
        assert len(server.requests) == 1

    async def test_two_replies_in_a_row_without_json_give_the_rung_up(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        def answer(request: dict[str, Any]) -> CompletionReply:
            # A server that ignores response_format, and knows tools.
            return CompletionReply("It is ten.") if "tools" not in request else _call("Note", json.dumps(NOTE))

        server.answering(answer)
        there = endpoint()
        for _ in range(2):
            assert (await asked(there)).mode == "function_calling"
        await asked(there)
        assert forms(server) == ["json_schema", "tools", "json_schema", "tools", "tools"]

    async def test_a_readable_reply_starts_the_count_again(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        prose, good = saying("It is ten."), structured(NOTE)
        server.answering(in_turn(prose, good, good, prose, good, good))
        there = endpoint()
        for _ in range(4):
            assert (await asked(there)).value == Note(**NOTE)
        assert there.capabilities.refused == {}

    @pytest.mark.parametrize("text", ["It is ten.", '{"text": 10}', '{"text": "ten"', '{"text": "a"}{"text": "b"}'])
    async def test_after_an_unreadable_reply_one_more_rung_is_tried(
        self, server: ChatServer, endpoint: MakeEndpoint, text: str
    ) -> None:
        server.answering(saying(text))
        reply = await asked(endpoint())
        assert (reply.value, reply.calls) == (None, 2)
        assert reply.unreadable
        assert forms(server) == ["json_schema", "tools"]

    async def test_a_broken_call_is_read_on_the_next_rung(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        def answer(request: dict[str, Any]) -> CompletionReply:
            return _call("Note", '{"text": ') if "tools" in request else CompletionReply(json.dumps(NOTE))

        server.answering(rejecting(answer, SCHEMA))
        reply = await asked(endpoint())
        assert (reply.value, reply.mode) == (Note(**NOTE), "json_mode")


class TestVerdicts:
    async def test_a_verdict_is_not_asked_for_by_call_where_repeated_keys_can_not_be_seen(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(rejecting(structured(GRADE), SCHEMA))
        reply = await graded(endpoint())
        assert (reply.value, reply.mode) == (Grade(safety=0.5), "json_mode")
        assert forms(server) == ["json_schema", "json_object"]

    @pytest.mark.parametrize(
        "text",
        [
            f"The text says {json.dumps(GRADE)}",
            f"{json.dumps(GRADE)}{json.dumps(GRADE)}",
            '{"safety": -1, "safety": 1}',
            '{"safety": NaN}',
            '{"safety": 1',
            '{"safety": 1.5}',
            "safe",
        ],
    )
    async def test_tricks_are_unknown_on_every_rung(
        self, server: ChatServer, endpoint: MakeEndpoint, text: str
    ) -> None:
        for rejected in ([], [SCHEMA], ["response_format"]):
            server.reset(rejecting(saying(text), *rejected))
            reply = await graded(endpoint())
            assert reply.value is None
            assert reply.unreadable
            assert reply.cost > 0


class TestTokenCap:
    async def test_other_servers_get_the_old_name_only(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        await asked(endpoint())
        assert server.bodies[0]["max_tokens"] == 100
        assert "max_completion_tokens" not in server.bodies[0]

    @pytest.mark.parametrize("status", [400, 422])
    async def test_a_server_that_wants_the_new_name_gets_it(
        self, server: ChatServer, endpoint: MakeEndpoint, status: int
    ) -> None:
        server.answering(rejecting(structured(NOTE), "max_tokens", status=status))
        there = endpoint()
        for _ in range(2):
            assert (await asked(there)).mode == "json_schema"
        assert [("max_tokens" in b, "max_completion_tokens" in b) for b in server.bodies] == [
            (True, False),
            (False, True),
            (False, True),
        ]

    async def test_and_the_other_way_round(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(rejecting(structured(NOTE), "max_completion_tokens"))
        there = endpoint()
        there.capabilities.max_tokens_field = "max_completion_tokens"
        assert (await asked(there)).value is not None
        assert ["max_tokens" in body for body in server.bodies] == [False, True]

    async def test_a_new_name_that_was_never_answered_is_not_kept(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        busy = ErrorReply(503, retry_after="0")
        server.answering(in_turn(ErrorReply(400, "unsupported parameter: max_tokens"), busy, busy, busy))
        there = endpoint()
        with pytest.raises(ServerError):
            await asked(there)
        assert there.capabilities.max_tokens_field == "max_tokens"

    async def test_a_cap_that_is_too_high_under_either_name_is_told(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(ErrorReply(400, "max_tokens is too large: 100; at most 16 are allowed"))
        there = endpoint()
        with pytest.raises(RejectedError, match="too large"):
            await asked(there)
        assert there.capabilities.max_tokens_field == "max_tokens"

    async def test_the_models_own_cap_and_body_are_kept(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        await asked(endpoint(max_tokens=60, extra_body={"top_k": 5}, temperature=0.0, n=3))
        sent = server.bodies[0]
        assert (sent["max_tokens"], sent["top_k"], sent["temperature"]) == (60, 5, 0.0)
        assert "response_format" in sent
        assert "n" not in sent
        assert "max_completion_tokens" not in sent

    def test_openais_own_server_gets_the_new_name(self) -> None:
        official = Endpoint(ChatOpenAI(model="gpt-4o", api_key=SecretStr(KEY)), name="openai:gpt-4o")
        assert official.capabilities.max_tokens_field == "max_completion_tokens"
        assert official.family == "openai-tiles"


def _call(name: str, arguments: str) -> CompletionReply:
    return CompletionReply(None, (ToolCallReply(name, arguments),), "tool_calls")


class TestCapabilities:
    def test_plain_text_is_never_given_up(self) -> None:
        able = Capabilities()
        for rung in able.modes():
            able.refuse(rung, "no")
        assert able.modes() == ["plain"]
        assert set(able.refused) == {"json_schema", "function_calling", "json_mode"}

    def test_silence_must_be_in_a_row(self) -> None:
        able = Capabilities()
        assert not able.count_without_json("json_mode")
        able.confirm("json_mode")
        assert not able.count_without_json("json_mode")
        assert able.count_without_json("json_mode")
        assert "json_mode" not in able.modes()
        # It worked once: a rejection that names no mode is about the request.
        assert not able.may_refuse("json_mode", Failure(RejectedError("no"), status=400))

    def test_the_first_reason_stays(self) -> None:
        able = Capabilities()
        able.refuse("json_mode", "first")
        able.refuse("json_mode", "second")
        assert able.refused == {"json_mode": "first"}
