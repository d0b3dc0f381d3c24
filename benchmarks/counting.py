"""A chat model that counts: every method is measured by the calls that reach the model, all in the same way."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import ConfigDict

from ecoalign_agent.bench.runner.solvers import sequential_rounds
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.testing import AsyncChatModel


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who was asked what, when it began and ended, and what it took.

    Attributes:
        model: was asked.
        messages: what was asked.
        options: what the model was told beside them, the cap on tokens for one.
        began: seconds, by the monotonic clock of the process.
        ended: as above.
        completion: completion tokens.
        cpu: seconds of CPU that the model itself took for its reply.
    """

    model: BaseChatModel
    messages: list[BaseMessage]
    options: Mapping[str, Any]
    began: float
    ended: float
    completion: int
    cpu: float


@dataclass
class Ledger:
    """The calls since the ledger was last read, in the order of their beginning."""

    calls: list[Call] = field(default_factory=list)

    def read(self) -> Sequence[Call]:
        """What is in it, which is then out of it."""
        calls, self.calls = self.calls, []
        return sorted(calls, key=lambda call: call.began)


class CountedModel(AsyncChatModel):
    """A simulated model whose every call takes ``latency`` seconds and is entered into ``ledger``.

    The latency is the whole of a call, as with a model elsewhere: what the simulation takes to find its reply is in it,
    and told apart as CPU of its own, so that it counts as nobody's overhead.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    simulated: SimulatedModel
    latency: float
    ledger: Ledger

    @property
    def _llm_type(self) -> str:
        return "ecoalign-simulated"

    @property
    def model_name(self) -> str:
        """The simulated model's name."""
        return self.simulated.model_name

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        began = time.perf_counter()
        result, cpu = await asyncio.to_thread(_timed, lambda: self.simulated._generate(messages, stop, **kwargs))
        await asyncio.sleep(max(0.0, began + self.latency - time.perf_counter()))
        said = result.generations[0].message
        assert isinstance(said, AIMessage)
        assert said.usage_metadata is not None
        spent = said.usage_metadata["output_tokens"]
        call = Call(self, messages, kwargs, began, time.perf_counter(), spent, cpu)
        self.ledger.calls.append(call)
        return result


def rounds(calls: Sequence[Call]) -> int:
    """Sequential rounds: the longest chain of calls of which each began when the one before had ended."""
    return sequential_rounds([(call.began, call.ended) for call in calls])


def _timed(reply: Callable[[], ChatResult]) -> tuple[ChatResult, float]:
    begun = time.thread_time()
    result = reply()
    return result, time.thread_time() - begun
