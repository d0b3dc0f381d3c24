"""``ask`` itself: pictures, the budget under parallel calls, models of every kind."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_openai import ChatOpenAI
from langgraph.graph import START, StateGraph
from pydantic import SecretStr
from typing_extensions import TypedDict

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError, ModelError, ModelTimeoutError
from ecoalign_agent.images.image import Picture
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.structured_output import ModelReply, call_with_fallback
from ecoalign_agent.testing import CompletionReply
from tests.llm.asking import (
    GRADE,
    NOTE,
    PROMPT,
    BareModel,
    Grade,
    Note,
    PickyModel,
    RefusesTools,
    ScriptedModel,
    StreamingModel,
    ToolModel,
    calling,
    meter,
)
from tests.llm.conftest import MakeEndpoint
from tests.llm.pictures import quadrants
from tests.scripted_server import ChatServer, Delayed, Hang, in_turn, structured


class _State(TypedDict):
    text: str


async def asked(endpoint: Endpoint, account: Meter | None = None, **changes: Any) -> ModelReply[Note]:
    options: dict[str, Any] = {"phase": "plan", "max_tokens": 100} | changes
    return await call_with_fallback(endpoint, PROMPT, Note, meter=account or meter(), **options)


class TestPictures:
    async def test_they_are_sent_in_order_with_their_detail(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        picture = await Picture.open(quadrants(600, 400))
        views = [await picture.small(), await picture.crop((0, 0, 0.5, 0.5))]
        account = meter()
        reply = await asked(endpoint(), account, images=views)
        content = server.bodies[0]["messages"][1]["content"]
        assert content == [{"type": "text", "text": PROMPT.user}, *(view.block() for view in views)]
        # The test server says 85 for each.
        assert reply.usage.image == account.ledger.usage.image == 170

    async def test_what_they_may_cost_is_reserved(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        view = await (await Picture.open(quadrants(600, 400))).small()
        # 512 × 341 to an unknown model: 1 120 tokens, the largest formula; 280 cost units, and 20 for the text.
        with pytest.raises(BudgetError):
            await asked(endpoint(), meter(300 + 31), images=[view], min_tokens=32)
        assert server.requests == []
        assert (await asked(endpoint(), meter(300 + 32), images=[view], min_tokens=32)).value is not None


class TestBudget:
    async def test_a_call_that_does_not_fit_is_not_made(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        account = meter(51)
        # 32 tokens of prompt and 48 of schema are 20, and at least 32 completion tokens are due.
        with pytest.raises(BudgetError, match=r"80 prompt and 32 completion tokens need 52 cost units, 51 are free"):
            await asked(endpoint(), account)
        assert (server.requests, account.ledger.calls, account.budget.reserved) == ([], 0, 0)

    async def test_what_is_left_lowers_the_cap(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        await asked(endpoint(), meter(60.5))
        # ⌊60.5 − 20⌋
        assert server.bodies[0]["max_tokens"] == 40

    async def test_what_is_set_aside_is_kept(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        account = meter(200, answer_reserve=150)
        with pytest.raises(BudgetError):
            await asked(endpoint(), account)
        assert (await asked(endpoint(), account.ending())).value is not None

    async def test_parallel_calls_reserve_jointly(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(Delayed(0.2, CompletionReply('{"text": "ten"}')))
        # 120 each: two fit, and a third with a lower cap, 60 − 20; a fourth does not.
        account, there = meter(300), endpoint()
        replies = await asyncio.gather(*(asked(there, account) for _ in range(4)), return_exceptions=True)
        assert [type(reply).__name__ for reply in replies] == ["ModelReply", "ModelReply", "ModelReply", "BudgetError"]
        assert sorted(body["max_tokens"] for body in server.bodies) == [40, 100, 100]
        assert server.max_open_requests == 3
        # 3 for a prompt of 12 tokens and 4 written.
        assert account.budget.spent == 3 * 7

    @pytest.mark.parametrize("seed", range(5))
    async def test_whatever_a_server_that_counts_fairly_does_the_budget_holds(self, seed: int) -> None:
        dice = random.Random(seed)

        def script(_: Any) -> Any:
            # Never more than it was allowed, and no more prompt than was estimated.
            written = dice.randint(1, model.seen[-1]["max_tokens"])
            return dice.choice(
                [
                    _reply('{"text": "a"}', 30, written),
                    _reply("prose", 30, written),
                    _reply('{"text": ', 30, written),
                    AIMessage('{"text": "silent"}'),
                    ConnectionResetError("cut"),
                    RuntimeError("odd"),
                ]
            )

        model = ToolModel(script=script, pause=0.001)
        there = Endpoint(model, name="dice", backoff=0.001)
        account = meter(2_000)

        async def one() -> None:
            for _ in range(10):
                try:
                    await asked(there, account)
                except (BudgetError, ModelError):
                    continue
                finally:
                    assert account.budget.spent + account.budget.reserved <= 2_000 + 1e-6

        await asyncio.gather(*(one() for _ in range(8)))
        assert account.budget.reserved == pytest.approx(0)
        assert account.budget.spent == pytest.approx(account.ledger.cost)
        assert account.budget.overrun == 0


class TestConcurrency:
    async def test_no_more_calls_are_under_way_than_allowed(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(Delayed(0.05, CompletionReply('{"text": "ten"}')))
        there = endpoint(concurrency=3)
        await asyncio.gather(*(asked(there) for _ in range(9)))
        assert (len(server.requests), server.max_open_requests) == (9, 3)

    async def test_waiting_for_a_place_costs_nothing(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(Hang())
        there, account = endpoint(concurrency=1), meter(deadline=time.time() + 0.3)
        first = asyncio.ensure_future(asked(there, meter()))
        await server.until(lambda: len(server.requests) == 1)
        with pytest.raises(ModelTimeoutError, match="the call was not made"):
            await asked(there, account)
        assert (account.ledger.calls, account.budget.spent, account.budget.reserved) == (0, 0, 0)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first

    async def test_a_cancelled_call_gives_its_place_back(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(in_turn(Hang(), structured(NOTE)))
        there = endpoint(concurrency=1)
        first = asyncio.ensure_future(asked(there))
        await server.until(lambda: len(server.requests) == 1)
        first.cancel()
        assert (await asked(there)).value == Note(**NOTE)

    def test_one_endpoint_serves_one_event_loop_after_another(self, server: ChatServer) -> None:
        server.answering(structured(NOTE))
        model = ChatOpenAI(model="vision-1", base_url=server.url, api_key=SecretStr("sk-x-1234"))
        there = Endpoint(model, name="loops", concurrency=1)

        async def run() -> list[ModelReply[Note]]:
            try:
                return list(await asyncio.gather(asked(there), asked(there)))
            finally:
                await there.aclose()

        for _ in range(3):
            assert [reply.value for reply in asyncio.run(run())] == [Note(**NOTE)] * 2

    @pytest.mark.parametrize(("concurrency", "timeout"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
    def test_limits_that_make_no_sense_are_refused(self, concurrency: int, timeout: float) -> None:
        with pytest.raises(ValueError, match="at least 1"):
            Endpoint(ScriptedModel(script=lambda _: NOTE), name="x", concurrency=concurrency, timeout=timeout)


class TestStreams:
    async def test_inner_calls_stay_out_of_a_graphs_token_stream(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(structured(NOTE))
        there = endpoint(streaming=True, stream_usage=True)

        async def node(state: _State) -> _State:
            reply = await asked(there)
            return {"text": "" if reply.value is None else reply.value.text}

        graph = StateGraph(_State).add_node("node", node).add_edge(START, "node").compile()
        shown = [chunk async for chunk in graph.astream({"text": ""}, stream_mode=["messages", "values"])]
        assert [mode for mode, _ in shown] == ["values", "values"]
        assert shown[-1] == ("values", {"text": NOTE["text"]})
        assert [body["stream"] for body in server.bodies] == [False]


class TestOtherModels:
    """Chat models that are not langchain-openai's."""

    async def test_one_without_tools_is_asked_in_plain_text(self) -> None:
        model = ScriptedModel(script=lambda _: _reply('{"text": "ten"}', 40, 4))
        there = Endpoint(model, name="scripted")
        reply = await asked(there)
        assert (reply.value, reply.mode, reply.calls) == (Note(text="ten"), "plain", 1)
        assert reply.usage == Usage(text=40, completion=4)
        assert reply.cost == 14  # 40 · 0.25 + 4
        assert [message.content for message in model.seen[0]["messages"]] == [PROMPT.system, PROMPT.user]
        assert model.seen[0]["max_tokens"] == 100
        assert there.capabilities.modes() == ["plain"]

    async def test_one_with_tools_is_asked_to_call_one(self) -> None:
        model = ToolModel(script=lambda _: calling("Note", NOTE))
        there = Endpoint(model, name="tools")
        reply = await asked(there)
        assert (reply.value, reply.mode) == (Note(**NOTE), "function_calling")
        assert model.seen[0]["tool_choice"] == "Note"
        verdict = await call_with_fallback(
            Endpoint(ToolModel(script=lambda _: calling("Grade", GRADE)), name="tools"),
            PROMPT,
            Grade,
            meter=meter(),
            phase="assess",
            max_tokens=100,
            exact=True,
        )
        assert (verdict.value, verdict.mode) == (Grade(safety=0.5), "function_calling")

    async def test_one_that_writes_instead_of_calling_is_read_all_the_same(self) -> None:
        there = Endpoint(ToolModel(script=lambda _: NOTE), name="tools")
        assert (await asked(there)).value == Note(**NOTE)

    async def test_one_that_never_calls_is_asked_in_plain_text_from_the_third_time_on(self) -> None:
        model = ToolModel(script=lambda _: "It is ten.")
        there = Endpoint(model, name="tools")
        for _ in range(2):
            await asked(there)
        assert there.capabilities.modes() == ["plain"]

    async def test_one_whose_class_takes_no_such_tools(self) -> None:
        there = Endpoint(RefusesTools(script=lambda _: NOTE), name="refuses")
        assert (await asked(there)).mode == "plain"
        assert list(there.capabilities.refused) == ["function_calling"]

    async def test_one_whose_class_takes_no_cap(self) -> None:
        model = BareModel(script=lambda _: NOTE)
        account = meter()
        assert (await asked(Endpoint(model, name="bare"), account)).value == Note(**NOTE)
        assert account.ledger.calls == 1

    async def test_one_whose_client_takes_no_cap_is_asked_without(self) -> None:
        there, account = Endpoint(PickyModel(script=lambda _: NOTE), name="picky"), meter()
        assert (await asked(there, account)).calls == 2
        assert (await asked(there, account)).calls == 1
        assert there.capabilities.max_tokens_field is None

    async def test_one_that_streams_is_kept_from_it(self) -> None:
        model = StreamingModel(script=lambda _: NOTE)
        there = Endpoint(model, name="streams")
        assert [value async for value in _listened(there)] == [Note(**NOTE)]
        assert model.disable_streaming is False  # the caller's own stays as it was

    async def test_an_answer_without_usage_is_estimated(self) -> None:
        reply = await asked(Endpoint(ScriptedModel(script=lambda _: '{"text": "ten"}'), name="silent"))
        # 32 tokens of prompt and ⌈15 / 3⌉ written.
        assert reply.usage == Usage(text=32, completion=5, estimated=True)

    async def test_its_errors_are_told_in_our_words_and_booked(self) -> None:
        account = meter()
        there = Endpoint(ScriptedModel(script=lambda _: RuntimeError("the disk is full")), name="scripted")
        with pytest.raises(ModelError, match=r"^scripted: RuntimeError: the disk is full$") as caught:
            await asked(there, account)
        assert isinstance(caught.value.__cause__, RuntimeError)
        # 32 · 0.25 + 100: nobody knows what it cost.
        assert (account.budget.spent, account.budget.reserved) == (108, 0)

    async def test_a_slow_one_is_left_after_the_time_out(self) -> None:
        there = Endpoint(ScriptedModel(script=lambda _: NOTE, pause=30), name="slow", timeout=0.05)
        with pytest.raises(ModelTimeoutError, match=r"slow: no answer within 0\.05 s"):
            await asked(there)

    async def test_the_text_is_kept_for_the_record(self) -> None:
        reply = await asked(Endpoint(ScriptedModel(script=lambda _: "It is ten."), name="prose"))
        assert (reply.value, reply.text, reply.unreadable) == (None, "It is ten.", "no JSON in the reply")


async def _listened(there: Endpoint) -> AsyncIterator[object]:
    """Ask while somebody listens to everything, as LangServe's ``/stream_events`` does."""

    async def run(_: str) -> Note | None:
        return (await asked(there)).value

    async for event in RunnableLambda(run).astream_events("go", version="v2"):
        if event["event"] == "on_chain_end":
            yield event["data"]["output"]


def _reply(text: str, prompt: int, completion: int) -> AIMessage:
    return AIMessage(
        text,
        usage_metadata={"input_tokens": prompt, "output_tokens": completion, "total_tokens": prompt + completion},
    )
