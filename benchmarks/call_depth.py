"""Depth of one call: await frames, modules and changes of module between `EcoAlign.ask` and the first model call.

    python benchmarks/call_depth.py           # a table with goals
    python benchmarks/call_depth.py --frames  # also the frames, outermost first, and the modules in order

A scripted chat model looks at the stack while it is called for the scan. Counted are coroutine frames of the package,
and the modules of the package whose functions ran since `ask` was entered, in the order of their calls; functions
that only make a value (of a dataclass) are not counted.
"""

import argparse
import asyncio
import sys
from dataclasses import dataclass, field
from itertools import groupby
from types import CodeType, FrameType
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ecoalign_agent import EcoAlign
from ecoalign_agent.testing import ScriptedModel, task_replies

PACKAGE = "ecoalign_agent"
GOALS = {"await frames": 10, "modules crossed": 16, "changes of module": 50}


@dataclass
class Depth:
    """The measurement of one question.

    Attributes:
        frames: coroutine frames of the package from `ask` to the model, outermost first.
        modules: modules of the package in the order of their calls, repeats included.
    """

    frames: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    @property
    def figures(self) -> dict[str, int]:
        """The figures by name, as in `GOALS`."""
        return {
            "await frames": len(self.frames),
            "modules crossed": len(set(self.modules)),
            "changes of module": max(0, len(list(groupby(self.modules))) - 1),
        }


class _Probe(ScriptedModel):
    """A scripted model that looks at the stack at its first call."""

    depth: Any = None

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if sys.getprofile() is not None:
            sys.setprofile(None)
            # LangGraph and LangChain run parts of the way in tasks of their own; nothing else runs meanwhile.
            tasks = sorted(asyncio.all_tasks(), key=lambda task: int(task.get_name().rpartition("-")[2] or 0))
            self.depth.frames += [name for task in tasks for name in _awaiting(task.get_coro())]
        return await super()._agenerate(messages, stop, run_manager, **kwargs)


def _name(code: CodeType, module: str) -> str | None:
    """Name of a function of the package; None: another one, or one that makes a value, as a dataclass's own methods."""
    inside = module.startswith(f"{PACKAGE}.") and not module.startswith(f"{PACKAGE}.testing")
    counted = inside and not code.co_filename.startswith("<") and code.co_name != "__post_init__"
    return f"{module}:{code.co_qualname}" if counted else None


def _awaiting(coroutine: Any) -> list[str]:
    """Coroutine frames of the package in one task, outermost first."""
    found = []
    while coroutine is not None and (frame := getattr(coroutine, "cr_frame", None)) is not None:
        found.append(_name(frame.f_code, frame.f_globals.get("__name__", "")))
        coroutine = coroutine.cr_await
    return [name for name in found if name is not None]


async def measure() -> Depth:
    """The depth of the first model call of one question, by a warmed-up agent."""
    await EcoAlign(ScriptedModel()).ask("When is it open?")  # imports are not part of it
    depth, model = Depth(), _Probe(script=task_replies())
    agent = EcoAlign(model)

    def profile(frame: FrameType, event: str, argument: object) -> None:
        del argument
        module = frame.f_globals.get("__name__", "")
        if event == "call" and _name(frame.f_code, module) is not None:
            depth.modules.append(module)

    model.depth = depth
    sys.setprofile(profile)
    try:
        await agent.ask("When is it open?")
    finally:
        sys.setprofile(None)
    return depth


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", action="store_true", help="also the frames and modules")
    chosen = parser.parse_args()
    depth = asyncio.run(measure())
    if chosen.frames:
        print(*depth.frames, "", *(module for module, _ in groupby(depth.modules)), "", sep="\n")
    for name, figure in depth.figures.items():
        print(f"{name:20} {figure:4}   at most {GOALS[name]:3}   {'met' if figure <= GOALS[name] else 'not met'}")


if __name__ == "__main__":
    main()
