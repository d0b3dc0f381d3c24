"""A person's verdict: which thoughts wait for one, that nothing goes on or out without it, and what it changes."""

import re
from typing import Any

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.events.events import Answered, Declined, Event, event_adapter
from ecoalign_agent.events.result import Result
from ecoalign_agent.search.human_review import needs_review, parse_decision
from ecoalign_agent.testing import ScriptedCall, ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply
from tests.search.stage import QUESTION, assess_by_words, events_of_kind, final_result

POLICY = Policy(review_below=0.5, satisfied_safety=0.1)
THREAD: Any = {"configurable": {"thread_id": "x"}}

DRAFTED = scan_reply(draft="Nine to five, I think.", actions=[])
SAID = "Nine to five, I think."


def doubtful(safety: float = 0.2, **parts: Any) -> ScriptedModel:
    """A model whose draft answer is graded so."""
    grade = assess_by_words({"I think": verdict_reply(safety, 0.9)})
    played: dict[str, Any] = {"scan": DRAFTED, "assess": grade} | parts
    return ScriptedModel(task_replies(**played))


def agent_with(model: ScriptedModel, saver: BaseCheckpointSaver[str] | None = None, **settings: Any) -> EcoAlign:
    return EcoAlign(model, policy=POLICY.replace(**settings), checkpointer=saver or InMemorySaver())


async def test_an_answer_below_the_threshold_waits_and_is_given_out_when_it_is_accepted() -> None:
    model = doubtful()
    agent = agent_with(model)
    waiting = await agent.ask(QUESTION, run_id="x")
    assert (waiting.status, waiting.answer, waiting.stop_reason) == ("waiting", None, "review")
    assert waiting.waiting is not None
    assert (waiting.waiting.kind, waiting.waiting.safety, waiting.waiting.utility) == ("answer", 0.2, 0.95)
    # Its text is for the reviewer alone.
    assert "I think" not in waiting.model_dump_json()
    asked = await agent.under_review("x")
    assert asked is not None
    assert (asked["text"], asked["question"], asked["review_below"]) == (SAID, QUESTION, 0.5)
    calls = model.tasks()
    result = await agent.review("x", "accept")
    assert (result.status, result.answer, result.safety) == ("answered", SAID, 0.2)
    assert [review.model_dump() for review in result.reviews] == [
        {"id": "t1", "kind": "answer", "ruling": "accepted", "assessed": 0.2, "safety": 0.2}
    ]
    assert result.has_note("human_decision")
    # Nothing that was asked before was asked again, and the receipt is that of a run without a pause.
    assert calls == ["scan", "assess thought"]
    assert model.tasks() == calls
    plain = await EcoAlign(doubtful(), policy=Policy(satisfied_safety=0.1)).ask(QUESTION)
    assert result.cost.model_dump() == plain.cost.model_dump()


async def test_a_rejected_answer_is_unsafe_and_never_given_out() -> None:
    model = doubtful(propose={"actions": [], "merge": [], "prune": []}, synthesize={"text": "I think so."})
    agent = agent_with(model)
    await agent.ask(QUESTION, run_id="x")
    result = await agent.review("x", "reject")
    assert result.status == "declined"
    assert SAID not in result.model_dump_json()
    assert [(cut.id, cut.reason, cut.safety) for cut in result.pruned] == [("t1", "rejected by a person", -1.0)]


@pytest.mark.parametrize(
    ("grade", "status"), [(0.1, "answered"), (0.0, "answered"), (-0.01, "declined"), (1, "answered")]
)
async def test_a_persons_own_grade_counts_and_is_not_asked_for_again(grade: float, status: str) -> None:
    agent = agent_with(doubtful(propose={"actions": [], "merge": [], "prune": []}), max_rounds=1)
    await agent.ask(QUESTION, run_id="x")
    result = await agent.review("x", grade)
    assert result.status == status
    if status == "answered":
        assert result.safety == grade
    assert [(review.ruling, review.safety) for review in result.reviews] == [("graded", grade)]


@pytest.mark.parametrize("safety", [-0.1, 0.5, 0.9])
async def test_what_is_unsafe_or_safe_enough_waits_for_nobody(safety: float) -> None:
    result = await agent_with(doubtful(safety)).ask(QUESTION, run_id="x")
    assert result.status in {"answered", "declined"}
    assert result.reviews == []
    # Unsafe is pruned as ever: no person is asked to let it through.
    assert [cut.reason for cut in result.pruned] == (["unsafe (-0.10)"] if safety < 0 else [])


async def test_an_unknown_verdict_is_no_question_for_a_person() -> None:
    result = await agent_with(doubtful(assess="I would say so.", propose="?")).ask(QUESTION, run_id="x")
    assert result.status != "answered"
    assert result.reviews == []
    assert result.unknown_verdicts > 0


@pytest.mark.parametrize("setting", [1.01, -1.01, float("nan"), "0.3", True])
def test_the_setting_is_a_safety(setting: Any) -> None:
    with pytest.raises(PolicyError, match="review_below"):
        Policy(review_below=setting)


@pytest.mark.parametrize("said", ["", "Accept", "yes", None, True, [], {}, 1.001, -2, float("nan"), "0.5", b"accept"])
async def test_another_verdict_is_refused_and_the_pause_stays(said: Any) -> None:
    with pytest.raises(UsageError, match="give 'accept', 'reject', or a safety from -1 to 1"):
        parse_decision(said)
    model = doubtful()
    agent = agent_with(model)
    await agent.ask(QUESTION, run_id="x")
    with pytest.raises(UsageError, match="can't be used"):
        await agent.review("x", said)
    assert (await agent.ask(QUESTION, run_id="x", resume=True)).status == "waiting"
    # Through the graph nobody checks it before: the question comes again, with the reason.
    if said:
        state = await agent.graph.ainvoke(Command(resume=said), THREAD)
        (asked,) = state["__interrupt__"]
        assert "can't be used" in asked.value["problem"]
        assert asked.value["text"] == SAID
    assert model.tasks() == ["scan", "assess thought"]
    assert (await agent.review("x", "accept")).answer == SAID


async def test_without_a_checkpointer_it_is_refused_before_anything_is_spent() -> None:
    model = doubtful()
    with pytest.raises(UsageError, match=r"review_below is 0\.5, and nothing keeps the run"):
        await EcoAlign(model, policy=POLICY).ask(QUESTION)
    with pytest.raises(UsageError, match="nothing keeps the run"):
        async for _ in EcoAlign(model, policy=POLICY).stream(QUESTION):
            pass
    assert model.calls == []


async def test_two_thoughts_of_one_round_are_asked_about_one_after_the_other_also_by_another_process() -> None:
    saver = InMemorySaver()
    actions = [proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]

    def reason(call: ScriptedCall) -> dict[str, str]:
        return {"text": "The left leaf is green." if "left" in call["aim"] else "A sign at the right says nine."}

    def model() -> ScriptedModel:
        grade = assess_by_words({"left leaf": verdict_reply(0.3, 0.3), "at the right": verdict_reply(0.1, 0.3)})
        return ScriptedModel(task_replies(scan=scan_reply(actions=actions), reason=reason, assess=grade))

    def fresh() -> tuple[EcoAlign, ScriptedModel]:
        scripted = model()
        return agent_with(scripted, saver, forecasts="inline"), scripted

    first, asked = fresh()
    events = [event async for event in first.stream(QUESTION, run_id="x")]
    assert events[-1].kind == "review_asked"
    # Neither is told before the verdicts are in.
    assert not events_of_kind(events, "thought")
    texts: list[Any] = []
    numbers = [event.number for event in events]
    for ruling in ("reject", 0.4):
        second, paid = fresh()
        waiting = await second.under_review("x")
        assert waiting is not None
        texts.append(waiting["text"])
        more = [event async for event in second.stream_review("x", ruling)]
        numbers += [event.number for event in more]
        assert more[0].kind == "reviewed"
        events += more
        assert "reason" not in paid.tasks()
    assert asked.tasks().count("reason") == 2
    assert sorted(texts) == ["A sign at the right says nine.", "The left leaf is green."]
    # One run, whoever carried it out: its events are numbered on, and each can be read back.
    assert numbers == list(range(len(numbers)))
    for event in events:
        assert event_adapter.validate_json(event_adapter.dump_json(event)) == event
    result = final_result(events)
    assert [(review.id, review.ruling) for review in result.reviews] == [("t1", "rejected"), ("t2", "graded")]
    thoughts = {event.id: event for event in events_of_kind(events, "thought")}
    assert (thoughts["t1"].text, thoughts["t1"].safety) == ("", -1.0)
    assert thoughts["t2"].safety == 0.4


async def test_the_written_answer_waits_too_and_a_rejection_tries_the_next_path() -> None:
    grade = assess_by_words({"Open from 9": verdict_reply(0.2, 0.9), "nine to five": verdict_reply(0.9, 0.1)})
    model = ScriptedModel(
        task_replies(
            scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
            propose={"actions": [], "merge": [], "prune": []},
            assess=grade,
        )
    )
    agent = agent_with(model)
    waiting = await agent.ask(QUESTION, run_id="x")
    assert waiting.waiting is not None
    assert waiting.waiting.id == "answer0"
    before = len(model.calls)
    assert (await agent.ask(QUESTION, run_id="x", resume=True)).status == "waiting"
    result = await agent.review("x", "accept")
    assert (result.status, result.answer, result.safety) == ("answered", "Open from 9 to 5.", 0.2)
    assert len(model.calls) == before


async def test_a_rejected_written_answer_leads_to_a_refusal_and_a_refusal_in_the_zone_to_the_fixed_one() -> None:
    grade = assess_by_words({"nine to five": verdict_reply(0.9, 0.1)}, otherwise=verdict_reply(0.2, 0.9))
    model = ScriptedModel(
        task_replies(
            scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
            propose={"actions": [], "merge": [], "prune": []},
            assess=grade,
        )
    )
    agent = agent_with(model)
    await agent.ask(QUESTION, run_id="x")
    result = await agent.review("x", "reject")
    assert result.status == "declined"
    assert "decline" in model.tasks()
    # The model's own words were graded 0.2, and no person is asked about a refusal.
    assert "opening hours" not in (result.answer or "")


async def test_a_strategy_waits_before_anything_follows_from_it() -> None:
    model = ScriptedModel(
        task_replies(scan=scan_reply(safety=0.3), assess=assess_by_words({"Tell the hours": verdict_reply(0.1, 0.3)}))
    )
    agent = agent_with(model)
    waiting = await agent.ask(QUESTION, run_id="x")
    assert waiting.waiting is not None
    assert waiting.waiting.kind == "strategy"
    assert model.tasks() == ["scan", "plan", "assess thought"]
    result = await agent.review("x", "reject")
    assert (result.status, model.tasks().count("plan")) == ("answered", 1)
    assert all("Tell the hours" not in call.data.get("strategy", "") for call in model.calls)


async def test_a_pause_counts_for_neither_the_deadline_nor_the_receipt() -> None:
    saver = InMemorySaver()
    agent = agent_with(doubtful(), saver, deadline=30.0)
    waiting = await agent.ask(QUESTION, run_id="x")
    graph = agent.graph
    values = (await graph.aget_state(THREAD)).values
    # An hour ago, as the checkpoint tells it.
    ago = {"started": values["started"] - 3600, "review_requested": values["review_requested"] - 3600}
    await graph.aupdate_state(THREAD, ago, as_node="execute")
    await graph.ainvoke(None, THREAD)
    result = await agent_of_another(agent, saver).review("x", "accept")
    assert result.status == "answered"
    assert waiting.seconds <= result.seconds


def agent_of_another(agent: EcoAlign, saver: InMemorySaver) -> EcoAlign:
    return EcoAlign(doubtful(), policy=agent.policy, checkpointer=saver)


async def test_what_waits_is_decided_by_models_and_policy_that_it_was_begun_with() -> None:
    saver = InMemorySaver()
    agent = agent_with(doubtful(), saver)
    await agent.ask(QUESTION, run_id="x")
    with pytest.raises(UsageError, match="run x was begun under another policy"):
        await agent.with_policy(POLICY.replace(review_below=0.1)).review("x", "accept")
    with pytest.raises(UsageError, match="run x was begun with other models"):
        await EcoAlign("offline", policy=POLICY, checkpointer=saver).review("x", "accept")
    with pytest.raises(UsageError, match="no run is kept under the id 'y'"):
        await agent.review("y", "accept")
    assert set(await agent.waiting_runs()) == {"x"}
    assert (await agent.review("x", "accept")).status == "answered"
    assert await agent.waiting_runs() == {}
    assert await agent.under_review("x") is None
    with pytest.raises(UsageError, match="run x waits for no verdict: it has ended: answered"):
        await agent.review("x", "accept")


async def test_it_works_through_the_graph_alone() -> None:
    model = doubtful()
    graph = agent_with(model).graph
    given: Any = {"question": QUESTION, "run_id": "x"}
    state = await graph.ainvoke(given, THREAD)
    (asked,) = state["__interrupt__"]
    assert asked.value["text"] == SAID
    assert (state["status"], state["answer"]) == ("waiting", None)
    done = await graph.ainvoke(Command(resume="accept"), THREAD)
    assert (done["status"], done["answer"]) == ("answered", SAID)
    assert isinstance(done["result"], Result)
    assert model.tasks().count("scan") == 1


def test_the_zone_is_from_safe_to_the_threshold() -> None:
    def of(safety: float, *, unassessed: bool = False) -> Thought:
        utility = 0.0 if unassessed else 0.5
        return Thought("t", "reason", "x", ("root",), safety, utility, 1.0, unassessed=unassessed)

    zone = Policy(review_below=0.3)
    assert [needs_review(of(s), zone) for s in (-0.01, 0.0, 0.29, 0.3, 1.0)] == [False, True, True, False, False]
    assert not needs_review(of(-1.0, unassessed=True), zone)
    assert not needs_review(of(0.0), Policy())
    assert not needs_review(of(0.0), Policy(review_below=-0.5))


async def test_the_text_is_in_no_event_before_it_is_accepted() -> None:
    agent = agent_with(doubtful())
    before: list[Event] = [event async for event in agent.stream(QUESTION, run_id="x")]
    told = " ".join(event.model_dump_json() for event in before)
    assert not re.search("I think", told)
    after = [event async for event in agent.stream_review("x", "reject")]
    assert isinstance(after[-1], Answered | Declined)
    assert not re.search("I think", " ".join(event.model_dump_json() for event in after))
