"""What goes where, and what happens to a run that is followed."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ecoalign_agent.cli.render.output import Output
from ecoalign_agent.cli.render.plain import PlainLines, Screen
from ecoalign_agent.cli.render.streams import write_error
from ecoalign_agent.errors import RunError
from ecoalign_agent.events.events import Event
from ecoalign_agent.events.log import EventLog, read_events
from tests.cli.story import a_result, a_story

FULL = Path("/dev/full")
HAS_FULL = FULL.exists()
Captured = pytest.CaptureFixture[str]


async def played(events: list[Event]) -> AsyncIterator[Event]:
    for event in events:
        yield event


def test_a_pipe_gets_the_answer_and_standard_error_the_receipt(capsys: Captured) -> None:
    Output().result(a_result())
    out, err = capsys.readouterr()
    assert out == "It closes at 20:00 on Saturday.\n"
    assert err.startswith("outcome      answered")


def test_quiet_leaves_only_the_answer(capsys: Captured) -> None:
    output = Output(quiet=True)
    output.progress("busy")
    output.result(a_result())
    assert capsys.readouterr() == ("It closes at 20:00 on Saturday.\n", "")
    assert type(output.screen()) is Screen


def test_json_is_one_object_with_everything_in_it(capsys: Captured) -> None:
    Output(json=True).result(a_result())
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert json.loads(out) == a_result().model_dump()
    assert err == ""


def test_a_failed_run_puts_nothing_on_standard_output(capsys: Captured) -> None:
    Output().result(a_result(status="failed", answer=None, stop_reason="endpoint"))
    assert capsys.readouterr().out == ""


def test_an_error_is_one_clean_line(capsys: Captured) -> None:
    write_error("server said:\n<html>\x1b[31mno")
    assert capsys.readouterr() == ("", "error: server said: <html>no\n")


def test_without_a_terminal_lines_go_to_standard_error(capsys: Captured) -> None:
    screen = Output().screen()
    assert isinstance(screen, PlainLines)
    with screen:
        for event in a_story():
            screen.show(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") >= 10


def test_a_demonstration_prints_nothing_beside_json(capsys: Captured) -> None:
    output = Output(json=True)
    output.labelled("hello")
    output.outcome(a_result(), "notice me")
    assert capsys.readouterr() == ("", "")


async def test_a_followed_run_is_shown_logged_and_remembered(tmp_path: Path) -> None:
    output, lines = Output(), list[str]()
    with EventLog(tmp_path / "run.jsonl") as log:
        result = await output.follow(played(a_story()), PlainLines(lines.append), log)
    assert result == a_result()
    assert output.events == a_story()
    # The last budget that was told, in round 1.
    assert output.spent == 1200
    assert list(read_events(tmp_path / "run.jsonl")) == a_story()
    assert lines


async def test_a_run_without_a_last_event_is_no_success() -> None:
    output = Output()
    with pytest.raises(RunError, match="without a result"):
        await output.follow(played(a_story()[:-1]), Screen())


async def test_a_trace_that_fails_does_not_cost_the_answer_and_is_said() -> None:
    if not HAS_FULL:
        pytest.skip("this system has no device that is always full")
    output = Output()
    with EventLog(FULL) as log:
        result = await output.follow(played(a_story()), Screen(), log)
    assert result.status == "answered"
    assert "ends early" in output.trace_error
