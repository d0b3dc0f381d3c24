"""The offline and the simulated model behind Inspect: ``ecoalign/offline``, ``ecoalign/simulated:able?seed=1``.

They run in this process, need no key, and stand for no vision-language model.

From this package's names of models to Inspect's models.
"""

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
    StopReason,
    get_model,
    modelapi,
)
from inspect_ai.model import messages_to_openai as as_openai
from inspect_ai.tool import ToolChoice, ToolInfo
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, convert_to_messages

from ecoalign_agent.bench.runner.tasks import SIMULATED_WORLDS
from ecoalign_agent.errors import ModelError, ModelNameError
from ecoalign_agent.models.simulated.model import is_simulated, simulated_model
from ecoalign_agent.settings import Settings

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
        from ecoalign_agent.offline.model import OfflineModel  # noqa: PLC0415 - OCR, only where it is chosen

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


_THEIRS = {
    "google_genai": "google",
    "google_vertexai": "google/vertex",
    "mistralai": "mistral",
    "azure_openai": "openai/azure",
}
"""Providers that LangChain and Inspect call by different names."""


def is_stand_in(name: str) -> bool:
    """Whether a name means a model that stands for no vision-language model: the simulated or the offline one."""
    bare = name.removeprefix(f"{PROVIDER}/")
    return bare == "offline" or is_simulated(bare)


def inspect_model(name: str, settings: Settings) -> Model:
    """The model of Inspect's behind a name.

    Args:
        name: as everywhere here, ``simulated:able`` or ``openai:NAME``; or as Inspect writes it, ``openai/NAME``.
        settings: base URL and key of ``openai:`` models.

    Raises:
        ModelNameError: no such model, its package is not installed, or its key is missing.
    """
    told = name if "/" in name.partition("?")[0].partition(":")[0] else _told(name)
    given: dict[str, Any] = {}
    key = settings.openai_api_key
    if told.startswith("openai/"):
        given = {"base_url": settings.base_url, "responses_api": False}
        if key is not None:
            given["api_key"] = key.get_secret_value()
        elif settings.base_url is not None:
            # Local servers ask for none, but the client insists on sending one.
            given["api_key"] = "none"
    try:
        model = get_model(told, config=GenerateConfig(), memoize=False, **given)
        return model if key is None else _silent(model, key.get_secret_value())
    except ModelNameError:
        raise
    except Exception as error:
        line = next((part.strip() for part in str(error).splitlines() if part.strip()), type(error).__name__)
        raise ModelNameError(f"model {name!r} can't be used: {line}") from error


def _silent(model: Model, key: str) -> Model:
    """The same model, whose errors do not repeat its key, whatever the server says: Inspect keeps them in its logs."""
    ask = model.api.generate

    async def generate(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - as Inspect calls it
        try:
            return await ask(*given, **named)
        except Exception as error:
            if key in str(error) or key in repr(error):
                raise ModelError(f"{model}: {str(error).replace(key, '(key)')[:400]}") from None
            raise

    model.api.generate = generate  # type: ignore[method-assign]  # Inspect has no place for it
    return model


def _told(name: str) -> str:
    if is_stand_in(name):
        return f"{PROVIDER}/{name}"
    kind, colon, rest = name.partition(":")
    if not colon:
        return f"openai/{name}"
    return f"{_THEIRS.get(kind, kind)}/{rest}"


def in_world(name: str, benchmark: str, seed: int, *, latency: float) -> str:
    """The same name, of a model that knows the world of a simulated benchmark; any other name as it is.

    Args:
        name: of a model.
        benchmark: what it is asked.
        seed: the run's, which is the world's.
        latency: seconds that a call takes, where the name says nothing.
    """
    if not is_simulated(name) or benchmark not in SIMULATED_WORLDS:
        return name
    told = {key for key, _ in parse_qsl(name.partition("?")[2], keep_blank_values=True)}
    more = {"world": str(seed), "made": SIMULATED_WORLDS[benchmark], "latency": f"{latency:g}"}
    wanted = "&".join(f"{key}={value}" for key, value in more.items() if key not in told)
    known = f"{name}{'&' if '?' in name else '?'}{wanted}" if wanted else name
    simulated_model(known)
    return known


def another_seed(name: str) -> str:
    """A simulated model of the same kind that is another one: other mistakes, other blind spots.

    Raises:
        ModelNameError: there is no such model.
    """
    simulated_model(name)
    seed = dict(parse_qsl(name.partition("?")[2])).get("seed", "0")
    bare, _, query = name.partition("?")
    kept = "&".join(part for part in query.split("&") if part and not part.startswith("seed="))
    return f"{bare}?{kept}{'&' if kept else ''}seed={int(seed) + 1_000}"


def plain_name(name: str) -> str:
    """A model's name as tables show it: of a simulated one without what is the run's own."""
    bare = name.removeprefix(f"{PROVIDER}/")
    if not is_simulated(bare):
        return bare
    head, _, query = bare.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in _RUNS_OWN]
    return f"{head}?{'&'.join(kept)}" if kept else head


_RUNS_OWN = frozenset({"world", "made", "latency"})
