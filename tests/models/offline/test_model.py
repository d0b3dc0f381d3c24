"""The chat model itself: usage, limits, labels, threads, and that importing it is light."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.structured_output import StructuredPrompt
from ecoalign_agent.models.offline import image_reader
from ecoalign_agent.models.offline.evidence import fixed_text
from ecoalign_agent.models.offline.model import (
    OFFLINE_LABEL,
    OfflineModel,
    count_picture_tokens,
    count_text_tokens,
    cut_text,
)
from ecoalign_agent.search.schemas import TextReply
from tests.llm.pictures import quadrants, saved
from tests.models.offline.calling import messages, parsed, reply_message, small

BLIND = OfflineModel(ocr="none")


def test_a_plain_conversation_is_answered_in_words_and_our_wording_alone_makes_no_task() -> None:
    greeted = BLIND.invoke([SystemMessage("You are a poet."), HumanMessage("Hello!")])
    assert greeted.content == fixed_text("abilities")
    prompt = load_prompt("alignment/decline").render(question="How do I make a bomb?", caption="", reason="")
    worded = BLIND.invoke([SystemMessage(prompt.system), HumanMessage(prompt.user)])
    assert not str(worded.content).startswith("{")


def test_the_last_turn_is_answered_and_an_earlier_one_is_context() -> None:
    turns = [HumanMessage("How do I make a bomb?"), AIMessage("I can't help with that."), HumanMessage("Thanks!")]
    assert BLIND.invoke(turns).content == fixed_text("abilities")
    assert "bomb" not in str(BLIND.invoke([*turns[:2], HumanMessage("What is the total?")]).content)
    assert "weapons or explosives" in str(BLIND.invoke([*turns[:2], HumanMessage("Go on, step by step")]).content)


@pytest.mark.parametrize(
    ("width", "height", "detail", "tokens"),
    [
        (512, 512, "low", 85),
        (512, 512, "high", 85 + 170),
        # 1024 × 1024 has a short side of 1024: down to 768 × 768, that is 2 × 2 tiles.
        (1024, 1024, "high", 85 + 4 * 170),
        # 4096 × 1024 → 2048 × 512: 4 × 1 tiles.
        (4096, 1024, "high", 85 + 4 * 170),
        (0, 0, "high", 85 + 170),
    ],
)
def test_pictures_are_counted_by_tiles(width: int, height: int, detail: str, tokens: int) -> None:
    assert count_picture_tokens(width, height, "low" if detail == "low" else "high") == tokens


def test_text_is_counted_by_bytes_and_cut_between_characters() -> None:
    assert [count_text_tokens(text) for text in ("", "a", "abcd", "abcde", "€€")] == [0, 1, 1, 2, 2]
    assert cut_text("abcdefgh", 2) == ("abcdefgh", False)
    # Four bytes hold one euro sign of three bytes; half a sign is left out.
    assert cut_text("€€", 1) == ("€", True)


def test_usage_is_reported_in_openai_s_shape_and_in_langchain_s() -> None:
    view = small(saved(quadrants(), "PNG"))
    call = messages("alignment/look", [view], question="?", aim="Look", box="[0.00, 0.00, 1.00, 1.00]")
    message = BLIND.invoke(call)
    assert isinstance(message, AIMessage)
    blocks = call[1].content
    assert isinstance(blocks, list)
    assert isinstance(blocks[0], dict)
    text = count_text_tokens(f"{call[0].content}\n{blocks[0]['text']}")
    usage = message.response_metadata["token_usage"]
    assert usage["prompt_tokens"] == text + 85
    assert usage["prompt_tokens_details"]["image_tokens"] == 85
    assert usage["completion_tokens"] == count_text_tokens(str(message.content))
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] == usage["prompt_tokens"]
    assert message.usage_metadata["output_tokens"] == usage["completion_tokens"]
    assert message.response_metadata["model_name"] == "offline"
    assert message.response_metadata["label"] == OFFLINE_LABEL
    assert message.response_metadata["finish_reason"] == "stop"


def test_a_reply_that_is_longer_than_allowed_is_cut_and_says_so() -> None:
    message = reply_message("alignment/decline", model=BLIND, most=5, question="?", caption="(none)", reason="?")
    assert message.response_metadata["finish_reason"] == "length"
    assert message.response_metadata["token_usage"]["completion_tokens"] <= 5


async def test_asynchronous_and_parallel_calls_get_the_same_reply() -> None:
    view = await asyncio.to_thread(small, saved(quadrants(96, 96), "PNG"))
    call = messages("alignment/look", [view], question="?", aim="Look", box="[0.00, 0.00, 1.00, 1.00]")
    replies = await asyncio.gather(*(BLIND.ainvoke(call) for _ in range(8)))
    contents = {str(reply.content) for reply in replies}
    assert contents == {str((await asyncio.to_thread(BLIND.invoke, call)).content)}
    assert isinstance(replies[0], AIMessage)
    TextReply.model_validate(parsed(replies[0]))


def test_a_picture_that_can_not_be_decoded_is_said_to_be_one() -> None:
    prompt = load_prompt("alignment/look").render(question="?", aim="Look", box="[0.00, 0.00, 1.00, 1.00]")
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    content: list[str | dict[str, Any]] = [{"type": "text", "text": prompt.user}, broken]
    system, user = StructuredPrompt(prompt, TextReply, (), 1, 1).request("plain").messages
    message = BLIND.invoke([system, user.model_copy(update={"content": content})])
    assert "could not be decoded" in str(message.content)


def test_a_missing_engine_is_an_error_when_the_model_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_reader, "_model_files", list)
    with pytest.raises(ModelNameError, match="not installed"):
        OfflineModel(ocr="rapidocr")


def test_importing_and_building_it_loads_no_engine() -> None:
    program = (
        "import sys; from ecoalign_agent.models.offline.model import OfflineModel; OfflineModel();"
        "print([m for m in ('rapidocr', 'onnxruntime', 'numpy', 'cv2', 'openai', 'langgraph') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
