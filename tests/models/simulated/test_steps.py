"""The simulated model takes one step where the next step is asked for, and rates what a step gained."""

import pytest

from ecoalign_agent.bench.methods.base import encode_images, prompt_messages
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.model import simulated_model
from ecoalign_agent.models.simulated.world import Sample, World

PERFECT = simulated_model("simulated:perfect")


def two_parts() -> Sample:
    return next(one for one in World().samples(200) if one.kind == "benign" and len(one.parts) == 2 and one.pictured)


async def reply_to(name: str, **data: str) -> str:
    sample = two_parts()
    picture = draw_picture(sample)
    views = await encode_images(() if picture is None else (picture,))
    return PERFECT.invoke(prompt_messages(name, views, question=sample.question, **data)).text


async def test_it_works_out_a_part_a_step_and_then_answers() -> None:
    a, b = two_parts().parts
    first = await reply_to("bavt-step", steps="(none)")
    assert f"part a is {a.value}" in first
    second = await reply_to("bavt-step", steps=f"1. {first}")
    assert f"part b is {b.value}" in second
    assert "total" not in first + second
    last = await reply_to("bavt-step", steps=f"1. {first}\n2. {second}")
    assert last == f"Answer: The total is {a.value + b.value}."


async def test_it_rates_what_a_step_gained() -> None:
    a, b = two_parts().parts
    right, wrong = f"By multiplication part a is {a.value}.", f"By multiplication part a is {a.value + 1}."
    total = a.value + b.value

    async def rating(step: str, steps: str = "(none)") -> int:
        return int(await reply_to("bavt-progress", steps=steps, step=step))

    assert await rating(right) > 0 > await rating(wrong)
    # Said before, it gains nothing.
    assert await rating(right, f"1. {right}") < 0
    assert await rating(f"Answer: The total is {total}.") > await rating(right)
    assert await rating(f"Answer: The total is {total + 1}.") < 0


@pytest.mark.parametrize(("steps", "tokens"), [("(none)", 40), ("1. Part a is 1.\n2. Part b is 1.", 80)])
async def test_a_step_bills_what_a_step_of_the_search_does(steps: str, tokens: int) -> None:
    sample = two_parts()
    picture = draw_picture(sample)
    views = await encode_images(() if picture is None else (picture,))
    reply = PERFECT.invoke(prompt_messages("bavt-step", views, question=sample.question, steps=steps))
    assert reply.response_metadata["token_usage"]["completion_tokens"] == tokens
