"""BAVT: values by gain, a draw that gets greedier, a budget that holds, an answer from the best node."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.bench.methods.bavt import (
    MAX_ROUNDS,
    WIDTH,
    TreeNode,
    bavt,
    best_node,
    draw_index,
    selection_probabilities,
    value_after,
)
from tests.bench.methods.scripted import Call, Say, Scripted, method_context
from tests.bench.methods.test_asking import QUESTION, picture


def is_step(call: Call) -> bool:
    return "next step" in call.system


def is_rating(call: Call) -> bool:
    return "-5 to 5" in call.system


def fence(call: Call, name: str) -> str:
    return call.user.split(f"<{name} ")[1].split(">\n", 1)[1].split(f"\n</{name} ")[0]


# Laws of the tree.


def test_values_are_told_relative_to_the_parents() -> None:
    assert value_after(0.5, 0.4) == pytest.approx(0.7)  # 0.5 + 0.4 · 0.5
    assert value_after(0.7, 0.4) == pytest.approx(0.82)  # 0.7 + 0.4 · 0.3
    assert value_after(0.82, -0.6) == pytest.approx(0.328)  # 0.82 · 0.4
    assert (value_after(0.3, 1.0), value_after(0.3, -1.0), value_after(0.3, 0.0)) == (1.0, 0.0, 0.3)
    assert value_after(None, 1.0) is None
    assert value_after(0.5, None) is None


def test_the_draw_gets_greedier_as_the_money_runs_out() -> None:
    # 0.8 and 0.4 to the power of 1, 2 and 4: 2 to 1, 4 to 1, 16 to 1.
    assert selection_probabilities([0.8, 0.4], 1.0) == pytest.approx([2 / 3, 1 / 3])
    assert selection_probabilities([0.8, 0.4], 0.5) == pytest.approx([4 / 5, 1 / 5])
    assert selection_probabilities([0.8, 0.4], 0.25) == pytest.approx([16 / 17, 1 / 17])
    assert selection_probabilities([0.4, 0.8], 0.0) == pytest.approx([0.0, 1.0])


def test_an_unknown_value_is_drawn_only_where_none_is_known() -> None:
    assert selection_probabilities([None, 0.2, 0.2], 1.0) == [0.0, 0.5, 0.5]
    assert selection_probabilities([None, 0.0], 0.5) == [0.0, 1.0]
    assert selection_probabilities([None, None], 0.5) == [0.5, 0.5]


@given(st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=8), st.floats(0, 1), st.floats(0, 0.999))
def test_chances_are_shares_and_the_best_has_the_largest(values: list[float | None], r: float, at: float) -> None:
    shares = selection_probabilities(values, r)
    assert math.fsum(shares) == pytest.approx(1.0)
    assert shares[draw_index(shares, at)] > 0
    known = [value for value in values if value is not None]
    if known:
        assert max(shares) == shares[values.index(max(known))]
        assert max(selection_probabilities(values, r / 2)) >= max(shares) - 1e-9


def test_a_draw_falls_where_the_shares_lie() -> None:
    assert [draw_index([0.25, 0.0, 0.75], at) for at in (0.0, 0.24, 0.25, 0.99)] == [0, 0, 2, 2]
    # Rounding never leads to a place that has no chance.
    assert draw_index([0.5, 0.4999999, 0.0], 0.99999999) == 1


def test_the_best_node_is_the_one_of_the_highest_known_value() -> None:
    root = TreeNode("", 0.5)
    unknown = TreeNode("Answer: x", None, root, "x")
    low = TreeNode("Answer: y", 0.4, root, "y")
    step = TreeNode("a", 0.7, root)
    same = TreeNode("Answer: z", 0.7, step, "z")
    assert best_node([root, unknown, low]) is root
    assert best_node([root, low, step]) is step
    # Of equals the answer: it needs no further call.
    assert best_node([root, step, same]) is same
    assert [node.text for node in same.path] == ["a", "Answer: z"]


# Stories.


async def test_it_goes_on_from_what_gained_most_and_answers_from_the_best() -> None:
    def script(call: Call) -> str:
        steps = fence(call, "steps")
        if is_step(call):
            first = call.options["seed"] % 2 == 0
            if steps == "(none)":
                return "Count the left." if len(model.calls) % 2 else "Guess."
            return "Answer: Three." if first else "Answer: three."
        assert is_rating(call)
        return {"Count the left.": "3", "Guess.": "-4"}.get(fence(call, "step"), "5")

    model = Scripted(script)
    # Little is left after the first round, so that the draw is greedy: see below for the budget's law.
    answered = await bavt(QUESTION, (picture(),), method_context(model, budget=6_000.0, seed=3))
    assert (answered.text or "").casefold() == "three."
    assert answered.steps[-1].utility == 1.0  # a gain of 5 leads to 1 from anywhere
    if len(answered.steps) == 2:
        assert answered.steps[0].text == "Count the left."
        assert answered.steps[0].utility == pytest.approx(0.8)  # 0.5 + 0.6 · 0.5
    assert all(len(call.pictures) == 1 for call in model.calls)
    assert not answered.declined


async def test_a_step_that_leads_astray_is_not_answered_from() -> None:
    def script(call: Call) -> str:
        if is_step(call):
            return f"Answer: wrong, {call.options['seed']}."
        return "-5" if is_rating(call) else "Plainly three."

    answered = await bavt(QUESTION, (), method_context(Scripted(script)))
    # The root's 0.5 is more than 0.5 · (1 − 1) = 0: better to answer from nothing than from that.
    assert (answered.text, answered.steps) == ("Plainly three.", ())


async def test_the_same_step_twice_is_paid_for_once_more_and_rated_once() -> None:
    def script(call: Call) -> str:
        if is_step(call):
            return "Look left."
        return "1" if is_rating(call) else "Three."

    model = Scripted(script)
    answered = await bavt(QUESTION, (), method_context(model))
    assert answered.text == "Three."
    steps = [call for call in model.calls if is_step(call)]
    ratings = [(fence(call, "steps"), fence(call, "step")) for call in model.calls if is_rating(call)]
    assert len(ratings) == len(set(ratings)) <= len(steps) // WIDTH
    assert len(steps) <= WIDTH * MAX_ROUNDS


async def test_where_the_model_has_nothing_to_say_it_is_not_asked_again() -> None:
    model = Scripted(lambda call: "" if is_step(call) else "Three.")
    assert (await bavt(QUESTION, (), method_context(model))).text == "Three."
    assert [is_step(call) for call in model.calls] == [True] * WIDTH + [False]


@pytest.mark.parametrize(
    ("tokens", "share"),
    [
        # Next to nothing is spent, so r is all but 1: 0.8 / (0.8 + 0.5) = 0.615.
        ((100, 20), 0.615),
        # Two steps at 0.25 · 30 000 = 7 500 of 20 000 leave r = 0.25: 1 / (1 + (5/8)^4) = 0.868.
        ((30_000, 1), 0.868),
    ],
)
async def test_a_search_that_has_spent_much_goes_on_from_its_best_step_more_often(
    tokens: tuple[int, int], share: float
) -> None:
    deeper = 0
    for seed in range(100):

        def script(call: Call) -> Say | str:
            if is_step(call):
                return Say("Look left.", tokens)
            # A gain of 3 makes it 0.5 + 0.6 · 0.5 = 0.8; the question itself is worth 0.5.
            return "3" if is_rating(call) else "Three."

        model = Scripted(script)
        await bavt(QUESTION, (), method_context(model, budget=20_000.0, seed=seed))
        second = [call for call in model.calls if is_step(call)][WIDTH]
        deeper += fence(second, "steps") != "(none)"
    # Four standard errors of a binomial.
    assert abs(deeper / 100 - share) < 4 * math.sqrt(share * (1 - share) / 100)


async def test_steps_that_are_too_long_to_be_read_again_are_left_out_of_the_last_call() -> None:
    def script(call: Call) -> Say | str:
        if is_step(call):
            return "x" * 20_000  # 6 667 tokens at three bytes each: 1 667 cost units to read
        # Reading it once for the rating leaves less than that of the budget.
        return Say("5", (6_700, 256)) if is_rating(call) else "Three."

    model = Scripted(script)
    answered = await bavt(QUESTION, (), method_context(model, budget=3_300.0))
    assert answered.text == "Three."
    assert [step.utility for step in answered.steps] == [1.0]
    assert fence(model.calls[-1], "steps") == "(none)"


async def test_a_rating_that_can_not_be_read_is_unknown_and_never_wins() -> None:
    def script(call: Call) -> str:
        if is_step(call):
            return f"Answer: {call.options['seed']}."
        return "very good!" if is_rating(call) else "Plainly three."

    answered = await bavt(QUESTION, (), method_context(Scripted(script)))
    assert answered.text == "Plainly three."


async def test_a_reply_that_was_cut_off_is_neither_a_step_nor_an_answer() -> None:
    def script(call: Call) -> Say | str:
        if is_step(call):
            return Say("Answer: Thr", finish="length")
        return "5" if is_rating(call) else "Three."

    model = Scripted(script)
    assert (await bavt(QUESTION, (), method_context(model))).text == "Three."
    assert not any(is_rating(call) for call in model.calls)


async def test_the_same_run_asks_the_same_and_another_seed_draws_others() -> None:
    async def seeds(seed: int) -> set[int]:
        numbers = count()

        def script(call: Call) -> str:
            return f"Step {next(numbers)}." if is_step(call) else "1" if is_rating(call) else "Three."

        model = Scripted(script)
        await bavt(QUESTION, (), method_context(model, seed=seed))
        return {call.options["seed"] for call in model.calls if "seed" in call.options}

    once = await seeds(1)
    assert len(once) > WIDTH
    assert await seeds(1) == once
    assert (await seeds(2)).isdisjoint(once)


async def test_a_budget_that_pays_no_call_gets_no_answer_and_asks_nothing() -> None:
    model = Scripted([])
    for budget in (0.0, 10.0):
        answered = await bavt(QUESTION, (picture(),), method_context(model, budget=budget))
        assert answered.text is None
    assert model.calls == []


async def test_a_budget_that_pays_one_call_gets_its_answer() -> None:
    model = Scripted(["Three."])
    # The prompt is some 250 tokens, reckoned on the high side: 0.25 · 250 + 16 fits, a search besides does not.
    answered = await bavt(QUESTION, (), method_context(model, budget=200.0))
    assert answered.text == "Three."
    (call,) = model.calls
    assert "Answer the person's question" in call.system
    assert 16 <= call.most < 200


def honest_prompt(call: Call, share: float) -> int:
    """Prompt tokens of a server that counts: no more than one for three bytes, and 1 120 for a small picture."""
    size = sum(len(str(m.text).encode()) for m in call.messages)
    return max(1, int(share * (size / 3 + 1_120 * len(call.pictures))))


@dataclass(frozen=True)
class Server:
    """How a server counts and what its model writes, each list in turn."""

    share: float
    written: Sequence[float]
    ratings: Sequence[str]
    tells: Sequence[bool]
    ends: int
    spent: list[float] = field(default_factory=list)

    def __call__(self, call: Call) -> Say:
        at = len(self.spent)
        prompt = honest_prompt(call, self.share)
        completion = max(1, int(self.written[at % len(self.written)] * call.most))
        if is_rating(call):
            text = self.ratings[at % len(self.ratings)]
        elif is_step(call):
            text = f"Answer: {at}." if at % 7 < self.ends else f"Step {at}."
        else:
            text = "Three."
        tells = self.tells[at % len(self.tells)]
        if not tells:
            # What nobody reports can't be more than what is seen to be written.
            completion = min(completion, max(1, len(text) // 4))
        # 0.25 a prompt token, 1 a completion token: the default tariff.
        self.spent.append(0.25 * prompt + completion)
        return Say(text, (prompt, completion) if tells else None)


SERVERS = st.builds(
    Server,
    st.floats(0.1, 1.0),
    st.lists(st.floats(0, 1), min_size=1, max_size=7),
    st.lists(st.sampled_from(["5", "2", "0", "-3", "?"]), min_size=1, max_size=5),
    st.lists(st.booleans(), min_size=1, max_size=4),
    st.integers(0, 6),
)


@settings(max_examples=100, deadline=None)
@given(st.floats(0, 8_000), st.integers(0, 2), SERVERS)
def test_whatever_replies_cost_the_budget_holds_and_one_call_is_an_answer(
    budget: float, pictures: int, server: Server
) -> None:
    model = Scripted(server)
    answered = asyncio.run(bavt(QUESTION, (picture(),) * pictures, method_context(model, budget=budget)))
    assert math.fsum(server.spent) <= budget + 1e-6
    assert (answered.text is None) == (not model.calls)
    # 0.25 · 1 120 = 280 a picture, and less than 200 for the words and an answer.
    if budget >= 200 + 280 * pictures:
        assert answered.text


async def test_a_call_without_usage_is_never_free() -> None:
    numbers = count()

    def script(call: Call) -> Say:
        if is_rating(call):
            return Say("0", None)
        return Say(f"Step {next(numbers)}.", None)

    model = Scripted(script)
    # A call is some 300 prompt tokens by our estimate, so 75 cost units: 2 000 end before all rounds are played.
    answered = await bavt(QUESTION, (), method_context(model, budget=2_600.0))
    assert answered.text
    assert sum(is_step(call) for call in model.calls) < WIDTH * MAX_ROUNDS
