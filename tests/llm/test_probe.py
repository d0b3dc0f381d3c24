"""What an endpoint can do is found out in at most eight calls, and what is not found out stays unknown."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent.errors import (
    AccessError,
    ModelError,
    ModelTimeoutError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnreachableError,
)
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.endpoint_profile import EndpointProfile
from ecoalign_agent.llm.probe import image_finding, parallel_finding, probe_endpoint
from ecoalign_agent.llm.probe_calls import MAX_PROBE_CALLS, ProbeReply
from ecoalign_agent.testing import CompletionReply, ErrorReply, JsonObject
from tests.llm.asking import KEY, BareModel, ScriptedModel, ToolModel, calling
from tests.scripted_server import Answer, ChatServer, Cut, Delayed, Hang, Page, Raw, empty_choices
from tests.scripted_server.able import BALLS, PICTURE, Able, pictures_in

MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture
async def at(server: ChatServer) -> AsyncIterator[MakeEndpoint]:
    made: list[Endpoint] = []

    def make(model: str = "qwen2-vl", *, timeout: float = 5.0, url: str | None = None) -> Endpoint:
        chat = ChatOpenAI(model=model, base_url=url or server.url, api_key=SecretStr(KEY), max_retries=0)
        made.append(Endpoint(chat, name=f"openai:{model}", timeout=timeout, backoff=0.01))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()


async def found(server: ChatServer, at: MakeEndpoint, able: Able, **options: object) -> EndpointProfile:
    """What is found out of a model; the server counts the calls, and they agree."""
    server.reset(able)
    known = await probe_endpoint(at(**options))
    assert known.calls == len(server.requests) <= MAX_PROBE_CALLS
    return known


async def test_a_server_that_can_do_everything(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able())
    assert {rung: finding.state for rung, finding in known.rungs.items()} == dict.fromkeys(
        ("json_schema", "function_calling", "json_mode", "plain"), "works"
    )
    assert (known.images.state, known.usage.state, known.streaming.state) == ("yes", "plausible", "usage")
    assert (known.max_tokens_field, known.cap.state) == ("max_tokens", "honoured")
    # Two prompts that differ by a picture: 300. By the family's formula 512 / 28 = 18.3, so 18 × 18 cells and 2 marks.
    assert (known.image_counted, known.image_estimated) == (PICTURE, 326)
    assert known.image_scale == pytest.approx(300 / 326)
    assert (known.calls, known.estimated_calls, known.troubles) == (7, 0, ())
    assert sum(body.get("stream") is True for body in server.bodies) == 1
    assert known.latency is not None


async def test_what_it_costs_is_what_the_server_counted(server: ChatServer, at: MakeEndpoint) -> None:
    tokens = {"prompt_tokens": 80, "completion_tokens": 10, "total_tokens": 90}
    known = await found(server, at, Able(usage=tokens))
    # Seven calls at 80 / 4 + 10 units each; the streamed one is counted like the others.
    assert known.cost == pytest.approx(7 * 30)


async def test_a_server_that_speaks_plain_text_only(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(sees="refuses", refuses=("response_format", "tools")))
    states = {rung: finding.state for rung, finding in known.rungs.items()}
    assert states.pop("plain") == "works"
    assert set(states.values()) == {"refused"}
    assert known.images.state == "refused"
    assert "image input" in known.images.why
    assert known.image_counted is None
    assert known.image_scale is None


async def test_a_schema_that_is_taken_and_not_followed_does_not_work(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(ignores=("schema", "tools", "json")))
    states = {rung: finding.state for rung, finding in known.rungs.items()}
    assert states == {"json_schema": "ignored", "function_calling": "ignored", "json_mode": "ignored", "plain": "works"}


async def test_json_with_talk_around_it_gives_no_verdicts(server: ChatServer, at: MakeEndpoint) -> None:
    def talkative(number: int, body: JsonObject) -> Answer | None:
        if (body.get("response_format") or {}).get("type") == "json_schema":
            return CompletionReply(f"<think>four are more</think>{json.dumps(BALLS)}")
        return None

    known = await found(server, at, Able(instead=talkative))
    assert known.rungs["json_schema"].state == "inexact"
    assert known.rungs["json_mode"].state == "works"


@pytest.mark.parametrize(("sees", "state"), [("blind", "blind"), ("misreads", "misread")])
async def test_a_picture_that_is_taken_is_not_yet_seen(
    server: ChatServer, at: MakeEndpoint, sees: str, state: str
) -> None:
    known = await found(server, at, Able(sees=sees))  # type: ignore[arg-type]  # one of its literals
    assert known.images.state == state


async def test_a_server_error_about_pictures_is_a_refusal_and_another_one_is_not_known(
    server: ChatServer, at: MakeEndpoint
) -> None:
    def failing(message: str) -> Callable[[int, JsonObject], Answer | None]:
        return lambda number, body: ErrorReply(500, message) if pictures_in(body) else None

    known = await found(server, at, Able(instead=failing("image input is not supported: no mmproj")))
    assert known.images.state == "refused"
    known = await found(server, at, Able(instead=failing("out of memory")))
    assert known.images.state == "unknown"
    assert known.troubles


async def test_no_usage_is_neither_zero_nor_plausible(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(usage="absent"))
    assert (known.usage.state, known.streaming.state) == ("absent", "no usage")
    assert (known.prompt_counted, known.image_counted, known.image_scale) == (None, None, None)
    assert known.estimated_calls == known.calls
    assert known.cost > 0


@pytest.mark.parametrize(
    ("usage", "says"),
    [
        ({"prompt_tokens": 90_000, "completion_tokens": 9, "total_tokens": 90_009}, "90,000 prompt tokens"),
        ({"prompt_tokens": 3, "completion_tokens": 9, "total_tokens": 12}, "3 prompt tokens"),
        ({"prompt_tokens": 80, "completion_tokens": 1, "total_tokens": 81}, "1 completion tokens"),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, "no counts"),
        ({"prompt_tokens": 10**9, "completion_tokens": 9, "total_tokens": 10**9}, "no counts"),
    ],
)
async def test_counts_that_cant_be_right_are_told(
    server: ChatServer, at: MakeEndpoint, usage: dict[str, int], says: str
) -> None:
    known = await found(server, at, Able(usage=usage))
    assert known.usage.state == "implausible"
    assert says in known.usage.why
    # Nothing is made of such counts.
    assert known.image_counted is None


async def test_a_server_that_counts_no_pictures_teaches_no_scale(server: ChatServer, at: MakeEndpoint) -> None:
    tokens = {"prompt_tokens": 80, "completion_tokens": 16, "total_tokens": 96}
    known = await found(server, at, Able(usage=tokens))
    assert (known.image_counted, known.image_scale) == (0, None)


async def test_usage_but_not_in_a_stream(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(streams_usage=False))
    assert (known.usage.state, known.streaming.state) == ("plausible", "no usage")


async def test_a_server_that_refuses_to_stream(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(refuses=("stream_options",)))
    assert known.streaming.state == "refused"
    # The other of the pair still shows the cap.
    assert known.cap.state == "honoured"


async def test_only_the_new_name_of_the_cap(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(cap=("max_completion_tokens",)))
    assert (known.max_tokens_field, known.cap.state, known.calls) == ("max_completion_tokens", "honoured", 8)


async def test_only_the_old_name_of_the_cap(server: ChatServer, at: MakeEndpoint) -> None:
    server.reset(Able(cap=("max_tokens",)))
    endpoint = at()
    endpoint.capabilities.max_tokens_field = "max_completion_tokens"
    known = await probe_endpoint(endpoint)
    assert (known.max_tokens_field, known.cap.state) == ("max_tokens", "honoured")
    assert known.calls == len(server.requests) == 8


async def test_a_name_of_the_cap_that_is_ignored_gives_way_to_the_other(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(cap=("max_completion_tokens",), lenient=True))
    assert (known.max_tokens_field, known.cap.state, known.calls) == ("max_completion_tokens", "honoured", 8)
    assert "max_tokens is not heeded" in known.cap.why


async def test_a_cap_that_is_never_heeded(server: ChatServer, at: MakeEndpoint) -> None:
    known = await found(server, at, Able(cap=(), lenient=True))
    assert (known.max_tokens_field, known.cap.state, known.calls) == ("max_tokens", "ignored", 8)


async def test_calls_that_overlap_and_calls_that_wait(server: ChatServer, at: MakeEndpoint) -> None:
    assert (await found(server, at, Able(seconds=0.3))).parallel.state == "overlap"
    assert server.max_open_requests == 2
    assert (await found(server, at, Able(seconds=0.3, serial=True))).parallel.state == "serialised"


async def test_one_call_at_a_time_is_kept_to(server: ChatServer, at: MakeEndpoint) -> None:
    server.reset(Able(seconds=0.02))
    known = await probe_endpoint(at(), parallel=False)
    assert known.parallel.state == "unknown"
    assert (server.max_open_requests, known.cap.state) == (1, "honoured")


def test_what_is_too_quick_tells_nothing_of_parallel_calls() -> None:
    def told(seconds: float) -> ProbeReply:
        return ProbeReply(AIMessage("x"), seconds=seconds)

    def state(one: float, other: float) -> str:
        return parallel_finding(told(one), told(other), limited_before=False).state

    assert [state(0.001, 0.002), state(0.3, 0.3), state(0.3, 0.6), state(0.3, 0.45)] == [
        "unknown",
        "overlap",
        "serialised",
        "unknown",
    ]


def test_a_number_in_prose_was_seen_and_part_of_a_number_was_not() -> None:
    assert image_finding(ProbeReply(AIMessage("It says 47.")), 47).state == "yes"
    assert image_finding(ProbeReply(AIMessage("It says 470.")), 47).state == "misread"
    assert image_finding(ProbeReply(AIMessage('{"number": 47}')), 47).state == "yes"
    assert image_finding(ProbeReply(AIMessage("I see no picture.")), 47).state == "blind"
    assert (
        image_finding(ProbeReply(AIMessage("", response_metadata={"finish_reason": "length"})), 47).state == "unknown"
    )
    assert image_finding(ProbeReply(why="not asked"), 47).state == "unknown"


async def test_a_429_in_the_middle_is_told_and_leaves_the_rest_unknown(server: ChatServer, at: MakeEndpoint) -> None:
    limited = Able(instead=lambda number, body: ErrorReply(429, "slow down", retry_after="0") if number > 4 else None)
    known = await found(server, at, limited)
    assert known.rungs["function_calling"].state == "works"
    assert known.rungs["json_mode"].state == "unknown"
    assert "429" in known.rungs["json_mode"].why
    assert (known.parallel.state, known.cap.state, known.streaming.state) == ("limited", "unknown", "unknown")
    assert any("429 slow down" in trouble for trouble in known.troubles)


async def test_one_429_is_waited_out(server: ChatServer, at: MakeEndpoint) -> None:
    once = Able(instead=lambda number, body: ErrorReply(429, "slow down", retry_after="0") if number == 3 else None)
    known = await found(server, at, once)
    assert known.rungs["json_schema"].state == "works"
    assert (known.calls, len(known.troubles)) == (8, 1)


async def test_two_at_once_are_one_too_many(server: ChatServer, at: MakeEndpoint) -> None:
    def busy(number: int, body: JsonObject) -> Answer | None:
        if number == 7:
            return ErrorReply(429, "one at a time", retry_after="0")
        return Delayed(0.1, able._answer(body)) if number == 6 else None

    able = Able(instead=busy)
    known = await found(server, at, able)
    assert known.parallel.state == "limited"
    assert "with one" not in known.parallel.why
    # What came first of the two is answered; the stream is asked for again, alone, where it was the other.
    assert known.calls <= MAX_PROBE_CALLS
    assert known.cap.state == "honoured"


@pytest.mark.parametrize(
    ("answer", "error", "calls"),
    [
        (ErrorReply(401, "bad key"), AccessError, 1),
        (ErrorReply(404, "no such model"), NotFoundError, 1),
        (Page(), ServerError, 1),
        (Page(status=502), ServerError, 2),
        (ErrorReply(429, "slow down", retry_after="0"), RateLimitError, 2),
        (empty_choices(), ServerError, 2),
        (Raw("[]"), ServerError, 1),
        (Cut(), UnreachableError, 2),
    ],
)
async def test_a_first_call_that_fails_ends_it(
    server: ChatServer, at: MakeEndpoint, answer: Answer, error: type[Exception], calls: int
) -> None:
    server.reset(answer)
    with pytest.raises(error) as raised:
        await probe_endpoint(at())
    assert "\n" not in str(raised.value)
    assert KEY not in str(raised.value)
    assert len(server.requests) == calls


async def test_a_server_that_hangs_is_left_after_the_time_out(server: ChatServer, at: MakeEndpoint) -> None:
    server.reset(Hang())
    with pytest.raises(ModelTimeoutError, match="no answer within"):
        await probe_endpoint(at(timeout=0.2))
    assert len(server.requests) == 1
    await server.until(lambda: server.open_requests == 0)


async def test_nothing_answers(at: MakeEndpoint, unused_port: int) -> None:
    with pytest.raises(UnreachableError, match="nothing answers"):
        await probe_endpoint(at(url=f"http://127.0.0.1:{unused_port}/v1"))


async def test_a_server_that_falls_silent_is_not_asked_to_the_end(server: ChatServer, at: MakeEndpoint) -> None:
    silent = Able(instead=lambda number, body: Hang() if number > 1 else None)
    known = await found(server, at, silent, timeout=0.6)
    # The picture and the schema ran out of time; nothing more was asked.
    assert known.calls == 3
    assert known.images.state == known.cap.state == known.parallel.state == known.streaming.state == "unknown"
    assert {rung: f.state for rung, f in known.rungs.items()} == {
        "json_schema": "unknown",
        "function_calling": "unknown",
        "json_mode": "unknown",
        "plain": "works",
    }
    assert "stopped answering" in known.rungs["json_mode"].why


async def test_being_cancelled_leaves_no_call_running(server: ChatServer, at: MakeEndpoint) -> None:
    server.reset(Able(instead=lambda number, body: Hang() if number >= 6 else None))
    examining = asyncio.ensure_future(probe_endpoint(at()))
    await server.until(lambda: server.open_requests == 2)
    examining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await examining
    await server.until(lambda: server.open_requests == 0)


async def test_what_is_asked_is_told_before(server: ChatServer, at: MakeEndpoint) -> None:
    told: list[int] = []
    server.reset(Able())
    await probe_endpoint(at(), on_call=lambda what, number: told.append(number))
    assert told == [1, 2, 3, 4, 5, 6, 7]


async def test_a_model_of_another_make_is_asked_what_it_can_be_asked() -> None:
    model = ScriptedModel(script=lambda messages: '{"number": null}')
    known = await probe_endpoint(Endpoint(model, name="scripted"))
    assert set(known.rungs) == {"plain"}
    assert known.rungs["plain"].state == "works"
    assert (known.images.state, known.usage.state) == ("blind", "absent")
    assert known.streaming.state == "no streaming"
    # The plain question, the picture, and two that want to write too much.
    assert known.calls == len(model.seen) == 4
    assert known.model == ""


async def test_a_model_with_tools_and_one_without_a_cap() -> None:
    def script(messages: object) -> AIMessage:
        return calling("Balls", BALLS)

    tools = await probe_endpoint(Endpoint(ToolModel(script=script), name="tools"))
    assert tools.rungs["function_calling"].state == "works"
    bare = await probe_endpoint(Endpoint(BareModel(script=lambda messages: "{}"), name="bare"))
    assert (bare.max_tokens_field, bare.cap.state) == ("none", "ignored")


class Streams(ScriptedModel):
    """A model of another make that streams, and counts there."""

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        usage = UsageMetadata(input_tokens=60, output_tokens=3, total_tokens=63)
        yield ChatGenerationChunk(message=AIMessageChunk(content="one two "))
        yield ChatGenerationChunk(message=AIMessageChunk(content="three", usage_metadata=usage))


async def test_a_model_of_another_make_that_streams() -> None:
    known = await probe_endpoint(Endpoint(Streams(script=lambda messages: '{"number": null}'), name="streams"))
    assert (known.streaming.state, known.usage.state) == ("usage", "absent")


async def test_eight_calls_are_the_most_also_where_the_first_question_took_three(
    server: ChatServer, at: MakeEndpoint
) -> None:
    # Failed, refused for the cap's name, answered: 3. With a picture, three forms, one of the pair: 8.
    able = Able(
        cap=("max_completion_tokens",), instead=lambda number, body: ErrorReply(500, "busy") if number == 1 else None
    )
    known = await found(server, at, able)
    assert (known.calls, known.max_tokens_field, known.images.state) == (8, "max_completion_tokens", "yes")
    assert (known.streaming.state, known.parallel.state) == ("unknown", "unknown")
    assert "not asked: all 8 calls were made" in known.streaming.why


FAULTS: list[Answer | None] = [
    None,
    ErrorReply(400, "no"),
    ErrorReply(401, "no"),
    ErrorReply(404, "no"),
    ErrorReply(429, "slow", retry_after="0"),
    ErrorReply(500, "no vision"),
    Page(),
    Raw("[]"),
    Cut(),
    CompletionReply(""),
    CompletionReply("{", finish="length"),
    CompletionReply('{"number": [[[', usage="absent"),
    CompletionReply("x", usage={"prompt_tokens": -1, "completion_tokens": True}),
    CompletionReply(None, refusal="no"),
    empty_choices(),
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(FAULTS), min_size=MAX_PROBE_CALLS, max_size=MAX_PROBE_CALLS),
    st.sampled_from([("max_tokens", "max_completion_tokens"), ("max_completion_tokens",)]),
    st.booleans(),
)
def test_whatever_goes_wrong_there_are_eight_calls_at_most_and_one_kind_of_end(
    running_server: ChatServer, faults: list[Answer | None], cap: tuple[str, ...], lenient: bool
) -> None:
    server = running_server.reset(
        Able(cap=cap, lenient=lenient, instead=lambda number, body: faults[min(number, MAX_PROBE_CALLS) - 1])
    )

    async def run() -> EndpointProfile | str:
        chat = ChatOpenAI(model="m", base_url=server.url, api_key=SecretStr(KEY), max_retries=0)
        endpoint = Endpoint(chat, name="openai:m", timeout=120, backoff=0.001)
        try:
            return await probe_endpoint(endpoint)
        except ModelError as error:
            return str(error)
        finally:
            await endpoint.aclose()

    known = asyncio.run(run())
    assert len(server.requests) <= MAX_PROBE_CALLS
    if isinstance(known, str):
        # Only where not even the first question was answered.
        assert faults[0] is not None or len(cap) == 1
        assert "\n" not in known
        return
    assert known.calls == len(server.requests)
    assert EndpointProfile.model_validate_json(known.model_dump_json()) == known


@pytest.fixture
def unused_port() -> Iterator[int]:
    import socket  # noqa: PLC0415 - here only

    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        # Bound and not listening: nobody else can get it, and nothing answers.
        yield held.getsockname()[1]
