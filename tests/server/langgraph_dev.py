"""``langgraph dev`` as a process of its own, offline, on a free port of loopback."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.server.process import HANG_SECONDS

ROOT = Path(__file__).parents[2]
_OURS = ("OPENAI", "ECOALIGN", "LANG", "ANTHROPIC", "GOOGLE")
_OFFLINE = {"LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1", "LANGGRAPH_NO_VERSION_CHECK": "true"}


@contextmanager
def developing(folder: Path) -> Iterator[tuple[str, Path]]:
    """The server's URL and its log. It runs on a copy in ``folder``: it writes beside what it serves.

    Raises:
        RuntimeError: it did not come up; the message holds the end of its log.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copy(ROOT / "langgraph.json", folder)
    shutil.copytree(ROOT / "graphs", folder / "graphs", ignore=shutil.ignore_patterns("__pycache__"))
    log = folder / "log.txt"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload"]
    options = ["--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as out:
        server = subprocess.Popen([*command, *options], cwd=folder, env=clean | _OFFLINE, stdout=out, stderr=out)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(server, url, log)
        yield url, log
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def _wait(server: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + HANG_SECONDS
    with httpx.Client(timeout=HANG_SECONDS) as client:
        while time.monotonic() < until and server.poll() is None:
            try:
                if client.get(f"{url}/ok").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
    raise RuntimeError(f"langgraph dev did not come up:\n{log.read_text(errors='replace')[-2000:]}")
