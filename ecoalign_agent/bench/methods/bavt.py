"""BAVT, budget-aware value tree search: the less budget is left, the more greedily the next node is chosen.

Nodes get their values by progress relative to their parents. Source: arXiv 2603.12634.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from langchain_core.messages import BaseMessage

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    EncodedImage,
    Method,
    MethodAnswer,
    MethodContext,
    MethodReply,
    MethodStep,
    call_model,
    encode_images,
    gather_calls,
    parse_gain,
    prompt_messages,
    request_seed,
    seeded_fraction,
    split_final_answer,
    strip_thinking,
)
from ecoalign_agent.economics.budget import Budget, Phase
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.images.image_tokens import family_of, image_tokens
from ecoalign_agent.llm.endpoint import model_facts
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.tokens import estimate_text_tokens, reported_usage

ROOT_VALUE = 0.5  # even odds
WIDTH = 2  # steps sampled from a node at once
MAX_VISITS = 2  # expansions of a node; a second one samples other steps
MAX_ROUNDS = 10  # expansions in all, whatever is left of the budget
# Completion tokens, at most: of a step, which may be the answer; of a rating; reserved for the final answer.
STEP_TOKENS, RATING_TOKENS, RESERVED_TOKENS = 1_024, 256, 1_024
MIN_CALL_TOKENS = 16  # completion tokens below which a call is not worth making
_MIN_RATIO = 1e-6  # lower bound of the remaining ratio: its power is greedy already


@dataclass(frozen=True, slots=True, eq=False)
class TreeNode:
    """A step in the tree; equal to itself alone.

    Attributes:
        value: in [0, 1]; None: unknown.
        parent: the step before; None: this is the root, whose text is "".
        answer: the final answer in the step, if there is one; such a step has no children.
    """

    text: str
    value: float | None
    parent: "TreeNode | None" = None
    answer: str | None = None

    @property
    def path(self) -> tuple["TreeNode", ...]:
        """The steps from the first to this one, without the root."""
        return () if self.parent is None else (*self.parent.path, self)


def value_after(value: float | None, gain: float | None) -> float | None:
    """A step's value in [0, 1] from its parent's value V and its gain g in [-1, 1]; None: either is unknown.

    V' = V + g · (1 − V) for a gain, V' = V · (1 + g) for a loss. Source: BAVT's residual value predictor; formula ours.
    """
    if value is None or gain is None:
        return None
    return value + gain * (1.0 - value) if gain >= 0 else value * (1.0 + gain)


def selection_probabilities(values: Sequence[float | None], remaining: float) -> list[float]:
    """Probability of each node to be expanded: its value to the power of 1 / ``remaining``, normalised.

    The remaining share of the budget is in [0, 1]. Unknown values are drawn only where none is known. Source: BAVT,
    budget-conditioned node selection.
    """
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return [1.0 / len(values)] * len(values)
    power = 1.0 / max(remaining, _MIN_RATIO)
    # Values are taken relative to the best: small numbers to high powers would all be 0.
    weights = [0.0 if value is None else (value / top if top > 0 else 1.0) ** power for value in values]
    return [weight / sum(weights) for weight in weights]


def draw_index(probabilities: Sequence[float], fraction: float) -> int:
    """Index of the interval that ``fraction`` in [0, 1) falls into, of the probabilities laid side by side."""
    total = 0.0
    for index, probability in enumerate(probabilities):
        total += probability
        if fraction < total:
            return index
    # Rounding may leave the sum slightly below 1: the last one that can be drawn at all.
    return max(index for index, probability in enumerate(probabilities) if probability > 0)


def best_node(nodes: Sequence[TreeNode]) -> TreeNode:
    """Node to answer from: the highest known value; of equals an answer, then the shorter path, then the first."""
    return max(
        nodes, key=lambda node: (-1.0 if node.value is None else node.value, node.answer is not None, -len(node.path))
    )


async def bavt(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
    """Search a tree of steps within ``context.budget``, and answer from its best node.

    Each round draws a node by its value to the power of one over the remaining share of the budget, samples two next
    steps from it, and has the same model rate the gain of each. It ends when an answer is found that no open node
    surpasses, when no node is open, or when the budget is spent. No assessor is called: there is no safety in it.

    The budget is in cost units of the default tariff. A call is made only when its maximal cost fits; one that reports
    no usage is booked by an estimate, never as nothing. A server that ignores the cap on completion tokens, or counts
    more prompt tokens than our formulas, can overrun the budget by that. ``text`` is None when not one call fits.

    Ours in the details: the formula of the values, the width, the stopping, repeated expansion, and that it thinks and
    looks where the published one calls tools. An unreadable rating leaves a value unknown, and such a node is expanded
    only where no value is known. Source: arXiv 2603.12634.
    """
    return await _Search(question, await encode_images(pictures), context).run()


@dataclass(frozen=True, slots=True)
class _ReservedCall:
    messages: Sequence[BaseMessage]
    prompt: Usage
    tokens: int
    reserved: float


@dataclass
class _Search:
    """Nodes are never removed; ``visits`` counts their expansions."""

    question: str
    images: Sequence[EncodedImage]
    context: MethodContext
    nodes: list[TreeNode] = field(default_factory=lambda: [TreeNode("", ROOT_VALUE)])
    visits: dict[TreeNode, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meter = Meter(Budget(self.context.budget), Tariff())
        family = family_of(model_facts(self.context.model).model_name)
        self.image_tokens = sum(image_tokens((image.width, image.height), "high", family) for image in self.images)

    async def run(self) -> MethodAnswer:
        for round_number in range(MAX_ROUNDS):
            open_nodes = self._open()
            if not open_nodes or self._is_settled(open_nodes):
                break
            self._reserve_answer()
            probabilities = selection_probabilities([node.value for node in open_nodes], self._remaining())
            fraction = seeded_fraction(self.context.seed, self.question, "node", round_number)
            node = open_nodes[draw_index(probabilities, fraction)]
            if not await self._expand(node):
                break
        self.meter.ending()
        return await self._answer(best_node(self.nodes))

    def _remaining(self) -> float:
        budget = self.meter.budget
        return max(0.0, budget.left) / budget.total if budget.total > 0 else 0.0

    def _open(self) -> list[TreeNode]:
        return [node for node in self.nodes if node.answer is None and self.visits.get(node, 0) < MAX_VISITS]

    def _is_settled(self, open_nodes: Sequence[TreeNode]) -> bool:
        # The best node is an answer that no open node surpasses.
        top = best_node(self.nodes)
        known = [node.value for node in open_nodes if node.value is not None]
        return top.answer is not None and top.value is not None and top.value >= max(known, default=0.0)

    async def _expand(self, node: TreeNode) -> bool:
        """Sample next steps and have them rated; False: the budget does not allow one."""
        steps = _numbered_steps(node)
        messages = self._messages("bavt-step", node)
        calls = [call for _ in range(WIDTH) if (call := self._reserve(messages, STEP_TOKENS)) is not None]
        if not calls:
            return False
        visit = self.visits.get(node, 0)
        self.visits[node] = visit + 1
        seeds = [request_seed(self.context.seed, self.question, "step", steps, visit, n) for n in range(len(calls))]
        replies = await gather_calls(
            *(self._call(call, "propose", seed) for call, seed in zip(calls, seeds, strict=True))
        )
        new_steps = self._new_steps(node, replies)
        if not new_steps:
            # The model has nothing else to say here.
            self.visits[node] = MAX_VISITS
            return True
        gains = await gather_calls(*(self._rate_gain(node, text) for text in new_steps))
        for text, gain in zip(new_steps, gains, strict=True):
            parts = split_final_answer(text)
            answer = None if parts is None else parts[1]
            self.nodes.append(TreeNode(text, value_after(node.value, gain), node, answer))
        return True

    def _new_steps(self, node: TreeNode, replies: Sequence[MethodReply]) -> list[str]:
        seen = {_key(known.text) for known in self.nodes if known.parent is node}
        new_steps = []
        for reply in replies:
            text = strip_thinking(reply.text)
            if text and not reply.truncated and _key(text) not in seen:
                seen.add(_key(text))
                new_steps.append(text)
        return new_steps

    async def _rate_gain(self, node: TreeNode, text: str) -> float | None:
        call = self._reserve(self._messages("bavt-progress", node, step=text), RATING_TOKENS)
        return None if call is None else parse_gain((await self._call(call, "assess")).text)

    async def _answer(self, node: TreeNode) -> MethodAnswer:
        steps = tuple(MethodStep("step", step.text, utility=step.value) for step in node.path)
        if node.answer is not None:
            return MethodAnswer(node.answer, steps)
        # With all its steps where that can be paid, else from the question alone.
        for basis in dict.fromkeys((node, self.nodes[0])):
            call = self._reserve(self._messages("bavt-answer", basis), ANSWER_TOKENS)
            if call is not None:
                return MethodAnswer(strip_thinking((await self._call(call, "synthesize")).text) or None, steps)
        return MethodAnswer(None, steps)

    def _reserve_answer(self) -> None:
        # From the longest path and one step more.
        longest = max(self.nodes, key=lambda node: len(_numbered_steps(node)))
        prompt = self._estimate(self._messages("bavt-answer", longest))
        usage = replace(prompt, text=prompt.text + STEP_TOKENS, completion=RESERVED_TOKENS)
        self.meter.budget = self.meter.budget.with_answer_reserve(self.meter.tariff.cost(usage))

    def _messages(self, prompt: str, node: TreeNode, **inputs: str) -> Sequence[BaseMessage]:
        return prompt_messages(prompt, self.images, question=self.question, steps=_numbered_steps(node), **inputs)

    def _estimate(self, messages: Sequence[BaseMessage]) -> Usage:
        return Usage(text=estimate_text_tokens([str(message.text) for message in messages]), image=self.image_tokens)

    def _reserve(self, messages: Sequence[BaseMessage], max_tokens: int) -> _ReservedCall | None:
        prompt = self._estimate(messages)
        tokens = self.meter.affordable(prompt, max_tokens=max_tokens, min_tokens=MIN_CALL_TOKENS)
        if tokens is None:
            return None
        return _ReservedCall(messages, prompt, tokens, self.meter.reserve(replace(prompt, completion=tokens)))

    async def _call(self, call: _ReservedCall, phase: Phase, seed: int | None = None) -> MethodReply:
        start = time.monotonic()
        reply = await call_model(self.context.model, call.messages, max_tokens=call.tokens, seed=seed)
        usage = reported_usage(reply.message, call.prompt, reply.text)
        self.meter.settle(call.reserved, usage, phase, time.monotonic() - start)
        return reply


def _numbered_steps(node: TreeNode) -> str:
    return "\n".join(f"{number}. {step.text}" for number, step in enumerate(node.path, 1)) or "(none)"


def _key(text: str) -> str:
    return " ".join(text.casefold().split())


BAVT = Method(
    "bavt",
    "budget-aware value tree search, without safety",
    bavt,
    max_calls=2 * WIDTH * MAX_ROUNDS + 1,
    expected_calls=9,
    completion_tokens=100,
    takes_budget=True,
)
