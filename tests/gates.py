"""A scripted model that holds some calls until it is told to go on."""

import asyncio
from collections.abc import Callable
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from tests.fakes import Call, Script, ScriptedModel, asked_with


class Gated(ScriptedModel):
    """Holds the calls that ``holds`` is true of until ``gate`` is set.

    ``reached`` is set by the first one held, ``let_go`` by the first one that is cancelled meanwhile.
    """

    holds: Callable[[Call], bool]
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
        if self.holds(asked_with(messages)):
            self.reached.set()
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.let_go.set()
                raise
        return done


def gated(script: Script, holds: Callable[[Call], bool]) -> Gated:
    """A model of that script that holds some of its calls."""
    return Gated.model_construct(
        script=script,
        delay=0.0,
        calls=[],
        open=0,
        most_open=0,
        cancelled=0,
        holds=holds,
        gate=asyncio.Event(),
        reached=asyncio.Event(),
        let_go=asyncio.Event(),
    )
