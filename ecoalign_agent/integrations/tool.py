"""EcoAlign as a tool of a LangChain agent: the model decides which questions need a search."""

from typing import Any, NoReturn

from langchain.tools import ToolRuntime
from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool
from pydantic import BaseModel, Field

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Result
from ecoalign_agent.integrations.assessment import SearchAgent, limit_agent
from ecoalign_agent.integrations.conversation import latest_pictures
from ecoalign_agent.integrations.run_budget import tool_call_share
from ecoalign_agent.search.async_tasks import async_only_message

TOOL_NAME = "ecoalign"

TOOL_DESCRIPTION = (
    "Thinks a question through and checks the answer for safety before giving it back. Use it for questions about the "
    "pictures in this conversation (it sees them at full resolution), for questions that touch on health, law, money, "
    "weapons or other people, and whenever a wrong or harmful answer would matter. Not for small talk, not for what "
    "is known already: it costs several model calls. Ask one whole question that can be understood without this "
    "conversation; the pictures go along by themselves. It gives back the answer, or a refusal that says what can be "
    "done instead: hand on either as it is."
)


class ToolInput(BaseModel):
    """The tool's arguments."""

    question: str = Field(description="One whole question, understandable without the conversation.")


def make_tool(agent: SearchAgent, *, name: str = TOOL_NAME, description: str = TOOL_DESCRIPTION) -> BaseTool:
    """An asynchronous tool that answers by a search.

    The content is the answer or the refusal, the artifact the :class:`Result` with the receipt. A run that failed, or a
    request that can't be used, comes back as a tool message with the status ``error``. The pictures are those of the
    latest human message that has some. Under a middleware with a budget, the search gets its share of the rest. An
    agent that checkpoints reads the receipt back as a :class:`Result` only where its checkpointer was given
    ``serde=serializer()`` (``search/checkpointing.py``), else as a dict.
    """

    # Not optional: LangChain recognises its injected argument by the bare type.
    async def search(question: str, runtime: ToolRuntime[Any, Any] = None) -> tuple[str | ToolMessage, Result | None]:  # type: ignore[assignment] # called without an agent
        state = getattr(runtime, "state", None)
        state = state if isinstance(state, dict) else {}
        call = getattr(runtime, "tool_call_id", None)
        try:
            images = latest_pictures(state.get("messages", []))
            result = await limit_agent(agent, tool_call_share(state)).ask(question, images)
        except UsageError as error:
            return _error(f"The question could not be answered: {error}", call, name, None), None
        if result.answer is None:
            return _error(f"The search failed: {result.failure}", call, name, result), result
        return result.answer, result

    def refuse(question: str, runtime: ToolRuntime[Any, Any] = None) -> NoReturn:  # type: ignore[assignment] # as above
        del question, runtime
        raise UsageError(async_only_message(f"the tool {name}"))

    return StructuredTool.from_function(
        func=refuse,
        coroutine=search,
        name=name,
        description=description,
        args_schema=ToolInput,
        response_format="content_and_artifact",
    )


def _error(line: str, call: str | None, name: str, result: Result | None) -> str | ToolMessage:
    # Outside an agent there is no message to put it into.
    if call is None:
        return line
    return ToolMessage(line, artifact=result, tool_call_id=call, name=name, status="error")
