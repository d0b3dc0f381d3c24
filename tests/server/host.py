"""Our server in a thread, on a free port of loopback, and clients for it."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import openai

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.server.app import create_app
from ecoalign_agent.server.auth import key_digests
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.process import ServerProcess, listen
from ecoalign_agent.server.service import Service
from ecoalign_agent.testing import ScriptedModel
from tests.scripted_server import ChatServer
from tests.server.process import HANG_SECONDS

NOTICE = Path(__file__).parents[2] / "examples" / "images" / "museum_notice.png"
KEY = "canary-key-5f1d9a77c0e24b"
ASKED: Any = [{"role": "user", "content": "When does it open?"}]


class Hosted:
    """A server with an agent behind it; usable as a context manager.

    Args:
        model: a script, a chat model or a name; the default script when None.
        keys: accepted ones.
        agent: answers; made from ``model`` when None.
        policy: of the agent and of the server.
        config: every other field of ``ServingConfig``.
    """

    def __init__(
        self,
        model: Any = None,
        *,
        keys: tuple[str, ...] = (),
        agent: EcoAlign | None = None,
        policy: Policy | None = None,
        **config: Any,
    ) -> None:
        self.model = ScriptedModel() if model is None else model
        if callable(self.model) and not isinstance(self.model, ScriptedModel):
            self.model = ScriptedModel(self.model)
        governed = policy or Policy()
        self.agent = agent or EcoAlign(self.model, policy=governed)
        config = {"langserve": False, "queue_seconds": 60.0, "grace": 1.0} | config
        self.app = create_app(
            ServingConfig(port=0, policy=governed, key_digests=key_digests(keys), **config), agent=self.agent
        )
        self.service: Service = self.app.state.service
        self._listening: socket.socket = listen("127.0.0.1", 0)
        self.port: int = self._listening.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._up = threading.Event()
        self._process = ServerProcess(self.app)
        self._clients: list[openai.OpenAI] = []
        self._thread = threading.Thread(target=self._run, name="server", daemon=True)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, key: str = "none", **options: Any) -> openai.OpenAI:
        """A client that is closed with the server."""
        self._clients.append(openai.OpenAI(base_url=f"{self.root}/v1", api_key=key, **({"max_retries": 0} | options)))
        return self._clients[-1]

    def aclient(self, key: str = "none", **options: Any) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.root}/v1", api_key=key, **({"max_retries": 0} | options))

    def post(self, body: Any = None, **options: Any) -> httpx.Response:
        """A request by hand: a dict is sent as JSON, bytes as they are."""
        headers = {"content-type": "application/json"} | options.pop("headers", {})
        given = {"content": body} if isinstance(body, bytes) else {"json": body}
        with httpx.Client(timeout=HANG_SECONDS) as client:
            return client.post(f"{self.root}/v1/chat/completions", headers=headers, **given, **options)

    def get(self, path: str, **headers: str) -> httpx.Response:
        with httpx.Client(timeout=HANG_SECONDS) as client:
            return client.get(f"{self.root}{path}", headers={n.replace("_", "-"): v for n, v in headers.items()})

    def call_soon(self, function: Callable[[], None]) -> None:
        """Call a function on the server's event loop."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(function)

    def end(self) -> None:
        """Ask it to end, as SIGTERM does."""
        self.call_soon(self._process.end)

    def ended(self) -> bool:
        self._thread.join(HANG_SECONDS)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._up.wait(HANG_SECONDS):
            raise RuntimeError("the server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients:
            client.close()
        if self._thread.is_alive() and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop)
        if not self.ended():
            raise RuntimeError("the server did not end")

    def _stop(self) -> None:
        # Twice: nothing is waited for.
        self._process.end()
        self._process.end()

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._up.set)
            try:
                await self._process.serve([self._listening])
            finally:
                self._listening.close()

        asyncio.run(serve())


def body(**changes: Any) -> dict[str, Any]:
    """A request's body."""
    return {"model": "ecoalign", "messages": ASKED} | changes


@contextmanager
def behind(upstream: ChatServer, **config: Any) -> Iterator[Hosted]:
    """A server whose model is another server."""
    policy = Policy(deadline=100.0)
    agent = EcoAlign("openai:m", base_url=upstream.url, api_key="sk-none", policy=policy)
    with Hosted(agent=agent, policy=policy, **config) as server:
        yield server


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something about a server in another thread holds: nothing there wakes this one."""
    async with asyncio.timeout(HANG_SECONDS):
        while not holds():  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)


def head_of(sent: bytes) -> bytes:
    """The head of a request by hand."""
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(sent)}\r\n\r\n".encode()


@contextmanager
def held(server: Hosted, upstream: ChatServer) -> Iterator[None]:
    """A run under way that goes nowhere."""
    link = socket.create_connection(("127.0.0.1", server.port))
    sent = json.dumps(body()).encode()
    link.sendall(head_of(sent) + sent)
    asyncio.run(upstream.until(lambda: upstream.open_requests == 1))
    try:
        yield
    finally:
        link.close()


def error_of(server: Hosted, sent: Any, status: int = 400) -> dict[str, Any]:
    """The error that a request gets, in the shape that OpenAI's clients read."""
    answer = server.post(sent)
    assert answer.status_code == status, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "\n" not in error["message"]
    return error
