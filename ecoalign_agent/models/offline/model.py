"""The embedded default model: a chat model that answers from the text of pictures, by layout and word lists."""

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from types import MappingProxyType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from ecoalign_agent.models.offline import replies, rewriting, tokens
from ecoalign_agent.models.offline.evidence import Evidence
from ecoalign_agent.models.offline.image_reader import ImageContent, ImageReader
from ecoalign_agent.models.offline.ocr_engines import Engine, EngineChoice, find_engine
from ecoalign_agent.models.offline.prompt_input import PromptInput, read_messages

OFFLINE_LABEL = "offline rules, not a vision-language model"
"""What the embedded model is called wherever it is named."""

_MAX_TOKENS = 1_000
"""Completion tokens a reply may use when the caller sets no limit."""


@cache
def _image_reader(engine: Engine) -> ImageReader:
    return ImageReader(engine)


@cache
def _ocr_worker() -> ThreadPoolExecutor:
    # A worker of its own: pictures wait here for the one OCR engine, not in the threads that everybody else needs.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline-ocr")


class OfflineModel(BaseChatModel):
    """A LangChain chat model without a network, a key or weights of its own.

    A prompt of this package is answered by one JSON object that fits its schema: task and data are read from what
    travels beside the words. Any other conversation is answered in words. The same messages get the same reply. Usage
    is counted as :mod:`ecoalign_agent.models.offline.tokens` documents.

    Raises:
        ModelNameError: an OCR engine asked for by name is not on this machine.
    """

    ocr: EngineChoice = "auto"
    """Which OCR engine reads the pictures; "auto": rapidocr, else tesseract, else none."""

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

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        call = read_messages(messages)
        contents = _image_reader(self._engine).read([picture.data for picture in call.pictures])
        return _result(call, contents, kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        call = read_messages(messages)
        reader, pictures = _image_reader(self._engine), [picture.data for picture in call.pictures]
        contents = reader.remembered(pictures)
        if contents is None:
            contents = await asyncio.get_running_loop().run_in_executor(_ocr_worker(), reader.read, pictures)
        return _result(call, contents, kwargs)


_FORMS: Mapping[str, Callable[[Evidence, int], dict[str, Any]]] = MappingProxyType(
    {
        "alignment/scan": replies.scan,
        "alignment/propose": lambda evidence, _: replies.propose(evidence),
        "alignment/simulate": lambda evidence, _: replies.simulate(evidence),
        "assessing/thought": lambda evidence, _: replies.assess_thought(evidence),
        "assessing/request": lambda evidence, _: replies.assess_request(evidence),
        "rewriting/analyse": lambda evidence, _: rewriting.analyse(evidence),
        "rewriting/causal": lambda evidence, _: rewriting.analyse(evidence),
        "rewriting/frugal": lambda evidence, _: rewriting.analyse(evidence) | rewriting.rewrite(evidence),
        "rewriting/prompt": lambda evidence, _: rewriting.rewrite(evidence),
        "rewriting/check": lambda evidence, _: rewriting.check(evidence),
        "rewriting/hindsight": lambda evidence, _: rewriting.hindsight(evidence),
    }
)
_TEXTS: Mapping[str, Callable[[Evidence, int], str]] = MappingProxyType(
    {
        "alignment/look": replies.look,
        "alignment/reason": replies.reason,
        "alignment/fuse": replies.reason,
        "alignment/plan": lambda *_: replies.STRATEGY,
        "alignment/decline": lambda evidence, _: replies.decline(evidence),
    }
)


def reply_to(call: PromptInput, contents: Sequence[ImageContent], max_tokens: int) -> str:
    """The reply to one call, in at most about ``max_tokens`` tokens: JSON for a prompt of ours, else words."""
    room = max_tokens * tokens.BYTES_A_TOKEN
    texts = [*(text for _, _, text in call.thoughts("path")), call.get("thoughts"), call.get("notes")]
    evidence = Evidence(call, contents, [text for text in texts if text])
    if call.task is None:
        return evidence.answer(room)
    if call.task in _FORMS:
        return json.dumps(_FORMS[call.task](evidence, room), ensure_ascii=False)
    text = _TEXTS[call.task](evidence, room) if call.task in _TEXTS else evidence.answer(room)
    return json.dumps({"text": text}, ensure_ascii=False)


def _result(call: PromptInput, contents: Sequence[ImageContent], kwargs: dict[str, Any]) -> ChatResult:
    limit = kwargs.get("max_tokens") or kwargs.get("max_completion_tokens")
    most = limit if isinstance(limit, int) else None
    text, was_cut = tokens.cut(reply_to(call, contents, most or _MAX_TOKENS), most or 1_000_000)
    image = sum(
        tokens.picture_tokens(content.width, content.height, picture.detail)
        for picture, content in zip(call.pictures, contents, strict=True)
    )
    usage = tokens.token_usage(tokens.text_tokens(call.text), image, tokens.text_tokens(text))
    finish = "length" if was_cut else "stop"
    message = AIMessage(
        content=text,
        usage_metadata={
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        },
        response_metadata={
            "model_name": "offline",
            "label": OFFLINE_LABEL,
            "finish_reason": finish,
            "token_usage": usage,
        },
    )
    return ChatResult(generations=[ChatGeneration(message=message, generation_info={"finish_reason": finish})])
