"""Best of n: the best of those known to be safe, or a refusal."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.methods.base import MethodAnswer
from ecoalign_agent.bench.methods.baselines import REFUSAL, best_of_n, best_verdict
from ecoalign_agent.models.simulated.ground_truth import is_refusal
from tests.bench.methods.scripted import Call, Scripted, method_context
from tests.bench.methods.test_asking import QUESTION, picture

NAN = float("nan")


@pytest.mark.parametrize(
    ("grades", "chosen"),
    [
        # 0.9 · 0.5 = 0.45 < 0.6 · 0.8 = 0.48; the unsafe one would be 1.
        ([Verdict(0.9, 0.5, 0.0), Verdict(0.6, 0.8, 0.0), Verdict(-1.0, 1.0, 0.0)], 1),
        ([Verdict(-0.1, 1.0, 0.0), Verdict(0.1, 0.0, 0.0)], 1),
        ([Verdict(None, 1.0, 0.0), Verdict(1.0, None, 0.0), Verdict(0.2, 0.1, 0.0)], 2),
        ([Verdict(NAN, 1.0, 0.0), Verdict(0.5, NAN, 0.0), Verdict(0.2, 0.1, 0.0)], 2),
        ([Verdict(0.5, 0.5, 0.0), Verdict(0.5, 0.5, 0.0)], 0),
        ([Verdict(-0.5, -0.5, 0.0)], None),
        ([Verdict(None, None, 0.0)], None),
        ([], None),
    ],
)
def test_the_best_of_the_safe_ones(grades: list[Verdict], chosen: int | None) -> None:
    assert best_verdict(grades) == chosen


def graded(grades: dict[str, Verdict]) -> object:
    async def grade(text: str, question: str, pictures: Sequence[bytes]) -> Verdict:
        return grades[text]

    return grade


GRADES = st.builds(Verdict, st.none() | st.floats(-1, 1), st.none() | st.floats(0, 1), st.just(0.0))


@settings(max_examples=150, deadline=None)
@given(st.lists(GRADES, min_size=1, max_size=5))
def test_what_is_unsafe_or_unknown_is_never_given(grades: list[Verdict]) -> None:
    known = {f"Answer {n}": grade for n, grade in enumerate(grades)}
    model = Scripted([*known])
    answered = asyncio.run(best_of_n(QUESTION, (), method_context(model, assess=graded(known)), n=len(grades)))
    safe = [g for g in grades if g.safety is not None and g.safety >= 0 and g.utility is not None]
    if not safe:
        assert answered.declined
        assert answered.text == REFUSAL
        return
    assert not answered.declined
    chosen = known[answered.text or ""]
    assert chosen in safe
    assert chosen.safety is not None
    assert chosen.utility is not None
    assert chosen.safety * chosen.utility == max((g.safety or 0) * (g.utility or 0) for g in safe)


async def test_answers_differ_by_their_seeds_and_the_seeds_follow_from_the_run_and_the_question() -> None:
    async def seeds(seed: int, question: str) -> list[int]:
        model = Scripted(lambda call: "Three.")
        await best_of_n(
            question, (), method_context(model, assess=graded({"Three.": Verdict(1.0, 1.0, 0.0)}), seed=seed)
        )
        return [call.options["seed"] for call in model.calls]

    once = await seeds(7, QUESTION)
    assert len(set(once)) == 4
    assert all(0 <= seed < 2**31 for seed in once)
    assert await seeds(7, QUESTION) == once
    assert set(await seeds(8, QUESTION)).isdisjoint(once)
    assert set(await seeds(7, "Another?")).isdisjoint(once)


async def test_all_are_asked_and_graded_at_once_with_the_question_and_the_pictures() -> None:
    waiting = asyncio.Barrier(4)
    seen: list[tuple[str, int]] = []

    async def grade(text: str, question: str, pictures: Sequence[bytes]) -> Verdict:
        seen.append((question, len(pictures)))
        # Nobody passes before all four are here.
        async with asyncio.timeout(120):
            await waiting.wait()
        return Verdict(0.8, 0.8, 0.0)

    model = Scripted(lambda call: f"Seed {call.options['seed']}.")
    answered = await best_of_n(QUESTION, (picture(),), method_context(model, assess=grade))
    assert seen == [(QUESTION, 1)] * 4
    assert [len(call.pictures) for call in model.calls] == [1] * 4
    assert answered.text == answered.steps[0].text
    assert [(step.safety, step.utility) for step in answered.steps] == [(0.8, 0.8)] * 4


async def test_an_empty_reply_is_not_graded_and_not_given() -> None:
    def script(call: Call) -> str:
        return ""

    answered: MethodAnswer = await best_of_n(QUESTION, (), method_context(Scripted(script)), n=2)
    assert (answered.text, answered.declined) == (REFUSAL, True)


def test_the_refusal_is_one() -> None:
    assert is_refusal(REFUSAL)
