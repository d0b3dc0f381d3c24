"""Methods as Inspect solvers, and the receipt of a sample from Inspect's record of its calls.

Every call goes over Inspect's agent bridge, so that limits, logs and usage are Inspect's: the model by its own name
behind ``inspect/``, assessor and judge by the roles of those names.
"""

import base64
import binascii
import re
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from functools import cache
from pathlib import Path
from typing import Any

from inspect_ai.agent import agent_bridge
from inspect_ai.event import Event, ModelEvent
from inspect_ai.log import transcript
from inspect_ai.model import ChatMessageUser, ContentImage, ModelOutput, get_model
from inspect_ai.solver import Generate, Solver, TaskState, solver
from pydantic import SecretStr

from ecoalign_agent.bench.analysis.outcomes import OutcomeStatus, Receipt
from ecoalign_agent.bench.methods.base import MethodContext, MethodStep
from ecoalign_agent.bench.methods.registry import configure_method
from ecoalign_agent.bench.runner.models import BridgedModel
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.settings import read_settings


def sequential_rounds(spans: Sequence[tuple[float, float]]) -> int:
    """Length of the longest chain of (start, end) spans in which each starts no sooner than the one before it ends.

    Spans that could have run at the same time count once, whether or not they did.
    """
    depths: list[tuple[float, int]] = []
    for start, end in sorted(spans):
        depths.append((end, 1 + max((depth for earlier, depth in depths if earlier <= start), default=0)))
    return max((depth for _, depth in depths), default=0)


def receipt_of(events: Sequence[Event], seconds: float) -> Receipt:
    """Receipt of the calls among a sample's ``events``; figures that a call did not report are None."""
    calls = [event for event in events if isinstance(event, ModelEvent)]
    spans = [
        (call.timestamp.timestamp(), call.completed.timestamp())
        for call in calls
        if call.timestamp is not None and call.completed is not None
    ]
    # A call that failed has no usage, and nothing says what it cost.
    usages = [usage for call in calls if (usage := _usage(call)) is not None]
    known = len(usages) == len(calls)
    total = sum(usages, Usage())
    return Receipt(
        calls=len(calls),
        rounds=sequential_rounds(spans) if len(spans) == len(calls) else None,
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
    # Inspect counts cached tokens apart from the others.
    return Usage(
        text=usage.input_tokens + (usage.input_tokens_cache_write or 0), cached=cached, completion=usage.output_tokens
    )


ASSESSOR_ROLE, JUDGE_ROLE = "assessor", "judge"
"""Roles of the assessing model, and of the one that judges answers for the benchmark."""

METADATA_KEY = "ecoalign"
"""Key of the figures for the tables in a sample's metadata."""

SCORER = "answer"
"""Name of the scores in the logs."""


class NoAnswerError(RunError):
    """A model's endpoint failed for good: the sample has no answer, and is tried again when the run is resumed."""


def bridged() -> AbstractAsyncContextManager[object]:
    """Route calls to models behind ``inspect/`` to Inspect's; a call's own settings, such as ``max_tokens``, hold."""
    return agent_bridge(forward_generation_config=True)


def bridge_model(role: str | None = None) -> BridgedModel:
    """The evaluated model, or the one in a role, as a LangChain chat model, usable inside :func:`bridged`."""
    return BridgedModel(
        # By its own name, which says how it counts pictures; Inspect knows its active model by it.
        model=f"inspect/{get_model() if role is None else role}",
        # No request leaves this process under it.
        api_key=SecretStr("none"),
        base_url="http://inspect.invalid/v1",
        # Inspect tries again, and knows the provider's errors.
        max_retries=0,
        timeout=read_settings().timeout,
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
    """One method as a solver; see :func:`configure_method`. ``assessor``: a model is in that role."""
    start = None if policy is None else Policy.from_mapping(policy)
    configured = configure_method(method, policy=start, budget=budget)

    @cache
    def context() -> MethodContext:
        """Built with the first sample: there is no event loop before."""
        return MethodContext(
            bridge_model(),
            budget=Policy().budget if configured.budget is None else configured.budget,
            seed=seed,
            policy=configured.policy,
            assessor=bridge_model(ASSESSOR_ROLE) if assessor and not configured.self_assessed else None,
        )

    async def solve(state: TaskState, generate: Generate) -> TaskState:  # noqa: ARG001 - Inspect's own signature
        question, pictures = sample_question(state)
        before = len(transcript().events)
        start = time.monotonic()
        outcome: dict[str, Any] = {"method": configured.name, "status": "failed", "detail": {}}
        try:
            async with bridged():
                answer = await configured.method.answer(question, pictures, context())
            status: OutcomeStatus = "failed" if answer.text is None else "declined" if answer.declined else "answered"
            outcome |= {"status": status, "detail": dict(answer.detail)}
        finally:
            # A failure was paid for, too.
            calls = transcript().events[before:]
            withhold_key(calls)
            outcome["receipt"] = receipt_of(calls, time.monotonic() - start).model_dump(mode="json")
            state.metadata[METADATA_KEY] = {**state.metadata.get(METADATA_KEY, {}), **outcome}
        for step in answer.steps:
            _log_step(step)
        if answer.detail.get("stop_reason") == "endpoint":
            raise NoAnswerError(f"{configured.name}: {answer.detail.get('failure') or 'the endpoint failed'}")
        if answer.text is not None:
            state.output = ModelOutput.from_content(str(state.model), answer.text)
            state.messages.append(state.output.message)
        return state

    return solve


def withhold_key(events: Sequence[Event]) -> None:
    """Remove a server's response from Inspect's record where it repeats the key: logs are passed around."""
    secret = read_settings().openai_api_key
    key = None if secret is None else secret.get_secret_value()
    for event in events:
        if key and isinstance(event, ModelEvent) and event.call is not None and key in str(event.call.response):
            event.call.response = {"withheld": "it repeats the key"}


def sample_question(state: TaskState) -> tuple[str, list[bytes]]:
    """Read the question and its pictures' bytes from a sample's input; raises UsageError where one is missing."""
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


def _log_step(step: MethodStep) -> None:
    """For ``inspect view``."""
    values = (("safety", step.safety), ("utility", step.utility))
    grades = {name: round(value, 3) for name, value in values if value is not None}
    transcript().info({"step": step.title, **grades, "text": step.text}, source="ecoalign")
