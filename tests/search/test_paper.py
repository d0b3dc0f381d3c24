"""The paper's own form: everything processed counts 1, values by NPV, look-ahead always, the answer at the end."""

import itertools
from typing import Any

from ecoalign_agent import Policy
from ecoalign_agent.testing import ScriptedCall, ScriptedReply, proposed_action, scan_reply, verdict_reply
from tests.search.stage import assess_by_words, collect_events, events_of_kind, final_result, propose_by_tip, run_search

CALL = 440.0
"""400 prompt and 40 completion tokens, each counted 1."""


def observing(**more: Any) -> dict[str, Any]:
    """A search that finds two things worth noting, and is offered answers all the while."""
    texts = {"left": "A baker lives here.", "right": "Somebody painted a tram."}
    parts: dict[str, Any] = {
        "scan": scan_reply(
            safety=0.9,
            draft="From 9 to 5.",
            actions=[proposed_action("answer", "now", 0.9, 1.0), proposed_action("reason", "left", 0.9, 0.6)],
        ),
        "reason": lambda call: {"text": texts["left" if "left" in call["aim"] else "right"]},
        "propose": propose_by_tip(
            {"baker": [proposed_action("answer", "now", 0.9, 1.0), proposed_action("reason", "right", 0.9, 0.4)]}
        ),
        "assess": assess_by_words({"baker": verdict_reply(0.7, 0.6), "tram": verdict_reply(0.8, 0.0)}),
    }
    return parts | more


async def test_answers_are_neither_asked_for_nor_offered_nor_executed() -> None:
    events, model = await collect_events(Policy.paper(), **observing())
    assert "answer" not in model.tasks()
    assert all(a.kind != "answer" for proposed in events_of_kind(events, "proposed") for a in proposed.actions)
    for call in model.calls:
        if call.task in {"scan", "propose"}:
            assert "answer: answer the person now" not in call.system
    assert '- "draft": always ""' in model.calls[0].system
    assert not events_of_kind(events, "scanned")[0].drafted


async def test_every_processed_token_counts_one() -> None:
    result, model = await run_search(Policy.paper(), **observing())
    assert result.cost.tariff == "processed tokens"
    assert result.cost.spent == CALL * len(model.calls) == CALL * result.cost.calls
    tokens = result.cost.tokens
    assert result.cost.spent == tokens.prompt + tokens.image + tokens.cached + tokens.completion


async def test_the_answer_is_synthesized_from_the_path_with_the_best_rate() -> None:
    events, model = await collect_events(Policy.paper(), **observing())
    result = final_result(events)
    # The answers that were proposed took a number and were left out. The first thought alone has the better rate, 0.7 ·
    # 0.8 / 880 against 0.7 · (0.8 + 0.5) / 1 760; but a tip is a leaf, and it is none any more.
    synthesize = [call for call in model.calls if call.task == "synthesize"]
    assert [call["path"] for call in synthesize] == [
        "[t2 reason] A baker lives here.\n[t4 reason] Somebody painted a tram."
    ]
    assert (result.status, result.answer) == ("answered", "Open from 9 to 5.")
    assert [step.id for step in result.path] == ["t2", "t4", "answer0"]
    assert result.safety == 0.7


async def test_nothing_stops_it_early_however_good_the_thoughts_are() -> None:
    result, model = await run_search(Policy.paper(), **observing(assess=verdict_reply(1.0, 1.0)))
    assert result.stop_reason == "no_open_tip"
    assert model.tasks().count("propose") == 3
    # Two thoughts were bought; the last was asked twice for more and had no idea.
    assert result.rounds == 4


async def test_look_ahead_is_asked_for_in_every_round_with_a_new_action() -> None:
    _, model = await run_search(Policy.paper(), **observing())
    assert model.tasks().count("simulate") == 2
    assert model.tasks().index("simulate") == 1


async def test_a_harmful_request_is_declined_without_confirmation() -> None:
    result, model = await run_search(Policy.paper(), scan=scan_reply(safety=-0.2))
    assert model.tasks() == ["scan", "decline", "assess thought"]
    assert result.status == "declined"


async def test_it_searches_until_the_budget_is_spent_and_still_answers() -> None:
    numbers = itertools.count()

    def long(call: ScriptedCall) -> ScriptedReply:
        # Each thought is as long as it may be, so that the last prompts are long too.
        text = f"{next(numbers)} windows are lit. " + "Nobody is to be seen. " * 40
        return ScriptedReply({"text": text}, prompt_tokens=call.prompt_tokens, completion_tokens=call.max_tokens or 0)

    result, model = await run_search(
        Policy.paper().replace(budget=14_000, max_rounds=100),
        scan=scan_reply(actions=[proposed_action("reason", "go on", 0.9, 0.2)]),
        reason=long,
        propose={"actions": [proposed_action("reason", "go on", 0.9, 0.2)], "merge": [], "prune": []},
        assess=assess_by_words({"windows": verdict_reply(0.9, 0.1)}),
    )
    assert result.stop_reason == "budget"
    assert result.status == "answered"
    assert result.cost.spent <= result.cost.budget
    assert model.tasks()[-2:] == ["synthesize", "assess thought"]
