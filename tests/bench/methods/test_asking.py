"""What a model gets to see: the question, the pictures with their true type, the options of the request."""

import base64
import io
from importlib.resources import files

import pytest
from PIL import Image

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.methods.base import ANSWER_TOKENS, MethodStep
from ecoalign_agent.bench.methods.baselines import BASE_METHOD, COD, COT, THOUGHT_TOKENS, best_of_n
from ecoalign_agent.bench.methods.registry import METHODS
from ecoalign_agent.errors import UsageError
from ecoalign_agent.llm.prompts import load_prompt
from tests.bench.methods.scripted import NoServerError, Say, Scripted, method_context

QUESTION = "How many chairs are there? ${x} $question"


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (120, 60, 10)).save(out, kind)
    return out.getvalue()


COMPARED = [key for key in METHODS if "ecoalign" not in key and key != "vlmguard"]
"""Methods whose calls are theirs alone."""

BASELINES = [
    f"baselines/{name.removesuffix('.md')}"
    for name in sorted(file.name for file in files("ecoalign_agent.prompts").joinpath("baselines").iterdir())
    if name.endswith(".md")
]


@pytest.mark.parametrize("name", BASELINES)
def test_a_prompt_says_where_it_comes_from_and_fences_what_it_calls_data(name: str) -> None:
    prompt = load_prompt(name)
    assert prompt.name == name
    assert "ours" in prompt.source
    rendered = prompt.render("5f2c9a1e", **{key: f"[{key} here]" for key in prompt.inputs})
    # What a model said goes back into a prompt only within a fence, and the model is told so.
    assert prompt.inputs - {"question"} <= prompt.delimited
    assert ("5f2c9a1e" in rendered.system) == bool(prompt.delimited)
    assert all(f"[{key} here]" in rendered.user for key in prompt.inputs)
    assert "JSON" not in rendered.system


async def test_base_asks_the_question_and_nothing_else() -> None:
    model = Scripted(["Three."])
    answered = await BASE_METHOD.answer(QUESTION, (), method_context(model))
    (call,) = model.calls
    assert (answered.text, answered.steps, answered.declined) == ("Three.", (), False)
    assert [m.type for m in call.messages] == ["human"]
    assert call.messages[0].content == QUESTION
    # No seed: not every provider takes one, and base draws nothing.
    assert call.options == {"max_tokens": ANSWER_TOKENS}


@pytest.mark.parametrize(
    ("kind", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp"), ("GIF", "image/gif")]
)
async def test_a_picture_goes_as_it_came_with_the_type_that_its_bytes_tell(kind: str, mime: str) -> None:
    model = Scripted(["Three."])
    first, second = picture(kind), picture("PNG", (8, 8))
    await BASE_METHOD.answer(QUESTION, (first, second), method_context(model))
    (call,) = model.calls
    assert call.messages[0].content == [
        {"type": "text", "text": QUESTION},
        {"type": "image_url", "image_url": {"url": f"data:{mime};base64,{base64.b64encode(first).decode()}"}},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(second).decode()}"}},
    ]


@pytest.mark.parametrize("key", COMPARED)
async def test_what_is_no_picture_is_the_callers_mistake_and_nothing_is_asked(key: str) -> None:
    model = Scripted([])
    with pytest.raises(UsageError, match="picture 2 of the question: not a picture"):
        await METHODS[key].answer(QUESTION, (picture(), b"%PDF-1.7 no picture"), method_context(model))
    assert model.calls == []


@pytest.mark.parametrize("key", COMPARED)
async def test_an_error_of_the_model_is_raised_as_it_is(key: str) -> None:
    error = NoServerError("gone")
    with pytest.raises(NoServerError) as raised:
        await METHODS[key].answer(QUESTION, (picture(),), method_context(Scripted(lambda call: error)))
    assert raised.value is error


async def test_a_single_failure_among_several_calls_is_the_models_own_error_too() -> None:
    async def fine(text: str, question: str, pictures: object) -> Verdict:
        return Verdict(0.9, 0.9, 0.0)

    error = NoServerError("gone")
    with pytest.raises(NoServerError):
        await best_of_n(QUESTION, (), method_context(Scripted(["One.", error, "Three."]), assess=fine), n=3)


async def test_the_whole_chain_of_thought_is_what_the_person_gets() -> None:
    reply = "Answer: perhaps two?\nNo: I see a third one.\n**Answer:** 3"
    model = Scripted([reply])
    answered = await COT.answer(QUESTION, (picture(),), method_context(model))
    assert answered.text == reply
    assert answered.steps == (
        MethodStep("thoughts", "Answer: perhaps two?\nNo: I see a third one."),
        MethodStep("final answer", "3"),
    )
    (call,) = model.calls
    assert call.options["max_tokens"] == THOUGHT_TOKENS >= 10_000
    assert call.user.startswith(f"{QUESTION}\n\nThink step by step.")
    assert '"Answer:"' in call.user
    assert call.system == ""
    assert len(call.pictures) == 1


async def test_a_draft_without_the_mark_is_an_answer_all_the_same() -> None:
    model = Scripted(["two, one more, three"])
    answered = await COD.answer(QUESTION, (), method_context(model))
    assert (answered.text, answered.steps) == ("two, one more, three", ())
    assert "five words" in model.calls[0].user


@pytest.mark.parametrize("key", ["safety-prompt", "adashield"])
async def test_a_defence_in_words_stands_before_the_question(key: str) -> None:
    model = Scripted(["Three."])
    answered = await METHODS[key].answer(QUESTION, (picture(),), method_context(model))
    assert answered.text == "Three."
    (call,) = model.calls
    words = f"{call.system}\n{call.user}"
    assert "harm" in words
    assert words.index("harm") < words.index(QUESTION)
    assert words.endswith(QUESTION)
    assert len(call.pictures) == 1
    # The shield stands in the message itself, the safety prompt in the system's.
    assert ("harm" in call.system) == (key == "safety-prompt")


async def test_nothing_said_is_no_answer_and_a_refusal_beside_the_text_is_one() -> None:
    assert (await BASE_METHOD.answer(QUESTION, (), method_context(Scripted([Say("  \n")])))).text is None
    refused = Say("", also={"refusal": "I can't help with this."})
    assert (
        await BASE_METHOD.answer(QUESTION, (), method_context(Scripted([refused])))
    ).text == "I can't help with this."


async def test_a_cap_that_the_model_was_built_with_holds() -> None:
    model = Scripted(["Three."])
    model.max_tokens = 64
    await BASE_METHOD.answer(QUESTION, (), method_context(model))
    assert model.calls[0].most == 64
