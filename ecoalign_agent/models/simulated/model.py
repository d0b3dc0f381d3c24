"""The simulated model as a LangChain chat model: no network, no key, no weights, and nothing that sees.

The names of simulated models: ``simulated``, ``simulated:PRESET``, ``simulated:PRESET?seed=1&hit_rate=0.8``.

What a model calls itself has the preset among the keys, as in ``simulated?preset=able&seed=1``: it is the same name,
and passes through places where a colon means a provider.
"""

import asyncio
import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field

from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.images.image_tokens import image_tokens
from ecoalign_agent.models.simulated import answering, chatting, exploring, judgement
from ecoalign_agent.models.simulated import answering as rewriting
from ecoalign_agent.models.simulated.answering import Manner
from ecoalign_agent.models.simulated.fit import fitted_presets
from ecoalign_agent.models.simulated.judgement import Mind
from ecoalign_agent.models.simulated.parameters import PRESETS, Parameters
from ecoalign_agent.models.simulated.prompt_input import Call, read_call
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL, WORLDS, World

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
        "assess thought": lambda: judgement.assess_thought(mind, call),
        "assess request": lambda: judgement.assess_request(mind, call),
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


SIMULATED = "simulated"
DEFAULT = "middling"


def is_simulated(name: str) -> bool:
    """Whether a model's name means a simulated one."""
    return name.partition(":")[0].partition("?")[0] == SIMULATED


def simulated_model(name: str, **given: float) -> "SimulatedModel":
    """The model behind a name.

    Args:
        name: ``simulated``, with ``:PRESET`` and ``?KEY=VALUE&…`` where wanted. Keys are ``seed``, ``world`` (the seed
            of the world whose notices it knows), ``made`` (what that world is made of, a name of ``WORLDS``), and every
            parameter.
        given: parameters that count where the name says nothing.

    Raises:
        ModelNameError: no such preset or key, or a value that is none; the message says which there are.
    """
    from ecoalign_agent.models.simulated.world import WORLDS, World  # noqa: PLC0415 - as above

    head, _, query = name.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    preset = head.partition(":")[2] or dict(pairs).get("preset") or DEFAULT
    known = presets()
    if preset not in known:
        raise ModelNameError(f"model {name!r}: no preset {preset!r}; there are {', '.join(known)}")
    numbers = dict(given)
    whole = {"seed": 0, "world": 0}
    made = "even"
    for key, value in pairs:
        if key == "preset":
            continue
        if key == "made":
            if value not in WORLDS:
                raise ModelNameError(f"model {name!r}: no world {value!r}; there are {', '.join(WORLDS)}")
            made = value
            continue
        try:
            if key in whole:
                whole[key] = int(value)
            else:
                numbers[key] = float(value)
        except ValueError as error:
            raise ModelNameError(f"model {name!r}: {key} is {value!r}; write a number") from error
    try:
        parameters = known[preset].replaced(**numbers)
    except UsageError as error:
        raise ModelNameError(f"model {name!r}: {error}") from error
    return SimulatedModel(
        parameters=parameters,
        seed=whole["seed"],
        world=World(whole["world"], WORLDS[made]),
        preset=preset,
        overrides=tuple(sorted(numbers.items())),
    )


def presets() -> dict[str, Parameters]:
    """Every preset by its name: the made-up ones, and those fitted to published rows."""
    return {**PRESETS, **fitted_presets()}
