"""Bodies that are too large, too slow, or from nobody who may send one."""

import json
import socket

import openai
import pytest

from tests.server.host import ASKED, KEY, Hosted, body
from tests.server.process import HANG_SECONDS, ServeProcess, upload


def test_a_body_over_the_cap_is_refused_before_it_is_held() -> None:
    with ServeProcess("--max-bytes", "1000000", "--no-langserve") as served:
        host, port = "127.0.0.1", int(served.url.split(":")[2].split("/")[0])
        for chunked in (False, True):
            before = served.max_memory
            answer, sent, _ = upload(host, port, 200_000_000, chunked=chunked)
            growth = served.max_memory - before
            assert b" 413 " in answer.split(b"\r\n")[0]
            assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == "request_too_large"
            # The 200 MB are not read: a body that says its size is refused by that, the other at the cap.
            assert sent < 20_000_000
            assert growth < 50_000_000
        assert served.end() == 0


def test_a_body_at_the_cap_passes_and_one_byte_more_does_not() -> None:
    text = json.dumps(body()).encode()
    with Hosted(max_bytes=len(text)) as server:
        assert server.post(text).status_code == 200
        refused = server.post(text + b" ")
        assert (refused.status_code, refused.json()["error"]["code"]) == (413, "request_too_large")
        with pytest.raises(openai.APIStatusError) as error:
            server.client().chat.completions.create(model="ecoalign", messages=ASKED, user="x" * 100)
        assert error.value.status_code == 413


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    with (
        Hosted(body_seconds=0.2) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=HANG_SECONDS) as link,
    ):
        link.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{")
        assert link.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_a_wrong_key_is_refused_without_reading_the_body() -> None:
    with Hosted(keys=(KEY,)) as server:
        answer, sent, _ = upload("127.0.0.1", server.port, 200_000_000, chunked=True, key="no-key-of-this-server")
    assert b" 401 " in answer.split(b"\r\n")[0]
    assert sent < 20_000_000
