"""EcoAlign: the facade. A question with pictures in; a safe, useful and affordable answer out."""

import copy
import uuid
from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.tools import BaseTool
from langgraph.checkpoint.base import BaseCheckpointSaver
from pydantic import SecretStr

from ecoalign_agent.assessors.base import Case, Role, Verdict
from ecoalign_agent.assessors.registry import complete
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.events import HEARTBEAT, Event, event_adapter
from ecoalign_agent.events.result import Models, Result
from ecoalign_agent.factory import (
    AssessorChoice,
    assessors_of,
    chosen_assessors,
    compile_alignment,
    endpoint_of,
    endpoints_of,
    judged_by_others,
    self_graded_note,
)
from ecoalign_agent.images.fetching import Fetcher
from ecoalign_agent.images.sources import Source
from ecoalign_agent.images.store import Gallery
from ecoalign_agent.prices import priced_policy
from ecoalign_agent.rewriting.state import Front
from ecoalign_agent.search.assessment import appraised, verdict_at_most
from ecoalign_agent.search.async_tasks import pulled_apart
from ecoalign_agent.search.context import Desk, desk_of
from ecoalign_agent.search.emitter import EVENT_KEY, HEARTBEAT_KEY, UNHEARD, checked_interval, inside_a_run
from ecoalign_agent.search.request import MAX_QUESTION, checked_question, checked_run_id
from ecoalign_agent.search.resume import Going, KeptRun, kept_run, name_of, ruled_on, taken_up, told_again, waiting_in
from ecoalign_agent.search.state import AlignmentInput
from ecoalign_agent.settings import checked_image_hosts, settings_with

__all__ = ["MAX_QUESTION", "EcoAlign"]

_DERIVED = 64
"""Agents under other policies that are kept compiled, for all of one agent's."""


class EcoAlign:
    """Answers questions about pictures by an economically rational search for a safe and useful path of thoughts.

    Args:
        model: the actor. ``"offline"`` is the embedded rules, not a vision-language model: no key, no network.
            ``"openai:NAME"`` for OpenAI and, with ``base_url``, for every server that speaks its protocol; any other
            string of LangChain's ``init_chat_model``; or any LangChain chat model object. None: ``ECOALIGN_MODEL``.
        policy: every knob of the search; see :class:`Policy`.
        assessor: who grades; of several the lowest grade counts. A chat model written like ``model``,
            ``"moderation:NAME"``, ``"guard:MODEL"``, a chat model object, an object with the methods of
            ``assessing.port.Assessor``, or a list of those. None: the policy's ``assessors``, else
            ``ECOALIGN_ASSESSOR``, else the actor's own model, and then every result says that the assessor is not
            independent.
        base_url: of an OpenAI-compatible server; holds for actor and assessor.
        api_key: for ``openai:`` models; else ``OPENAI_API_KEY``.
        prompts: a folder whose prompts replace the shipped ones of the same name.
        image_hosts: from where pictures named by an https URL are fetched: ``"images.example.org"``, each host by its
            own name. What comes is sent on as bytes, never the URL. (): no URL is fetched. None:
            ``ECOALIGN_IMAGE_HOSTS``, else no URL.
        prices: a TOML file of what models cost in money, read before the shipped prices; see ``prices.toml`` in the
            package for its form. Results say what a run cost, and ``Policy(tariff="money")`` reckons by it. None:
            ``ECOALIGN_PRICES``, else the shipped ones alone.
        rewriter: a :class:`~ecoalign_agent.Rewriter` that every question goes through first, in the same run and out of
            the same budget; closed with this agent. A question that it rewrote is answered as it reads then, with the
            risk report for a strategy; results say so. None: questions are answered as they are asked.
        checkpointer: a LangGraph checkpointer; runs are then kept under their ``run_id``.

    Raises:
        ModelNameError: a model can't be built; the message says why.
        UsageError: no assessor grades utility: a guard and a moderation endpoint grade safety alone; or the tariff is
            money, and a model's price is not known.
        PromptError: a prompt is missing or broken.
        PolicyError: an entry of the price file is wrong; or the tariff is money, and the budget was not set.

    Use it as an async context manager, or call :meth:`aclose` in the end, so that no connection stays open.

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
        rewriter: Front | None = None,
        checkpointer: BaseCheckpointSaver[str] | None = None,
    ) -> None:
        settings = settings_with(base_url=base_url, api_key=api_key)
        self.policy = policy or Policy()
        actor = model if model is not None else settings.model
        endpoint = endpoint_of(actor, settings)
        choices = chosen_assessors(assessor, self.policy, settings)
        judges = [] if choices is None else assessors_of(choices, settings, actor=(actor, endpoint), prompts=prompts)
        note = self_graded_note(actor, choices or (), judges)
        build = partial(
            desk_of,
            endpoint,
            None if choices is None else complete(judges),
            independent=judged_by_others(actor, choices),
            prompts=prompts,
            notes=() if note is None else (note,),
            gallery=Gallery(fetcher=Fetcher.at(checked_image_hosts(image_hosts, settings))),
        )
        front = rewriter.desk if rewriter else None
        others = [*endpoints_of(judges), *(rewriter.endpoints if rewriter else ())]
        priced = partial(priced_policy, endpoints=[endpoint, *others], files=(prices, settings.prices))

        def desk_for(policy: Policy) -> Desk:
            governed, known, tariffs = priced(policy)
            desk = build(governed, prices=known, tariffs=tariffs)
            return desk if front is None else replace(desk, front=[*front.models, repr(front.policy)])

        self._desk_for = desk_for
        self._desk = self._desk_for(self.policy)
        self._compiled = partial(compile_alignment, checkpointer=checkpointer, front=front)
        self._checkpointer = checkpointer
        self._derived: OrderedDict[Policy, EcoAlign] = OrderedDict()
        self.actor = endpoint
        """The answering model's endpoint: asked directly, nothing is assessed."""
        # What the caller built is the caller's to close.
        own = [judge for choice, judge in zip(choices or (), judges, strict=True) if judge is not choice]
        self._endpoints = [endpoint, *endpoints_of(own), *(rewriter.endpoints if rewriter else ())]
        self.graph = self._compiled(self._desk)
        """The compiled LangGraph graph; put it into a parent graph as a node."""

    @property
    def models(self) -> Models:
        """Who answers, who grades, and whether they are two."""
        return self._desk.models

    def with_policy(self, policy: Policy) -> "EcoAlign":
        """The same agent under another policy: it shares endpoints, graders, pictures and checkpoints with this one.

        Compiling its graph takes some 10 ms, so that the last 64 policies' agents are kept. Closing it closes nothing:
        the connections are this agent's.

        Args:
            policy: every knob; its ``assessors`` are empty or those of this agent's policy.

        Raises:
            UsageError: the policy names other assessors: they need endpoints of their own.
        """
        if policy.assessors not in {(), self.policy.assessors}:
            raise UsageError(
                f"policy: assessors is {list(policy.assessors)}, but the agent it is for was built with "
                f"{list(self.policy.assessors)}: build another EcoAlign"
            )
        derived = self._derived.pop(policy, None)
        if derived is None:
            derived = copy.copy(self)
            derived.policy = policy
            desk = self._desk_for(policy)
            derived._desk, derived._endpoints = desk, []  # noqa: SLF001 - of this very class
            derived.graph = self._compiled(desk)
        self._derived[policy] = derived
        if len(self._derived) > _DERIVED:
            self._derived.popitem(last=False)
        return derived

    def kept_by(self, checkpointer: BaseCheckpointSaver[str]) -> "EcoAlign":
        """The same agent, whose runs ``checkpointer`` keeps. It shares all else; closing it closes nothing."""
        derived = copy.copy(self)
        derived._checkpointer = checkpointer  # noqa: SLF001 - of this very class
        derived._compiled = partial(self._compiled, checkpointer=checkpointer)  # noqa: SLF001 - as above
        derived._derived, derived._endpoints = OrderedDict(), []  # noqa: SLF001 - as above
        derived.graph = derived._compiled(derived._desk)  # noqa: SLF001 - as above
        return derived

    async def ask(
        self, question: str, images: Sequence[Source] = (), *, run_id: str | None = None, resume: bool = False
    ) -> Result:
        """Answer one question.

        Args:
            question: at most 100 000 characters.
            images: paths, file contents, data URLs, PIL pictures, or https URLs at ``image_hosts``; each at most 20 MB
                and 20 megapixels.
            run_id: names the run in the result and, with a checkpointer, its thread: 1 to 128 of A-Z, a-z, 0-9, _ and
                -; drawn when None, and with ``resume`` told by the request, so that the same one is the same run.
            resume: with a checkpointer, take the run up that is kept under ``run_id``: one that was interrupted goes on
                from its last step and pays for no call again, one that ended is told again, one that failed is tried
                anew. Without it a run of that id starts afresh.

        Returns:
            The result. A run that could not be finished has the status ``failed`` and says why; it raises nothing. One
            that waits for a person has the status ``waiting``; see :meth:`review`.

        Raises:
            UsageError: the question, a picture or the id can't be used, or the budget is too small; or the run that is
                kept under the id is about another request. Nothing was spent.
        """
        request = await self._request(question, images, run_id)
        going = await self._going(request, resume=resume, named=run_id is not None)
        return await self._ended(request["run_id"], going)

    async def stream(
        self,
        question: str,
        images: Sequence[Source] = (),
        *,
        run_id: str | None = None,
        resume: bool = False,
        heartbeat: float = HEARTBEAT,
    ) -> AsyncGenerator[Event, None]:
        """Answer one question and tell what happens: typed events, the last one with the result.

        Text is told only after its verdict. The search goes on only as its events are taken: a node begins when those
        of the node before it were. Leaving the iteration cancels the calls under way.

        Args:
            question: as in :meth:`ask`.
            images: as in :meth:`ask`.
            run_id: as in :meth:`ask`.
            resume: as in :meth:`ask`; of a run that ended only the last event is told again.
            heartbeat: seconds, from 0.01 to 10, after which a run that waits for a model tells that it is still there.

        Raises:
            UsageError: as in :meth:`ask`; a picture that is cut short and a budget that is too small show only after
                the first event.
        """
        checked_interval(heartbeat)
        request = await self._request(question, images, run_id)
        going = await self._going(request, resume=resume, named=run_id is not None)
        async with aclosing(self._told(request["run_id"], going, heartbeat)) as told:
            async for event in told:
                yield event

    async def under_review(self, run_id: str) -> dict[str, Any] | None:
        """What a person has to decide in a kept run: id, kind, text, safety and utility of a thought, and the question.

        Args:
            run_id: of the run.

        Returns:
            Plain values, for the reviewer's eyes: the text is no answer yet. None: nothing is waited for.

        Raises:
            UsageError: the agent has no checkpointer, or keeps no such run.
        """
        asked = (await self._kept(run_id)).asked
        return None if asked is None else dict(asked)

    async def waiting_runs(self) -> dict[str, dict[str, Any]]:
        """What :meth:`under_review` gives of every kept run that waits, by its id, the latest first."""
        return {} if self._checkpointer is None else await waiting_in(self.graph, self._checkpointer, self._desk)

    async def review(self, run_id: str, ruling: str | float) -> Result:
        """Give a person's verdict on what a run waits for; it goes on, pays for nothing again, and may wait once more.

        Args:
            run_id: of the run.
            ruling: ``"accept"``, ``"reject"``, or the thought's safety, from -1 to 1.

        Raises:
            UsageError: the verdict can't be used, the run waits for none, or it was begun with other models or under
                another policy. It stays as it was.
        """
        return await self._ended(run_id, ruled_on(await self._kept(run_id), run_id, ruling, self._desk))

    async def stream_review(
        self, run_id: str, ruling: str | float, *, heartbeat: float = HEARTBEAT
    ) -> AsyncGenerator[Event, None]:
        """As :meth:`review`, and tell what happens from then on, as :meth:`stream` does."""
        checked_interval(heartbeat)
        going = ruled_on(await self._kept(run_id), run_id, ruling, self._desk)
        async with aclosing(self._told(run_id, going, heartbeat)) as told:
            async for event in told:
                yield event

    async def assess(
        self,
        text: str | None,
        *,
        question: str = "",
        images: Sequence[Source] = (),
        notes: str = "",
        role: Role = "an answer to the person",
        budget: float | None = None,
    ) -> Verdict:
        """Have a text graded that somebody else wrote, or a request: nothing is searched for.

        Args:
            text: what is graded; None: the request itself.
            question: what the person asked.
            images: the pictures it goes with, as in :meth:`ask`.
            notes: what else is known, such as the conversation so far.
            role: what the text would be used as.
            budget: cost units for all calls; None: the policy's.

        Returns:
            The verdict, with what it cost. One that could not be had is unknown and says why; it raises nothing.

        Raises:
            UsageError: a picture can't be used; nothing was spent.
        """
        pictures = [await self._desk.gallery.open(image) for image in images]
        views = [await picture.small() for picture in pictures]
        # An empty text is no request: graded as what it is, as a text.
        case = Case(question, views, "", "", notes, "" if text is None else text or "(nothing)", role)
        return await appraised(self._desk, case, budget=self.policy.budget if budget is None else budget)

    def verdict_at_most(self, *, tokens: int, pictures: int = 0) -> float:
        """What one verdict on so many tokens (question, context and text together) may cost, in cost units."""
        return verdict_at_most(self._desk, tokens=tokens, pictures=pictures)

    def as_tool(self, *, name: str | None = None, description: str | None = None) -> BaseTool:
        """This agent as a LangChain tool, for ``create_agent``: asynchronous, with the receipt in the artifact.

        Args:
            name: what the model calls it; None: ``ecoalign``.
            description: when the model should use it; None: a good one.
        """
        from ecoalign_agent.integrations.tool import DESCRIPTION, NAME, tool_of  # noqa: PLC0415 - LangChain's agents

        return tool_of(self, name=name or NAME, description=description or DESCRIPTION)

    async def aclose(self) -> None:
        """Close the connections that were opened on the running event loop; a later call opens new ones."""
        for endpoint in self._endpoints:
            await endpoint.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def _kept(self, run_id: str) -> KeptRun:
        kept = None
        if self._checkpointer is not None:
            kept = await kept_run(self.graph, checked_run_id(run_id), self._desk)
        if kept is None:
            raise UsageError(f"no run is kept under the id {checked_run_id(run_id)!r}: ask its question first")
        return kept

    async def _going(self, request: AlignmentInput, *, resume: bool, named: bool) -> Going:
        """What the graph gets, or how the run ended; a request to be resumed that has no name is given its own."""
        if not resume:
            return Going(request)
        if self._checkpointer is None:
            raise UsageError("resume is set, and nothing keeps runs: give a checkpointer")
        if not named:
            request["run_id"] = name_of(request, self._desk)
        return taken_up(await kept_run(self.graph, request["run_id"], self._desk), request, self._desk)

    async def _ended(self, run_id: str, going: Going) -> Result:
        """The result of a run, with nobody listening."""
        if going.result is not None:
            return going.result
        alone: Any = {"configurable": {"thread_id": run_id, UNHEARD: not inside_a_run()}}
        # Inside a node or a tool it is part of that run: heard where it is heard, kept where it is kept.
        config = None if inside_a_run() and self._checkpointer is None else alone
        result = await self.graph.ainvoke(going.given, config, output_keys="result", **self._kept_at_once)
        if not isinstance(result, Result):
            # It waits for a person: LangGraph hands out what is asked instead.
            result = (await self._kept(run_id)).result
        assert isinstance(result, Result)  # noqa: S101 - every way through the graph ends with one
        return result

    async def _told(self, run_id: str, going: Going, heartbeat: float) -> AsyncGenerator[Event, None]:
        """The events of a run."""
        if going.result is not None:
            yield told_again(going.result)
            return
        config: Any = {"configurable": {"thread_id": run_id, HEARTBEAT_KEY: heartbeat}}
        # A generator, whatever its annotation says. Closed here and now: left to the garbage collector, the calls under
        # way would go on for a while.
        told = cast(
            "AsyncGenerator[Any, None]",
            self.graph.astream(going.given, config, stream_mode="custom", **self._kept_at_once),
        )
        async with aclosing(pulled_apart(told)) as chunks:
            async for chunk in chunks:
                yield event_adapter.validate_python(chunk[EVENT_KEY])

    @property
    def _kept_at_once(self) -> dict[str, Any]:
        """Each step is on disc before the next begins: left to the background, a kill could lose all of them."""
        return {} if self._checkpointer is None else {"durability": "sync"}

    async def _request(self, question: str, images: Sequence[Source], run_id: str | None) -> AlignmentInput:
        if isinstance(images, str | bytes) or not isinstance(images, Iterable):
            images = [images]  # one picture, not in a list
        return {
            "question": checked_question(question),
            # Not decoded yet: that may take longer than whoever waits for the first event likes.
            "images": [await self._desk.gallery.read(image) for image in images],
            "run_id": uuid.uuid4().hex if run_id is None else checked_run_id(run_id),
        }
