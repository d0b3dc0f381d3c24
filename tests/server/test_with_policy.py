"""One agent under many policies, and the cap on what is given out."""

import pytest

from ecoalign_agent import EcoAlign, Policy, UsageError
from ecoalign_agent.testing import ScriptedCall, ScriptedModel, ScriptedReply, scan_reply, task_replies, verdict_reply
from tests.scripted_server import ChatServer
from tests.test_served import served

LONG = "It opens at nine in the morning, every day of the week but Monday, and closes at five in the afternoon."


async def test_a_derived_agent_shares_everything_but_the_policy() -> None:
    model = ScriptedModel()
    async with EcoAlign(model, policy=Policy(budget=6_000)) as agent:
        small = agent.with_policy(Policy(budget=3_000))
        one, other = await agent.ask("When?"), await small.ask("When?")
        # s0 is 0.9: B = B_max · (0.5 + 0.5 · 0.9).
        assert [one.cost.budget, other.cost.budget] == pytest.approx([5_700, 2_850])
        assert (agent.policy.budget, small.policy.budget) == (6_000, 3_000)
        assert small.models == agent.models
        assert small.actor is agent.actor
        assert len(model.calls) == 6


async def test_agents_of_recent_policies_are_kept_and_others_made_anew() -> None:
    agent = EcoAlign(ScriptedModel())
    first = agent.with_policy(Policy(budget=1_000))
    assert agent.with_policy(Policy(budget=1_000)) is first
    assert agent.with_policy(Policy(budget=1_000.5)) is not first
    # Kept are 64: with these two and 62 others, the first is the oldest of them.
    for number in range(62):
        agent.with_policy(Policy(budget=2_000 + number))
    assert agent.with_policy(Policy(budget=1_000)) is first
    # Asked for again, it became the most recent: the next new one takes the place of the second.
    agent.with_policy(Policy(budget=3_000))
    assert agent.with_policy(Policy(budget=1_000)) is first
    assert agent._under_policy.cache_info().currsize == 64


async def test_closing_a_derived_agent_closes_nothing() -> None:
    with ChatServer(served(task_replies(scan=scan_reply(draft="At nine.")))) as upstream:
        async with EcoAlign("openai:m", base_url=upstream.url, api_key="sk-none") as agent:
            async with agent.with_policy(Policy(budget=5_000)) as derived:
                assert (await derived.ask("When?")).status == "answered"
            assert (await agent.ask("When?")).status == "answered"


def test_a_policy_of_other_assessors_needs_an_agent_of_its_own() -> None:
    agent = EcoAlign("offline", policy=Policy(assessors=("offline",)))
    assert agent.with_policy(Policy(budget=3_000)).models == agent.models
    with pytest.raises(UsageError, match="build another EcoAlign"):
        agent.with_policy(Policy(assessors=("openai:gpt-4.1-mini",)))


async def test_every_text_that_may_be_given_out_is_capped_and_no_other() -> None:
    model = ScriptedModel(task_replies(scan=scan_reply(safety=-0.9, actions=[])))
    await EcoAlign(model, policy=Policy(max_answer_tokens=40)).ask("When?")
    assert {call.task: call.max_tokens for call in model.calls}["decline"] == 40
    model = ScriptedModel(task_replies(scan=scan_reply(actions=[]), propose={"actions": [], "merge": [], "prune": []}))
    await EcoAlign(model, policy=Policy(max_answer_tokens=40)).ask("When?")
    assert {call.task: call.max_tokens for call in model.calls}["synthesize"] == 40
    model = ScriptedModel()
    await EcoAlign(model, policy=Policy(max_answer_tokens=40)).ask("When?")
    caps = {call.task: call.max_tokens for call in model.calls}
    assert caps["answer"] == 40
    assert min(caps["scan"] or 0, caps["assess thought"] or 0) > 40
    # A cap above what a call may write changes nothing: not what is sent, not what is said.
    model = ScriptedModel()
    await EcoAlign(model, policy=Policy(max_answer_tokens=5_000)).ask("When?")
    assert next(call for call in model.calls if call.task == "answer").max_tokens == 500
    assert all("at the most" not in call.system or call.task != "answer" for call in model.calls)


async def test_a_model_that_knows_no_cap_gives_out_nothing_longer() -> None:
    def script(call: ScriptedCall) -> ScriptedReply | dict[str, object]:
        # 103 characters, 35 tokens as we reckon; the provider says nothing.
        reply = task_replies(answer=ScriptedReply({"text": LONG}, prompt_tokens=None), assess=verdict_reply())(call)
        assert isinstance(reply, ScriptedReply | dict)
        return reply

    result = await EcoAlign(ScriptedModel(script), policy=Policy(max_answer_tokens=34)).ask("When?")
    assert LONG not in (result.answer or "")
    assert any("longer than the 34 tokens" in str(note) for note in result.notes)
    result = await EcoAlign(ScriptedModel(script), policy=Policy(max_answer_tokens=35)).ask("When?")
    assert result.answer == LONG


async def test_a_refusal_fits_even_the_smallest_cap() -> None:
    nothing = {"text": LONG}
    script = task_replies(scan=scan_reply(safety=-0.9, actions=[]), decline=ScriptedReply(nothing, prompt_tokens=None))
    result = await EcoAlign(ScriptedModel(script), policy=Policy(max_answer_tokens=16)).ask("When?")
    assert (result.status, result.answer) == ("declined", "I can't help with this request.")
