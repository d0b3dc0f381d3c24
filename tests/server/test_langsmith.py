"""LangSmith by its usual variables, to a stand-in on loopback: what it gets, and what can be kept from it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.server.host import body
from tests.server.process import HANG_SECONDS, ServeProcess


class Sink:
    """Takes what LangSmith's client sends, and tells when a run has come to its end."""

    def __init__(self) -> None:
        self.received = b""
        self.ended = threading.Event()

    def take(self, data: bytes) -> None:
        self.received += data
        root = re.search(rb'"trace_id":\s*"([\w-]+)"', self.received)
        # The outermost run is told again when it has ended, or once, where it ended before it was told at all.
        if root is not None and (
            b'name="patch.' + root[1] in self.received
            or re.search(rb'name="post\.%s"(?:(?!\r\n--).)*"end_time":\s*"2' % root[1], self.received, re.DOTALL)
        ):
            self.ended.set()


class Listening(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """The served process was killed in the middle of a connection: nothing to tell."""


@contextmanager
def langsmith() -> Iterator[tuple[Sink, str]]:
    sink = Sink()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"{}")

        def do_POST(self) -> None:
            data = b""
            if self.headers.get("transfer-encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    data += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                data = self.rfile.read(int(self.headers["content-length"]))
            self._answer(b"{}")
            sink.take(data)

        def _answer(self, content: bytes) -> None:
            self.send_response(202)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Nothing."""

    server = Listening(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield sink, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("hidden", [False, True])
def test_a_run_is_traced_with_what_was_asked_unless_that_is_hidden(hidden: bool) -> None:
    hiding = {"LANGSMITH_HIDE_INPUTS": "true", "LANGSMITH_HIDE_OUTPUTS": "true"} if hidden else {}
    with langsmith() as (sink, url):
        usual = {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "lsv2_canary_0a1b", "LANGSMITH_ENDPOINT": url}
        with ServeProcess("--no-langserve", **usual, **hiding) as served:
            request_body = body(messages=[{"role": "user", "content": "CANARY-question?"}])
            answer = httpx.post(f"{served.url}/chat/completions", json=request_body, timeout=HANG_SECONDS)
            assert answer.status_code == 200
            assert sink.ended.wait(HANG_SECONDS)
    assert b"scan" in sink.received
    assert (b"CANARY" in sink.received) is not hidden
    assert b"lsv2_canary" not in sink.received
