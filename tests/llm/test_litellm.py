"""The search through LiteLLM's proxy, a real one in a process of its own on loopback, in front of the test server.

Where it is not installed these tests are skipped: they need ``litellm`` (``pip install 'litellm[proxy]'``) on the PATH,
or its path in ``ECOALIGN_TEST_LITELLM``.
"""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import ModelTimeoutError, RateLimitError, RejectedError, ServerError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.structured_output import ModelReply, call_with_fallback
from ecoalign_agent.testing import ErrorReply, JsonObject, scan_reply, scripted_call, task_replies
from tests.llm.asking import NOTE, PROMPT, Note, meter
from tests.scripted_server import Answer, ChatServer, Hang, refusal
from tests.scripted_server.faults import given

NOTICE = Path(__file__).parents[2] / "examples" / "images" / "museum_notice.png"
KEY = f"sk-{secrets.token_hex(24)}"
"""The proxy refuses to start without a key of some length."""

FOUND = os.environ.get("ECOALIGN_TEST_LITELLM") or shutil.which("litellm")

pytestmark = pytest.mark.skipif(FOUND is None, reason="LiteLLM's proxy is not installed; see this file's first lines")


def answers(body: JsonObject) -> Answer:
    """The scripted model's replies, as completions of a server."""
    system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
    said = task_replies(scan=scan_reply(draft="At five."))(scripted_call([SystemMessage(system), HumanMessage(user)]))
    assert isinstance(said, dict)
    return given(body, json.dumps(said))


@pytest.fixture(scope="module")
def behind() -> Iterator[ChatServer]:
    with ChatServer(answers) as server:
        yield server


@pytest.fixture
def server(behind: ChatServer) -> ChatServer:
    return behind.reset().answering(answers)


@pytest.fixture(scope="module")
def proxy(behind: ChatServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a proxy that knows the test server's model as ``vision``."""
    folder = tmp_path_factory.mktemp("litellm")
    target = {"model": "openai/m", "api_base": behind.url, "api_key": "none", "max_retries": 0}
    config = {
        "model_list": [{"model_name": "vision", "litellm_params": target}],
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        "general_settings": {"cancel_on_disconnect": True},
    }
    # JSON is YAML.
    (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LITELLM", "OPENAI", "ECOALIGN"))} | {
        "LITELLM_MASTER_KEY": KEY,
        # Else it looks its prices up in the internet when it starts.
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "*",
    }
    assert FOUND is not None
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [FOUND, "--config", "config.yaml", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(url, process, folder / "log")
            yield f"{url}/v1"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    begun = time.monotonic()
    while process.poll() is None and time.monotonic() - begun < 60:
        try:
            if httpx.get(f"{url}/health/liveliness", timeout=1, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(
        f"LiteLLM's proxy did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-2_000:]}"
    )


@pytest.fixture
async def there(proxy: str) -> AsyncIterator[Endpoint]:
    model = ChatOpenAI(model="vision", base_url=proxy, api_key=SecretStr(KEY))
    endpoint = Endpoint(model, name="openai:vision", timeout=10, backoff=0.01)
    yield endpoint
    await endpoint.aclose()


async def asked(there: Endpoint, account: Meter | None = None) -> ModelReply[Note]:
    return await call_with_fallback(there, PROMPT, Note, meter=account or meter(), phase="plan", max_tokens=100)


async def test_the_search_runs_through_it_with_a_picture(server: ChatServer, proxy: str) -> None:
    async with EcoAlign("openai:vision", base_url=proxy, api_key=KEY, policy=Policy(deadline=15)) as agent:
        result = await agent.ask("When does it close?", [NOTICE])
    assert (result.status, result.answer) == ("answered", "At five.")
    assert result.cost.calls == len(server.bodies) == 2
    # The usage that the server behind it counted is what was booked, the picture's share among it: 85 tokens a call.
    assert result.cost.estimated == 0
    assert result.cost.tokens.image == 2 * 85
    scanned = server.bodies[0]
    # The first rung went through, and the cap and the picture with it, as they were.
    assert scanned["response_format"]["type"] == "json_schema"
    assert scanned["response_format"]["json_schema"]["strict"] is True
    assert scanned["model"] == "m"
    assert 0 < scanned["max_tokens"] < 10_000
    picture = scanned["messages"][1]["content"][1]["image_url"]
    assert picture["detail"] == "low"
    head, _, data = picture["url"].partition(",")
    assert head in {"data:image/jpeg;base64", "data:image/png;base64"}
    assert len(base64.b64decode(data, validate=True)) > 1_000


async def test_it_forwards_function_calls(server: ChatServer, there: Endpoint) -> None:
    server.answering(lambda body: given(body, json.dumps(NOTE)))
    there.capabilities.refuse("json_schema", "refused before")
    reply = await asked(there)
    assert (reply.value, reply.mode, reply.calls) == (Note(**NOTE), "function_calling", 1)
    assert not reply.usage.estimated


async def test_a_server_that_fails_behind_it_is_told_and_asked_again_by_us_alone(
    server: ChatServer, there: Endpoint
) -> None:
    account = meter()
    server.answering(ErrorReply(503, "busy"))
    with pytest.raises(ServerError, match="503"):
        await asked(there, account)
    # With its own retries switched off: what it asked again unseen would not be booked.
    assert len(server.requests) == account.ledger.calls == 3


async def test_the_wait_that_a_server_behind_it_asks_for_is_heard(server: ChatServer, there: Endpoint) -> None:
    # The proxy hands the header on under a name of its own.
    server.answering(ErrorReply(429, "slow down", retry_after="61"))
    with pytest.raises(RateLimitError, match=r"429 .*; it asks to wait 61 s"):
        await asked(there)
    assert len(server.requests) == 1


async def test_a_call_that_is_left_is_left_behind_it_too(server: ChatServer, there: Endpoint) -> None:
    # Only with ``cancel_on_disconnect``: else the server goes on writing for nobody, and may bill it.
    server.answering(Hang())
    there.timeout = 0.5
    account = meter()
    with pytest.raises(ModelTimeoutError):
        await asked(there, account)
    await server.until(lambda: server.abandoned_requests == 1)
    assert account.ledger.estimated_calls == len(server.requests) == 1


async def test_a_refusal_is_read_as_no_reply(server: ChatServer, there: Endpoint) -> None:
    # The proxy moves the model's own refusal into a field of its own, where no client looks for it.
    server.answering(refusal())
    reply = await asked(there)
    assert (reply.value, reply.unreadable) == (None, "no JSON in the reply")
    assert reply.calls == len(server.requests) == 2


async def test_a_wrong_key_is_refused_by_the_proxy_itself(server: ChatServer, proxy: str) -> None:
    model = ChatOpenAI(model="vision", base_url=proxy, api_key=SecretStr("sk-wrong-0123456789"))
    endpoint = Endpoint(model, name="openai:vision", timeout=10, backoff=0.01)
    # Without a database of keys it says 400 where 401 is due.
    with pytest.raises(RejectedError, match="400"):
        await asked(endpoint)
    await endpoint.aclose()
    assert server.requests == []
