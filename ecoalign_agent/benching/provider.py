"""The offline and the simulated model behind Inspect: ``ecoalign/offline``, ``ecoalign/simulated:able?seed=1``.

They run in this process, need no key, and stand for no vision-language model.
"""

from typing import Any

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    StopReason,
    modelapi,
)
from inspect_ai.model import messages_to_openai as as_openai
from inspect_ai.tool import ToolChoice, ToolInfo
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, convert_to_messages

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.simulation.names import is_simulated, simulated_model

PROVIDER = "ecoalign"
"""Before the name, in Inspect's way of naming models."""

_CONNECTIONS = 1_000
"""Calls at once that a model in this process has no reason to refuse."""


@modelapi(name=PROVIDER)
class InProcessAPI(ModelAPI):
    """A LangChain chat model of ours behind Inspect's interface.

    Args:
        model_name: ``offline``, or ``simulated`` with preset and parameters.
        base_url: not used.
        api_key: not used.
        config: Inspect's.

    Raises:
        ModelNameError: no such model.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._model = in_process(model_name)

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 - Inspect's own signature
        tools: list[ToolInfo],  # noqa: ARG002 - as above; nothing here calls tools
        tool_choice: ToolChoice,  # noqa: ARG002 - as above
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer one call."""
        messages = convert_to_messages(await as_openai(input))  # type: ignore[arg-type]  # dictionaries of OpenAI's form
        said = await self._model.ainvoke(messages, **_options(config))
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(content=said.text, model=self.model_name, source="generate"),
                    stop_reason=_stop(said),
                )
            ],
            usage=_usage(said),
        )

    def max_connections(self) -> int:
        """Calls at once."""
        return _CONNECTIONS

    def connection_key(self) -> str:
        """Calls of one model share their places."""
        return f"{PROVIDER}/{self.model_name}"


def in_process(name: str) -> BaseChatModel:
    """The chat model behind ``offline`` or ``simulated…``.

    Raises:
        ModelNameError: it is neither.
    """
    if name == "offline":
        from ecoalign_agent.offline import OfflineModel  # noqa: PLC0415 - OCR, only where it is chosen

        return OfflineModel()
    if is_simulated(name):
        return simulated_model(name)
    raise ModelNameError(f"model {PROVIDER}/{name}: write {PROVIDER}/offline or {PROVIDER}/simulated:PRESET")


def _options(config: GenerateConfig) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if config.max_tokens is not None:
        options["max_tokens"] = config.max_tokens
    if config.seed is not None:
        options["seed"] = config.seed
    if config.response_schema is not None:
        form = config.response_schema
        schema = form.json_schema.model_dump(exclude_none=True, by_alias=True)
        options["response_format"] = {"type": "json_schema", "json_schema": {"name": form.name, "schema": schema}}
    return options


def _stop(said: AIMessage) -> StopReason:
    return "max_tokens" if said.response_metadata.get("finish_reason") == "length" else "stop"


def _usage(said: AIMessage) -> ModelUsage | None:
    usage = said.usage_metadata
    if usage is None:
        return None
    return ModelUsage(
        input_tokens=usage["input_tokens"],
        output_tokens=usage["output_tokens"],
        total_tokens=usage["total_tokens"],
        reasoning_tokens=(usage.get("output_token_details") or {}).get("reasoning"),
    )
