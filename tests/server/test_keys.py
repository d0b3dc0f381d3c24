"""Keys: the matrix of starts, and the middleware."""
# ruff: noqa: S104 - the addresses are refused, not listened at

import json
import os
from pathlib import Path

import httpx
import openai
import pytest

from ecoalign_agent.cli import main
from ecoalign_agent.errors import UsageError
from ecoalign_agent.server.auth import is_authorized, is_loopback, key_digests, read_key_file
from ecoalign_agent.server.config import ServingConfig
from tests.server.host import ASKED, KEY, Hosted, body
from tests.server.process import HANG_SECONDS, clean_environment

SECOND = "second-canary-key-77c0"

# address → whether it may start without a key
STARTS = {
    "127.0.0.1": True,
    "127.0.0.53": True,
    "127.255.255.254": True,
    "localhost": True,
    "LOCALHOST": True,
    "::1": True,
    "[::1]": True,
    "0.0.0.0": False,
    "::": False,
    "": False,
    "*": False,
    "10.0.0.7": False,
    "192.168.1.5": False,
    "172.17.0.1": False,
    "169.254.169.254": False,
    "8.8.8.8": False,
    "fe80::1": False,
    "2001:db8::1": False,
    "localhost.example.org": False,
    "127.0.0.1.example.org": False,
    "127.1": False,
    "0x7f000001": False,
    "2130706433": False,
    "myhost": False,
}


@pytest.mark.parametrize("host", STARTS)
def test_an_address_beyond_this_machine_needs_a_key(host: str) -> None:
    assert is_loopback(host) is STARTS[host]
    if STARTS[host]:
        ServingConfig(host=host)
    else:
        with pytest.raises(UsageError, match="there is no key"):
            ServingConfig(host=host)
    ServingConfig(host=host, key_digests=key_digests([KEY]))


@pytest.mark.parametrize(
    ("arguments", "env", "expected"),
    [
        (("--host", "0.0.0.0"), {}, "there is no key"),
        (("--host", "0.0.0.0"), {"ECOALIGN_SERVE_KEYS": " , ,"}, "there is no key"),
        (("--host", "::"), {}, "there is no key"),
        ((), {"ECOALIGN_SERVE_KEYS": "short"}, "at least 16"),
        ((), {"ECOALIGN_SERVE_KEYS": f"{KEY},with a space in it"}, "key number 2"),
        (("--api-key-file", "/nowhere/keys"), {}, "can't be read"),
        (("--port", "99999"), {}, "must be a port from 0 to 65535"),
        (("--heartbeat", "0"), {}, "must be a number of seconds above 0"),
        (("--runs", "0"), {}, "at least 1"),
        (("--model", "nobody"), {}, "can't be built"),
        (("--policy", "/nowhere.toml"), {}, "policy file"),
    ],
    ids=str,
)
def test_a_wrong_start_is_one_line_and_status_two(
    arguments: tuple[str, ...],
    env: dict[str, str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in os.environ.keys() - clean_environment().keys():
        monkeypatch.delenv(name)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert main.main(["serve", *arguments]) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert len(output.err.splitlines()) == 1
    assert expected in output.err
    assert "short" not in output.err
    assert "with a space" not in output.err


def test_a_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# the first team\n{KEY}\n\n  {SECOND}  \n", encoding="utf-8")
    assert read_key_file(str(file)) == [KEY, SECOND]
    file.write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no key"):
        read_key_file(str(file))


@pytest.mark.parametrize(
    ("header", "opened"),
    [
        (f"Bearer {KEY}", True),
        (f"bearer {KEY}", True),
        (f"Bearer {SECOND}", True),
        (f"Bearer  {KEY} ", True),
        (KEY, False),
        (f"Basic {KEY}", False),
        (f"Bearer {KEY}x", False),
        (f"Bearer {KEY[:-1]}", False),
        (f"Bearer {KEY.upper()}", False),
        (f"Bearer {KEY},{SECOND}", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("", False),
        (None, False),
        ("Bearer \xe9\xff", False),
    ],
)
def test_a_key_opens_the_door_and_nothing_else_does(header: str | None, opened: bool) -> None:
    assert is_authorized(header, key_digests([KEY, SECOND, KEY])) is opened
    assert not is_authorized(header, ())


def test_a_server_with_keys_asks_for_one_everywhere_but_at_its_pulse() -> None:
    with Hosted(keys=(KEY,)) as server:
        for path in ("/v1/models", "/metrics", "/v1/chat/completions", "/nowhere"):
            refused = server.get(path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert server.get("/healthz").json() == {"status": "ok"}
        assert server.get("/metrics", authorization=f"Bearer {KEY}").status_code == 200
        with pytest.raises(openai.AuthenticationError, match="not one of this server's"):
            server.client("sk-something-else-0").chat.completions.create(model="ecoalign", messages=ASKED)
        assert server.model.calls == []
        answer = server.client(KEY).chat.completions.create(model="ecoalign", messages=ASKED)
        assert answer.choices[0].message.content


def test_a_server_without_keys_is_only_this_machines() -> None:
    with Hosted() as server:
        for name in ("evil.example.org", "evil.example.org:80", "127.0.0.1.nip.io", "[2001:db8::1]:80", ""):
            refused = server.post(body(), headers={"host": name})
            assert refused.status_code in {400, 403}, name
        assert server.model.calls == []
        for name in ("localhost", "localhost:8000", "127.0.0.1:1", "[::1]:8000"):
            assert server.post(body(), headers={"host": name}).status_code == 200, name


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/ecoalign/events", "/langserve/ecoalign/invoke"])
def test_a_page_of_another_origin_starts_no_run_whatever_type_it_sends(path: str) -> None:
    """What a browser sends to anywhere without asking first: a form's types, and where the page came from."""
    payload = json.dumps({"question": "Hours?", "input": {"question": "Hours?"}}).encode()
    with Hosted(langserve=None) as server, httpx.Client(timeout=HANG_SECONDS) as client:
        for origin in ("https://evil.example.org", "http://127.0.0.1.nip.io:80", "http://[2001:db8::1]", "null", ""):
            for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
                headers = {"origin": origin, "content-type": kind}
                refused = client.post(f"{server.root}{path}", content=payload, headers=headers)
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "host"), headers
        assert server.model.calls == []
        for origin in (server.root, "http://localhost:3000", "http://[::1]:8000"):
            assert server.post(body(), headers={"origin": origin}).status_code == 200, origin


def test_the_configuration_does_not_show_its_keys() -> None:
    assert "digest" not in repr(ServingConfig(key_digests=key_digests([KEY])))
    assert json.dumps(KEY) not in repr(key_digests([KEY]))
