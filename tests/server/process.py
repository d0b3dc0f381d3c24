"""``ecoalign serve`` as a process of its own, as an operator starts it."""

import gzip
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HANG_SECONDS = 300.0
"""Upper bound of every wait: only a hang reaches it, however busy the machine is."""


def clean_environment(**more: str) -> dict[str, str]:
    """The environment without variables that change the program."""
    ours = ("OPENAI", "ECOALIGN", "LANG", "OTEL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | more


class ServeProcess:
    """``ecoalign serve`` in a process, and its lines on standard error."""

    def __init__(self, *arguments: str, **env: str) -> None:
        self._command = [sys.executable, "-m", "ecoalign_agent.cli.main", "serve", "--port", "0", *arguments]
        self._env = clean_environment(**env)
        self.lines: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._command, env=self._env, stderr=subprocess.PIPE, text=True)
        self.wait_for("listening")
        self.url: str = self.lines[-1]["url"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def wait_for(self, event: str) -> dict[str, Any]:
        """Read lines until one is of ``event``."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(json.loads(line))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"no line {event}: {self.lines}")

    def end(self) -> int:
        """SIGTERM, the rest of its lines, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        _, rest = self.process.communicate(timeout=HANG_SECONDS)
        self.lines += [json.loads(line) for line in rest.splitlines()]
        return self.process.returncode

    @property
    def memory(self) -> int:
        """Bytes that it holds in memory now."""
        return self._status("VmRSS")

    @property
    def max_memory(self) -> int:
        """Bytes that it ever held."""
        return self._status("VmHWM")

    def _status(self, field: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in text.splitlines() if line.startswith(field)).split()[1]) * 1024


class TraceSink:
    """Receives OpenTelemetry's traces over HTTP."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        received = self.received

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                received.append(gzip.decompress(data) if self.headers.get("content-encoding") == "gzip" else data)
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def upload(host: str, port: int, size: int, *, chunked: bool, key: str | None = None) -> tuple[bytes, int, float]:
    """Send so many bytes to the completions route; the answer, the bytes accepted, the seconds to the answer."""
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += f"authorization: Bearer {key}\r\n" if key else ""
    head += "transfer-encoding: chunked\r\n\r\n" if chunked else f"content-length: {size}\r\n\r\n"
    piece = b"x" * 65_536
    frame = b"10000\r\n" + piece + b"\r\n" if chunked else piece
    sent, begin = 0, time.perf_counter()
    with socket.create_connection((host, port), timeout=HANG_SECONDS) as link:
        link.sendall(head.encode())
        pending = memoryview(frame)
        while sent < size:
            readable, writable, _ = select.select([link], [link], [], HANG_SECONDS)
            if readable:
                break
            if writable:
                try:
                    count = link.send(pending)
                except (BrokenPipeError, ConnectionResetError):
                    break
                sent += count
                pending = pending[count:] or memoryview(frame)
        answer = b""
        try:
            while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
                got = link.recv(65_536)
                if not got:
                    break
                answer += got
        except ConnectionResetError:
            pass
    return answer, sent, time.perf_counter() - begin
