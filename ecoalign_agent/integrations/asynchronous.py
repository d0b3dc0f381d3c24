"""Middleware that has no synchronous way, and says so in one sentence."""

from typing import Any, NoReturn

from langchain.agents.middleware import AgentMiddleware, ModelRequest, ToolCallRequest
from langgraph.runtime import Runtime

from ecoalign_agent.alignment.sync import async_only
from ecoalign_agent.errors import UsageError
from ecoalign_agent.integrations.purse import GuardState

_SYNC = async_only("EcoAlignMiddleware", asynchronous="the agent's ainvoke or astream")


class AsyncOnly(AgentMiddleware[GuardState, Any, Any]):
    """Every synchronous hook raises a ``UsageError``; the asynchronous ones are the subclass's."""

    def before_agent(self, state: GuardState, runtime: Runtime[Any]) -> NoReturn:
        """Raise: there is no synchronous way."""
        del state, runtime
        raise UsageError(_SYNC)

    def wrap_model_call(self, request: ModelRequest[Any], handler: object) -> NoReturn:
        """Raise: there is no synchronous way."""
        del request, handler
        raise UsageError(_SYNC)

    def wrap_tool_call(self, request: ToolCallRequest, handler: object) -> NoReturn:
        """Raise: there is no synchronous way."""
        del request, handler
        raise UsageError(_SYNC)

    def after_agent(self, state: GuardState, runtime: Runtime[Any]) -> NoReturn:
        """Raise: there is no synchronous way."""
        del state, runtime
        raise UsageError(_SYNC)
