"""What a request may say: every mistake is an error in OpenAI's shape."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ecoalign_agent.server.errors import ApiError
from ecoalign_agent.server.openai_schema import MAX_STRUCTURE, parse_chat_request
from tests.server.host import ASKED, NOTICE, Hosted, body, error_of


@pytest.fixture(scope="module")
def served() -> Iterator[Hosted]:
    with Hosted() as server:
        yield server


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"n": 2}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"functions": [{}]}, "functions"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"stop": ["\n"]}, "stop"),
        ({"audio": {"voice": "v"}}, "audio"),
        ({"n": True}, "n"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_would_change_the_answer_and_is_not_there_is_refused(
    served: Hosted, changes: dict[str, Any], param: str
) -> None:
    error = error_of(served, body(**changes))
    assert (error["param"], error["code"]) == (param, "unsupported_parameter")


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "system", "content": "x"}],
        [{"role": "user", "content": "  "}],
        [{"role": "user", "content": ["x"]}],
        [{"role": "tool", "content": "x"}, *ASKED],
        [{"role": "user", "content": [{"type": "input_audio"}]}],
        [{"role": "assistant", "content": None, "tool_calls": [{}]}, *ASKED],
        [{"role": "user", "content": 7}],
        [{"role": "user", "content": "x" * 100_001}],
        "hello",
        [*ASKED] * 1_001,
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_conversation_that_can_not_be_answered_is_refused(served: Hosted, messages: Any) -> None:
    served.model.calls.clear()
    error_of(served, body(messages=messages))
    assert served.model.calls == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/x.png",
        "https://images.example.org/x.png",
        str(NOTICE),
        NOTICE.as_uri(),
        "/etc/passwd",
        "file:///etc/passwd",
        "../secret.png",
        "HTTP://127.0.0.1/x",
        "data:image/png;base64,AAAA",
        "data:image/png;base64,%%%",
        "",
        7,
        None,
    ],
)
def test_a_picture_is_sent_or_it_is_not_looked_at(served: Hosted, url: Any) -> None:
    served.model.calls.clear()
    content = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": url}}]
    error = error_of(served, body(messages=[{"role": "user", "content": content}]))
    assert error["code"] in {"invalid_image", "invalid_image_url"}
    assert served.model.calls == []


def test_too_many_pictures_are_refused() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content = [{"type": "text", "text": "What is it?"}, *[picture] * 3]
    with Hosted(max_images=2) as server:
        error = error_of(server, body(messages=[{"role": "user", "content": content}]))
    assert "has 3 pictures, at most 2" in error["message"]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"{",
        b"null",
        b"[" * 100_000,
        b'{"model": ' * 50_000,
        b'{"model": "ecoalign", "messages": ' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"model": "ecoalign", "messages": [], "x": ' + b"[[],[],[]]" * 1 + b"," + b"[]," * MAX_STRUCTURE + b"0]}",
        b"\xff\xfe",
        b'{"model": "ecoalign\xff"}',
        b'{"model": "\\ud800", "messages": []}',
    ],
    ids=lambda sent: repr(sent[:24]),
)
def test_bodies_that_are_no_request(served: Hosted, sent: bytes) -> None:
    error_of(served, sent)


def test_errors_do_not_repeat_what_was_sent(served: Hosted) -> None:
    for sent in (body(messages=[{"role": "user", "content": {"CANARY": 1}}]), body(stream="CANARY")):
        assert "CANARY" not in json.dumps(error_of(served, sent))


def test_another_content_type_is_refused(served: Hosted) -> None:
    answer = served.post(json.dumps(body()).encode(), headers={"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_unknown_paths_and_methods_are_errors_in_the_same_shape(served: Hosted) -> None:
    assert served.get("/v1/embeddings").json()["error"]["code"] == "not_found"
    assert served.get("/v1/chat/completions").json()["error"]["code"] == "method_not_allowed"
    assert [served.get(path).status_code for path in ("/docs", "/openapi.json", "/")] == [404] * 3


def test_the_reader_counts_structure_before_it_parses() -> None:
    with pytest.raises(ApiError, match="brackets and commas"):
        parse_chat_request(b"[" * (MAX_STRUCTURE + 1))
    request, ignored = parse_chat_request(json.dumps(body(temperature=1, seed=None)).encode())
    assert (request.model, ignored) == ("ecoalign", ["temperature"])
