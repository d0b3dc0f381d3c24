"""The provider of a search under drive: it hands every call to its rig, which says what becomes of it."""

import asyncio
import base64
import io
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from PIL import Image

from ecoalign_agent.images.image_tokens import Detail
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.testing import AsyncChatModel, ScriptedCall, scripted_call
from tests.laws.fates import Size

PAYS: ContextVar[Meter] = ContextVar("the meter that pays for the call under way")


@dataclass(eq=False)
class Asked:
    """One call as its provider sees it."""

    call: ScriptedCall
    size: Size
    meter: Meter
    fate: "asyncio.Future[AIMessage]"
    reserved: float
    """The most it can cost by what was sent, in cost units."""
    booked: float
    """What has to be booked for it; until more is known, that it used all it was sent and might write."""
    estimated: bool = True

    def __post_init__(self) -> None:
        self.unheard = self.booked


@dataclass(frozen=True)
class Sent:
    """A picture as it was sent."""

    width: int
    height: int
    detail: Detail


class Provider(AsyncChatModel):
    """Hands every call to the rig, and waits for what becomes of it.

    It takes the call where it is made, in the same turn of the loop in which it was reserved for: what stands between,
    in the library's own ``ainvoke``, is tried elsewhere, against a server.
    """

    rig: Any

    async def _agenerate(  # takes its place so that the parameters can be read off it
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        raise NotImplementedError("the provider is asked through ainvoke")

    async def ainvoke(self, input: Any, config: Any = None, *, stop: Any = None, **kwargs: Any) -> AIMessage:  # noqa: A002 - LangChain's name
        asked = self.rig.arrived(scripted_call(input, kwargs["max_tokens"]), _pictures(input[-1]))
        try:
            reply: AIMessage = await asked.fate
        except asyncio.CancelledError:
            # Whatever its fate was, it was not heard any more.
            asked.booked, asked.estimated = asked.unheard, True
            raise
        else:
            return reply
        finally:
            self.rig.open.remove(asked)


class Watched:
    """A port that tells which meter pays."""

    def __init__(self, port: Any, meters: list[Meter]) -> None:
        self._port, self._meters = port, meters

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._port, name)
        if not callable(inner):
            return inner

        async def watched(*given: Any, meter: Meter, **more: Any) -> Any:
            if meter not in self._meters:
                self._meters.append(meter)
            before = PAYS.set(meter)
            try:
                return await inner(*given, meter=meter, **more)
            finally:
                PAYS.reset(before)

        return watched


def _pictures(said: BaseMessage) -> list[Sent]:
    """The pictures of a message."""
    found = []
    for block in said.content if isinstance(said.content, list) else []:
        if isinstance(block, dict) and block.get("type") == "image_url":
            data = base64.b64decode(block["image_url"]["url"].partition(",")[2])
            with Image.open(io.BytesIO(data)) as image:
                found.append(Sent(*image.size, block["image_url"]["detail"]))
    return found
