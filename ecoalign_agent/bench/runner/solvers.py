"""What a sample took, counted from Inspect's own record of the calls, the same way for every method.

Methods as Inspect solvers: every call goes over Inspect's agent bridge: limits, logs and usage are Inspect's.

The model is asked for by its own name behind ``inspect/``, assessor and judge by the roles of those names.
"""

import base64
import binascii
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from inspect_ai.agent import agent_bridge
from inspect_ai.event import Event, ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessageUser, ContentImage, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Detail, Receipt, Status
from ecoalign_agent.bench.methods.base import Answered, Grade, Means, Step
from ecoalign_agent.bench.methods.registry import METHODS
from ecoalign_agent.bench.runner.config import Chosen, chosen
from ecoalign_agent.bench.runner.trial import search_detail
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.events import events as told
from ecoalign_agent.events.result import Result
from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.settings import settings_with


def sequential(spans: Sequence[tuple[float, float]]) -> int:
    """The longest chain of spans of which each began no sooner than the one before it had ended.

    What could have run at the same time counts once, whether or not it did.

    Args:
        spans: (began, ended) each, on one clock.
    """
    depth: list[tuple[float, int]] = []
    for began, ended in sorted(spans):
        depth.append((ended, 1 + max((deep for end, deep in depth if end <= began), default=0)))
    return max((deep for _, deep in depth), default=0)


def receipt_of(events: Sequence[Event], seconds: float) -> Receipt:
    """What the calls among ``events`` took; figures that a call did not report are unknown.

    Args:
        events: of one sample, from Inspect's transcript.
        seconds: wall time.
    """
    calls = [event for event in events if isinstance(event, ModelEvent)]
    spans = [
        (call.timestamp.timestamp(), call.completed.timestamp())
        for call in calls
        if call.timestamp is not None and call.completed is not None
    ]
    # A call that failed has no usage, and nothing says what it cost.
    usages = [usage for call in calls if (usage := _usage(call)) is not None]
    known = len(usages) == len(calls)
    total = Usage()
    for usage in usages:
        total += usage
    return Receipt(
        calls=len(calls),
        rounds=sequential(spans) if len(spans) == len(calls) else None,
        seconds=seconds,
        prompt_tokens=total.text + total.cached if known else None,
        cached_tokens=total.cached if known else None,
        completion_tokens=total.completion if known else None,
        cost=Tariff().cost(total) if known else None,
    )


def _usage(call: ModelEvent) -> Usage | None:
    """A call's tokens. Inspect does not keep pictures' tokens apart: they stand with the text's, at the same weight."""
    usage = call.output.usage
    if usage is None:
        return None
    cached = usage.input_tokens_cache_read or 0
    # Inspect tells cached tokens apart from the others.
    return Usage(
        text=usage.input_tokens + (usage.input_tokens_cache_write or 0), cached=cached, completion=usage.output_tokens
    )


ASSESSOR = "assessor"
"""The role of the model that grades."""

JUDGE = "judge"
"""The role of the model that judges answers for the benchmark."""

KEPT = "ecoalign"
"""Where in a sample's metadata stands what the tables are made of."""

SCORER = "answer"
"""The name that scores stand under."""


class NoAnswerError(RunError):
    """A model's endpoint failed for good: the sample has no answer, and is tried again when the run is taken up."""


@asynccontextmanager
async def bridged() -> AsyncIterator[None]:
    """Calls to models behind ``inspect/`` go to Inspect's; what a call asks for, such as ``max_tokens``, holds."""
    async with agent_bridge(forward_generation_config=True):
        yield


def bridge_model(role: str | None = None) -> ChatOpenAI:
    """The evaluated model, or the one in a role, as a LangChain chat model, usable inside :func:`bridged`."""
    return ChatOpenAI(
        # By its own name, which says how it counts pictures; Inspect knows its active model by it.
        model=f"inspect/{get_model() if role is None else role}",
        # No request leaves this process under it.
        api_key=SecretStr("none"),
        base_url="http://inspect.invalid/v1",
        # Inspect tries again, and knows the provider's errors.
        max_retries=0,
        timeout=settings_with().timeout,
        disable_streaming=True,
        use_responses_api=False,
    )


@solver(name="ecoalign_method")
def method_solver(
    method: str = "ecoalign",
    policy: dict[str, Any] | None = None,
    budget: float | None = None,
    assessor: bool = False,  # noqa: FBT001, FBT002 - Inspect keeps a solver's arguments by name
    seed: int = 0,
) -> Solver:
    """One method as a solver.

    Args:
        method: its name, with settings; see :mod:`ecoalign_agent.bench.runner.config`.
        policy: what EcoAlign's settings start from, as a policy file holds it; None: the default.
        budget: cost units for one request, of every method that has a budget; None: the policy's.
        assessor: whether there is a model in the role ``assessor``; without it the answering model grades.
        seed: of the run.

    Raises:
        UsageError: no such method or setting.
    """
    start = None if policy is None else Policy.from_mapping(policy)
    one = chosen(method, policy=start, budget=budget)
    answering = _Answering(one, assessor=assessor and not one.self_assessed, seed=seed)

    async def solve(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001 - Inspect's own signature
        question, pictures = asked_in(state)
        before = len(transcript().events)
        began = time.monotonic()
        kept: dict[str, Any] = {"method": one.name, "status": "failed", "detail": {}}
        try:
            async with bridged():
                answered, status, detail = await answering.answer(question, pictures)
            kept |= {"status": status, "detail": dict(detail)}
        finally:
            # What failed was paid for, too.
            calls = transcript().events[before:]
            withhold_key(calls)
            receipt = receipt_of(calls, time.monotonic() - began)
            state.metadata[KEPT] = {
                **state.metadata.get(KEPT, {}),
                **kept,
                "receipt": receipt.model_dump(mode="json"),
            }
        for step in answered.steps:
            _tell(step)
        if detail.get("stop_reason") == "endpoint":
            raise NoAnswerError(f"{one.name}: {detail.get('failure') or 'the endpoint failed'}")
        if answered.text is None:
            return state
        state.output = ModelOutput.from_content(str(state.model), answered.text)
        state.messages.append(state.output.message)
        return state

    return solve


class _Answering:
    """A method with what it needs, built when it is first asked: there is no event loop before."""

    def __init__(self, one: Chosen, *, assessor: bool, seed: int) -> None:
        self._one = one
        self._assessor = assessor
        self._seed = seed
        self._agent: EcoAlign | None = None
        self._rewriter: Rewriter | None = None

    async def answer(self, question: str, pictures: Sequence[bytes]) -> tuple[Answered, Status, dict[str, Detail]]:
        match self._one.kind:
            case "ecoalign" | "vlmguard+ecoalign":
                return await self._searched(question, pictures)
            case "vlmguard":
                return await self._rewritten(question, pictures)
            case _:
                return await self._compared(question, pictures)

    async def _searched(self, question: str, pictures: Sequence[bytes]) -> tuple[Answered, Status, dict[str, Detail]]:
        steps: list[Step] = []
        result: Result | None = None
        async for event in self.agent.stream(question, list(pictures)):
            if (step := _step(event)) is not None:
                steps.append(step)
            if isinstance(event, told.Answered | told.Declined | told.Failed):
                result = event.result
        if result is None:
            raise NoAnswerError(f"{self._one.name}: the search ended without a result")
        detail = search_detail(result)
        if result.status in {"answered", "declined"}:
            return Answered(result.answer, tuple(steps), declined=result.status == "declined"), result.status, detail
        detail["failure"] = result.failure or f"the run is {result.status}"
        return Answered(None, tuple(steps)), "failed", detail

    async def _rewritten(self, question: str, pictures: Sequence[bytes]) -> tuple[Answered, Status, dict[str, Detail]]:
        made = await self.rewriter.rewrite(question, list(pictures))
        steps = (Step(f"rewrite: {made.status}", made.prompt),)
        if made.status == "failed":
            # The question as it was asked is no rewrite: answering it would measure Base.
            return Answered(None, steps), "failed", {"failure": "; ".join(made.notes), "stop_reason": "endpoint"}
        said = await METHODS["base"].method(made.prompt, pictures, self._means())
        return Answered(said.text, (*steps, *said.steps)), "answered", {"rewrite": made.status}

    async def _compared(self, question: str, pictures: Sequence[bytes]) -> tuple[Answered, Status, dict[str, Detail]]:
        said = await METHODS[self._one.kind].method(question, pictures, self._means())
        return said, "declined" if said.declined else "answered", {}

    @property
    def agent(self) -> EcoAlign:
        """EcoAlign over the bridge; also who grades for the other methods."""
        if self._agent is None:
            actor = bridge_model()
            self._agent = EcoAlign(
                actor,
                policy=self._one.policy,
                # The model itself, and not whom the environment names: its calls would be nobody's.
                assessor=bridge_model(ASSESSOR) if self._assessor else actor,
                rewriter=self.rewriter if self._one.kind == "vlmguard+ecoalign" else None,
            )
        return self._agent

    @property
    def rewriter(self) -> Rewriter:
        """The prompted rewriter over the bridge."""
        if self._rewriter is None:
            self._rewriter = Rewriter(bridge_model())
        return self._rewriter

    def _means(self) -> Means:
        async def grade(answer: str, question: str, pictures: Sequence[bytes]) -> Grade:
            verdict = await self.agent.assess(answer, question=question, images=list(pictures))
            return Grade(verdict.safety, verdict.utility)

        budget = self._one.budget if self._one.budget is not None else Policy().budget
        return Means(bridge_model(), grade, budget=budget, seed=self._seed)


def withhold_key(events: Sequence[Event]) -> None:
    """Take out of Inspect's record what a server answered, where it repeats the key: logs are shown around."""
    secret = settings_with().openai_api_key
    key = None if secret is None else secret.get_secret_value()
    for event in events:
        if key and isinstance(event, ModelEvent) and event.call is not None and key in str(event.call.response):
            event.call.response = {"withheld": "it repeats the key"}


def asked_in(state: TaskState) -> tuple[str, list[bytes]]:
    """The question and its pictures' bytes, from a sample's input.

    Raises:
        UsageError: there is no question, or a picture is neither a file nor inline.
    """
    users = [message for message in state.messages if isinstance(message, ChatMessageUser)]
    if not users:
        raise UsageError(f"sample {state.sample_id}: there is no question in it")
    content = users[-1].content
    parts = [] if isinstance(content, str) else content
    return users[-1].text, [_bytes_of(part.image) for part in parts if isinstance(part, ContentImage)]


def _bytes_of(image: str) -> bytes:
    inline = re.match(r"data:image/[\w.+-]+;base64,", image)
    if inline is None:
        try:
            return Path(image).read_bytes()
        except OSError as error:
            raise UsageError(f"picture {image[-80:]!r}: {error.strerror or error}") from error
    try:
        return base64.b64decode(image[inline.end() :], validate=True)
    except binascii.Error as error:
        raise UsageError(f"a picture's data URL is no base64: {error}") from error


def _step(event: told.Event) -> Step | None:
    match event:
        case told.Scanned():
            return Step("scan", event.caption or event.seen_text or "(nothing seen)", event.safety)
        case told.Planned():
            return Step("plan", event.text)
        case told.ThoughtAdded() if event.thought_kind != "root":
            title = f"thought {event.id}: {event.thought_kind}, cost {event.cost:g}, round {event.round}"
            return Step(title, event.text, event.safety, event.utility)
        case told.Pruned():
            return Step(f"pruned {event.id}", event.reason)
        case told.Rewritten():
            return Step(f"rewrite: {event.rewrite.status}", event.rewrite.prompt)
        case _:
            return None


def _tell(step: Step) -> None:
    """Put a step into the transcript, where ``inspect view`` shows it."""
    told_grades = (("safety", step.safety), ("utility", step.utility))
    grades = {name: round(grade, 3) for name, grade in told_grades if grade is not None}
    transcript().info({"step": step.title, **grades, "text": step.text}, source="ecoalign")
