"""A scripted model that holds some calls until it is told to go on."""

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ecoalign_agent.testing import Script, ScriptedCall, ScriptedModel, scripted_call


class Gated(ScriptedModel):
    """Holds the calls that ``holds`` is true of until ``gate`` is set.

    ``reached`` is set by the first one held, ``let_go`` by the first one that is cancelled meanwhile.
    """

    holds: Callable[[ScriptedCall], bool]
    gate: Any = None
    reached: Any = None
    let_go: Any = None

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        done = await super()._agenerate(messages, stop, run_manager, **kwargs)
        if self.holds(scripted_call(messages)):
            self.reached.set()
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.let_go.set()
                raise
        return done


def gated(script: Script, holds: Callable[[ScriptedCall], bool]) -> Gated:
    """A model of that script that holds some of its calls."""
    gates = {name: asyncio.Event() for name in ("gate", "reached", "let_go")}
    return Gated(script=script, holds=holds, **gates)
