"""``EcoAlignMiddleware``: EcoAlign as a guard of a LangChain agent, with its options. Ours."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from typing import Annotated, Any, NoReturn

from cachetools import LRUCache
from langchain.agents.middleware import (
    AgentMiddleware,
    ExtendedModelResponse,
    ModelRequest,
    ModelResponse,
    ToolCallRequest,
)
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.runtime import Runtime
from langgraph.types import Command, Overwrite
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ecoalign_agent.economics.validation import one_line_errors
from ecoalign_agent.errors import BudgetTooSmallError, UsageError
from ecoalign_agent.events.result import Result
from ecoalign_agent.integrations.assessment import (
    TOOL_CALL_ROLE,
    SearchAgent,
    assess_in_conversation,
    assess_message,
    is_safe_verdict,
    limit_agent,
    max_cost_in_conversation,
)
from ecoalign_agent.integrations.conversation import describe_tool_call, has_picture, is_new_turn, read_exchange
from ecoalign_agent.integrations.messages import (
    ToolOutput,
    answer_message,
    apply_verdict,
    full_text,
    is_final,
    is_safe,
    last_ai_message,
    model_update,
    out_of_budget_message,
    refusal_message,
    refused_call_message,
    tool_update,
    unaffordable_call_message,
    with_id,
)
from ecoalign_agent.integrations.run_budget import (
    GuardState,
    RunBudget,
    estimate_prompt,
    remaining_budget,
    reply_cost,
    reply_tokens,
    tool_call_share,
)
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.async_tasks import async_only_message

_SYNC = async_only_message("EcoAlignMiddleware", asynchronous="the agent's ainvoke or astream")

_RISK = "a risk from 0 (harmless) to 1, or None"


@dataclass(frozen=True, config=ConfigDict(strict=True))
class GuardOptions:
    """The validated options of :class:`EcoAlignMiddleware`; ``gate_tools``: all, none, or the names of some."""

    answer: bool
    risk_threshold: Annotated[float | None, Field(ge=0, le=1, description=_RISK)]
    gate_tools: bool | frozenset[str]
    check_final: bool
    budget: Annotated[float | None, Field(gt=0, allow_inf_nan=False, description="cost units above 0, or None")]

    _errors = one_line_errors()

    def __post_init__(self) -> None:
        if self.risk_threshold is not None and not self.answer:
            raise UsageError("risk_threshold decides what a search answers, and answer is False: leave one of them out")

    def gates(self, name: str) -> bool:
        """Whether a call of the tool ``name`` is assessed."""
        return self.gate_tools if isinstance(self.gate_tools, bool) else name in self.gate_tools


ModelHandler = Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
ToolHandler = Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]


class EcoAlignMiddleware(AgentMiddleware[GuardState, Any, Any]):
    """Guards an agent made by ``create_agent``. Put it first in ``middleware``: then it sees the others' messages.

    Text that is unsafe or can't be assessed is held back, as where a picture or a message can't be read.

    Args:
        agent: searches and assesses, an :class:`EcoAlign`.
        answer: a turn that carries a picture, or whose risk is above ``risk_threshold``, is answered by a search
            instead of the plain model. The search knows the conversation, and neither the system prompt nor tools.
        risk_threshold: from 0 to 1; risk is (1 - s)/2 of the assessor's safety s of the request, so that 0.5 is the
            line between safe and unsafe, and unknown is 1. None: the request is not assessed.
        gate_tools: a tool call is assessed before it runs, in the conversation's context; one that is not safe comes
            back to the model as an error, and the tool is not run. True: all; or the names of some.
        check_final: the plain model's text is assessed before it leaves the model's node, so that no stream shows
            it earlier (its tokens are not streamed). A last message that is not safe is replaced, under its id, by a
            refusal; text beside tool calls is removed. A last message of other middleware is assessed after it.
        budget: cost units (of the policy's tariff) for a whole run: the plain model's calls, searches and verdicts;
            usage that is not reported is estimated. A call that does not fit any more, as far as can be estimated, is
            not made: the run ends with its last safe text and says why. A plain model without ``max_tokens`` may write
            more than estimated, in its last call.

    Raises:
        UsageError: an option is out of its range; when it runs: the agent is run synchronously, or ``answer`` is on
            for an agent with a ``response_format``, which a search can't fill.

    An agent that checkpoints resumes an interrupted search; give its checkpointer ``serde=serializer()``
    (``search/checkpointing.py``), which lets the search's own types be read back.

    Example:
        >>> guard = EcoAlignMiddleware(EcoAlign("openai:gpt-4o-mini"), budget=20_000)  # doctest: +SKIP
        >>> agent = create_agent("openai:gpt-4o", tools=[send_mail], middleware=[guard])  # doctest: +SKIP
    """

    state_schema = GuardState

    def __init__(
        self,
        agent: SearchAgent,
        *,
        answer: bool = True,
        risk_threshold: float | None = None,
        gate_tools: bool | str | Collection[str] = True,
        check_final: bool = True,
        budget: float | None = None,
    ) -> None:
        super().__init__()
        self.agent = agent
        self.options = GuardOptions(
            answer=answer,
            risk_threshold=risk_threshold,
            gate_tools=gate_tools
            if isinstance(gate_tools, bool)
            else frozenset({gate_tools} if isinstance(gate_tools, str) else gate_tools),
            check_final=check_final,
            budget=budget,
        )
        # The model is stored beside its copy, so that its id can't pass to another one.
        self._copies: LRUCache[int, tuple[Any, Any]] = LRUCache(16)

    # LangChain reads the parameters of these two.
    def _refuse_sync_run(self, state: GuardState, runtime: Runtime[Any]) -> NoReturn:
        del state, runtime
        raise UsageError(_SYNC)

    def _refuse_sync_call(self, request: object, handler: object) -> NoReturn:
        del request, handler
        raise UsageError(_SYNC)

    before_agent = after_agent = _refuse_sync_run
    wrap_model_call = wrap_tool_call = _refuse_sync_call

    async def abefore_agent(self, state: GuardState, runtime: Runtime[Any]) -> dict[str, Any]:
        """Begin a run with its whole budget and no safe message."""
        del state, runtime
        # A thread may hold an earlier run's values.
        empty = {"ecoalign_spent": Overwrite(0.0), "ecoalign_safe": Overwrite({})}
        return {"ecoalign_budget": self.options.budget} | empty

    async def awrap_model_call(self, request: ModelRequest[Any], handler: ModelHandler) -> ExtendedModelResponse[Any]:
        """Answer by a search, or by the plain model with its text assessed."""
        if self.options.answer and request.response_format is not None:
            raise UsageError("EcoAlignMiddleware: a search can't fill a response_format: set answer=False, or drop it")
        budget = RunBudget(remaining_budget(request.state))
        if self.options.answer and await self._needs_search(request, budget):
            message = await self._search(request, budget)
            return model_update(ModelResponse([message]), budget, message)
        return await self._call_plain_model(request, handler, budget)

    async def awrap_tool_call(self, request: ToolCallRequest, handler: ToolHandler) -> ToolOutput:
        """Assess a tool call before it runs, and book the cost of a search in it."""
        call, messages = request.tool_call, request.state["messages"]
        budget = RunBudget(tool_call_share(request.state))
        if self.options.gates(call["name"]):
            text = describe_tool_call(call)
            if not budget.pays(max_cost_in_conversation(self.agent, messages, tokens=text_tokens(text))):
                return unaffordable_call_message(call)
            verdict = await assess_in_conversation(self.agent, text, messages, budget, role=TOOL_CALL_ROLE)
            if not is_safe_verdict(verdict):
                return tool_update(refused_call_message(call, verdict), budget)
        output = await handler(request)
        if isinstance(output, ToolMessage) and isinstance(output.artifact, Result):
            budget.book(output.artifact.cost.spent)
        is_last = self.options.check_final and getattr(request.tool, "return_direct", False)
        if not is_last or not isinstance(output, ToolMessage):
            return tool_update(output, budget)
        # The last message of the run, visible as soon as it leaves this node.
        last = with_id(output)
        verdict = await assess_message(self.agent, last, last.text, messages, budget)
        last = last if is_safe_verdict(verdict) else refusal_message(last, verdict)
        return tool_update(last, budget, last)

    async def aafter_agent(self, state: GuardState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Assess a last message that others made or changed."""
        del runtime
        last = state["messages"][-1] if state["messages"] else None
        if not self.options.check_final or not isinstance(last, AIMessage | ToolMessage) or not last.content:
            return None
        if is_safe(last, state):
            return None
        budget = RunBudget(remaining_budget(state))
        verdict = await assess_message(self.agent, last, last.text, state["messages"][:-1], budget)
        if is_safe_verdict(verdict):
            return budget.update()
        cleared = {"structured_response": None} if state.get("structured_response") is not None else {}
        return budget.update() | cleared | {"messages": [refusal_message(last, verdict)]}

    async def _needs_search(self, request: ModelRequest[Any], budget: RunBudget) -> bool:
        # A picture, or too risky for the plain model; unknown is too risky.
        if not is_new_turn(request.messages):
            return False
        if has_picture(request.messages):
            return True
        threshold = self.options.risk_threshold
        if threshold is None:
            return False
        verdict = await assess_in_conversation(self.agent, None, request.messages, budget)
        return verdict.safety is None or (1.0 - verdict.safety) / 2.0 > threshold

    async def _search(self, request: ModelRequest[Any], budget: RunBudget) -> AIMessage:
        exchange = read_exchange(request.messages)
        if budget.left != 0.0:
            agent = limit_agent(self.agent, budget.left)
            try:
                result = await agent.ask(exchange.standalone_question, exchange.images)
            except BudgetTooSmallError:
                # A policy's own budget that is too small is the developer's mistake; a run's is spent, as budgets are.
                if agent is self.agent:
                    raise
            else:
                budget.book(result.cost.spent)
                return answer_message(result)
        return out_of_budget_message(request)

    async def _call_plain_model(
        self, request: ModelRequest[Any], handler: ModelHandler, budget: RunBudget
    ) -> ExtendedModelResponse[Any]:
        tariff, check = self.agent.policy.tariff, self.options.check_final
        prompt = None if budget.left is None else estimate_prompt(request)
        if prompt is not None:
            tokens = reply_tokens(request)
            assessment_cost = max_cost_in_conversation(self.agent, request.messages, tokens=tokens) if check else 0.0
            if not budget.pays(tariff.cost(replace(prompt, completion=tokens)) + assessment_cost):
                message = out_of_budget_message(request)
                return model_update(ModelResponse([message]), budget, message)
        response = await handler(request.override(model=self._non_streaming(request.model)) if check else request)
        if prompt is not None:
            budget.book(reply_cost(response.result, prompt, tariff))
        last = last_ai_message(response) if check else None
        if last is None or not (last.content or response.structured_response is not None):
            return model_update(response, budget)
        # A structured response in words is in the text already; one by a tool call is not.
        text = full_text(last, response.structured_response if last.tool_calls else None)
        if not text and not is_final(last, response):
            return model_update(response, budget)
        verdict = await assess_message(self.agent, last, text, request.messages, budget)
        return apply_verdict(response, last, verdict, budget)

    def _non_streaming(self, model: Any) -> Any:  # noqa: ANN401 - a chat model, or what init_chat_model builds without a name
        """A copy of a model: its usage is reported whole, and LangGraph streams no token of it.

        One copy for each model, so that a model that counts its calls goes on counting.
        """
        if id(model) not in self._copies:
            self._copies[id(model)] = (model, _copy_without_streaming(model))
        return self._copies[id(model)][1]


def _copy_without_streaming(model: Any) -> Any:  # noqa: ANN401 - as above
    if not isinstance(model, BaseChatModel):
        return model.with_config(tags=["nostream"])
    changes: dict[str, Any] = {"disable_streaming": True, "tags": [*(model.tags or []), "nostream"]}
    if "streaming" in type(model).model_fields:
        # OpenAI's model would request a stream all the same, and not be able to read it.
        changes["streaming"] = False
    return model.model_copy(update=changes)
