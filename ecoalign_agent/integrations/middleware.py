"""What the guard is told to do, checked once.

Middleware that has no synchronous way, and says so in one sentence.

Models none of whose tokens anybody sees before their message is whole and checked.

``EcoAlignMiddleware``: EcoAlign as a guard of a LangChain agent. Every part can be switched alone. Ours.
"""

import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, NoReturn

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
from langgraph.types import Command

from ecoalign_agent.errors import BudgetTooSmallError, UsageError
from ecoalign_agent.integrations.assessment import (
    ACTION,
    SearchAgent,
    assess_message,
    assess_text,
    is_safe_verdict,
    limit_agent,
    max_assessment_cost,
)
from ecoalign_agent.integrations.conversation import (
    call_text,
    has_picture,
    is_new_turn,
    not_affordable_text,
    read_exchange,
    refused_call_text,
)
from ecoalign_agent.integrations.messages import (
    ToolDone,
    answer_message,
    apply_verdict,
    error_message,
    is_final,
    is_safe,
    last_ai_message,
    model_update,
    out_of_budget_message,
    refusal_message,
    text_with_structure,
    tool_update,
    with_id,
)
from ecoalign_agent.integrations.run_budget import (
    GuardState,
    RunBudget,
    estimate_prompt,
    initial_state,
    remaining_budget,
    reply_cost,
    reply_tokens,
    safe_digests,
    tool_call_share,
    tool_cost,
)
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.async_tasks import async_only_message


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """The switches of the guard.

    Attributes:
        answer: whether turns with a picture or a high risk are answered by a search.
        risk_threshold: risk in [0, 1] above which a turn is answered by a search; None: only pictures count.
        gate_tools: which tools' calls are assessed before they run: all, none, or those of these names.
        check_final: whether what the agent says is assessed before anybody sees it.
        budget: cost units for a whole run; None: any.
    """

    answer: bool
    risk_threshold: float | None
    gate_tools: bool | frozenset[str]
    check_final: bool
    budget: float | None

    def gates(self, name: str) -> bool:
        """Whether a call of the tool ``name`` is assessed."""
        return self.gate_tools if isinstance(self.gate_tools, bool) else name in self.gate_tools


def check_options(
    *,
    answer: bool,
    risk_threshold: float | None,
    gate_tools: bool | str | Collection[str],
    check_final: bool,
    budget: float | None,
) -> GuardOptions:
    """The options, as given.

    Raises:
        UsageError: a number is out of its range, or a switch has no effect as the others stand.
    """
    if risk_threshold is not None:
        if isinstance(risk_threshold, bool) or not 0.0 <= risk_threshold <= 1.0:
            raise UsageError(f"risk_threshold is {risk_threshold!r}: give a risk from 0 (harmless) to 1, or None")
        if not answer:
            raise UsageError("risk_threshold decides what a search answers, and answer is False: leave one of them out")
    if budget is not None and (isinstance(budget, bool) or not (math.isfinite(budget) and budget > 0)):
        raise UsageError(f"budget is {budget!r}: give cost units above 0, or None")
    names = frozenset(
        {gate_tools} if isinstance(gate_tools, str) else () if isinstance(gate_tools, bool) else gate_tools
    )
    gated = gate_tools if isinstance(gate_tools, bool) else names
    return GuardOptions(answer, risk_threshold, gated, check_final, budget)


_SYNC = async_only_message("EcoAlignMiddleware", asynchronous="the agent's ainvoke or astream")


class AsyncOnlyMiddleware(AgentMiddleware[GuardState, Any, Any]):
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


_MOST = 16
"""Models that are remembered: an agent has one, or chooses among a few."""


class NonStreamingModel:
    """Quiet copies of models, one for each: a model that counts its calls goes on counting."""

    def __init__(self) -> None:
        self._copies: dict[int, tuple[Any, Any]] = {}

    def __call__(self, model: Any) -> Any:  # noqa: ANN401 - a chat model, or what init_chat_model builds without a name
        """The same model, quiet.

        It does not stream, so that its usage is reported whole, and LangGraph leaves it out of its stream of messages.
        """
        # The model is kept beside its copy, so that its id can't pass to another one.
        known = self._copies.pop(id(model), None) or (model, _quiet(model))
        self._copies[id(model)] = known
        if len(self._copies) > _MOST:
            del self._copies[next(iter(self._copies))]
        return known[1]


def _quiet(model: Any) -> Any:  # noqa: ANN401 - as above
    if isinstance(model, BaseChatModel):
        changes: dict[str, Any] = {"disable_streaming": True, "tags": [*(model.tags or []), "nostream"]}
        if "streaming" in type(model).model_fields:
            # OpenAI's would ask its server for a stream all the same, and not know what to do with it.
            changes["streaming"] = False
        return model.model_copy(update=changes)
    return model.with_config(tags=["nostream"])


Handler = Callable[[ModelRequest[Any]], Awaitable[ModelResponse[Any]]]
ToolHandler = Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]]


class EcoAlignMiddleware(AsyncOnlyMiddleware):
    """Guards an agent made by ``create_agent``. Put it first in ``middleware``: then it sees what the others made.

    What is unsafe or can't be checked is held back; a picture or a message that can't be read can't be checked.

    Args:
        agent: who searches and grades, an :class:`EcoAlign`.
        answer: a turn that carries a picture, or whose risk is above ``risk_threshold``, is answered by a search
            instead of the plain model. The search knows the conversation, and neither the system prompt nor tools.
        risk_threshold: from 0 to 1; risk is (1 - s)/2 of the assessor's safety s of the request, so that 0.5 is the
            line between safe and unsafe, and unknown is 1. None: no risk is asked for.
        gate_tools: a tool call is assessed before it runs, in the conversation's context; one that is not safe comes
            back to the model as an error, and the tool is not run. True: all; or the names of some.
        check_final: what the plain model says is assessed before it leaves the model's node, so that no stream shows
            it earlier (its tokens are not streamed). A last message that is not safe is replaced, under its id, by a
            refusal; text beside tool calls is withheld. What others put in the end is checked after them.
        budget: cost units (of the policy's tariff) for a whole run: the plain model's calls, searches and verdicts;
            usage that is not reported is estimated. A call that does not fit any more, as far as can be known, is not
            made: the run ends with its last safe text and says why. A plain model that is limited by no
            ``max_tokens`` may write more than is reckoned with, in its last call.

    Raises:
        UsageError: an option is out of its range; when it runs: the agent is run synchronously, or ``answer`` is on
            for an agent with a ``response_format``, which a search can't fill.

    An agent that checkpoints takes an interrupted search up where it was; give its checkpointer
    ``.with_allowlist(CHECKPOINTED)`` (``search/state.py``), which lets the search's own types be read back.

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
        self.options = check_options(
            answer=answer,
            risk_threshold=risk_threshold,
            gate_tools=gate_tools,
            check_final=check_final,
            budget=budget,
        )
        self._hushed = NonStreamingModel()

    async def abefore_agent(self, state: GuardState, runtime: Runtime[Any]) -> dict[str, Any]:
        """A run begins: nothing is spent, nothing was found safe."""
        del state, runtime
        return initial_state(self.options.budget)

    async def awrap_model_call(self, request: ModelRequest[Any], handler: Handler) -> ExtendedModelResponse[Any]:
        """Answer by a search, or let the plain model speak and check what it said."""
        if self.options.answer and request.response_format is not None:
            raise UsageError("EcoAlignMiddleware: a search can't fill a response_format: set answer=False, or drop it")
        purse = RunBudget(remaining_budget(request.state))
        if self.options.answer and await self._deserves_a_search(request, purse):
            message = await self._searched(request, purse)
            return model_update(ModelResponse([message]), purse, message)
        return await self._plain(request, handler, purse)

    async def awrap_tool_call(self, request: ToolCallRequest, handler: ToolHandler) -> ToolDone:
        """Assess a tool call before it runs, and book what a search in it has spent."""
        call, messages = request.tool_call, request.state["messages"]
        purse = RunBudget(tool_call_share(request.state))
        if self.options.gates(call["name"]):
            line = call_text(call)
            if not purse.pays(max_assessment_cost(self.agent, messages, tokens=text_tokens(line))):
                return error_message(call, not_affordable_text(call["name"]))
            verdict = await assess_text(self.agent, line, messages, purse, role=ACTION)
            if not is_safe_verdict(verdict):
                return tool_update(error_message(call, refused_call_text(call["name"], verdict)), purse)
        done = await handler(request)
        purse.book(tool_cost(done))
        if not (self.options.check_final and getattr(request.tool, "return_direct", False)):
            return tool_update(done, purse)
        if not isinstance(done, ToolMessage):
            return tool_update(done, purse)
        # It will be the last word, and can be seen as soon as it leaves this node.
        last = with_id(done)
        verdict = await assess_message(self.agent, last, last.text, messages, purse)
        last = last if is_safe_verdict(verdict) else refusal_message(last, verdict)
        return tool_update(last, purse, last)

    async def aafter_agent(self, state: GuardState, runtime: Runtime[Any]) -> dict[str, Any] | None:
        """Check a last message that others made or changed; what was found safe stands."""
        del runtime
        last = state["messages"][-1] if state["messages"] else None
        if not self.options.check_final or not isinstance(last, AIMessage | ToolMessage) or not last.content:
            return None
        if is_safe(last, safe_digests(state)):
            return None
        purse = RunBudget(remaining_budget(state))
        verdict = await assess_message(self.agent, last, last.text, state["messages"][:-1], purse)
        if is_safe_verdict(verdict):
            return purse.update()
        cleared = {"structured_response": None} if state.get("structured_response") is not None else {}
        return purse.update() | cleared | {"messages": [refusal_message(last, verdict)]}

    async def _deserves_a_search(self, request: ModelRequest[Any], purse: RunBudget) -> bool:
        """Whether a turn begins that carries a picture or is too risky for the plain model; unknown is too risky."""
        if not is_new_turn(request.messages):
            return False
        if has_picture(request.messages):
            return True
        threshold = self.options.risk_threshold
        if threshold is None:
            return False
        verdict = await assess_text(self.agent, None, request.messages, purse)
        return verdict.safety is None or (1.0 - verdict.safety) / 2.0 > threshold

    async def _searched(self, request: ModelRequest[Any], purse: RunBudget) -> AIMessage:
        """The answer of a search within what is left."""
        exchange = read_exchange(request.messages)
        agent = self.agent
        if purse.left != 0.0:
            agent = limit_agent(self.agent, purse.left)
            try:
                result = await agent.ask(exchange.asked, exchange.images)
            except BudgetTooSmallError:
                # The policy's own budget is the developer's to mend; the run's is spent, as budgets are.
                if agent is self.agent:
                    raise
            else:
                purse.book(result.cost.spent)
                return answer_message(result)
        return out_of_budget_message(request.messages, safe_digests(request.state))

    async def _plain(
        self, request: ModelRequest[Any], handler: Handler, purse: RunBudget
    ) -> ExtendedModelResponse[Any]:
        """What the plain model says, if it can be paid; checked, if that is asked for."""
        tariff, check = self.agent.policy.tariff, self.options.check_final
        prompt = None if purse.left is None else estimate_prompt(request)
        if prompt is not None:
            tokens = reply_tokens(request)
            verdict_cost = max_assessment_cost(self.agent, request.messages, tokens=tokens) if check else 0.0
            if not purse.pays(tariff.cost(replace(prompt, completion=tokens)) + verdict_cost):
                message = out_of_budget_message(request.messages, safe_digests(request.state))
                return model_update(ModelResponse([message]), purse, message)
        response = await handler(request.override(model=self._hushed(request.model)) if check else request)
        if prompt is not None:
            purse.book(reply_cost(response.result, prompt, tariff))
        said = last_ai_message(response) if check else None
        if said is None or not (said.content or response.structured_response is not None):
            return model_update(response, purse)
        # A structured answer in words is in the text already; one by a tool call is not.
        text = text_with_structure(said, response.structured_response if said.tool_calls else None)
        if not text and not is_final(said, response):
            return model_update(response, purse)
        verdict = await assess_message(self.agent, said, text, request.messages, purse)
        return apply_verdict(response, said, verdict, purse)
