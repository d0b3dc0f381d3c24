import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.cli.render.format import amount, clean, one_line, rate, share, signed, thought_label


@pytest.mark.parametrize(
    ("hostile", "left"),
    [
        ("\x1b[2J\x1b[1;31mred\x1b[0m", "red"),  # clear the screen, colour
        ("\x9b2Jgone", "gone"),  # the same by one C1 character
        ("a\x1b]0;owned\x07b", "ab"),  # window title
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\b", "alinkb"),  # hyperlink
        ("a\x1b]52;c;c2VjcmV0\x9cb", "ab"),  # the clipboard
        ("a\x1bPq#0\x1b\\b", "ab"),  # a device string
        ("a\x1b]never ended", "anever ended"),  # the rest of the text is not lost
        ("\x1bc\x1b(0reset", "reset"),
        ("safe\rEVIL", "safe\nEVIL"),  # no writing over what stands there
        ("ab\x08\x08cd\x00\x7f", "abcd"),
        ("user\u202egnp.exe", "usergnp.exe"),  # reordered text
        ("in\u200bvis\U000e0041ible\ufeff", "invisible"),
        ("half \ud83d pair", "half  pair"),
        ("tab\tand\nline stay, so do 日本, é and 👩\u200d🔬", "tab\tand\nline stay, so do 日本, é and 👩\u200d🔬"),
    ],
)
def test_what_a_terminal_would_act_on_is_taken_out(hostile: str, left: str) -> None:
    assert clean(hostile) == left


@given(st.text(alphabet=st.characters(codec=None, exclude_categories=()), max_size=200))
def test_clean_text_is_printable_and_stays_as_it_is(text: str) -> None:
    once = clean(text)
    assert not any(ord(c) < 32 and c not in "\t\n" for c in once)
    assert not any(0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in once)
    assert clean(once) == once


@given(st.text(max_size=300), st.integers(2, 60))
def test_one_line_is_one_line_and_no_longer_than_it_may_be(text: str, max_length: int) -> None:
    line = one_line(text, max_length)
    assert len(line) <= max_length
    assert len(line.splitlines()) <= 1


def test_one_line_says_that_something_is_missing() -> None:
    assert one_line("one two three", 8) == "one two…"
    assert one_line("word " * 100_000, 10) == "word word…"
    # Even where only what was never looked at is missing.
    assert one_line("word" + " " * 1_000 + "more", 10) == "word…"


def test_figures_for_people() -> None:
    assert amount(1609.6) == "1,610"
    assert amount(0) == "0"
    assert amount(0.01234) == "0.0123"  # a budget in money
    assert signed(-0.4) == "-0.40"
    assert rate(0.00712) == "0.0071"
    assert rate(0.00009) == "0.000090"
    assert (rate(0), rate(12.34)) == ("0.0", "12.3")
    assert thought_label("look", "t1") == "look t1"
    assert thought_label("answer", "answer0") == "answer0"
    assert share(25, 200) == "12 %"  # 12.5, to the even side


def test_unknown_is_never_shown_as_a_number() -> None:
    assert signed(None) == "?"
    assert rate(None) == "-"
    assert share(1, 0) == "-"
