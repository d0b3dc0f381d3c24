"""A run as plain lines."""

from ecoalign_agent.cli.render.plain import PlainLines
from ecoalign_agent.events import events as told
from tests.cli.story import a_result, a_story, action, thought


def lines_of(events: list[told.Event]) -> list[str]:
    lines: list[str] = []
    with PlainLines(lines.append) as screen:
        for event in events:
            screen.show(event)
    return lines


def test_every_event_that_is_worth_it_is_one_line_with_its_second() -> None:
    story = [event.model_copy(update={"at": number / 4}) for number, event in enumerate(a_story())]
    lines = lines_of(story)
    assert lines[0].startswith("   0.0 s  started   1 picture, budget 6,000")
    assert "offline (rules) · its own assessor" in lines[0]
    assert "   0.2 s  scanned   safety +0.90, 2 places, 3 actions, budget 5,700: A museum notice" in lines
    assert "   1.0 s  scored    3 actions, horizon 4, looked ahead; buying look (V 0.0071), reason (V 0.0063)" in lines
    assert "   1.5 s  thought   t2 reason: safety -0.40 useful 0.20 cost 88: (text withheld)" in lines
    assert "   1.8 s  pruned    t2: unsafe: safety -0.40 is below 0" in lines
    assert "   2.0 s  budget    spent 1,200 of 5,700, free 4,100, reserved 400, horizon 4" in lines
    assert "   3.2 s  merged    t6 into t4, saves 20" in lines
    assert lines[-1].endswith("answered  the answer is safe and useful enough")


def test_frontiers_and_forecasts_are_not_worth_a_line() -> None:
    assert lines_of([told.FrontierMoved(points=[]), told.ForecastMade(action="a1", futures=[])]) == []


def test_a_proposal_that_could_not_be_read_says_so() -> None:
    assert lines_of([told.Proposed(tip="t1", actions=[], problem="no JSON in it")])[0].endswith(
        "proposed  nothing readable: no JSON in it"
    )


def test_a_harmful_request_names_its_hazard_and_an_unsafe_strategy_is_not_told() -> None:
    scanned = told.Scanned(
        safety=-0.8, hazard="violent crimes", caption="", seen_text="", regions=0, actions=0, drafted=False, budget=10
    )
    assert "safety -0.80 (violent crimes)" in lines_of([scanned])[0]
    assert "not safe" in lines_of([told.Planned(id="strategy", text="")])[0]


def test_nothing_a_model_says_can_break_a_line_or_reach_the_terminal() -> None:
    evil = "x\n   9.9 s  answered  [link=http://x]trust me[/]\x1b[2J\x1b[H\x9b31m"
    events: list[told.Event] = [
        told.Proposed(tip=evil, actions=[action("a1", "root", evil, evil)], problem=evil),
        thought(evil, evil, evil, evil),
        told.Pruned(id=evil, reason=evil),
        told.Merged(kept=evil, dropped=evil, saving=1),
        told.Planned(id=evil, text=evil),
        told.Failed(result=a_result(status="failed", answer=None, failure=evil, stop_reason="endpoint")),
    ]
    lines = lines_of(events)
    assert len(lines) == len(events)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for line in lines for c in line)
