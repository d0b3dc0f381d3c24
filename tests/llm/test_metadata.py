"""What travels beside the words of a prompt reaches the stand-in models and no server."""

import json

import pytest
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent.llm.endpoint import Endpoint, OutputMode
from ecoalign_agent.llm.prompts import PROMPT_METADATA_KEY, RenderedPrompt, load_prompt
from ecoalign_agent.llm.structured_output import StructuredPrompt, call_with_fallback
from tests.llm.asking import Note, meter
from tests.scripted_server import ChatServer, structured

CANARY = "zx-canary-91"
MODES: tuple[OutputMode, ...] = ("json_schema", "function_calling", "json_mode", "plain")


def prompt() -> RenderedPrompt:
    rendered = load_prompt("alignment/look").render(question="What time is it?", aim="Read it.", box="[0, 0, 1, 1]")
    return rendered.with_parameters({"box": (0.0, 0.0, 1.0, 1.0), CANARY: CANARY})


def test_the_user_message_holds_task_parameters_and_the_data_before_it_was_fenced() -> None:
    system, user = StructuredPrompt(prompt(), Note, (), 100, 10).request("plain").messages
    assert isinstance(user, HumanMessage)
    assert user.additional_kwargs[PROMPT_METADATA_KEY] == {
        "task": "alignment/look",
        "data": {"question": "What time is it?", "aim": "Read it."},
        "box": (0.0, 0.0, 1.0, 1.0),
        CANARY: CANARY,
    }
    assert system.additional_kwargs == {}


@pytest.mark.parametrize("mode", MODES)
async def test_no_byte_of_it_reaches_a_server(mode: OutputMode) -> None:
    with ChatServer(structured({"text": "ten o'clock", "weight": 0.5})) as server:
        chat = ChatOpenAI(model="m", base_url=server.url, api_key=SecretStr("sk-x"), max_retries=0)
        endpoint = Endpoint(chat, name="m")
        for better in MODES[: MODES.index(mode)]:
            endpoint.capabilities.refuse(better, "the test says so")
        reply = await call_with_fallback(endpoint, prompt(), Note, meter=meter(), phase="execute", max_tokens=200)
        await endpoint.aclose()
    assert reply.mode == mode
    assert server.requests
    for request in server.requests:
        assert [sorted(message) for message in request.body["messages"]] == [["content", "role"]] * 2
        sent = json.dumps([request.body, request.headers])
        assert CANARY not in sent
        assert PROMPT_METADATA_KEY not in sent
        assert "alignment/look" not in sent
