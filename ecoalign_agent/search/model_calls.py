"""One kind of call: a prompt, the schema of its reply, and how many tokens it may use.

What the search asks of models: one behaviour, one async method, one port.

Every method books what it spends on the ``meter``, and raises ``BudgetError`` when its call does not fit (it was not
made) and ``ModelError`` when the endpoint fails. A reply that can't be read has the value None.

The global scanner: one call on reduced pictures, before anything else is bought.

Writes the strategy that a sensitive request is answered under.

Proposes the next thoughts from a tip, each with its own forecast.

Imagines what would follow an action, without executing anything: the look-ahead that is bought while it pays.

Carries an action out: reason, look, fuse or answer.

Writes the answer from the thoughts of the chosen path.

Writes a refusal that says what can be done instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from ecoalign_agent.assessors.base import Assessor
from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import MAX_TOKENS, MIN_TOKENS
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Prompt, load_prompt
from ecoalign_agent.llm.structured_output import ModelReply, call_with_fallback
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import kind_lines
from ecoalign_agent.search.schemas import ProposeReply, ScanReply, SimulateReply, TextReply
from ecoalign_agent.search.state import EMPTY_TEXT, RequestContext, box_line, single_line, step_lines, thought_lines

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class ModelTask(Generic[T]):
    """A kind of call that a port makes.

    Attributes:
        endpoint: the model asked.
        prompt: its prompt, loaded when the port was built.
        schema: what the reply is validated against.
        kind: key of the token tables in ``economics.experience``.
        phase: where its cost is booked.
        longest: completion tokens that a text which may be given out may have; None: what a call of its kind may write.
    """

    endpoint: Endpoint
    prompt: Prompt
    schema: type[T]
    kind: str
    phase: Phase
    longest: int | None = None

    async def ask(self, *, meter: Meter, images: Sequence[ImageView] = (), **inputs: str) -> ModelReply[T]:
        """Render the prompt with ``inputs`` and ask; the model is told how long its text may be."""
        most, prompt = MAX_TOKENS[self.kind], self.prompt.render(**inputs)
        if self.longest is not None and self.longest < most:
            most = self.longest
            prompt = replace(
                prompt, system=f"{prompt.system}\nThe text may have {max_words(most)} words at the most.\n"
            )
        reply = await call_with_fallback(
            self.endpoint,
            prompt,
            self.schema,
            images=images,
            meter=meter,
            phase=self.phase,
            max_tokens=most,
            min_tokens=min(MIN_TOKENS[self.kind], most),
        )
        return reply if self.longest is None else _short_enough(reply, self.longest)


def max_words(tokens: int) -> int:
    """Words that so many completion tokens have room for, JSON's own marks left out."""
    return max(5, (tokens - 10) * 3 // 5)


def _short_enough(reply: ModelReply[T], longest: int) -> ModelReply[T]:
    """The reply; unreadable where its text is too long, as of models that know no cap on completion tokens."""
    text = getattr(reply.value, "text", "")
    # The provider's count decides; where it is higher, for it covers all attempts, our estimate may still acquit.
    if reply.usage.completion <= longest and not reply.usage.estimated:
        return reply
    if text_tokens(text) <= longest:
        return reply
    return replace(reply, value=None, unreadable=f"longer than the {longest} tokens that an answer may have")


class Scanner(Protocol):
    """The global scanner: the first look, on reduced pictures."""

    async def scan(self, question: str, views: Sequence[ImageView], *, meter: Meter) -> ModelReply[ScanReply]:
        """Caption, text, places, the risk s0 of the whole request, first actions, and a draft where one is allowed."""


class Planner(Protocol):
    """Writes the strategy that a sensitive request is answered under."""

    async def plan(self, scene: RequestContext, *, meter: Meter) -> ModelReply[TextReply]:
        """The strategy, in a few sentences."""


class Proposer(Protocol):
    """Proposes next thoughts from a tip."""

    async def propose(
        self, scene: RequestContext, path: Sequence[Thought], others: Sequence[Thought], *, branching: int, meter: Meter
    ) -> ModelReply[ProposeReply]:
        """At most ``branching`` actions from the last thought of ``path``; ``others`` are the other live thoughts."""


class Simulator(Protocol):
    """Imagines futures without executing them: the valuator's eyes."""

    async def simulate(
        self, scene: RequestContext, path: Sequence[Thought], actions: Sequence[Action], *, horizon: int, meter: Meter
    ) -> ModelReply[SimulateReply]:
        """One or two futures of at most ``horizon`` steps for each action; actions are numbered from 1."""


class Executor(Protocol):
    """Carries an action out."""

    async def execute(
        self, scene: RequestContext, action: Action, path: Sequence[Thought], *, meter: Meter
    ) -> ModelReply[TextReply]:
        """The thought's text. ``path`` holds, for a fuse, the thoughts to be joined."""


class Synthesizer(Protocol):
    """Writes the answer from the chosen path."""

    async def synthesize(
        self, scene: RequestContext, path: Sequence[Thought], *, meter: Meter
    ) -> ModelReply[TextReply]:
        """The answer."""


class Decliner(Protocol):
    """Writes a refusal that says what can be done instead."""

    async def decline(self, question: str, caption: str, reason: str, *, meter: Meter) -> ModelReply[TextReply]:
        """The refusal."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the search asks of models."""

    scanner: Scanner
    planner: Planner
    proposer: Proposer
    simulator: Simulator
    executor: Executor
    synthesizer: Synthesizer
    decliner: Decliner
    assessor: Assessor


class ModelScanner:
    """Caption, text, places, risk, first actions, and a draft for the plain request, in one call.

    Source: EcoAlign, global scanner; first actions and the draft are ours: they save a round of proposing.
    """

    def __init__(self, endpoint: Endpoint, policy: Policy, *, prompts: str | None = None) -> None:
        self.task = ModelTask(endpoint, load_prompt("alignment/scan", prompts), ScanReply, "scan", "scan")
        self._branching = str(policy.branching)
        self._kinds = kind_lines(policy, thoughts=0)
        self._hazards = hazard_lines()
        longest = policy.max_answer_tokens
        length = "" if longest is None else f" and {max_words(longest)} words"
        self._draft_rule = (
            f"the answer itself, in at most two sentences{length}, when the request is plain and safety is at least "
            f'{policy.caution:g}; else ""'
            if policy.draft and policy.answers == "early"
            else 'always ""'
        )

    async def scan(self, question: str, views: Sequence[ImageView], *, meter: Meter) -> ModelReply[ScanReply]:
        """The first look; see :class:`~ecoalign_agent.search.model_calls.Scanner`."""
        return await self.task.ask(
            meter=meter,
            images=views,
            question=question,
            pictures={0: "no picture", 1: "one picture"}.get(len(views), f"{len(views)} pictures, numbered from 0"),
            branching=self._branching,
            kinds=self._kinds,
            hazards=self._hazards,
            draft_rule=self._draft_rule,
        )


class ModelPlanner:
    """One call in words; the pictures are not sent again, their caption and text are."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.task = ModelTask(endpoint, load_prompt("alignment/plan", prompts), TextReply, "plan", "plan")

    async def plan(self, scene: RequestContext, *, meter: Meter) -> ModelReply[TextReply]:
        """The strategy; see :class:`~ecoalign_agent.search.model_calls.Planner`."""
        return await self.task.ask(
            meter=meter,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            hazard=scene.sight.hazard,
        )


class ModelProposer:
    """One call for each expanded tip. Source: EcoAlign, Propose."""

    def __init__(self, endpoint: Endpoint, policy: Policy, *, prompts: str | None = None) -> None:
        self.task = ModelTask(endpoint, load_prompt("alignment/propose", prompts), ProposeReply, "propose", "propose")
        self._policy = policy

    async def propose(
        self, scene: RequestContext, path: Sequence[Thought], others: Sequence[Thought], *, branching: int, meter: Meter
    ) -> ModelReply[ProposeReply]:
        """The next actions; see :class:`~ecoalign_agent.search.model_calls.Proposer`."""
        thoughts = sum(t.kind not in {"root", "strategy"} for t in (*path, *others))
        return await self.task.ask(
            meter=meter,
            images=scene.views,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            regions=scene.regions,
            strategy=scene.strategy or EMPTY_TEXT,
            path=step_lines(path),
            others=step_lines(others),
            branching=str(branching),
            kinds=kind_lines(self._policy, thoughts=thoughts),
        )


class ModelSimulator:
    """One call for all actions of a tip, in words only. Source: EcoAlign, Simulate."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.task = ModelTask(
            endpoint, load_prompt("alignment/simulate", prompts), SimulateReply, "simulate", "simulate"
        )

    async def simulate(
        self, scene: RequestContext, path: Sequence[Thought], actions: Sequence[Action], *, horizon: int, meter: Meter
    ) -> ModelReply[SimulateReply]:
        """Futures of each action; see :class:`~ecoalign_agent.search.model_calls.Simulator`."""
        return await self.task.ask(
            meter=meter,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            strategy=scene.strategy or EMPTY_TEXT,
            path=step_lines(path),
            actions="\n".join(f"{n}. [{a.kind}] {single_line(a.aim)}" for n, a in enumerate(actions, 1)),
            horizon=str(horizon),
        )


WHOLE = (0.0, 0.0, 1.0, 1.0)


class ModelExecutor:
    """One call for each action; a look sends a crop at full resolution, a fuse sends no picture.

    Source: EcoAlign, Execute.
    """

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None, longest: int | None = None) -> None:
        self.tasks = {
            kind: ModelTask(
                endpoint,
                load_prompt(f"alignment/{kind}", prompts),
                TextReply,
                kind,
                "execute",
                longest if kind == "answer" else None,
            )
            for kind in ("reason", "look", "fuse", "answer")
        }

    async def execute(
        self, scene: RequestContext, action: Action, path: Sequence[Thought], *, meter: Meter
    ) -> ModelReply[TextReply]:
        """The thought's text; see :class:`~ecoalign_agent.search.model_calls.Executor`."""
        task = self.tasks[action.kind]
        if action.kind == "look":
            return await self._look(scene, action, meter)
        strategy = scene.strategy or EMPTY_TEXT
        if action.kind == "fuse":
            return await task.ask(
                meter=meter,
                question=scene.question,
                strategy=strategy,
                thoughts=thought_lines(path),
                aim=action.aim,
            )
        return await task.ask(
            meter=meter,
            images=scene.views,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            strategy=strategy,
            path=step_lines(path),
            aim=action.aim,
        )

    async def _look(self, scene: RequestContext, action: Action, meter: Meter) -> ModelReply[TextReply]:
        region = action.region or WHOLE
        crop = await scene.pictures[action.picture].crop(region)
        return await self.tasks["look"].ask(
            meter=meter, images=(crop,), question=scene.question, aim=action.aim, box=box_line(region)
        )


class ModelSynthesizer:
    """One call, with the reduced pictures. Source: EcoAlign, the answer from P*."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None, longest: int | None = None) -> None:
        prompt = load_prompt("alignment/synthesize", prompts)
        self.task = ModelTask(endpoint, prompt, TextReply, "synthesize", "synthesize", longest)

    async def synthesize(
        self, scene: RequestContext, path: Sequence[Thought], *, meter: Meter
    ) -> ModelReply[TextReply]:
        """The answer; see :class:`~ecoalign_agent.search.model_calls.Synthesizer`."""
        return await self.task.ask(
            meter=meter,
            images=scene.views,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            path=thought_lines(path),
        )


class ModelDecliner:
    """One call, in words only. Source: ours."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None, longest: int | None = None) -> None:
        prompt = load_prompt("alignment/decline", prompts)
        self.task = ModelTask(endpoint, prompt, TextReply, "decline", "decline", longest)

    async def decline(self, question: str, caption: str, reason: str, *, meter: Meter) -> ModelReply[TextReply]:
        """The refusal; see :class:`~ecoalign_agent.search.model_calls.Decliner`."""
        return await self.task.ask(meter=meter, question=question, caption=caption or EMPTY_TEXT, reason=reason)
