"""The simulated model as a LangChain chat model: no network, no key, no weights, and nothing that sees."""

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field

from ecoalign_agent.llm.image_tokens import image_tokens
from ecoalign_agent.simulation import answering, chatting, exploring, judging, rewriting
from ecoalign_agent.simulation.answering import Manner
from ecoalign_agent.simulation.call import Call, read_call
from ecoalign_agent.simulation.chance import SIMULATED_LABEL
from ecoalign_agent.simulation.mind import Mind
from ecoalign_agent.simulation.parameters import Parameters
from ecoalign_agent.simulation.world import WORLDS, World

BYTES_A_TOKEN = 4
"""Bytes of UTF-8 text that count as one token."""

_KINDS = {"assess thought": "assess", "assess request": "assess"}


class SimulatedModel(BaseChatModel):
    """Answers this package's prompts, bare questions and conversations about the notices of one world.

    A reply follows from the seed, the parameters and what was said and shown: never from the order of calls, and never
    from the random marker of a fence. Usage is counted from what was sent and from what a call of its kind bills; what
    it bills beyond the text that is seen is reported as reasoning tokens. Not a vision-language model.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    parameters: Parameters = Field(default_factory=Parameters)
    """What it is like."""
    seed: int = 0
    """Another seed is another model of the same kind: other mistakes, other blind spots."""
    world: World = Field(default_factory=World)
    """The notices that it knows."""
    preset: str = "middling"
    """What the parameters are called."""
    overrides: tuple[tuple[str, float], ...] = ()
    """Parameters by name that differ from the preset's, told in the model's name."""

    @property
    def _llm_type(self) -> str:
        return "ecoalign-simulated"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "label": SIMULATED_LABEL}

    @property
    def model_name(self) -> str:
        """The name that asks for the same model again, where its preset is one that has a name."""
        own = dict(self.overrides)
        told = "".join(f"&{key}={value:g}" for key, value in own.items())
        made = next((name for name, shares in WORLDS.items() if shares == self.world.shares), "other")
        told = told if made == "even" else f"&made={made}{told}"
        return f"simulated?preset={self.preset}&seed={self.seed}&world={self.world.seed}{told}"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        return self._reply(messages, kwargs)[0]

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        # A picture that was not seen yet is decoded.
        result, seconds = await asyncio.to_thread(self._reply, messages, kwargs)
        if seconds > 0:
            await asyncio.sleep(seconds)
        return result

    def _reply(self, messages: list[BaseMessage], options: dict[str, Any]) -> tuple[ChatResult, float]:
        """The reply, and how many seconds it takes."""
        call = read_call(self.world, messages, seed=options.get("seed"), schema=_schema_in(options))
        mind = Mind(self.parameters, self.seed)
        limit = options.get("max_tokens") or options.get("max_completion_tokens")
        most = limit if isinstance(limit, int) else 1_000_000
        text, was_cut = _cut(reply_to(mind, call), most)
        usage = _usage(call, text, most, billed=self.parameters.billed(_kind_of(call)))
        seconds = self.parameters.latency + self.parameters.seconds_a_token * usage["completion_tokens"]
        return self._said(text, usage, "length" if was_cut else "stop"), seconds

    def _said(self, text: str, usage: dict[str, Any], finish: str) -> ChatResult:
        message = AIMessage(
            content=text,
            usage_metadata={
                "input_tokens": usage["prompt_tokens"],
                "output_tokens": usage["completion_tokens"],
                "total_tokens": usage["total_tokens"],
            },
            response_metadata={
                "model_name": self.model_name,
                "label": SIMULATED_LABEL,
                "finish_reason": finish,
                "token_usage": usage,
            },
        )
        return ChatResult(generations=[ChatGeneration(message=message, generation_info={"finish_reason": finish})])


def reply_to(mind: Mind, call: Call) -> str:
    """The reply to one call: JSON for a prompt of ours, else words, or JSON where a schema asks for it."""
    if call.task is None:
        return chatting.chat(mind, call)
    manner = Manner(mind.parameters.thought_skill, guarded=answering.guarded_by(call))
    replies: dict[str, Callable[[], dict[str, Any]]] = {
        "scan": lambda: exploring.scan(mind, call),
        "propose": lambda: exploring.propose(mind, call),
        "simulate": lambda: exploring.simulate(mind, call),
        "assess thought": lambda: judging.assess_thought(mind, call),
        "assess request": lambda: judging.assess_request(mind, call),
        "rewrite analyse": lambda: rewriting.analyse(mind, call, frugal=False),
        "rewrite causal": lambda: rewriting.analyse(mind, call, frugal=False),
        "rewrite frugal": lambda: rewriting.analyse(mind, call, frugal=True),
        "rewrite prompt": lambda: rewriting.rewrite(call),
        "rewrite check": lambda: rewriting.check(mind, call),
        "rewrite hindsight": lambda: rewriting.hindsight(mind, call),
        "plan": lambda: {"text": answering.plan(mind, call)},
        "reason": lambda: {"text": answering.reason(mind, call)},
        "look": lambda: {"text": answering.look(mind, call)},
        "fuse": lambda: {"text": answering.fuse(call)},
        "decline": lambda: {"text": answering.decline(call)},
    }
    return json.dumps(replies.get(call.task, lambda: {"text": answering.answer(mind, call, manner)})())


def _kind_of(call: Call) -> str:
    if call.task is None:
        return chatting.kind_of(call)
    return "rewrite" if call.task.startswith("rewrite") else _KINDS.get(call.task, call.task)


def _schema_in(options: dict[str, Any]) -> dict[str, Any] | None:
    form = options.get("response_format")
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    held = form.get("json_schema")
    schema = held.get("schema") if isinstance(held, dict) else None
    return schema if isinstance(schema, dict) else None


def _cut(text: str, most: int) -> tuple[str, bool]:
    data = text.encode()
    if len(data) <= most * BYTES_A_TOKEN:
        return text, False
    return data[: most * BYTES_A_TOKEN].decode("utf-8", "ignore"), True


def _usage(call: Call, text: str, most: int, *, billed: int) -> dict[str, Any]:
    """The usage in the shape of OpenAI's API."""
    written = math.ceil(len(text.encode()) / BYTES_A_TOKEN)
    completion = max(written, min(most, billed))
    image = sum(
        image_tokens((max(1, view.width), max(1, view.height)), picture.detail, "openai-tiles")
        for view, picture in zip(call.views, call.pictures, strict=True)
    )
    prompt = math.ceil(call.prompt_bytes / BYTES_A_TOKEN) + image
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": image},
        "completion_tokens_details": {"reasoning_tokens": completion - written},
    }
