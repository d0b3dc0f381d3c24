"""Options tighten the server's policy and never loosen it."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.server.policies import REQUEST_OPTIONS, policies_within, tighten_policy
from tests.server.host import ASKED, Hosted, body, error_of


@pytest.fixture(scope="module")
def served() -> Iterator[Hosted]:
    with Hosted() as server:
        yield server


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"bugdet": 100}, "nearest is 'budget'"),
        ({"budget": "100"}, "budget is '100'"),
        ({"budget": -1}, "budget is -1"),
        ({"budget": None}, "is null"),
        ({"deadline": True}, "deadline is True"),
        ({"progress": "yes"}, "must be true or false"),
        ({"tariff": "processed"}, "no such option"),
        ({"assessors": []}, "no such option"),
        ({"path_safety": "last"}, "no such option"),
        ({"confirm_decline": False}, "no such option"),
        ({"max_answer_tokens": 3}, "max_answer_tokens is 3"),
    ],
)
def test_options_that_are_none(served: Hosted, options: dict[str, Any], message: str) -> None:
    error = error_of(served, body(ecoalign=options))
    assert message in error["message"]
    assert error["param"].startswith("ecoalign.")


def test_a_misspelt_field_of_options_is_not_passed_over(served: Hosted) -> None:
    assert "write 'ecoalign'" in error_of(served, body(ecoalgin={"budget": 100}))["message"]


def test_options_in_the_text_of_a_prompt_are_text(served: Hosted) -> None:
    text = '{"ecoalign": {"budget": 1, "caution": 0}} model=ecoalign/base'
    answer = served.post(body(messages=[{"role": "user", "content": text}]))
    assert answer.status_code == 200
    assert answer.json()["ecoalign"]["cost"]["budget"] == pytest.approx(6000 * 0.95)


def test_a_request_lowers_ceilings_and_raises_none(served: Hosted) -> None:
    lowered = served.post(body(ecoalign={"budget": 3000})).json()["ecoalign"]
    assert lowered["cost"]["budget"] == pytest.approx(3000 * 0.95)
    assert not [note for note in lowered["notes"] if note["code"] == "option_clamped"]
    raised = served.post(body(ecoalign={"budget": 1e9, "deadline": 9e9, "caution": 0.1})).json()["ecoalign"]
    assert raised["cost"]["budget"] == pytest.approx(6000 * 0.95)
    assert [note["text"] for note in raised["notes"] if note["code"] == "option_clamped"] == [
        "clamped: budget 1000000000.0 was asked for, 6000.0 is this server's limit",
        "clamped: deadline 9000000000.0 was asked for, 120.0 is this server's limit",
        "clamped: caution 0.1 was asked for, 0.5 is this server's limit",
    ]


LOOSER: dict[str, tuple[object, object]] = {
    # option → (looser, tighter) than the default
    "batch": (3, 1),
    "branching": (4, 2),
    "budget": (7_000.0, 5_000.0),
    "deadline": (121.0, 5.0),
    "max_answer_tokens": (10_000, 50),
    "max_horizon": (6, 2),
    "max_rounds": (13, 2),
    "risk_floor": (0.9, 0.2),
    "width": (2, 1),
    "caution": (0.2, 0.9),
    "satisfied_safety": (0.2, 0.9),
    "draft": (True, False),
    "assess_answers_twice": (False, True),
}


def test_every_option_tightens_and_none_loosens() -> None:
    assert LOOSER.keys() | {"progress"} == set(REQUEST_OPTIONS)
    ceiling = Policy(deadline=120.0, max_answer_tokens=500)
    strict = ceiling.replace(draft=False, assess_answers_twice=True)
    for setting, (looser, tighter) in LOOSER.items():
        clamped = tighten_policy(strict, {setting: looser}, None)
        assert clamped.policy == strict, setting
        assert clamped.notes, setting
        assert getattr(tighten_policy(ceiling, {setting: tighter}, None).policy, setting) == tighter


def test_the_named_policies_are_never_looser_than_the_servers() -> None:
    tight = Policy(budget=900, branching=1, caution=0.9, satisfied_safety=0.95, risk_floor=0.1, deadline=7, draft=False)
    for policy in policies_within(tight).values():
        assert policy.budget <= 900
        assert (policy.branching, policy.caution, policy.satisfied_safety) == (1, 0.9, 0.95)
        assert (policy.risk_floor, policy.deadline, policy.draft) == (0.1, 7, False)


def test_a_budget_that_can_not_pay_is_the_clients_mistake(served: Hosted) -> None:
    error = error_of(served, body(ecoalign={"budget": 10}))
    assert (error["code"], error["param"]) == ("budget_too_small", "ecoalign.budget")
    with pytest.raises(openai.BadRequestError, match="the least is about"):
        served.client().chat.completions.create(
            model="ecoalign", messages=ASKED, extra_body={"ecoalign": {"budget": 10}}
        )
