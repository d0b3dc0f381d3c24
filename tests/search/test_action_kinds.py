"""Kinds of actions: one table for everything that knows them, open to kinds from outside."""

import re
from collections.abc import Sequence

import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.cost import TokenRange
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.search.actions import BUILT_IN, ActionKind, PromptInputs, kind_lines, offered_kinds, resolve_kinds
from ecoalign_agent.search.request import RequestContext
from ecoalign_agent.search.schemas import reply_schemas
from ecoalign_agent.testing import ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply
from tests.search.stage import QUESTION, run_search


async def decline_inputs(context: RequestContext, action: Action, path: Sequence[Thought]) -> PromptInputs:
    del path
    return PromptInputs({"question": context.question, "caption": context.caption, "reason": action.aim})


BRIEF = ActionKind(
    "brief", "answer in one word", TokenRange(10, 10, 40), decline_inputs, "alignment/decline", is_answer=True
)
WORD = "brief"
HERE = f"{__name__}:BRIEF"


def test_the_table_is_what_models_are_told_and_may_reply() -> None:
    lines = kind_lines(offered_kinds(BUILT_IN, Policy(), thoughts=2)).splitlines()
    assert [line.partition(":")[0] for line in lines] == list(BUILT_IN)
    schema = str(reply_schemas(tuple(BUILT_IN)).propose.model_json_schema())
    assert re.search(re.escape(str(list(BUILT_IN))), schema)


def test_a_kind_that_joins_thoughts_is_offered_where_there_are_enough() -> None:
    assert [kind.name for kind in offered_kinds(BUILT_IN, Policy(), thoughts=1)] == ["answer", "reason", "look"]
    at_the_end = offered_kinds(BUILT_IN, Policy(answers="end"), thoughts=2)
    assert [kind.name for kind in at_the_end] == ["reason", "look", "fuse"]


async def test_a_kind_that_the_policy_leaves_out_is_neither_offered_nor_carried_out() -> None:
    policy = Policy(actions=("answer", "reason"))
    result, model = await run_search(policy, scan=scan_reply(actions=[proposed_action("look", "closer"), ANSWER]))
    assert result.status == "answered"
    assert "look at one place" not in model.calls[0].system
    assert "look" not in model.tasks()


ANSWER = proposed_action("answer", "say it")


async def test_an_answer_kind_of_ones_own_ends_the_search_as_an_answer() -> None:
    result, model = await run_search(
        Policy(actions=("reason", HERE)),
        scan=scan_reply(actions=[proposed_action("brief", "one word")]),
        decline={"text": "Nine."},
    )
    # Carried out with the prompt it names; its thought is an answer like any other.
    assert (result.answer, result.stop_reason) == ("Nine.", "satisfied")
    assert model.tasks() == ["scan", "decline", "assess thought"]
    assert [step.kind for step in result.path] == ["answer"]
    # The cap of its own token range, not that of another kind.
    assert model.calls[1].max_tokens == 40


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((f"{__name__}:WORD", "answer"), "is of type str, must be an ActionKind"),
        ((f"{__name__}:NOWHERE", "answer"), "can't be loaded: AttributeError"),
        (("nonsense", "answer"), r"'nonsense': no entry point of ecoalign_agent\.actions"),
        (("answer", "answer"), "names the kind 'answer' twice"),
        ((), "actions is empty, must name at least one kind of action"),
        (("reason",), "names no kind that answers: add 'answer', or set answers to 'end'"),
    ],
)
def test_a_kind_that_can_not_be_used_is_one_usage_error(names: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message) as error:
        EcoAlign(ScriptedModel(), policy=Policy(actions=names))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["root", "strategy", "scan", "assess", "two words", ""])
def test_a_name_that_the_search_uses_itself_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="must be an identifier that the search does not use"):
        ActionKind(name, "", TokenRange(1, 1, 1), decline_inputs, "alignment/decline")


def test_at_the_end_only_answers_need_no_kind() -> None:
    assert list(resolve_kinds(Policy(answers="end", actions=("reason",)))) == ["reason"]


async def test_a_search_without_answers_as_actions_answers_from_its_thoughts() -> None:
    model = ScriptedModel(
        task_replies(
            scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.5)]),
            assess=lambda call: verdict_reply(0.9, 0.9),
        )
    )
    policy = Policy(answers="end", actions=("reason",), max_rounds=1)
    result = await EcoAlign(model, policy=policy).ask(QUESTION)
    assert (result.status, model.tasks().count("synthesize")) == ("answered", 1)
