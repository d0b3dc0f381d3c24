"""A path is as safe as its least safe thought: what comes after a harmful step does not mend it."""

from typing import Any

import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import ScriptedCall, proposed_action, scan_reply, verdict_reply
from tests.search.stage import assess_by_words, collect_events, final_result, picture, propose_by_tip, run_search

HARM = "DARK: the lock gives way when it is cold."
LOW = verdict_reply(0.9, 0.1)


def by_aim(texts: dict[str, str]) -> Any:
    return lambda call: {"text": next(text for words, text in texts.items() if words in call["aim"])}


def reads_no_harm(calls: list[ScriptedCall]) -> bool:
    """Whether no prompt but the assessor's carried the harmful text."""
    return not [call for call in calls if call.task != "assess thought" and HARM in str(call.data)]


async def test_a_disclaimer_does_not_redeem_an_unsafe_step() -> None:
    redeemed = "For education only, please never do this: " + HARM
    result, model = await run_search(
        scan=scan_reply(draft=redeemed, actions=[]),
        answer={"text": "It is open from 9 to 5."},
        assess=assess_by_words({HARM: verdict_reply(-0.8, 1.0)}),
    )
    assert result.answer == "It is open from 9 to 5."
    assert [(p.safety, p.reason) for p in result.pruned] == [(-0.8, "unsafe (-0.80)")]
    assert HARM not in result.model_dump_json()
    assert reads_no_harm(model.calls)


async def test_from_harm_in_the_middle_no_benign_end_is_reached() -> None:
    # safe → harmful, and every continuation of the harmful thought would be benign and useful.
    events, model = await collect_events(
        Policy(forecasts="inline", batch=1),
        scan=scan_reply(actions=[proposed_action("reason", "begin", 0.9, 0.2)]),
        reason=by_aim({"begin": "There is a lock.", "go on": HARM, "else": "There is a notice."}),
        propose=propose_by_tip(
            {
                "DARK": [proposed_action("answer", "benign end")],
                "lock": [proposed_action("reason", "go on", 0.9, 0.5), proposed_action("reason", "else", 0.9, 0.1)],
                "notice": [proposed_action("answer", "say the hours")],
            }
        ),
        assess=assess_by_words({HARM: verdict_reply(-0.6, 1.0), "There is": LOW}),
    )
    result = final_result(events)
    assert result.status == "answered"
    assert [p.id for p in result.pruned] == ["t2"]
    assert "t2" not in [step.id for step in result.path]
    assert all("t2" not in point.path for point in result.frontier)
    assert [call["aim"] for call in model.calls if call.task == "answer"] == ["say the hours"]
    assert reads_no_harm(model.calls)
    assert HARM not in "".join(event.model_dump_json() for event in events)


async def test_the_results_safety_is_that_of_the_weakest_thought_on_its_path() -> None:
    result, _ = await run_search(
        scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        assess=assess_by_words({"The notice says": verdict_reply(0.25, 0.1)}, verdict_reply(0.875, 0.9)),
    )
    assert [step.safety for step in result.path] == [0.25, 0.875, 0.875]
    assert result.safety == 0.25
    # Useful, but not safe enough to satisfy: S < 0.5.
    assert result.stop_reason == "no_open_tip"


async def test_harm_everywhere_is_declined() -> None:
    result, model = await run_search(assess=assess_by_words({"can't help": verdict_reply()}, verdict_reply(-0.5)))
    assert (result.status, result.path) == ("declined", [])
    assert result.answer == "I can't help with that, but I can tell you the opening hours."
    # Neither from the root, which was harmless itself: every thought that grew from it was cut.
    assert "synthesize" not in model.tasks()


async def test_a_thought_on_the_line_is_safe() -> None:
    result, _ = await run_search(assess=verdict_reply(0.0, 0.9))
    assert (result.status, result.safety) == ("answered", 0.0)


@pytest.mark.parametrize(
    ("path_safety", "safety"),
    # reason -0.4, answer 0.8, and the synthesized answer 0.8: the last, or (-0.4 + 0.8 + 0.8) / 3.
    [("last", 0.8), ("mean", 0.4)],
)
async def test_under_the_ablations_unsafe_thoughts_stay_on_paths_and_the_result_says_so(
    path_safety: str, safety: float
) -> None:
    result, model = await run_search(
        Policy().replace(path_safety=path_safety),
        scan=scan_reply(actions=[proposed_action("reason", "begin", 0.9, 0.2)]),
        reason={"text": HARM},
        assess=assess_by_words({HARM: verdict_reply(-0.4, 0.1)}, verdict_reply(0.8, 0.9)),
    )
    assert [step.kind for step in result.path] == ["reason", "answer", "answer"]
    assert result.safety == pytest.approx(safety)
    assert result.pruned == []
    assert "ablation, for measuring only: path_safety" in map(str, result.notes)
    assert not reads_no_harm(model.calls)


@pytest.mark.parametrize("path_safety", ["last", "mean"])
async def test_under_the_ablations_too_no_unsafe_answer_is_released(path_safety: str) -> None:
    result, model = await run_search(
        Policy().replace(path_safety=path_safety),
        scan=scan_reply(draft=HARM, actions=[]),
        propose={"actions": [], "merge": [], "prune": []},
        assess=assess_by_words({HARM: verdict_reply(-0.4, 1.0)}),
    )
    assert result.status == "declined"
    assert HARM not in result.model_dump_json()
    assert "synthesize" not in model.tasks()


async def test_under_the_ablations_an_unknown_verdict_still_prunes() -> None:
    result, _ = await run_search(
        Policy(path_safety="last"),
        scan=scan_reply(draft="DRAFT", actions=[]),
        assess=assess_by_words({"DRAFT": "fine"}),
    )
    assert [p.reason for p in result.pruned] == ["unknown verdict: counts as unsafe"]


async def test_without_cost_in_value_the_dearer_action_may_come_first() -> None:
    # s·u 0.9 · 0.9 for a look (dear), 0.9 · 0.85 for an answer (cheap): per cost the answer, without cost the look.
    parts: dict[str, Any] = {
        "scan": scan_reply(
            actions=[proposed_action("look", "closer", 0.9, 0.8), proposed_action("answer", "say it", 0.9, 0.7)]
        ),
    }
    _, usual = await run_search(Policy(forecasts="inline", batch=1), images=[picture(400, 300)], **parts)
    result, without = await run_search(
        Policy(forecasts="inline", batch=1, cost_in_value=False), images=[picture(400, 300)], **parts
    )
    assert (usual.tasks()[1], without.tasks()[1]) == ("answer", "look")
    assert "ablation, for measuring only: cost_in_value" in map(str, result.notes)


async def test_a_conclusion_is_no_safer_than_the_least_safe_thought_it_joins() -> None:
    def fuse(call: ScriptedCall) -> dict[str, str]:
        return {"text": "A baker who likes trams."}

    def assess(call: ScriptedCall) -> dict[str, Any]:
        if "answer" in call.system.split("the candidate is ")[1][:12]:
            return verdict_reply(0.9, 0.9)
        return verdict_reply(0.2 if "tram." in call["candidate"] else 0.9, -0.4)

    async def safety(parents: list[str]) -> float | None:
        result, _ = await run_search(
            Policy(forecasts="inline", satisfied_safety=0.1, answers="early"),
            scan=scan_reply(
                actions=[proposed_action("reason", "left", 0.9, 0.5), proposed_action("reason", "right", 0.9, 0.4)]
            ),
            reason=lambda call: {"text": "A baker lives here." if call["aim"] == "left" else "They painted a tram."},
            propose=propose_by_tip(
                {
                    "likes trams": [proposed_action("answer", "say it")],
                    "baker": [proposed_action("fuse", "join", 0.9, 0.9, parents=parents)],
                }
            ),
            fuse=fuse,
            assess=assess,
        )
        assert "fuse" in [step.kind for step in result.path]
        assert next(step.id for step in result.path) == "t1"  # the path itself goes past the tram
        return result.safety

    assert await safety(["t2"]) == 0.2


async def test_a_thought_that_repeats_what_it_follows_from_is_cut() -> None:
    result, _model = await run_search(
        Policy(forecasts="inline", max_rounds=4),
        scan=scan_reply(actions=[proposed_action("reason", "look again", 0.9, 0.5)]),
        reason={"text": "The notice says nine to five."},
        propose={"actions": [proposed_action("reason", "and again", 0.9, 0.5)], "merge": [], "prune": []},
        assess=verdict_reply(0.9, 0.1),
    )
    assert next(p.reason for p in result.pruned) == "repeats t1"
    assert result.status == "answered"
