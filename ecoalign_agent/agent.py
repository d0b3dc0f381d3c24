"""EcoAlign: the facade. A question with pictures in; a safe, useful and affordable answer out."""

import copy
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import SecretStr

from ecoalign_agent.assessors.base import AssessmentInput, Role, Verdict
from ecoalign_agent.assessors.registry import AssessorChoice
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.events import HEARTBEAT, Event, event_adapter
from ecoalign_agent.events.result import Models, Result
from ecoalign_agent.factory import AgentFactory, Facade, read_request
from ecoalign_agent.images.sources import PictureSource
from ecoalign_agent.rewriting.state import QuestionRewriter
from ecoalign_agent.search.assessment import assess_text, max_assessment_cost
from ecoalign_agent.search.async_tasks import run_in_task
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.node_base import EVENT_KEY, HEARTBEAT_KEY, NO_LISTENERS, check_heartbeat, is_inside_run
from ecoalign_agent.search.request import MAX_QUESTION, validate_run_id
from ecoalign_agent.search.resume import (
    RunInput,
    StoredRun,
    derived_run_id,
    final_event,
    load_run,
    resume_input,
    review_input,
    waiting_reviews,
)
from ecoalign_agent.search.state import SearchInput
from ecoalign_agent.settings import read_settings

__all__ = ["MAX_QUESTION", "EcoAlign"]

_DERIVED = 64
"""Agents under other policies that one agent keeps compiled."""


class EcoAlign(Facade):
    """Answers questions about pictures by an economically rational search for a safe and useful path of thoughts.

    Use it as an async context manager, or call :meth:`aclose` in the end, so that no connection stays open.

    Args:
        model: the actor. ``"offline"`` is the embedded rules, not a vision-language model: no key, no network.
            ``"openai:NAME"`` for OpenAI and, with ``base_url``, for every server that speaks its protocol; any other
            string of LangChain's ``init_chat_model``; or any LangChain chat model object. None: ``ECOALIGN_MODEL``.
        assessor: grades thoughts; of several assessors the lowest grade counts. A chat model written like ``model``,
            ``"moderation:NAME"``, ``"guard:MODEL"``, a chat model object, an object with the methods of
            :class:`~ecoalign_agent.Assessor`, or a list of those. None: the policy's ``assessors``, else
            ``ECOALIGN_ASSESSOR``, else the actor's own model, and then every result says that the assessor is not
            independent.
        base_url: of an OpenAI-compatible server; holds for actor and assessor.
        api_key: for ``openai:`` models; else ``OPENAI_API_KEY``.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        image_hosts: hosts from which pictures named by an https URL are fetched: ``"images.example.org"``, each host by
            its own name. The bytes are sent on, never the URL. (): no URL is fetched. None: ``ECOALIGN_IMAGE_HOSTS``,
            else no URL.
        prices: a TOML file of what models cost in money, read before the shipped prices; see ``prices.toml`` in the
            package for its form. Results say what a run cost, and ``Policy(tariff="money")`` counts in it. None:
            ``ECOALIGN_PRICES``, else the shipped ones alone.
        rewriter: a :class:`~ecoalign_agent.Rewriter` that every question goes through first, in the same run and out of
            the same budget; closed with this agent. A rewritten question is answered as it reads then, with the risk
            report for a strategy; results say so.
        checkpointer: runs are then kept under their ``run_id``.

    Raises:
        ModelNameError: a model can't be built; the message says why.
        UsageError: no assessor grades utility: a guard and a moderation endpoint grade safety alone; or an object is
            neither model nor assessor; or the tariff is money, and a model's price is not known.
        PromptError: a prompt is missing or broken.
        PolicyError: an entry of the price file is wrong; or the tariff is money, and the budget was not set.

    Example:
        >>> async with EcoAlign("offline", policy=Policy(budget=4_000)) as agent:  # doctest: +SKIP
        ...     result = await agent.ask("When does it open?", images=["notice.png"])
        ...     result.answer, result.status, result.cost.spent
    """

    def __init__(
        self,
        model: str | BaseChatModel | None = None,
        *,
        policy: Policy | None = None,
        assessor: AssessorChoice | Sequence[AssessorChoice] | None = None,
        base_url: str | None = None,
        api_key: SecretStr | str | None = None,
        prompts: str | None = None,
        image_hosts: Sequence[str] | None = None,
        prices: str | Path | None = None,
        rewriter: QuestionRewriter | None = None,
        checkpointer: BaseCheckpointSaver[str] | None = None,
    ) -> None:
        settings = read_settings(base_url=base_url, api_key=api_key)
        self.policy = policy or Policy()
        self._factory = AgentFactory(
            settings.model if model is None else model,
            policy=self.policy,
            assessor=assessor,
            settings=settings,
            prompts=prompts,
            image_hosts=image_hosts,
            prices=prices,
            rewriter=rewriter,
        )
        self.actor = self._factory.actor
        """The answering model's endpoint: a call to it is not assessed."""
        self.endpoints = self._factory.owned_endpoints
        self._compile(self._factory.context(self.policy), checkpointer)

    def _compile(self, context: SearchContext, checkpointer: BaseCheckpointSaver[str] | None) -> None:
        self._context, self._checkpointer = context, checkpointer
        self._under_policy = lru_cache(maxsize=_DERIVED)(self._derive)
        self.graph = self._factory.compile(context, checkpointer)
        """The compiled LangGraph graph; put it into a parent graph as a node."""

    def _derive(self, policy: Policy) -> "EcoAlign":
        derived = copy.copy(self)
        derived.policy, derived.endpoints = policy, []
        derived._compile(self._factory.context(policy), self._checkpointer)  # noqa: SLF001 - of this very class
        return derived

    def __repr__(self) -> str:
        models = self.models
        return f"EcoAlign(model={models.actor!r}, assessor={models.assessor!r}, budget={self.policy.budget:g})"

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        # Of pickle and copy.deepcopy; copy.copy works by __copy__ and does not come here.
        raise UsageError(
            "an EcoAlign agent holds open connections and can't be copied or pickled: build another one from the same "
            "arguments, or derive one with with_policy()"
        )

    def __copy__(self) -> "EcoAlign":
        same = object.__new__(type(self))
        same.__dict__.update(self.__dict__)
        return same

    @property
    def models(self) -> Models:
        """Names of actor and assessor, and whether they are two models."""
        return self._context.models

    def with_policy(self, policy: Policy) -> "EcoAlign":
        """The same agent under another policy: it shares endpoints, assessors, pictures and checkpoints with this one.

        Compiling its graph takes some 10 ms, so that the last 64 policies' agents are kept. Closing it closes nothing:
        the connections are this agent's. Other ``assessors`` than this agent's need endpoints of their own: UsageError.
        """
        if policy.assessors not in {(), self.policy.assessors}:
            raise UsageError(
                f"policy: assessors is {list(policy.assessors)}, but the agent it is for was built with "
                f"{list(self.policy.assessors)}: build another EcoAlign"
            )
        return self._under_policy(policy)

    def with_checkpointer(self, checkpointer: BaseCheckpointSaver[str]) -> "EcoAlign":
        """The same agent over a checkpointer. It shares all else with this one; closing it closes nothing."""
        derived = copy.copy(self)
        derived.endpoints = []
        derived._compile(self._context, checkpointer)  # noqa: SLF001 - of this very class
        return derived

    async def ask(
        self, question: str, images: Sequence[PictureSource] = (), *, run_id: str | None = None, resume: bool = False
    ) -> Result:
        """Answer one question.

        A run that could not be finished raises nothing: it has the status ``failed`` and says why. A run that waits for
        a person has the status ``waiting``; see :meth:`review`.

        Args:
            question: at most 100 000 characters.
            images: paths, file contents, data URLs, PIL pictures, or https URLs at ``image_hosts``; each at most 20 MB
                and 20 megapixels.
            run_id: names the run in the result and, with a checkpointer, its thread: 1 to 128 of A-Z, a-z, 0-9, _ and
                -. None: drawn; with ``resume`` derived from the request, so that the same request is the same run.
            resume: with a checkpointer, take up the run kept under ``run_id``: an interrupted one goes on from its last
                step and pays for no call again, a finished one returns its result, a failed one is tried anew. Without
                it a run of that id starts afresh.

        Raises:
            UsageError: the question, a picture or the id can't be used, or the budget is too small; or the run that is
                kept under the id is about another request. Nothing was spent.
        """
        request = await read_request(question, images, run_id, self._context.image_store)
        given = await self._run_input(request, resume=resume, named=run_id is not None)
        return await self._result(request["run_id"], given)

    async def stream(
        self,
        question: str,
        images: Sequence[PictureSource] = (),
        *,
        run_id: str | None = None,
        resume: bool = False,
        heartbeat: float = HEARTBEAT,
    ) -> AsyncGenerator[Event, None]:
        """Answer one question as typed events, the last one with the result; arguments as in :meth:`ask`.

        Text is emitted only after its verdict. The search goes on only as its events are consumed: a node begins when
        those of the node before it were. Leaving the iteration cancels the calls under way. Of a finished run that is
        resumed only the last event is emitted. A picture that is cut short and a budget that is too small raise only
        after the first event.

        Args:
            heartbeat: seconds, from 0.01 to 10, between heartbeat events of a run that waits for a model.
        """
        check_heartbeat(heartbeat)
        request = await read_request(question, images, run_id, self._context.image_store)
        given = await self._run_input(request, resume=resume, named=run_id is not None)
        async with aclosing(self._events(request["run_id"], given, heartbeat)) as events:
            async for event in events:
                yield event

    async def under_review(self, run_id: str) -> dict[str, Any] | None:
        """The decision that a stored run waits for: id, kind, text, safety and utility of a thought, and the question.

        For the reviewer's eyes: the text is no answer yet. None: nothing is waited for. UsageError: no such run.
        """
        question = (await self._stored_run(run_id)).review_question
        return None if question is None else dict(question)

    async def waiting_runs(self) -> dict[str, dict[str, Any]]:
        """The values of :meth:`under_review` for every kept run that waits, by its id, the latest first."""
        return (
            {} if self._checkpointer is None else await waiting_reviews(self.graph, self._checkpointer, self._context)
        )

    async def review(self, run_id: str, ruling: str | float) -> Result:
        """Give a person's verdict on what a run waits for; it goes on, pays for nothing again, and may wait once more.

        Args:
            ruling: ``"accept"``, ``"reject"``, or the thought's safety, from -1 to 1.

        Raises:
            UsageError: the verdict can't be used, the run waits for none, or it was begun with other models or under
                another policy. The run stays unchanged.
        """
        return await self._result(run_id, review_input(await self._stored_run(run_id), run_id, ruling, self._context))

    async def stream_review(
        self, run_id: str, ruling: str | float, *, heartbeat: float = HEARTBEAT
    ) -> AsyncGenerator[Event, None]:
        """As :meth:`review`, with the events from then on, as :meth:`stream` emits them."""
        check_heartbeat(heartbeat)
        given = review_input(await self._stored_run(run_id), run_id, ruling, self._context)
        async with aclosing(self._events(run_id, given, heartbeat)) as events:
            async for event in events:
                yield event

    async def assess(
        self,
        text: str | None,
        *,
        question: str = "",
        images: Sequence[PictureSource] = (),
        notes: str = "",
        role: Role = "an answer to the person",
        budget: float | None = None,
    ) -> Verdict:
        """Have a text or a request assessed without any search. Where a call failed, the verdict is unknown.

        Args:
            text: None: the request itself is assessed.
            notes: context, such as the conversation so far.
            role: use that the text would have.
            budget: cost units for all calls; None: the policy's.
        """
        pictures = [await self._context.image_store.open(image) for image in images]
        views = [await picture.small() for picture in pictures]
        # An empty text is no request: it is assessed as a text.
        case = AssessmentInput(question, views, "", "", notes, "" if text is None else text or "(nothing)", role)
        return await assess_text(self._context, case, budget=self.policy.budget if budget is None else budget)

    def max_assessment_cost(self, *, tokens: int, pictures: int = 0) -> float:
        """Upper bound of one verdict's cost on so many tokens (question, context and text), in cost units."""
        return max_assessment_cost(self._context, tokens=tokens, pictures=pictures)

    def as_tool(self, *, name: str | None = None, description: str | None = None) -> BaseTool:
        """This agent as an asynchronous LangChain tool for ``create_agent``, with the receipt in the artifact."""
        from ecoalign_agent.integrations.tool import TOOL_DESCRIPTION, TOOL_NAME, make_tool  # noqa: PLC0415 - LangChain's agents

        return make_tool(self, name=name or TOOL_NAME, description=description or TOOL_DESCRIPTION)

    async def _stored_run(self, run_id: str) -> StoredRun:
        stored = None
        if self._checkpointer is not None:
            stored = await load_run(self.graph, validate_run_id(run_id), self._context)
        if stored is None:
            raise UsageError(f"no run is kept under the id {validate_run_id(run_id)!r}: ask its question first")
        return stored

    async def _run_input(self, request: SearchInput, *, resume: bool, named: bool) -> RunInput:
        if not resume:
            return RunInput(request)
        if self._checkpointer is None:
            raise UsageError("resume is set, and nothing keeps runs: give a checkpointer")
        if not named:
            request["run_id"] = derived_run_id(request, self._context)
        return resume_input(await load_run(self.graph, request["run_id"], self._context), request, self._context)

    async def _result(self, run_id: str, run: RunInput) -> Result:
        if run.result is not None:
            return run.result
        alone: Any = {"configurable": {"thread_id": run_id, NO_LISTENERS: not is_inside_run()}}
        # Inside a node or a tool it is part of that run, with its stream and its checkpointer.
        config = None if is_inside_run() and self._checkpointer is None else alone
        result = await self.graph.ainvoke(run.value, config, output_keys="result", **self._durability)
        if not isinstance(result, Result):
            # It waits for a person: LangGraph returns the interrupt instead.
            result = (await self._stored_run(run_id)).result
        assert isinstance(result, Result)  # noqa: S101 - every way through the graph ends with one
        return result

    async def _events(self, run_id: str, run: RunInput, heartbeat: float) -> AsyncGenerator[Event, None]:
        if run.result is not None:
            yield final_event(run.result)
            return
        config: Any = {"configurable": {"thread_id": run_id, HEARTBEAT_KEY: heartbeat}}
        stream = self.graph.astream(run.value, config, stream_mode="custom", **self._durability)
        # A generator, whatever its annotation says. Closed here: left to the garbage collector, the calls under way
        # would go on for a while.
        async with aclosing(run_in_task(cast("AsyncGenerator[Any, None]", stream))) as chunks:
            async for chunk in chunks:
                yield event_adapter.validate_python(chunk[EVENT_KEY])

    @property
    def _durability(self) -> dict[str, Any]:
        """Each step is on disk before the next begins: written in the background, a kill could lose all of them."""
        return {} if self._checkpointer is None else {"durability": "sync"}
