"""The embedded default model: a chat model that answers from the text of pictures, by layout and word lists.

A call is said to cost a documented count, the same for the same call: one token for four bytes of UTF-8, and for a
picture OpenAI's tile formula. The program itself is free: the counts let budgets and receipts work as with a hosted
model. Source: the tile formula is OpenAI's published one; the count of text is ours.
"""

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from ecoalign_agent.images.image_tokens import image_tokens
from ecoalign_agent.models.offline.evidence import Evidence, ModelInput, read_messages
from ecoalign_agent.models.offline.image_reader import (
    Engine,
    EngineChoice,
    ImageContent,
    find_engine,
    is_read,
    read_image,
)
from ecoalign_agent.models.offline.replies import write_reply

OFFLINE_LABEL = "offline rules, not a vision-language model"
"""Label of the embedded model wherever it is named."""

_MAX_TOKENS = 1_000
_TOKEN_BYTES = 4


@cache
def _ocr_worker() -> ThreadPoolExecutor:
    # A worker of its own: pictures wait here for the one OCR engine, not in the threads that everybody else needs.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline-ocr")


class OfflineModel(BaseChatModel):
    """A LangChain chat model without a network, a key or weights of its own.

    A prompt of this package is answered by one JSON object that fits its schema, any other conversation in words. The
    same messages get the same reply.

    Raises:
        ModelNameError: an OCR engine asked for by name is not on this machine.
    """

    ocr: EngineChoice = "auto"
    """The OCR engine that reads the pictures; "auto": rapidocr where it is installed, else none."""

    _engine: Engine = PrivateAttr(default="none")

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's own signature
        """Find the engine, so that a missing one is an error at once and not in the middle of a run."""
        super().model_post_init(context)
        self._engine = find_engine(self.ocr)

    @property
    def _llm_type(self) -> str:
        return "ecoalign-offline"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": "offline", "label": OFFLINE_LABEL, "ocr": self._engine}

    def _read(self, call: ModelInput) -> list[ImageContent]:
        return [read_image(picture.data, self._engine) for picture in call.pictures]

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        call = read_messages(messages)
        return _result(call, self._read(call), kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        call = read_messages(messages)
        if all(is_read(picture.data, self._engine) for picture in call.pictures):
            return _result(call, self._read(call), kwargs)
        contents = await asyncio.get_running_loop().run_in_executor(_ocr_worker(), self._read, call)
        return _result(call, contents, kwargs)


def count_text_tokens(text: str) -> int:
    """Tokens of ``text``: a quarter of its bytes in UTF-8, rounded up."""
    return math.ceil(len(text.encode("utf-8", "replace")) / _TOKEN_BYTES)


def count_picture_tokens(width: int, height: int, detail: Literal["low", "high"]) -> int:
    """Tokens of one picture by its size in pixels; one of unknown size (0) counts as one tile."""
    return image_tokens((max(1, width), max(1, height)), detail, "openai-tiles")


def cut_text(text: str, max_tokens: int) -> tuple[str, bool]:
    """``text`` within ``max_tokens``, and whether anything had to be cut off."""
    if count_text_tokens(text) <= max_tokens:
        return text, False
    return text.encode("utf-8")[: max(0, max_tokens) * _TOKEN_BYTES].decode("utf-8", "ignore"), True


def _result(call: ModelInput, contents: Sequence[ImageContent], kwargs: dict[str, Any]) -> ChatResult:
    limit: int | None = kwargs.get("max_tokens") or kwargs.get("max_completion_tokens")
    reply = write_reply(Evidence(call, contents, (limit or _MAX_TOKENS) * _TOKEN_BYTES))
    text, was_cut = (reply, False) if limit is None else cut_text(reply, limit)
    pairs = zip(call.pictures, contents, strict=True)
    image = sum(count_picture_tokens(content.width, content.height, picture.detail) for picture, content in pairs)
    prompt, completion = count_text_tokens(call.text) + image, count_text_tokens(text)
    finish = "length" if was_cut else "stop"
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": image},
    }
    message = AIMessage(
        content=text,
        usage_metadata={
            "input_tokens": prompt,
            "output_tokens": completion,
            "total_tokens": prompt + completion,
        },
        response_metadata={
            "model_name": "offline",
            "label": OFFLINE_LABEL,
            "finish_reason": finish,
            "token_usage": usage,
        },
    )
    return ChatResult(generations=[ChatGeneration(message=message, generation_info={"finish_reason": finish})])
