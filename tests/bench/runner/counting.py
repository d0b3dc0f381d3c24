"""The simulated model behind a URL, with a count of what was asked about each notice; the program as a process."""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

from starlette.types import ASGIApp, Receive, Scope, Send

from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.parameters import Parameters
from ecoalign_agent.models.simulated.server import HOST, SimulatedServer, create_simulated_app, listening_socket

_NOTICE = re.compile(rb"N-\d{5}")


class CountingServer:
    """Really listens on loopback, in a thread.

    Attributes:
        asked: notice → requests about it that arrived.
        answered: the same, of those whose answer went out whole.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        self.requests: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self._listening = listening_socket(0)
        model = SimulatedModel(parameters=Parameters(latency=latency))
        self._server = SimulatedServer(self._counted(create_simulated_app(model)))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve([self._listening])), daemon=True)

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{HOST}:{self._listening.getsockname()[1]}/v1"

    @property
    def calls(self) -> int:
        """Requests that arrived."""
        return sum(self.requests.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listening.close()

    def _counted(self, app: ASGIApp) -> Any:
        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["method"] != "POST":
                await app(scope, receive, send)
                return
            body = b""
            more = True
            while more:
                message = await receive()
                body += message.get("body", b"")
                more = message.get("more_body", False)
            notice = notice_in(body)
            self.requests[notice] += 1
            given = False

            async def again() -> Any:
                nonlocal given
                if given:
                    return await receive()
                given = True
                return {"type": "http.request", "body": body, "more_body": False}

            await app(scope, again, send)
            self.answered[notice] += 1

        return counting


def notice_in(body: bytes) -> str:
    """The notice that a request's words are about."""
    messages = json.loads(body)["messages"]
    words = " ".join(
        part if isinstance(part, str) else json.dumps([p for p in part if p.get("type") == "text"])
        for part in (message["content"] for message in messages)
    )
    found = re.search(r"N-\d{5}", words)
    return found.group() if found else "none"


ECOALIGN = [sys.executable, "-m", "ecoalign_agent.cli.main", "bench"]


def bench(out: Path, *arguments: str, url: str | None = None) -> list[str]:
    """The command line of ``ecoalign bench run simulated`` in a process of its own."""
    given = ["--model", "openai:simulated", "--base-url", url] if url else []
    return [*ECOALIGN, "run", "simulated", *given, *arguments, "--out", str(out)]


def killed_after(command: list[str], ready: Any, *, within: float = 300.0) -> bool:
    """Run a command and kill it with -9 as soon as ``ready`` says so; whether it was still running then."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + within
        while process.poll() is None and not ready():
            assert time.monotonic() < end, "it took too long"
            time.sleep(0.005)
        running = process.poll() is None
        process.kill()
        process.communicate()
    return running
