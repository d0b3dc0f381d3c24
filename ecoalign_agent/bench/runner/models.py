"""Inspect's models for this package's names of models.

The offline and the simulated model run in this process behind Inspect's interface: ``ecoalign/offline``,
``ecoalign/simulated:able?seed=1``. They need no key, and stand for no vision-language model.
"""

from contextvars import ContextVar
from typing import Any
from urllib.parse import parse_qsl

from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    Model,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    get_model,
    modelapi,
)
from inspect_ai.model import messages_to_openai as as_openai
from inspect_ai.tool import ToolChoice, ToolInfo
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_messages
from langchain_core.outputs import ChatResult
from langchain_openai import ChatOpenAI

from ecoalign_agent.bench.datasets.simulated import SIMULATED_WORLDS
from ecoalign_agent.errors import ModelError, ModelNameError
from ecoalign_agent.llm.prompts import PROMPT_METADATA_KEY
from ecoalign_agent.models.simulated.model import is_simulated, simulated_model
from ecoalign_agent.settings import Settings

PROVIDER = "ecoalign"
"""Prefix of the names, as Inspect names models."""

_PROMPT_METADATA: ContextVar[dict[str, Any] | None] = ContextVar("prompt_metadata", default=None)
"""Values beside the words of the call that this task makes: Inspect's bridge carries words alone."""

_CONNECTIONS = 1_000
"""Concurrent calls of a model in this process: as good as unlimited."""


@modelapi(name=PROVIDER)
class InProcessAPI(ModelAPI):
    """A LangChain chat model of ours behind Inspect's interface: ``offline``, or ``simulated`` with its parameters."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008 - Inspect's own signature
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._model = make_in_process_model(model_name)

    async def generate(
        self,
        input: list[ChatMessage],  # noqa: A002 - Inspect's own signature
        tools: list[ToolInfo],  # noqa: ARG002 - as above; nothing here calls tools
        tool_choice: ToolChoice,  # noqa: ARG002 - as above
        config: GenerateConfig,
    ) -> ModelOutput:
        """Answer one call."""
        messages = convert_to_messages(await as_openai(input))  # type: ignore[arg-type]  # dictionaries of OpenAI's form
        metadata = _PROMPT_METADATA.get()
        if metadata is not None:
            messages[-1].additional_kwargs[PROMPT_METADATA_KEY] = metadata
        reply = await self._model.ainvoke(messages, **_options(config))
        return ModelOutput(
            model=self.model_name,
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(content=reply.text, model=self.model_name, source="generate"),
                    stop_reason="max_tokens" if reply.response_metadata.get("finish_reason") == "length" else "stop",
                )
            ],
            usage=_usage(reply),
        )

    def max_connections(self) -> int:
        """Calls at once."""
        return _CONNECTIONS

    def connection_key(self) -> str:
        """Key of the calls that share the limit."""
        return f"{PROVIDER}/{self.model_name}"


class BridgedModel(ChatOpenAI):
    """OpenAI's client as Inspect's bridge intercepts it; a stand-in model behind it gets a prompt's metadata too."""

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        *args: Any,  # noqa: ANN401 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> ChatResult:
        token = _PROMPT_METADATA.set(messages[-1].additional_kwargs.get(PROMPT_METADATA_KEY))
        try:
            return await super()._agenerate(messages, *args, **kwargs)
        finally:
            _PROMPT_METADATA.reset(token)


def make_in_process_model(name: str) -> BaseChatModel:
    """Build the chat model behind ``offline`` or ``simulated…``; raises ModelNameError for another name."""
    if name == "offline":
        from ecoalign_agent.models.offline.model import OfflineModel  # noqa: PLC0415 - OCR, only where it is chosen

        return OfflineModel()
    if is_simulated(name):
        return simulated_model(name)
    raise ModelNameError(f"model {PROVIDER}/{name}: write {PROVIDER}/offline or {PROVIDER}/simulated:PRESET")


def _options(config: GenerateConfig) -> dict[str, Any]:
    numbers = {"max_tokens": config.max_tokens, "seed": config.seed}
    options: dict[str, Any] = {name: value for name, value in numbers.items() if value is not None}
    if config.response_schema is not None:
        form = config.response_schema
        schema = form.json_schema.model_dump(exclude_none=True, by_alias=True)
        options["response_format"] = {"type": "json_schema", "json_schema": {"name": form.name, "schema": schema}}
    return options


def _usage(reply: AIMessage) -> ModelUsage | None:
    usage = reply.usage_metadata
    if usage is None:
        return None
    return ModelUsage(
        input_tokens=usage["input_tokens"],
        output_tokens=usage["output_tokens"],
        total_tokens=usage["total_tokens"],
        reasoning_tokens=(usage.get("output_token_details") or {}).get("reasoning"),
    )


_PROVIDER_NAMES = {
    "google_genai": "google",
    "google_vertexai": "google/vertex",
    "mistralai": "mistral",
    "azure_openai": "openai/azure",
}
"""LangChain's → Inspect's name of a provider, where they differ."""


def is_stand_in(name: str) -> bool:
    """True for the name of a model that stands for no vision-language model: the simulated or the offline one."""
    bare = name.removeprefix(f"{PROVIDER}/")
    return bare == "offline" or is_simulated(bare)


def inspect_model(name: str, settings: Settings) -> Model:
    """Inspect's model behind a name: ``simulated:able`` or ``openai:NAME``, or as Inspect writes it, ``openai/NAME``.

    Raises:
        ModelNameError: no such model, its package is not installed, or its key is missing.
    """
    full_name = name if "/" in name.partition("?")[0].partition(":")[0] else _inspect_name(name)
    options: dict[str, Any] = {}
    key = settings.openai_api_key
    if full_name.startswith("openai/"):
        options = {"base_url": settings.base_url, "responses_api": False}
        if key is not None:
            options["api_key"] = key.get_secret_value()
        elif settings.base_url is not None:
            # Local servers ask for none, but the client insists on sending one.
            options["api_key"] = "none"
    try:
        model = get_model(full_name, config=GenerateConfig(), memoize=False, **options)
        return model if key is None else _without_key(model, key.get_secret_value())
    except ModelNameError:
        raise
    except Exception as error:
        line = next((part.strip() for part in str(error).splitlines() if part.strip()), type(error).__name__)
        raise ModelNameError(f"model {name!r} can't be used: {line}") from error


def _without_key(model: Model, key: str) -> Model:
    """The same model with the key removed from its errors, which Inspect keeps in its logs."""
    original = model.api.generate

    async def generate(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as Inspect calls it
        try:
            return await original(*args, **kwargs)
        except Exception as error:
            if key in str(error) or key in repr(error):
                raise ModelError(f"{model}: {str(error).replace(key, '(key)')[:400]}") from None
            raise

    model.api.generate = generate  # type: ignore[method-assign]  # Inspect has no place for it
    return model


def _inspect_name(name: str) -> str:
    if is_stand_in(name):
        return f"{PROVIDER}/{name}"
    kind, colon, rest = name.partition(":")
    if not colon:
        return f"openai/{name}"
    return f"{_PROVIDER_NAMES.get(kind, kind)}/{rest}"


def in_world(name: str, benchmark: str, seed: int, *, latency: float) -> str:
    """Name of a simulated model that knows the world of a run's seed; ``latency`` is for a name that gives none."""
    if not is_simulated(name) or benchmark not in SIMULATED_WORLDS:
        return name
    present = {key for key, _ in parse_qsl(name.partition("?")[2], keep_blank_values=True)}
    parameters = {"world": str(seed), "made": SIMULATED_WORLDS[benchmark], "latency": f"{latency:g}"}
    added = "&".join(f"{key}={value}" for key, value in parameters.items() if key not in present)
    full_name = f"{name}{'&' if '?' in name else '?'}{added}" if added else name
    simulated_model(full_name)
    return full_name


def another_seed(name: str) -> str:
    """Name of a simulated model of the same kind with another seed: other mistakes, other blind spots."""
    simulated_model(name)
    seed = dict(parse_qsl(name.partition("?")[2])).get("seed", "0")
    bare, _, query = name.partition("?")
    rest = "&".join(part for part in query.split("&") if part and not part.startswith("seed="))
    return f"{bare}?{rest}{'&' if rest else ''}seed={int(seed) + 1_000}"


_RUN_PARAMETERS = frozenset({"world", "made", "latency"})


def table_name(name: str) -> str:
    """A model's name in tables: of a simulated one without the parameters of the run."""
    bare = name.removeprefix(f"{PROVIDER}/")
    if not is_simulated(bare):
        return bare
    head, _, query = bare.partition("?")
    own = [part for part in query.split("&") if part and part.partition("=")[0] not in _RUN_PARAMETERS]
    return f"{head}?{'&'.join(own)}" if own else head
