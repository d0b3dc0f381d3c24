"""A run's id names threads and files: letters, digits, _ and -, and nothing else, whoever gives it."""

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.log import EventLog, read_events
from ecoalign_agent.search.request import MAX_RUN_ID, get_run_id, validate_run_id
from ecoalign_agent.testing import ScriptedModel
from tests.search.stage import QUESTION

PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

HOSTILE: dict[str, Any] = {
    "parent": "..",
    "here": ".",
    "up and over": "../../etc/passwd",
    "up, Windows": "..\\..\\windows\\win.ini",
    "absolute": "/etc/passwd",
    "drive": "C:\\windows",
    "drive, relative": "C:x",
    "share": "\\\\host\\share",
    "home": "~root",
    "slash": "a/b",
    "backslash": "a\\b",
    "ends in a slash": "run/",
    "doubled dots": "....//....//x",
    "percent": "%2e%2e%2f",
    "percent, twice": "%252e%252e%252f",
    "percent, overlong": "%c0%ae%c0%ae/",
    "percent NUL": "run%00",
    "NUL": "run\x00.png",
    "NUL alone": "\x00",
    "line break at the end": "run\n",
    "line break": "run\nSet-Cookie: a=b",
    "carriage return": "run\r\n",
    "tab": "run\tx",
    "space": "run x",
    "space at the end": "run ",
    "dot at the end": "run.",
    "an extension": "run.jsonl",
    "device with an extension": "CON.txt",
    "device with a colon": "NUL:",
    "stream": "run::$DATA",
    "fullwidth slash": "a／b",
    "fullwidth dots": "．．",
    "division slash": "a∕b",
    "fraction slash": "a⁄b",
    "one dot leader": "․․",
    "Cyrillic a": "r\u0430n",
    "fullwidth letters": "ｒｕｎ",
    "Arabic digits": "run٣",
    "superscript": "run²",
    "long s": "ſun",
    "Kelvin sign": "\u212a",
    "combining mark": "ru\u0301n",
    "right to left": "run\u202egnp",
    "no width": "run\u200b",
    "byte order mark": "\ufeffrun",
    "hyphen that is none": "run\u2010x",
    "lone surrogate": "run\ud800",
    "escape sequence": "\x1b[2Jrun",
    "shell": "$(id)",
    "quote": "run';--",
    "wildcard": "*",
    "template": "${x}",
    "URL": "https://host/x",
    "empty": "",
    "a character too long": "x" * (MAX_RUN_ID + 1),
    "very long": "x" * 1_000_000,
    "bytes": b"run",
    "number": 7,
    "list": ["run"],
    "path": Path("run"),
}
"""What an id must not be, each with its name. Names of devices alone, such as CON, are ids: no file is made of them."""


def one_line(error: pytest.ExceptionInfo[UsageError]) -> bool:
    said = str(error.value)
    return "A-Z, a-z, 0-9, _ and -" in said and len(said) < 200 and said.isprintable()


def test_the_corpus_is_as_large_as_it_claims() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize("run_id", HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_id_is_refused_at_every_door_before_anything_is_asked(run_id: Any) -> None:
    model, saver = ScriptedModel(), InMemorySaver()
    agent = EcoAlign(model, checkpointer=saver)
    with pytest.raises(UsageError) as asked:
        await agent.ask(QUESTION, run_id=run_id)
    with pytest.raises(UsageError) as streamed:
        await anext(agent.stream(QUESTION, run_id=run_id))
    assert one_line(asked)
    assert one_line(streamed)
    # As an id it never became a thread's name.
    assert not saver.storage
    if run_id != "":  # in a state, as an ended run leaves it, that means: none yet
        with pytest.raises(UsageError) as served:
            await EcoAlign(model).graph.ainvoke({"question": QUESTION, "run_id": run_id})
        assert one_line(served)
    assert model.calls == []


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=140))
def test_exactly_the_plain_ids_pass_and_as_they_are(run_id: str) -> None:
    plain = 1 <= len(run_id) <= 128 and set(run_id) <= set(PLAIN)
    try:
        assert validate_run_id(run_id) == run_id
        assert plain
    except UsageError:
        assert not plain


@settings(max_examples=100, deadline=None)
@given(st.text(PLAIN, min_size=1, max_size=128))
def test_every_plain_id_passes(run_id: str) -> None:
    assert validate_run_id(run_id) == get_run_id({"run_id": run_id}) == run_id


def test_where_none_is_given_one_is_drawn_that_would_pass() -> None:
    drawn = {get_run_id({}), get_run_id({"run_id": None}), get_run_id({"run_id": ""}), get_run_id({})}
    assert len(drawn) == 4
    assert all(validate_run_id(run_id) == run_id for run_id in drawn)


@pytest.mark.parametrize("run_id", ["a", "-", "_", "CON", "x" * 128, "Run-7_b", "0"])
async def test_a_plain_id_names_run_and_thread(run_id: str) -> None:
    saver = InMemorySaver()
    result = await EcoAlign(ScriptedModel(), checkpointer=saver).ask(QUESTION, run_id=run_id)
    assert result.run_id == run_id
    assert set(saver.storage) == {run_id}


def real(path: Path) -> str:
    return os.path.realpath(path)


def files(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("name", ["trace.jsonl", "../up.jsonl", "a b/ü.jsonl", "%2e%2e.jsonl"])
async def test_a_trace_goes_where_the_user_says_whatever_the_run_is_called(name: str, tmp_path: Path) -> None:
    # A path that the user gives is the user's: it is taken as it is, and the id has no part in it.
    folder = tmp_path / "inner"
    (folder / "a b").mkdir(parents=True)
    with EventLog(folder / name) as log:
        async for event in EcoAlign(ScriptedModel()).stream(QUESTION, run_id="elsewhere"):
            log.write(event)
    assert files(tmp_path) == [real(folder / name)]
    assert {event.run_id for event in read_events(folder / name)} == {"elsewhere"}
