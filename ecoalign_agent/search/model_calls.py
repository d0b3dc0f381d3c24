"""Every call that the search makes to the actor: one method each on `SearchModel`.

A call books what it spends on the `meter`, and raises `BudgetError` when it does not fit (it was not made) and
`ModelError` when the endpoint fails. A reply that can't be read has the value None.
"""

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import CALL_TOKENS, TokenRange
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Prompt, load_prompt
from ecoalign_agent.llm.structured_output import ModelReply, call_with_fallback
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import ActionKind, Pictures, kind_lines, offered_kinds
from ecoalign_agent.search.request import (
    EMPTY_TEXT,
    RequestContext,
    box_line,
    single_line,
    step_lines,
    thought_lines,
    thought_texts,
)
from ecoalign_agent.search.schemas import ProposeReply, ScanReply, SimulateReply, TextReply, reply_schemas


@dataclass(frozen=True, slots=True)
class ModelTask:
    """A kind of call: prompt, reply, tokens."""

    kind: str
    prompt: Prompt
    schema: type[BaseModel]
    phase: Phase
    tokens: TokenRange
    pictures: Pictures = "none"
    max_text_tokens: int | None = None
    """Completion tokens that a text which may be given out may have; None: what a call of its kind may write."""


class SearchModel:
    """The calls of a search to the actor's endpoint; `prompts` is a folder whose prompts replace the shipped ones.

    Source: EcoAlign; first actions and the draft in the scan are ours: they save a round of proposing.
    """

    def __init__(
        self, endpoint: Endpoint, policy: Policy, kinds: Mapping[str, ActionKind], *, prompts: str | None = None
    ) -> None:
        self.endpoint, self._policy, self._kinds = endpoint, policy, kinds
        limit, schemas = policy.max_answer_tokens, reply_schemas(tuple(kinds))

        def task(
            kind: Phase, schema: type[BaseModel], pictures: Pictures = "none", cap: int | None = None
        ) -> ModelTask:
            prompt = load_prompt(f"alignment/{kind}", prompts)
            return ModelTask(kind, prompt, schema, kind, CALL_TOKENS[kind], pictures, cap)

        tasks = [
            task("scan", schemas.scan, "views"),
            task("plan", TextReply),
            task("propose", schemas.propose, "views"),
            task("simulate", schemas.simulate),
        ]
        for kind in kinds.values():
            prompt = kind.prompt if isinstance(kind.prompt, Prompt) else load_prompt(kind.prompt, prompts)
            answer_limit = limit if kind.is_answer else None
            tasks.append(ModelTask(kind.name, prompt, TextReply, "execute", kind.tokens, kind.pictures, answer_limit))
        tasks += [task("synthesize", TextReply, "views", limit), task("decline", TextReply, cap=limit)]
        self.tasks = {task.kind: task for task in tasks}
        """Every kind of call, in the order in which results list their prompts."""
        offered = offered_kinds(kinds, policy, thoughts=0)
        self._scan_parameters = {
            "branching": policy.branching,
            "kinds": [kind.name for kind in offered],
            "draft_from": policy.caution if policy.draft and policy.answers == "early" else None,
        }
        self._scan_inputs = {
            "branching": str(policy.branching),
            "kinds": kind_lines(offered),
            "hazards": hazard_lines(),
            "draft_rule": _draft_rule(policy),
        }

    def scan(self, question: str, views: Sequence[ImageView], *, meter: Meter) -> Awaitable[ModelReply[ScanReply]]:
        """Global scanner: caption, text, regions, risk s0, first actions, and a draft where one is allowed."""
        inputs = {
            "question": question,
            "pictures": {0: "no picture", 1: "one picture"}.get(len(views), f"{len(views)} pictures, numbered from 0"),
        }
        return self._call("scan", self._scan_inputs | inputs, views, meter, self._scan_parameters)

    def plan(self, context: RequestContext, *, meter: Meter) -> Awaitable[ModelReply[TextReply]]:
        """Strategy for a sensitive request, in words only."""
        return self._call("plan", context.inputs(hazard=context.findings.hazard), (), meter)

    def propose(
        self, context: RequestContext, path: Sequence[Thought], others: Sequence[Thought], *, meter: Meter
    ) -> Awaitable[ModelReply[ProposeReply]]:
        """Next actions from the last thought of `path`; `others` are other live thoughts. Source: EcoAlign."""
        on_path, elsewhere, regions = thought_texts(path), thought_texts(others), context.findings.regions
        offered = offered_kinds(self._kinds, self._policy, thoughts=len(on_path) + len(elsewhere))
        region_lines = (f"picture {r.picture} {box_line(r.box)}: {single_line(r.description)}" for r in regions)
        inputs = context.inputs(
            regions="\n".join(region_lines) or EMPTY_TEXT,
            strategy=context.strategy,
            path=step_lines(path),
            others=step_lines(others),
            branching=str(self._policy.branching),
            kinds=kind_lines(offered),
        )
        parameters = {
            "branching": self._policy.branching,
            "kinds": [kind.name for kind in offered],
            "path": on_path,
            "others": elsewhere,
            "regions": [(r.picture, r.description, tuple(r.box)) for r in regions],
        }
        return self._call("propose", inputs, context.views, meter, parameters)

    def simulate(
        self, context: RequestContext, path: Sequence[Thought], actions: Sequence[Action], *, horizon: int, meter: Meter
    ) -> Awaitable[ModelReply[SimulateReply]]:
        """One or two futures of at most `horizon` steps for each action, numbered from 1. Source: EcoAlign."""
        inputs = context.inputs(
            strategy=context.strategy,
            path=step_lines(path),
            actions="\n".join(f"{n}. [{a.kind}] {single_line(a.aim)}" for n, a in enumerate(actions, 1)),
            horizon=str(horizon),
        )
        numbered = [(n, action.kind) for n, action in enumerate(actions, 1)]
        parameters = {"actions": numbered, "path": thought_texts(path), "horizon": horizon}
        return self._call("simulate", inputs, (), meter, parameters)

    async def execute(
        self, context: RequestContext, action: Action, path: Sequence[Thought], *, meter: Meter
    ) -> ModelReply[TextReply]:
        """Text of the thought that an action makes; of one that joins thoughts, `path` holds those."""
        inputs = await self._kinds[action.kind].inputs(context, action, path)
        return await self._call(action.kind, inputs.texts, inputs.images, meter, inputs.parameters)

    def synthesize(
        self, context: RequestContext, path: Sequence[Thought], *, meter: Meter
    ) -> Awaitable[ModelReply[TextReply]]:
        """Answer from the chosen path. Source: EcoAlign, the answer from P*."""
        inputs = context.inputs(path=thought_lines(path))
        return self._call("synthesize", inputs, context.views, meter, {"path": thought_texts(path)})

    def decline(self, question: str, caption: str, reason: str, *, meter: Meter) -> Awaitable[ModelReply[TextReply]]:
        """Refusal that says what can be done instead. Source: ours."""
        inputs = {"question": question, "caption": caption or EMPTY_TEXT, "reason": reason}
        return self._call("decline", inputs, (), meter)

    async def _call(
        self,
        kind: str,
        inputs: Mapping[str, str],
        images: Sequence[ImageView],
        meter: Meter,
        parameters: Mapping[str, Any] | None = None,
    ) -> ModelReply[Any]:
        task = self.tasks[kind]
        most, limit = task.tokens.max, task.max_text_tokens
        prompt = task.prompt.render(**inputs).with_parameters(parameters or {})
        if limit is not None and limit < most:
            most = limit
            rule = f"The text may have {_max_words(most)} words at the most."
            prompt = replace(prompt, system=f"{prompt.system}\n{rule}\n")
        reply = await call_with_fallback(
            self.endpoint,
            prompt,
            task.schema,
            images=images,
            meter=meter,
            phase=task.phase,
            max_tokens=most,
            min_tokens=min(task.tokens.min, most),
        )
        return reply if limit is None else _within(reply, limit)


def _max_words(tokens: int) -> int:
    """Words that so many completion tokens have room for, without JSON's own marks."""
    return max(5, (tokens - 10) * 3 // 5)


def _draft_rule(policy: Policy) -> str:
    if not policy.draft or policy.answers == "end":
        return 'always ""'
    limit = policy.max_answer_tokens
    length = "" if limit is None else f" and {_max_words(limit)} words"
    return (
        f"the answer itself, in at most two sentences{length}, when the request is plain and safety is at least "
        f'{policy.caution:g}; else ""'
    )


def _within(reply: ModelReply[Any], limit: int) -> ModelReply[Any]:
    """The reply; unreadable where its text is too long, as of models that know no cap on completion tokens."""
    text = getattr(reply.value, "text", "")
    # The provider's count decides; where it is higher, for it covers all attempts, our estimate may still acquit.
    if (reply.usage.completion <= limit and not reply.usage.estimated) or text_tokens(text) <= limit:
        return reply
    return replace(reply, value=None, unreadable=f"longer than the {limit} tokens that an answer may have")
