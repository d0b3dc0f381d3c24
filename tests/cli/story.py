"""A run as it would be, written by hand: the screens are tested on events, not on a search."""

from ecoalign_agent.events import events
from ecoalign_agent.events.result import Cost, Models, PathStep, PrunedThought, Result, Time, Tokens

MODELS = Models(actor="offline (rules)", assessor="offline (rules)", independent=False)


def action(id_: str, tip: str, kind: str, aim: str = "do it", *, cost: float = 120) -> events.OfferedAction:
    return events.OfferedAction(id=id_, tip=tip, kind=kind, aim=aim, safety=0.9, utility=0.7, cost=cost)


def thought(
    id_: str, kind: str, text: str, *parents: str, safety: float | None = 0.9, utility: float | None = 0.7
) -> events.ThoughtAdded:
    return events.ThoughtAdded(
        id=id_,
        thought_kind=kind,
        parents=list(parents),
        text=text,
        safety=safety,
        utility=utility,
        cost=88,
        gamma=None,
        round=1,
    )


def scored(*values: tuple[str, float | None, bool]) -> events.Scored:
    actions = [events.ScoredAction(action=id_, value=value, bought=bought) for id_, value, bought in values]
    return events.Scored(round=1, horizon=4, simulated=True, actions=actions)


def a_result(**changes: object) -> Result:
    given: dict[str, object] = {
        "answer": "It closes at 20:00 on Saturday.",
        "status": "answered",
        "safety": 0.9,
        "utility": 0.86,
        "stop_reason": "satisfied",
        "path": [PathStep(id="t5", kind="answer", text="It closes at 20:00.", safety=0.9, utility=0.86, cost=140)],
        "frontier": [],
        "cost": Cost(
            budget=5700,
            spent=1610,
            remaining=4090,
            by_phase={"scan": 805, "assess": 805, "plan": 0},
            tokens=Tokens(prompt=2210, image=425, completion=640),
            calls=9,
            estimated=0,
            chosen_path=140,
            tariff="completion-token equivalents",
        ),
        "seconds": 6.2,
        "time": Time(wall=6.2, model=7.0, overhead=0.1),
        "rounds": 2,
        "pruned": [PrunedThought(id="t2", kind="reason", reason="unsafe", safety=-0.4, cost=88)],
        "unknown_verdicts": 0,
        "models": MODELS,
        "prompts": [],
        "satisfied": True,
        "run_id": "r",
    }
    return Result.model_validate(given | changes)


def a_story() -> list[events.Event]:
    """A look and a remark are bought, the remark is unsafe; then a remark, a duplicate of it, and the answer."""
    return [
        events.RunStarted(
            question="When does it close on Saturday?",
            pictures=1,
            budget=6000,
            tariff="completion-token equivalents",
            models=MODELS,
        ),
        events.Scanned(
            safety=0.9,
            hazard="none",
            caption="A museum notice",
            seen_text="",
            regions=2,
            actions=3,
            drafted=False,
            budget=5700,
        ),
        events.BudgetMoved(total=5700, spent=500, left=5200, set_aside=400, horizon=5, round=0),
        events.Proposed(
            tip="root",
            actions=[action("a1", "root", "look"), action("a2", "root", "reason"), action("a3", "root", "answer")],
        ),
        scored(("a1", 0.0071, True), ("a2", 0.0063, True), ("a3", 0.0021, False)),
        thought("t1", "look", "The line of Saturday reads 10:00 - 20:00", "root"),
        thought("t2", "reason", "", "root", safety=-0.4, utility=0.2),
        events.Pruned(id="t2", reason="unsafe: safety -0.40 is below 0"),
        events.BudgetMoved(total=5700, spent=1200, left=4500, set_aside=400, horizon=4, round=1),
        events.Proposed(tip="t1", actions=[action("a5", "t1", "answer", "name the closing time")]),
        scored(("a5", 0.0091, True), ("a3", None, False)),
        thought("t4", "reason", "It closes at eight in the evening", "t1"),
        thought("t6", "fuse", "Eight in the evening is closing time", "t1", "t4"),
        events.Merged(kept="t4", dropped="t6", saving=20),
        thought("t5", "answer", "It closes at 20:00.", "t1", "t4"),
        events.Answered(result=a_result()),
    ]
