"""The live tree, drawn on a console that is no real terminal but believes it is one."""

import io
import itertools
import re

import pytest
from rich.console import Console

from ecoalign_agent.cli.render.live_tree import LiveTree, budget_bar, budget_legend
from ecoalign_agent.cli.render.view import View
from ecoalign_agent.events import events as told
from tests.cli.story import a_result, a_story, thought


def console(width: int = 80, height: int = 24, *, colour: bool = False) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        color_system="standard" if colour else None,
        legacy_windows=False,
        _environ={},
    )


def screenful(events: list[told.Event], on: Console, *, seconds: float = 4.2) -> list[str]:
    """The lines of one drawing after these events."""
    ticks = itertools.chain([0.0], itertools.repeat(seconds))
    tree = LiveTree(on, clock=lambda: next(ticks))
    for event in events:
        tree.show(event)
    with on.capture() as captured:
        on.print(tree.frame())
    return captured.get().rstrip("\n").split("\n")


def test_a_screenful_tells_question_model_tree_budget_horizon_and_time() -> None:
    lines = screenful(a_story()[:9], console())
    assert lines[0] == "When does it close on Saturday?"
    assert lines[1] == "1 picture · offline (rules) · its own assessor"
    assert any("look t1" in line for line in lines)
    # 4 500 are left, 400 of them reserved: 4 100 are free.
    assert lines[-2] == "horizon 4  █ spent 1,200 of 5,700  ─ free 4,100  ░ reserved 400"
    assert "4.2 s · 2 thoughts, 1 cut" in lines[-1]


def test_the_bar_is_readable_without_colour() -> None:
    bar = budget_bar(_view(total=1_000, spent=250, left=750, reserved=100), 40).plain
    # Of 40 columns a quarter is spent, a tenth reserved.
    assert bar == "█" * 10 + "─" * 26 + "░" * 4


@pytest.mark.parametrize(("total", "spent", "left"), [(0, 0, 0), (100, 130, 0), (1e-6, 5e-7, 5e-7)])
def test_the_bar_survives_odd_budgets(total: float, spent: float, left: float) -> None:
    assert len(budget_bar(_view(total=total, spent=spent, left=left, reserved=50), 30).plain) == 30
    assert budget_legend(_view(total=total, spent=spent, left=left, reserved=50)).plain


def _view(**figures: float) -> View:
    view = View()
    for name, value in figures.items():
        setattr(view, name, value)
    return view


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 9), (20, 2), (200, 60)])
def test_a_drawing_never_exceeds_the_terminal(size: tuple[int, int]) -> None:
    width, height = size
    grown = [thought(f"t{i}", "reason", "words " * 40, f"t{i // 3}") for i in range(1, 101)]
    lines = screenful([*a_story()[:9], *grown], console(width, height))
    assert len(lines) < height
    assert max(len(line) for line in lines) <= width


def test_without_colour_no_colour_is_written_and_with_it_unsafe_is_red() -> None:
    plain = "\n".join(screenful(a_story(), console()))
    coloured = "\n".join(screenful(a_story(), console(colour=True)))
    assert "\x1b[" not in plain
    assert re.search(r"\x1b\[2;31m +-0\.40", coloured)


def test_the_spinner_turns_while_nothing_happens() -> None:
    still = {screenful(a_story()[:1], console(), seconds=s)[-1].split()[0] for s in (0.0, 0.13, 0.26, 0.38)}
    assert len(still) == 4


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (told.Answered(result=a_result()), "✔ answered: the answer is safe and useful enough  4.2 s"),
        (
            told.Declined(result=a_result(status="declined", stop_reason="unsafe_request", path=[])),
            "■ declined: the request is harmful  4.2 s",
        ),
        (
            told.Failed(result=a_result(status="failed", stop_reason="endpoint", path=[], answer=None)),
            "✗ failed: a model's endpoint failed  4.2 s",
        ),
    ],
)
def test_the_last_line_says_how_it_ended(event: told.Event, words: str) -> None:
    assert screenful([*a_story()[:-1], event], console())[-1].startswith(words)


def test_the_last_drawing_stays_and_the_cursor_comes_back() -> None:
    on = console()
    with LiveTree(on) as tree:
        for event in a_story():
            tree.show(event)
    written = _written(on)
    assert re.search(r"✔ answered[^\n]*\n\x1b\[\?25h$", written)


def test_a_run_that_breaks_off_says_what_it_was_doing_and_gives_the_cursor_back() -> None:
    on = console()
    tree = LiveTree(on)
    for event in a_story()[:5]:
        tree.show(event)
    with pytest.raises(KeyboardInterrupt), tree:
        raise KeyboardInterrupt
    written = _written(on)
    assert "✗ stopped during: buying look, reason" in written
    assert "\x1b[?25h" in written[written.rindex("\x1b[?25l") :]


def test_a_run_that_never_began_leaves_nothing_on_the_screen() -> None:
    on = console()
    with pytest.raises(ValueError, match="no such picture"), LiveTree(on):
        raise ValueError("no such picture")
    # The one line that was drawn is erased: up, and erase to the end of the line.
    assert _written(on).endswith("\x1b[1A\x1b[2K")


def _written(on: Console) -> str:
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue()
