import json
import os
import stat
from pathlib import Path

import pytest

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.events.events import Event, Pruned, Scanned
from ecoalign_agent.events.log import EventLog, read_events, to_json_line
from ecoalign_agent.events.result import Models

FIRST = Scanned(
    run_id="r",
    number=0,
    at=0.25,
    safety=0.5,
    hazard="none",
    caption="a notice, “Öffnungszeiten”\nline two",
    seen_text="",
    regions=0,
    actions=1,
    drafted=True,
    budget=100,
)
SECOND = Pruned(run_id="r", number=1, at=0.5, id="t1", reason="unsafe")


def test_what_was_written_is_read_back_equal_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with EventLog(path) as log:
        log.write(FIRST)
        # A reader beside the run sees whole lines, as they come.
        assert list(read_events(path)) == [FIRST]
        log.write(SECOND)
    assert list(read_events(path)) == [FIRST, SECOND]
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_a_second_run_is_added_to_the_first(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    for event in (FIRST, SECOND):
        with EventLog(path) as log:
            log.write(event)
    assert list(read_events(path)) == [FIRST, SECOND]


def test_a_log_that_got_no_event_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with pytest.raises(ZeroDivisionError), EventLog(path):
        raise ZeroDivisionError
    assert not path.exists()


def test_a_file_that_was_there_stays_even_when_empty(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    path.touch()
    with EventLog(path):
        pass
    assert path.exists()


@pytest.mark.parametrize("name", ["no/such/folder.jsonl", ".", "nul\0byte"])
def test_an_unwritable_path_is_refused_before_anything_is_spent(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="can't be written"), EventLog(tmp_path / name):
        pytest.fail("entered")


@pytest.mark.parametrize(
    "content", ["my notes\n", '{"kind": "pruned"}\n', to_json_line(FIRST), to_json_line(FIRST) + "\n\n"]
)
def test_a_file_that_is_no_whole_trace_is_not_touched(tmp_path: Path, content: str) -> None:
    path = tmp_path / "notes.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match="does not end with an event"), EventLog(path):
        pytest.fail("entered")
    assert path.read_text(encoding="utf-8") == content


def test_a_long_last_line_is_found_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    long = FIRST.model_copy(update={"caption": "x" * 200_000})
    for event in (SECOND, long, SECOND):
        with EventLog(path) as log:
            log.write(event)
    assert list(read_events(path)) == [SECOND, long, SECOND]


def test_a_full_disk_is_said_at_once() -> None:
    full = Path("/dev/full")
    if not full.exists() or not stat.S_ISCHR(full.stat().st_mode):
        pytest.skip("this system has no device that is always full")
    with EventLog(full) as log, pytest.raises(RunError, match="ends early"):
        log.write(FIRST)
    assert full.exists()


def test_a_log_that_is_not_open_is_not_silently_lost(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not open"):
        EventLog(tmp_path / "run.jsonl").write(FIRST)


def test_a_pipe_can_be_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with EventLog(pipe) as log:
        log.write(FIRST)
    assert json.loads(os.read(reader, 65_536)) == FIRST.model_dump()
    os.close(reader)


@pytest.mark.parametrize(
    ("line", "what"),
    [("nonsense", "JSON"), ('{"kind": "eaten"}', "eaten"), (to_json_line(FIRST)[:-5], "EOF"), ("", "EOF")],
)
def test_a_line_that_is_no_event_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "run.jsonl"
    path.write_text(f"{to_json_line(FIRST)}\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"line 2 is no event") as refused:
        list(read_events(path))
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_trace_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be read: No such file"):
        list(read_events(tmp_path / "none.jsonl"))


def test_json_for_a_terminal_holds_no_control_character_and_the_same_data() -> None:
    hostile = "clear\x1b[2J\x9b2J\x07 \u202e left \u2028 line é 日本"
    said = to_json_line(Models(actor=hostile, assessor="b", independent=True))
    assert json.loads(said) == {"actor": hostile, "assessor": "b", "independent": True}
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or c in "\u202e\u2028" for c in said)
    assert "é 日本" in said


def test_half_a_surrogate_pair_does_not_break_the_line() -> None:
    event: Event = SECOND.model_copy(update={"reason": "cut \ud83d off"})
    assert json.loads(to_json_line(event).encode())["reason"] == "cut \ufffd off"
