"""The embedded default model: answers this package's own prompts from what it really sees, by published rules."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from ecoalign_agent.offline import counting, examining, exploring, rewriting, scanning, writing
from ecoalign_agent.offline.brief import PLAIN, Brief, read_brief
from ecoalign_agent.offline.ocr import Engine, EngineChoice, find_engine
from ecoalign_agent.offline.sight import Eyes, Sight

OFFLINE_LABEL = "offline rules, not a vision-language model"
"""What the embedded model is called wherever it is named."""

_NO_PROMPT = (
    f"This is the embedded model of EcoAlign ({OFFLINE_LABEL}): it answers only EcoAlign's own prompts, "
    "from text it reads in pictures and published rules."
)
_ROOM = 1_000
"""Completion tokens a reply may use when the caller sets no limit."""


@cache
def _eyes(engine: Engine) -> Eyes:
    return Eyes(engine)


@cache
def _readers() -> ThreadPoolExecutor:
    # A worker of its own: pictures wait here for the one OCR engine, not in the threads that everybody else needs.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="offline-ocr")


class OfflineModel(BaseChatModel):
    """A LangChain chat model without a network, a key or weights of its own.

    It recognises the task by the first line of the system message, takes the fenced data apart, sees the pictures by
    OCR and simple figures, and replies one JSON object that fits the schema of that prompt. The same messages get the
    same reply. Usage is counted as :mod:`ecoalign_agent.offline.counting` documents.

    Raises:
        ModelNameError: an OCR engine asked for by name is not on this machine.
    """

    ocr: EngineChoice = "auto"
    """Which OCR engine reads the pictures; "auto": rapidocr, else tesseract, else none."""

    _engine: Engine = PrivateAttr(default="none")

    def model_post_init(self, context: Any, /) -> None:  # noqa: ANN401 - pydantic's own signature
        """Find the engine, so that a missing one is told at once and not in the middle of a run."""
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
        brief = read_brief(messages)
        return _result(brief, _eyes(self._engine).see([picture.data for picture in brief.pictures]), kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        brief = read_brief(messages)
        eyes, pictures = _eyes(self._engine), [picture.data for picture in brief.pictures]
        sights = eyes.remembered(pictures)
        if sights is None:
            sights = await asyncio.get_running_loop().run_in_executor(_readers(), eyes.see, pictures)
        return _result(brief, sights, kwargs)


def reply_to(brief: Brief, sights: list[Sight], most: int) -> str:
    """The reply to one call, in at most about ``most`` tokens: JSON for a prompt of ours, words for a bare question."""
    if brief.task is None:
        return _NO_PROMPT
    if brief.task == PLAIN:
        return writing.answer(brief, sights, most * counting.BYTES_A_TOKEN)
    return json.dumps(_reply(brief.task, brief, sights, most * counting.BYTES_A_TOKEN), ensure_ascii=False)


def _reply(task: str, brief: Brief, sights: list[Sight], room: int) -> dict[str, Any]:
    replies: dict[str, Callable[[], dict[str, Any]]] = {
        "scan": lambda: scanning.scan(brief, sights, room),
        "propose": lambda: exploring.propose(brief, sights),
        "simulate": lambda: exploring.simulate(brief),
        "assess thought": lambda: examining.assess_thought(brief, sights),
        "assess request": lambda: examining.assess_request(brief, sights),
        "rewrite analyse": lambda: rewriting.analyse(brief, sights, frugal=False),
        "rewrite frugal": lambda: rewriting.analyse(brief, sights, frugal=True),
        "rewrite prompt": lambda: rewriting.rewrite(brief, sights),
        "rewrite check": lambda: rewriting.check(brief, sights),
        "rewrite hindsight": lambda: rewriting.hindsight(brief, sights),
        "rewrite causal": lambda: rewriting.analyse(brief, sights, frugal=False),
    }
    return replies.get(task, lambda: {"text": _text(task, brief, sights, room)})()


def _text(task: str, brief: Brief, sights: list[Sight], room: int) -> str:
    match task:
        case "look":
            return writing.look(brief, sights, room)
        case "reason":
            return writing.reason(brief, sights, room)
        case "fuse":
            return writing.fuse(brief, room)
        case "plan":
            return writing.plan(brief)
        case "decline":
            return writing.decline(brief)
        case _:
            return writing.answer(brief, sights, room)


def _result(brief: Brief, sights: list[Sight], kwargs: dict[str, Any]) -> ChatResult:
    limit = kwargs.get("max_tokens") or kwargs.get("max_completion_tokens")
    most = limit if isinstance(limit, int) else None
    text, was_cut = counting.cut(reply_to(brief, sights, most or _ROOM), most or 1_000_000)
    image = sum(
        counting.picture_tokens(figures.width, figures.height, picture.detail)
        if (figures := sight.statistics) is not None
        else counting.picture_tokens(0, 0, picture.detail)
        for picture, sight in zip(brief.pictures, sights, strict=True)
    )
    usage = counting.token_usage(counting.text_tokens(brief.text), image, counting.text_tokens(text))
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
