"""EcoAlign: the facade. A question with pictures in; a safe, useful and affordable answer out."""

import uuid
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from typing import Any, Self, cast

from langchain_core.language_models import BaseChatModel
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_config
from pydantic import SecretStr

from ecoalign_agent.alignment.model_ports import desk_of
from ecoalign_agent.alignment.request import MAX_QUESTION, checked_question
from ecoalign_agent.alignment.state import AlignmentInput
from ecoalign_agent.alignment.turn import EVENT_KEY, UNHEARD
from ecoalign_agent.assessing.names import complete
from ecoalign_agent.assessors import (
    AssessorChoice,
    assessors_of,
    chosen_assessors,
    endpoints_of,
    judged_by_others,
    self_graded_note,
)
from ecoalign_agent.compose import compile_alignment, endpoint_of
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.llm.images import Source
from ecoalign_agent.settings import checked_base_url, read_settings
from ecoalign_agent.trace.events import Event, event_adapter
from ecoalign_agent.trace.result import Models, Result

__all__ = ["MAX_QUESTION", "EcoAlign"]


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
        checkpointer: a LangGraph checkpointer; runs are then kept under their ``run_id``.

    Raises:
        ModelNameError: a model can't be built; the message says why.
        UsageError: no assessor grades utility: a guard and a moderation endpoint grade safety alone.
        PromptError: a prompt is missing or broken.

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
        checkpointer: BaseCheckpointSaver[str] | None = None,
    ) -> None:
        settings = read_settings()
        given: dict[str, Any] = {}
        if base_url is not None:
            given["base_url"] = checked_base_url(base_url)
        if api_key is not None:
            given["openai_api_key"] = api_key if isinstance(api_key, SecretStr) else SecretStr(api_key)
        settings = settings.model_copy(update=given)
        self.policy = policy or Policy()
        actor = model if model is not None else settings.model
        endpoint = endpoint_of(actor, settings)
        choices = chosen_assessors(assessor, self.policy, settings)
        judges = [] if choices is None else assessors_of(choices, settings, actor=(actor, endpoint), prompts=prompts)
        note = self_graded_note(actor, choices or (), judges)
        self._desk = desk_of(
            endpoint,
            None if choices is None else complete(judges),
            self.policy,
            independent=judged_by_others(actor, choices),
            prompts=prompts,
            notes=() if note is None else (note,),
        )
        # What the caller built is the caller's to close.
        own = [judge for choice, judge in zip(choices or (), judges, strict=True) if judge is not choice]
        self._endpoints = [endpoint, *endpoints_of(own)]
        self.graph = compile_alignment(self._desk, checkpointer=checkpointer)
        """The compiled LangGraph graph; put it into a parent graph as a node."""

    @property
    def models(self) -> Models:
        """Who answers, who grades, and whether they are two."""
        return self._desk.models

    async def ask(self, question: str, images: Sequence[Source] = (), *, run_id: str | None = None) -> Result:
        """Answer one question.

        Args:
            question: at most 100 000 characters.
            images: paths, file contents, data URLs or PIL pictures; each at most 20 MB and 20 megapixels.
            run_id: names the run in the result and, with a checkpointer, its thread; drawn when None.

        Returns:
            The result. A run that could not be finished has the status ``failed`` and says why; it raises nothing.

        Raises:
            UsageError: the question or a picture can't be used, or the budget is too small; nothing was spent.
        """
        request = await self._request(question, images, run_id)
        config: Any = {"configurable": {"thread_id": request["run_id"], UNHEARD: not _inside_a_run()}}
        result = await self.graph.ainvoke(request, config, output_keys="result")
        assert isinstance(result, Result)  # noqa: S101 - every way through the graph ends with one
        return result

    async def stream(
        self, question: str, images: Sequence[Source] = (), *, run_id: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """Answer one question and tell what happens: typed events, the last one with the result.

        Takes and raises what :meth:`ask` does. Text is told only after its verdict. Leaving the iteration cancels the
        calls under way.
        """
        request = await self._request(question, images, run_id)
        config: Any = {"configurable": {"thread_id": request["run_id"]}}
        # A generator, whatever its annotation says. Closed here and now: left to the garbage collector, the calls under
        # way would go on for a while.
        told = cast("AsyncGenerator[Any, None]", self.graph.astream(request, config, stream_mode="custom"))
        async with aclosing(told) as chunks:
            async for chunk in chunks:
                yield event_adapter.validate_python(chunk[EVENT_KEY])

    async def aclose(self) -> None:
        """Close the connections that were opened on the running event loop; a later call opens new ones."""
        for endpoint in self._endpoints:
            await endpoint.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def _request(self, question: str, images: Sequence[Source], run_id: str | None) -> AlignmentInput:
        if isinstance(images, str | bytes) or not isinstance(images, Iterable):
            images = [images]  # one picture, not in a list
        pictures = [await self._desk.gallery.open(image) for image in images]
        return {
            "question": checked_question(question),
            "images": [picture.data for picture in pictures],
            "run_id": run_id or uuid.uuid4().hex,
        }


def _inside_a_run() -> bool:
    """Whether this is called from a node, a tool or a chain, whose listeners hear what happens in here too."""
    try:
        get_config()
    except RuntimeError:
        return False
    return True
