"""What is known of an endpoint: kept whole, read with distrust, and a start from which every search can recover."""

import json
import math
import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent.errors import RunError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.endpoint_profile import (
    MAX_PROFILE_AGE,
    EndpointIdentity,
    EndpointProfile,
    ProbeFinding,
    apply_profile,
    endpoint_identity,
    profile_path,
    read_profile,
    write_profile,
)
from ecoalign_agent.llm.probe import probe_endpoint
from ecoalign_agent.llm.structured_output import call_with_fallback
from tests.llm.asking import KEY, NOTE, PROMPT, Note, ScriptedModel, meter
from tests.scripted_server import ChatServer, rejecting, structured
from tests.scripted_server.able import PICTURE, Able

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
ME = EndpointIdentity("ChatOpenAI", "http://127.0.0.1:9/v1", "m")

MakeEndpoint = Callable[..., Endpoint]


def known(**changes: Any) -> EndpointProfile:
    """An endpoint that can do everything."""
    facts: dict[str, Any] = {
        "provider": ME.provider,
        "base_url": ME.base_url,
        "model": ME.model,
        "asked_at": NOW,
        "rungs": {
            rung: ProbeFinding(state="works") for rung in ("json_schema", "function_calling", "json_mode", "plain")
        },
        "images": ProbeFinding(state="yes", why="read 47"),
        "image_family": "unknown",
        "image_estimated": 600,
        "image_counted": 300,
        "usage": ProbeFinding(state="plausible"),
        "prompt_estimated": 101,
        "prompt_counted": 63,
        "streaming": ProbeFinding(state="usage"),
        "max_tokens_field": "max_tokens",
        "cap": ProbeFinding(state="honoured"),
        "parallel": ProbeFinding(state="overlap"),
        "latency": 0.4,
        "calls": 7,
        "cost": 255.0,
        "estimated_calls": 0,
        "seconds": 3.0,
    }
    return EndpointProfile(**(facts | changes))


def refused(*rungs: str) -> dict[str, ProbeFinding[Any]]:
    return {
        rung: ProbeFinding(state="refused" if rung in rungs else "works", why="400")
        for rung in ("json_schema", "function_calling", "json_mode", "plain")
    }


@pytest.fixture
async def make(server: ChatServer) -> AsyncIterator[MakeEndpoint]:
    made: list[Endpoint] = []

    def build(model: str = "m", url: str | None = None) -> Endpoint:
        chat = ChatOpenAI(model=model, base_url=url or server.url, api_key=SecretStr(KEY), max_retries=0)
        made.append(Endpoint(chat, name=f"openai:{model}", timeout=120, backoff=0.01))
        return made[-1]

    yield build
    for one in made:
        await one.aclose()


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    path = write_profile(folder, known())
    assert read_profile(folder, ME, now=NOW) == (known(), None)
    assert path == profile_path(folder, ME)
    # Written under another name and put in place: nothing else is left.
    assert [file.name for file in folder.iterdir()] == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_writing_again_replaces(tmp_path: Path) -> None:
    write_profile(tmp_path, known())
    write_profile(tmp_path, known(calls=8))
    kept = read_profile(tmp_path, ME, now=NOW).profile
    assert kept is not None
    assert kept.calls == 8


def test_nothing_kept_is_nothing_to_tell(tmp_path: Path) -> None:
    for folder, identity in ((tmp_path, ME), (tmp_path / "absent", ME), (None, ME), (tmp_path, None)):
        assert read_profile(folder, identity) == (None, None)


def _changed(**changes: Any) -> bytes:
    return json.dumps(json.loads(known().model_dump_json()) | changes).encode()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (b"{", "damaged"),
        (b"\xff\xfe\x00", "damaged"),
        (b"[" * 50_000, "damaged"),
        (b'"' + b"x" * 200_000 + b'"', "larger than"),
        (_changed(version=2), "version"),
        (_changed(more="of a later version"), "more"),
        (_changed(max_tokens_field="rm -rf"), "max_tokens_field"),
        (_changed(image_counted=-5), "image_counted"),
        (_changed(rungs={"shout": {"state": "works", "why": ""}}), "rungs"),
        (_changed(model="another"), "another endpoint"),
        (_changed(base_url="http://elsewhere/v1"), "another endpoint"),
        (_changed(asked_at="2026-05-01T12:00:00"), "asked_at"),
        (_changed(asked_at="2026-05-03T12:00:00Z"), "yet to come"),
        (_changed(asked_at="2026-03-31T11:00:00Z"), "31 days old"),
    ],
)
def test_a_file_that_cant_be_used_is_told_and_ignored(tmp_path: Path, content: bytes, says: str) -> None:
    profile_path(tmp_path, ME).write_bytes(content)
    kept, note = read_profile(tmp_path, ME, now=NOW)
    assert kept is None
    assert note is not None
    assert says in note
    assert "ecoalign doctor" in note
    assert "\n" not in note


def test_knowledge_is_used_for_thirty_days(tmp_path: Path) -> None:
    write_profile(tmp_path, known())
    assert read_profile(tmp_path, ME, now=NOW + timedelta(days=30)).profile is not None
    assert read_profile(tmp_path, ME, now=NOW + timedelta(days=30, seconds=1)).profile is None
    assert timedelta(days=30) == MAX_PROFILE_AGE


def test_what_cant_be_read_is_told(tmp_path: Path) -> None:
    profile_path(tmp_path, ME).mkdir()
    assert "can't be read" in str(read_profile(tmp_path, ME).note)
    (tmp_path / "file").write_text("")
    assert "can't be read" in str(read_profile(tmp_path / "file", ME).note)


def test_a_folder_that_cant_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"can't be written: .*ECOALIGN_CACHE=off") as error:
        write_profile(tmp_path / "file", known())
    assert "\n" not in str(error.value)


def test_a_file_that_cant_be_replaced_leaves_nothing_behind(tmp_path: Path) -> None:
    profile_path(tmp_path, ME).mkdir()
    with pytest.raises(RunError, match="can't be written"):
        write_profile(tmp_path, known())
    assert list(tmp_path.iterdir()) == [profile_path(tmp_path, ME)]


def test_identity_is_the_address_and_the_model_and_never_a_secret(make: MakeEndpoint) -> None:
    plain = endpoint_identity(make("m", "http://127.0.0.1:9/v1"))
    assert plain == ME
    # A name and password, a query and a slash at the end make no other endpoint of it.
    assert endpoint_identity(make("m", "http://me:hunter2-secret@127.0.0.1:9/v1/?key=hunter2-secret")) == plain
    assert endpoint_identity(make("n", "http://127.0.0.1:9/v1")) != plain
    assert endpoint_identity(make("m", "http://127.0.0.1:9/v2")) != plain
    assert endpoint_identity(make("m", "http://127.0.0.1:10/v1")) != plain
    assert endpoint_identity(Endpoint(ScriptedModel(script=lambda _: "{}"), name="nameless")) is None


async def test_no_key_reaches_the_disk(server: ChatServer, make: MakeEndpoint, tmp_path: Path) -> None:
    # A server that repeats the key in what it says.
    server.reset(rejecting(Able(), "tools", "response_format", message=f"key {KEY} may not do this"))
    url = server.url.replace("http://", "http://me:hunter2-secret@")
    found = await probe_endpoint(make(url=url))
    text = write_profile(tmp_path, found).read_text()
    assert "may not do this" in text
    assert KEY not in text
    assert "hunter2-secret" not in text
    assert "hunter2-secret" not in str(endpoint_identity(make(url=url)))


async def asked(endpoint: Endpoint) -> str:
    """How one question was asked in the end."""
    reply = await call_with_fallback(endpoint, PROMPT, Note, meter=meter(), phase="propose", max_tokens=100)
    assert reply.value == Note(**NOTE)
    return reply.mode


async def test_a_search_starts_on_the_rung_that_is_known_to_work(server: ChatServer, make: MakeEndpoint) -> None:
    server.reset(rejecting(structured(NOTE), "tools", "response_format=json_schema"))
    ignorant, knowing = make(), make()
    apply_profile(knowing, known(rungs=refused("json_schema", "function_calling")))
    assert await asked(ignorant) == "json_mode"
    assert len(server.requests) == 3
    assert await asked(knowing) == "json_mode"
    assert len(server.requests) == 4


async def test_a_rung_that_was_taken_and_not_followed_is_left_out(make: MakeEndpoint) -> None:
    endpoint = make()
    apply_profile(endpoint, known(rungs=refused() | {"json_schema": ProbeFinding[Any](state="ignored")}))
    assert endpoint.output_modes(Note, exact=False) == ["function_calling", "json_mode", "plain"]


@pytest.mark.parametrize("state", ["unknown", "inexact", "works"])
async def test_what_is_not_known_to_fail_is_tried(make: MakeEndpoint, state: str) -> None:
    endpoint = make()
    apply_profile(endpoint, known(rungs={"json_schema": ProbeFinding[Any](state=state)}))
    assert endpoint.output_modes(Note, exact=False)[0] == "json_schema"


@pytest.mark.parametrize("message", ["Unsupported parameter: 'response_format'", "no"])
async def test_a_rung_that_worked_once_and_is_refused_now_breaks_nothing(
    server: ChatServer, make: MakeEndpoint, message: str
) -> None:
    # The second message names no rung: only an endpoint that counts json_schema as proven would give up there.
    server.reset(rejecting(structured(NOTE), "tools", "response_format=json_schema", message=message))
    endpoint = make()
    apply_profile(endpoint, known())
    assert await asked(endpoint) == "json_mode"


async def test_plain_text_can_never_be_known_away(server: ChatServer, make: MakeEndpoint) -> None:
    server.reset(structured(NOTE))
    endpoint = make()
    apply_profile(endpoint, known(rungs=refused("json_schema", "function_calling", "json_mode", "plain")))
    assert await asked(endpoint) == "plain"


async def test_the_cap_goes_out_under_its_known_name_and_a_wrong_one_is_changed_back(
    server: ChatServer, make: MakeEndpoint
) -> None:
    endpoint = make()
    apply_profile(endpoint, known(max_tokens_field="max_completion_tokens"))
    await asked_with(server, endpoint, structured(NOTE))
    assert "max_completion_tokens" in server.bodies[0]
    wrong = make()
    apply_profile(wrong, known(max_tokens_field="max_completion_tokens"))
    await asked_with(server, wrong, rejecting(structured(NOTE), "max_completion_tokens"))
    assert "max_tokens" in server.bodies[-1]
    assert make().capabilities.max_tokens_field == "max_tokens"
    unknown = make()
    apply_profile(unknown, known(max_tokens_field=None))
    assert unknown.capabilities.max_tokens_field == "max_tokens"


async def asked_with(server: ChatServer, endpoint: Endpoint, answer: Any) -> None:
    server.reset(answer)
    await asked(endpoint)


def test_a_picture_is_estimated_by_the_servers_count_with_a_margin(make: MakeEndpoint) -> None:
    ignorant, cheap, dear = make(), make(), make()
    formula = ignorant.images.of_size((512, 512), "low")
    apply_profile(cheap, known(image_family=cheap.family, image_counted=PICTURE))
    apply_profile(dear, known(image_family=dear.family, image_counted=2 * formula))
    # Half as much again as the server counted.
    assert (cheap.images.factor, cheap.images.of_size((512, 512), "low")) == (PICTURE / formula, 1.5 * PICTURE)
    # Twice the formula, and a tenth for rounding.
    assert dear.images.of_size((512, 512), "low") == math.ceil(2.2 * formula)
    # Zero tokens and no count teach nothing, and neither does another family's figure.
    for counted in (0, None):
        apply_profile(ignorant, known(image_family=ignorant.family, image_counted=counted))
    apply_profile(ignorant, known(image_family="qwen-vl", image_counted=1))
    assert ignorant.images.factor is None
