"""The simulated model as a LangChain chat model, and its names: no network, no key, no weights.

A name is ``simulated``, ``simulated:PRESET`` or ``simulated:PRESET?seed=1&hit_rate=0.8``. The model's own name has the
preset among the keys, as in ``simulated?preset=able&seed=1``: it means the same, and passes through places where a
colon separates a provider.
"""

import asyncio
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import ConfigDict, Field

from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.images.image_tokens import image_tokens
from ecoalign_agent.models.simulated.fit import fitted_presets
from ecoalign_agent.models.simulated.judgement import JudgementModel
from ecoalign_agent.models.simulated.parameters import PRESETS, Parameters
from ecoalign_agent.models.simulated.prompt_input import Call, read_call
from ecoalign_agent.models.simulated.replies import simulated_reply, token_kind
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL, WORLDS, World

SIMULATED_NAME = "simulated"
_DEFAULT_PRESET = "middling"

_TOKEN_BYTES = 4


class SimulatedModel(BaseChatModel):
    """Answers this package's prompts, bare questions and conversations about the notices of one world.

    A reply depends on the seed, the parameters and the content of the call: never on the order of calls, and never on
    the random marker of a delimiter. Usage is counted from the messages and from the tokens that a call of its kind
    bills; those beyond the visible text are reported as reasoning tokens. Not a vision-language model.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    parameters: Parameters = Field(default_factory=Parameters)
    seed: int = 0
    """Another seed is another model of the same kind: other mistakes, other blind spots."""
    world: World = Field(default_factory=World)
    preset: str = "middling"
    overrides: tuple[tuple[str, float], ...] = ()
    """Parameters by name that differ from the preset's; they stand in the model's name."""

    @property
    def _llm_type(self) -> str:
        return "ecoalign-simulated"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "label": SIMULATED_LABEL}

    @property
    def model_name(self) -> str:
        """The name that asks for the same model again, where its preset is one that has a name."""
        made = next((name for name, shares in WORLDS.items() if shares == self.world.shares), "other")
        options = "" if made == "even" else f"&made={made}"
        options += "".join(f"&{key}={value:g}" for key, value in self.overrides)
        return f"{SIMULATED_NAME}?preset={self.preset}&seed={self.seed}&world={self.world.seed}{options}"

    def variant(
        self, *, seed: int | None = None, world: World | None = None, parameters: Mapping[str, float] | None = None
    ) -> "SimulatedModel":
        """A model of the same kind; ``parameters`` by name, in place of its own."""
        changes = dict(parameters or {})
        return SimulatedModel(
            parameters=self.parameters.replaced(**changes),
            seed=self.seed if seed is None else seed,
            world=self.world if world is None else world,
            preset=self.preset,
            overrides=tuple(sorted({**dict(self.overrides), **changes}.items())),
        )

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
        call = read_call(self.world, messages, seed=options.get("seed"), schema=_schema_in(options))
        limit = options.get("max_tokens") or options.get("max_completion_tokens")
        max_tokens = limit if isinstance(limit, int) else 1_000_000
        data = simulated_reply(JudgementModel(self.parameters, self.seed), call).encode()
        finish_reason = "length" if len(data) > max_tokens * _TOKEN_BYTES else "stop"
        text = data[: max_tokens * _TOKEN_BYTES].decode("utf-8", "ignore")
        usage = _usage(call, text, max_tokens, billed=self.parameters.billed(token_kind(call)))
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
                "finish_reason": finish_reason,
                "token_usage": usage,
            },
        )
        generation = ChatGeneration(message=message, generation_info={"finish_reason": finish_reason})
        seconds = self.parameters.latency + self.parameters.seconds_a_token * usage["completion_tokens"]
        return ChatResult(generations=[generation]), seconds


def _schema_in(options: dict[str, Any]) -> dict[str, Any] | None:
    response_format = options.get("response_format")
    if not isinstance(response_format, dict) or response_format.get("type") != "json_schema":
        return None
    content = response_format.get("json_schema")
    schema = content.get("schema") if isinstance(content, dict) else None
    return schema if isinstance(schema, dict) else None


def _usage(call: Call, text: str, max_tokens: int, *, billed: int) -> dict[str, Any]:
    visible = math.ceil(len(text.encode()) / _TOKEN_BYTES)
    completion = max(visible, min(max_tokens, billed))
    image = sum(
        image_tokens((max(1, view.width), max(1, view.height)), picture.detail, "openai-tiles")
        for view, picture in zip(call.views, call.pictures, strict=True)
    )
    prompt = math.ceil(call.prompt_bytes / _TOKEN_BYTES) + image
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": image},
        "completion_tokens_details": {"reasoning_tokens": completion - visible},
    }


def is_simulated(name: str) -> bool:
    """True if a model's name means a simulated one."""
    return name.partition(":")[0].partition("?")[0] == SIMULATED_NAME


def simulated_model(name: str, **defaults: float) -> SimulatedModel:
    """The model with a name: ``simulated``, with ``:PRESET`` and ``?KEY=VALUE&…`` where wanted.

    Keys are ``seed``, ``world`` (the seed of the world whose notices it knows), ``made`` (the composition of that
    world, a name of ``WORLDS``), and every parameter; ``defaults`` count where the name says nothing.

    Raises:
        ModelNameError: an unknown preset or key, or a value that is none; the message lists the known ones.
    """
    head, _, query = name.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    preset = head.partition(":")[2] or dict(pairs).get("preset") or _DEFAULT_PRESET
    known = presets()
    if preset not in known:
        raise ModelNameError(f"model {name!r}: no preset {preset!r}; there are {', '.join(known)}")
    made = dict(pairs).get("made", "even")
    numbers: dict[str, float] = {"seed": 0, "world": 0, **defaults}
    for key, value in pairs:
        if key in {"preset", "made"}:
            continue
        try:
            numbers[key] = int(value) if key in {"seed", "world"} else float(value)
        except ValueError as error:
            raise ModelNameError(f"model {name!r}: {key} is {value!r}; write a number") from error
    seed, world = int(numbers.pop("seed")), int(numbers.pop("world"))
    if made not in WORLDS:
        raise ModelNameError(f"model {name!r}: no world {made!r}; there are {', '.join(WORLDS)}")
    try:
        parameters = known[preset].replaced(**numbers)
    except UsageError as error:
        raise ModelNameError(f"model {name!r}: {error}") from error
    return SimulatedModel(
        parameters=parameters,
        seed=seed,
        world=World(world, WORLDS[made]),
        preset=preset,
        overrides=tuple(sorted(numbers.items())),
    )


def presets() -> dict[str, Parameters]:
    """Every preset by its name: the made-up ones, and those fitted to published rows."""
    return {**PRESETS, **fitted_presets()}
