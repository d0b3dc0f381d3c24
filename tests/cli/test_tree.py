"""The tree as lines: what a person sees of the thoughts, and that it fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from ecoalign_agent.cli.render.live_tree import tree_lines
from ecoalign_agent.cli.render.view import View
from ecoalign_agent.events import events as told
from tests.cli.story import a_result, a_story, action, scored, thought

HOSTILE = "[bold red]loud[/] \x1b[2J\x1b]0;title\x07wiped\nand\tmore \u202eback\ud800"


def viewed(events: list[told.Event]) -> View:
    view = View()
    for event in events:
        view.update(event)
    return view


def drawn(view: View, *, width: int = 80, room: int = 20) -> list[str]:
    return [line.plain.rstrip() for line in tree_lines(view, width=width, room=room)]


def row(lines: list[str], *words: str) -> str:
    """The one line that holds all words."""
    found = [line for line in lines if all(word in line for word in words)]
    assert len(found) == 1, (words, lines)
    return found[0]


def test_a_thought_shows_its_safety_utility_cost_and_the_value_it_was_bought_at() -> None:
    line = row(drawn(viewed(a_story()[:8])), "look t1")
    assert "The line of Saturday" in line
    assert line.split()[-4:] == ["+0.90", "0.70", "88", "0.0071"]


def test_an_unsafe_thought_says_why_it_was_pruned() -> None:
    line = row(drawn(viewed(a_story())), "reason t2")
    assert line.startswith("└ ✗")
    assert "pruned: unsafe" in line
    assert "-0.40" in line


def test_a_pruned_thoughts_words_are_struck_through_and_dim() -> None:
    view = viewed([*a_story()[:6], told.Pruned(id="t1", reason="late")])
    line = next(line for line in tree_lines(view, width=100, room=20) if "look t1" in line.plain)
    struck = [span for span in line.spans if "strike" in str(span.style)]
    assert [line.plain[span.start : span.end].strip() for span in struck] == [
        "The line of Saturday reads 10:00 - 20:00"
    ]
    assert "pruned: late" in line.plain


def test_an_unknown_verdict_is_a_question_mark_and_no_number() -> None:
    view = viewed([*a_story()[:5], thought("t1", "look", "", "root", safety=None, utility=None)])
    assert row(drawn(view), "look t1").split()[-4:] == ["?", "?", "88", "0.0071"]


def test_children_hang_under_their_first_parent_and_name_the_others() -> None:
    lines = drawn(viewed(a_story()))
    assert row(lines, "answer t5").startswith("│ └ ●")
    assert "(with t4)" in row(lines, "answer t5")


def test_a_duplicate_says_what_it_was_merged_into_and_its_children_move_there() -> None:
    events = [*a_story()[:13], thought("t9", "reason", "more", "t6"), told.Merged(kept="t4", dropped="t6", saving=20)]
    lines = drawn(viewed(events))
    assert "same as t4, saves 20" in row(lines, "≈")
    assert drawn(viewed([*events, told.Pruned(id="t6", reason="merged into t4")])) == lines
    at = lines.index(row(lines, "reason t4"))
    assert "t9" in lines[at + 1]
    assert lines[at + 1].startswith("│ │ └")


def test_what_is_being_bought_stands_out_from_what_is_on_offer() -> None:
    lines = drawn(viewed(a_story()[:5]))
    assert row(lines, "▸ look?").split()[-4:] == ["+0.90", "0.70", "~120", "0.0071"]
    assert "▸ reason?" in row(lines, "reason?")
    assert row(lines, "· answer?").split()[-1] == "0.0021"


def test_an_action_that_may_not_be_bought_shows_no_value() -> None:
    view = viewed([*a_story()[:4], scored(("a1", 0.0071, True), ("a2", None, False), ("a3", None, False))])
    assert row(drawn(view), "reason?").split()[-1] == "none"


def test_after_the_end_no_offers_are_left() -> None:
    assert not any("?" in line for line in drawn(viewed(a_story())))


def test_what_the_scan_offered_hangs_under_the_strategy_once_there_is_one() -> None:
    events = [*a_story()[:4], thought("strategy", "strategy", "Say only what it reads", "root")]
    lines = drawn(viewed([*events, told.Planned(id="strategy", text="Say only what it reads")]))
    assert row(lines, "look?").startswith("  ├ ·")


def test_markup_and_control_sequences_of_a_model_are_only_text() -> None:
    events = a_story()[:4]
    events[0] = events[0].model_copy(update={"question": HOSTILE})
    events += [
        told.Proposed(tip="root", actions=[action("a9", "root", HOSTILE, HOSTILE)]),
        thought("t3", HOSTILE, HOSTILE, "root"),
        told.Pruned(id="t3", reason=HOSTILE),
    ]
    text = "\n".join(line.plain for line in tree_lines(viewed(events), width=400, room=20))
    assert "[bold red]loud[/] wiped and more back" in text
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c == "\u202e" for c in text)


def many(number: int) -> list[told.Event]:
    grown: list[told.Event] = [
        thought(f"t{i}", "reason", f"thought {i} " * 9, f"t{i // 2}") for i in range(1, number + 1)
    ]
    return [*a_story()[:3], *grown, *(told.Pruned(id=f"t{i}", reason="hopeless") for i in range(10, 20))]


def test_a_hundred_thoughts_are_folded_to_the_room_there_is() -> None:
    lines = drawn(viewed(many(100)), room=15)
    assert len(lines) == 15
    # Head, fold, root and the twelve newest; of the 88 that are not shown, ten are pruned.
    assert lines[1] == "⋯ 88 older thoughts folded away, 10 of them cut"
    assert "A museum notice" in lines[2]
    assert [int(line.split("reason t")[1].split()[0]) for line in lines[3:]] == list(range(89, 101))


def test_the_chosen_path_is_shown_however_old_it_is() -> None:
    path = [{"id": "t1", "kind": "reason", "text": "x", "safety": 0.5, "utility": 0.5, "cost": 1}]
    view = viewed([*many(100), told.Answered(result=a_result(path=path))])
    assert "●" in row(drawn(view, room=8), "reason t1 ")


def test_a_chain_deeper_than_the_screen_is_wide_still_leaves_room_for_words() -> None:
    chain = [thought(f"t{i}", "reason", "words of this thought", f"t{i - 1}") for i in range(1, 60)]
    lines = drawn(viewed([*a_story()[:3], *chain]), room=100)
    assert all("words" in line for line in lines[2:])
    assert lines[-1].startswith("⋯ ")


@given(
    st.lists(st.tuples(st.integers(0, 40), st.text(max_size=90), st.booleans()), max_size=40),
    st.integers(20, 200),
    st.integers(2, 40),
)
def test_the_tree_always_fits(grown: list[tuple[int, str, bool]], width: int, room: int) -> None:
    events: list[told.Event] = [*a_story()[:5]]
    for number, (parent, text, cut) in enumerate(grown, start=1):
        events.append(thought(f"t{number}", "look", text, f"t{parent}"))
        if cut:
            events.append(told.Pruned(id=f"t{number}", reason=text))
    lines = tree_lines(viewed(events), width=width, room=room)
    assert len(lines) <= room
    assert max(line.cell_len for line in lines) <= width


@pytest.mark.parametrize(("width", "figures"), [(80, 4), (50, 2), (30, 0)])
def test_a_narrow_screen_keeps_the_words_and_drops_figures(width: int, figures: int) -> None:
    line = row(drawn(viewed(a_story()), width=width), "look t1")
    assert "The line" in line
    assert sum(part.replace("+", "").replace(".", "").isdigit() for part in line.split("…")[-1].split()) == figures


def test_wide_characters_do_not_push_the_figures_out() -> None:
    view = viewed([*a_story()[:3], thought("t1", "look", "日本語のとても長い文章" * 9, "root")])
    line = next(line for line in tree_lines(view, width=80, room=9) if "look t1" in line.plain)
    assert isinstance(line, Text)
    assert line.cell_len == 80


def test_events_that_contradict_each_other_do_not_hang_the_screen() -> None:
    events: list[told.Event] = [
        *a_story()[:3],
        thought("t1", "reason", "a", "t2", "t1"),
        thought("t2", "reason", "b", "t1"),
        told.Merged(kept="t2", dropped="t1", saving=0),
        told.Merged(kept="t9", dropped="t2", saving=0),
        told.Pruned(id="t77", reason="never was"),
    ]
    assert len(drawn(viewed(events))) <= 20
    # Two that claim to come of each other: both are shown, the first under the root.
    lines = drawn(viewed(events[:5]))
    assert row(lines, "reason t1").startswith("└ ○")
    assert row(lines, "reason t2").startswith("  └ ○")
    assert drawn(View()) == []
