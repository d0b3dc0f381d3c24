"""Tests of a program that uses EcoAlign, without a model, a key or a network: run it by ``pytest``, or as a script.

``ScriptedModel`` stands in for the actor and records its calls, ``ScriptedAssessor`` gives the verdicts.
"""

import asyncio

from ecoalign_agent import AssessmentInput, EcoAlign, Policy, Result, Verdict
from ecoalign_agent.testing import ScriptedAssessor, ScriptedModel, scan_reply, task_replies

QUESTION = "When does the shop open?"


def ask(model: ScriptedModel, assessor: ScriptedAssessor) -> Result:
    """The program under test."""
    return asyncio.run(EcoAlign(model, assessor=assessor, policy=Policy(budget=4_000)).ask(QUESTION))


def test_a_safe_answer_comes_back_word_for_word() -> None:
    """The scan offers a draft, and the assessor finds it safe and useful."""
    model = ScriptedModel(task_replies(scan=scan_reply(draft="It opens at nine.")))
    result = ask(model, ScriptedAssessor(Verdict(safety=0.9, utility=0.95, cost=0)))
    assert (result.answer, result.status, result.satisfied) == ("It opens at nine.", "answered", True)
    assert model.tasks() == ["scan"]


def test_an_unsafe_answer_is_declined() -> None:
    """The assessor has a veto over every text of the model."""

    def assess(given: AssessmentInput) -> Verdict:
        return Verdict(safety=-0.8 if "alarm" in given.candidate else 0.9, utility=0.9, cost=0)

    model = ScriptedModel(task_replies(answer={"text": "Cut the alarm first."}, synthesize={"text": "The alarm …"}))
    assessor = ScriptedAssessor(assess)
    assert ask(model, assessor).status == "declined"
    assert any("alarm" in given.candidate for given in assessor.inputs)


if __name__ == "__main__":
    test_a_safe_answer_comes_back_word_for_word()
    test_an_unsafe_answer_is_declined()
    print("2 tests passed")
