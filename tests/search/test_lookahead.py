"""Looking ahead is bought like everything else: when the simulate node asks, and when it does not."""

from typing import Any

import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import ScriptedCall, imagined_step, proposed_action, scan_reply, verdict_reply
from tests.search.stage import assess_by_words, collect_events, events_of_kind, run_search


def two(first: float, second: float) -> dict[str, Any]:
    """A scan that proposes two steps of safety 1 with these raw utilities; they cost the same."""
    return scan_reply(
        actions=[
            proposed_action("reason", "read the sign", 1.0, first),
            proposed_action("reason", "ask twice", 1.0, second),
        ]
    )


def forecasts(*items: dict[str, Any]) -> dict[str, Any]:
    return {"forecasts": list(items)}


def forecast(number: int, safety: float, utility: float, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"action": number, "safety": safety, "utility": utility, "steps": list(steps)}


async def test_inline_forecasts_make_no_call() -> None:
    _, model = await run_search(Policy(forecasts="inline"), scan=two(0.5, 0.5))
    assert "simulate" not in model.tasks()


async def test_simulated_forecasts_are_asked_for_also_when_nothing_is_contested() -> None:
    _, model = await run_search(Policy(forecasts="simulated"))
    assert model.tasks() == ["scan", "simulate", "answer", "assess thought"]


@pytest.mark.parametrize(("second", "asks"), [(0.22, True), (0.18, False)])
async def test_auto_asks_only_where_looking_can_change_the_choice(second: float, asks: bool) -> None:
    # Same kind, same cost c, no forecasts: V = s·u/c. First: u = (1 + 0.6) / 2 = 0.8; second: 0.61 or 0.59.
    # 0.61 / 0.8 = 0.7625 is within 25 % of the best, 0.59 / 0.8 = 0.7375 is not.
    _, model = await run_search(Policy(forecasts="auto"), scan=two(0.6, second))
    assert ("simulate" in model.tasks()[:2]) == asks


async def test_only_the_contested_actions_are_looked_ahead_from() -> None:
    actions = [
        proposed_action("reason", aim, 1.0, u) for aim, u in [("first", 0.6), ("second", 0.5), ("hopeless", -0.6)]
    ]
    _, model = await run_search(Policy(forecasts="auto"), scan=scan_reply(actions=actions))
    simulate = next(call for call in model.calls if call.task == "simulate")
    assert simulate["actions"] == "1. [reason] first\n2. [reason] second"


@pytest.mark.parametrize("changes", [{"horizon": "none"}, {"k": 0.0}, {"max_horizon": 0}, {"unit": 300.0}])
async def test_with_horizon_0_the_simulate_node_makes_no_call(changes: dict[str, Any]) -> None:
    # unit 300: after the scan B - C = 5 700 - 140 = 5 560, and 0.05 · 5 560 / 300 = 0.93 of a step.
    events, model = await collect_events(Policy(forecasts="simulated", **changes), scan=two(0.5, 0.5))
    assert "simulate" not in model.tasks()
    scored = events_of_kind(events, "scored")[0]
    assert (scored.horizon, scored.simulated) == (0, False)


async def test_late_in_a_run_nothing_is_looked_ahead_any_more() -> None:
    # h = floor(0.05 · (5 700 - C) / 260). Before the first round C = 140: 1.07, so 1 step. After a look ahead, a
    # thought and its verdict C = 560: 0.99, so none.
    events, model = await collect_events(
        Policy(forecasts="simulated", unit=260.0, batch=1),
        scan=scan_reply(actions=[proposed_action("reason", "read the sign", 0.9, 0.2)]),
        assess=assess_by_words({"nine to five": verdict_reply(0.9, 0.1)}),
    )
    assert model.tasks()[:4] == ["scan", "simulate", "reason", "assess thought"]
    assert model.tasks().count("simulate") == 1
    assert [scored.horizon for scored in events_of_kind(events, "scored")] == [1, 0]
    assert "in order, at most 1," in model.calls[1].system


async def test_a_fixed_horizon_does_not_shrink_and_the_result_says_so() -> None:
    result, model = await run_search(Policy(forecasts="simulated", horizon="fixed", unit=10_000.0))
    assert "simulate" in model.tasks()
    assert "ablation, for measuring only: horizon" in map(str, result.notes)


async def test_one_call_for_all_actions_of_a_tip_and_none_for_those_seen_before() -> None:
    _, model = await run_search(
        Policy(forecasts="simulated", batch=1),
        scan=two(0.5, 0.4),
        simulate=forecasts(forecast(1, 1.0, 0.5), forecast(2, 1.0, 0.4)),
        propose={"actions": [proposed_action("answer", "answer now")], "merge": [], "prune": []},
        assess=assess_by_words({"nine to five": verdict_reply(0.9, 0.1)}),
    )
    asked_for = [call["actions"] for call in model.calls if call.task == "simulate"]
    # The second action stands over into the second round with the forecast it has.
    assert asked_for[:2] == ["1. [reason] read the sign\n2. [reason] ask twice", "1. [answer] answer now"]


async def test_a_forecast_can_turn_the_choice_round() -> None:
    def play(call: ScriptedCall) -> dict[str, Any]:
        return forecasts(
            forecast(1, 1.0, -0.8), forecast(2, 1.0, 0.4, imagined_step("answer", 1.0, 1.0)), forecast(9, 1.0, 1.0)
        )

    events, model = await collect_events(Policy(batch=1), scan=two(0.5, 0.4), simulate=play)
    assert "ask twice" in model.calls[2]["aim"]
    first = events_of_kind(events, "scored")[0]
    assert first.simulated
    assert [(a.action, a.bought) for a in first.actions] == [("a2", True), ("a1", False)]
    assert {told.action for told in events_of_kind(events, "forecast")} == {"a1", "a2"}


async def test_an_action_found_unsafe_by_looking_ahead_has_no_value_and_is_never_bought() -> None:
    events, model = await collect_events(
        scan=two(0.5, 0.4), simulate=forecasts(forecast(1, -0.1, 1.0), forecast(2, 0.9, 0.4))
    )
    values = {a.action: a.value for a in events_of_kind(events, "scored")[0].actions}
    assert values["a1"] is None
    assert not [call for call in model.calls if call.task == "reason" and "read the sign" in call["aim"]]


async def test_of_two_forecasts_the_more_sober_one_stands_for_the_action_itself() -> None:
    events, _ = await collect_events(
        Policy(forecasts="simulated", batch=1),
        simulate=forecasts(
            forecast(1, 0.9, 0.8, imagined_step("answer", 0.8, 0.6)), forecast(1, 0.5, 1.0), forecast(1, -1.0, -1.0)
        ),
    )
    made = events_of_kind(events, "forecast")[0]
    # At most two futures count. s = min(0.9, 0.5), u = (1 + min(0.8, 1.0)) / 2.
    assert [[(s.safety, s.utility) for s in future] for future in made.futures] == [
        [(0.5, 0.9), (0.8, 0.8)],
        [(0.5, 0.9)],
    ]


async def test_a_forecast_longer_than_the_horizon_is_cut() -> None:
    events, _ = await collect_events(
        Policy(forecasts="simulated", max_horizon=1),
        simulate=forecasts(forecast(1, 0.9, 0.8, *[imagined_step("reason", 0.9, 0.1)] * 4)),
    )
    assert [len(future) for future in events_of_kind(events, "forecast")[0].futures] == [2]


async def test_an_unreadable_forecast_leaves_the_proposals_own() -> None:
    events, model = await collect_events(Policy(forecasts="simulated"), simulate="I see a bright future.")
    assert model.tasks() == ["scan", "simulate", "answer", "assess thought"]
    assert not events_of_kind(events, "scored")[0].simulated
    assert events[-1].kind == "answered"


async def test_a_draft_is_not_looked_ahead_from() -> None:
    _, model = await run_search(Policy(forecasts="simulated"), scan=scan_reply(draft="From 9 to 5.", actions=[]))
    assert model.tasks() == ["scan", "assess thought"]
