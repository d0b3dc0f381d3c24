"""The tree of BAVT: nodes whose values are told by relative progress, and the draw that gets greedier.

BAVT, budget-aware value tree search: the less money is left, the more greedily steps are gone on from.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from langchain_core.messages import BaseMessage

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    Answered,
    Means,
    Reply,
    Shown,
    Step,
    ask,
    fraction,
    gain_in,
    marked,
    prompted,
    request_seed,
    settled,
    shown,
    together,
)
from ecoalign_agent.economics.budget import Budget, Phase
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.images.image_tokens import family_of, image_tokens
from ecoalign_agent.llm.endpoint import model_facts
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.tokens import estimate_text_tokens, reported_usage

ROOT_VALUE = 0.5
"""What is known of a question before anything was done: as good as not."""

_LEAST_RATIO = 1e-6
"""A remaining ratio below this counts as this: its power is greedy already."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A step, with all that lead to it; each is itself and equal to no other.

    Attributes:
        text: of the step; "": the root.
        value: in [0, 1]; None: unknown.
        parent: the step before; None: this is the root.
        answer: the answer that it is, for a step that is one; it has no steps after it.
    """

    text: str
    value: float | None
    parent: "Node | None" = None
    answer: str | None = None

    @property
    def path(self) -> tuple["Node", ...]:
        """The steps from the first to this one, without the root."""
        return () if self.parent is None else (*self.parent.path, self)


def value_after(value: float | None, gain: float | None) -> float | None:
    """A step's value from its parent's and from what it gained on it.

    A gain g in [0, 1] goes that share of the way from the parent's value to 1, a loss that share of the way to 0:
    V' = V + g · (1 − V), or V' = V · (1 + g). So no step's value is told but relative to the one before.

    Returns:
        In [0, 1]; None: either is unknown.
    Source: BAVT's residual value predictor; the formula is ours.
    """
    if value is None or gain is None:
        return None
    return value + gain * (1.0 - value) if gain >= 0 else value * (1.0 + gain)


def chances(values: Sequence[float | None], remaining: float) -> list[float]:
    """How likely each node is to be gone on from: its value to the power of 1 / r, all together 1.

    Args:
        values: of the nodes; unknown ones are drawn only where none is known.
        remaining: r, the share of the budget that is left, in [0, 1]. At 1 chances go with the values; towards 0 the
            best takes all.

    Source: BAVT, budget-conditioned node selection.
    """
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return [1.0 / len(values)] * len(values)
    power = 1.0 / max(remaining, _LEAST_RATIO)
    # Values are taken relative to the best: small numbers to high powers would all be 0.
    weights = [0.0 if value is None else (value / top if top > 0 else 1.0) ** power for value in values]
    return [weight / sum(weights) for weight in weights]


def drawn(shares: Sequence[float], at: float) -> int:
    """The place in which the number ``at`` in [0, 1) falls, of ``shares`` laid side by side."""
    reached = 0.0
    for place, share in enumerate(shares):
        reached += share
        if at < reached:
            return place
    # Rounding may leave the sum a hair below 1: the last that has a chance at all.
    return max(place for place, share in enumerate(shares) if share > 0)


def best(nodes: Sequence[Node]) -> Node:
    """The node to answer from: the highest known value; of equals an answer, then the shorter path, then the first."""

    def rank(node: Node) -> tuple[float, bool, int]:
        return (-1.0 if node.value is None else node.value, node.answer is not None, -len(node.path))

    return max(nodes, key=rank)


WIDTH = 2
"""Steps that are tried from a node at once."""

MOST_TURNS = 2
"""How often a node may be gone on from: what is drawn again is tried with other steps."""

MOST_ROUNDS = 10
"""Nodes that are gone on from, whatever is left of the budget."""

STEP_TOKENS = 1_024
"""Completion tokens of a step at the most: a step may be the answer."""

RATING_TOKENS = 256
"""Completion tokens of a rating at the most."""

KEPT_TOKENS = 1_024
"""Completion tokens that are set aside for the answer at the end."""

LEAST_TOKENS = 16
"""Completion tokens below which a call is not worth making."""


async def bavt(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """Search a tree of steps within ``means.budget``, and answer from its best node.

    In each round a node is drawn by its value to the power of one over the share of the budget that is left; two next
    steps are sampled from it at once; a critic, the same model, says what each gained on the step before, and that,
    not how good things look, makes its value. The search ends when an answer is found that no open node surpasses,
    when nothing is left to go on from, or when the budget allows no more. If the best node is no answer, the model
    answers from its steps, with money that was set aside for that. There is no safety in it: no assessor is asked.

    The budget is in cost units of the default tariff. A call is made only when the most it can cost fits; a call
    that reports no usage is booked by an estimate, never as nothing. A server that ignores the cap on completion
    tokens, or counts more prompt tokens than our formulas, can overrun it by that.

    Ours in the details: the formula of the values, the width, the stopping, that nodes may be drawn again, and that
    it thinks and looks where the published one calls tools. A rating that can't be read leaves a value unknown, and
    such a node is gone on from only where nothing is known. Source: arXiv 2603.12634.

    Returns:
        The answer, without the steps; ``text`` is None when not even one call fits into the budget.
    """
    return await _Search(question, await shown(pictures), means).run()


@dataclass(frozen=True, slots=True)
class _Held:
    """A call that is paid for: what is asked, the prompt's estimate, the tokens allowed, the cost units reserved."""

    messages: Sequence[BaseMessage]
    prompt: Usage
    tokens: int
    reserved: float


@dataclass
class _Search:
    """One search. Nodes are never removed; ``turns`` counts how often each was gone on from."""

    question: str
    views: Sequence[Shown]
    means: Means
    nodes: list[Node] = field(default_factory=lambda: [Node("", ROOT_VALUE)])
    turns: dict[Node, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.meter = Meter(Budget(self.means.budget), Tariff())
        family = family_of(model_facts(self.means.model).model_name)
        self.image = sum(image_tokens((view.width, view.height), "high", family) for view in self.views)

    async def run(self) -> Answered:
        """Search, then answer."""
        for turn in range(MOST_ROUNDS):
            open_nodes = self._open()
            if not open_nodes or self._is_settled(open_nodes):
                break
            self._set_aside()
            shares = chances([node.value for node in open_nodes], self._remaining())
            node = open_nodes[drawn(shares, fraction(self.means.seed, self.question, "node", turn))]
            if not await self._go_on(node):
                break
        self.meter.ending()
        return await self._answer(best(self.nodes))

    def _remaining(self) -> float:
        budget = self.meter.budget
        return max(0.0, budget.left) / budget.total if budget.total > 0 else 0.0

    def _open(self) -> list[Node]:
        return [node for node in self.nodes if node.answer is None and self.turns.get(node, 0) < MOST_TURNS]

    def _is_settled(self, open_nodes: Sequence[Node]) -> bool:
        """Whether an answer is there that none of the open nodes surpasses."""
        top = best(self.nodes)
        known = [node.value for node in open_nodes if node.value is not None]
        return top.answer is not None and top.value is not None and top.value >= max(known, default=0.0)

    async def _go_on(self, node: Node) -> bool:
        """Sample next steps and have them rated; False: the budget does not allow one."""
        asked = prompted("bavt-step", self.views, question=self.question, steps=_told(node))
        calls = [held for _ in range(WIDTH) if (held := self._hold(asked, STEP_TOKENS)) is not None]
        if not calls:
            return False
        turn = self.turns.get(node, 0)
        self.turns[node] = turn + 1
        seeds = [request_seed(self.means.seed, self.question, "step", _told(node), turn, at) for at in range(WIDTH)]
        replies = await together(*(self._ask(held, "propose", seed) for held, seed in zip(calls, seeds, strict=False)))
        fresh = self._fresh(node, replies)
        if not fresh:
            # The model has nothing else to say here.
            self.turns[node] = MOST_TURNS
            return True
        gains = await together(*(self._gain(node, text) for text in fresh))
        for text, gain in zip(fresh, gains, strict=True):
            said = marked(text)
            answer = None if said is None else said[1]
            self.nodes.append(Node(text, value_after(node.value, gain), node, answer))
        return True

    def _fresh(self, node: Node, replies: Sequence[Reply]) -> list[str]:
        """The new steps among replies: neither empty nor cut off, and each once."""
        seen = {_key(known.text) for known in self.nodes if known.parent is node}
        fresh = []
        for reply in replies:
            text = settled(reply.text)
            if text and not reply.cut and _key(text) not in seen:
                seen.add(_key(text))
                fresh.append(text)
        return fresh

    async def _gain(self, node: Node, text: str) -> float | None:
        asked = prompted("bavt-progress", self.views, question=self.question, steps=_told(node), step=text)
        held = self._hold(asked, RATING_TOKENS)
        return None if held is None else gain_in((await self._ask(held, "assess")).text)

    async def _answer(self, node: Node) -> Answered:
        steps = tuple(Step("step", one.text, utility=one.value) for one in node.path)
        if node.answer is not None:
            return Answered(node.answer, steps)
        # With all its steps where that can be paid, else from the question alone.
        for told in dict.fromkeys((_told(node), _told(self.nodes[0]))):
            held = self._hold(prompted("bavt-answer", self.views, question=self.question, steps=told), ANSWER_TOKENS)
            if held is not None:
                return Answered(settled((await self._ask(held, "synthesize")).text) or None, steps)
        return Answered(None, steps)

    def _set_aside(self) -> None:
        """Keep what an answer from the longest path would cost, and from one step more."""
        longest = max(self.nodes, key=lambda node: len(_told(node)))
        asked = prompted("bavt-answer", self.views, question=self.question, steps=_told(longest))
        prompt = self._estimate(asked)
        most = replace(prompt, text=prompt.text + STEP_TOKENS, completion=KEPT_TOKENS)
        self.meter.budget = self.meter.budget.with_answer_reserve(self.meter.tariff.cost(most))

    def _estimate(self, messages: Sequence[BaseMessage]) -> Usage:
        return Usage(text=estimate_text_tokens([str(message.text) for message in messages]), image=self.image)

    def _hold(self, messages: Sequence[BaseMessage], most: int) -> _Held | None:
        """Reserve a call; None: it does not fit into what is free."""
        prompt = self._estimate(messages)
        tokens = self.meter.affordable(prompt, most=most, least=LEAST_TOKENS)
        if tokens is None:
            return None
        return _Held(messages, prompt, tokens, self.meter.reserve(replace(prompt, completion=tokens)))

    async def _ask(self, held: _Held, phase: Phase, seed: int | None = None) -> Reply:
        began = time.monotonic()
        reply = await ask(self.means.model, held.messages, most=held.tokens, seed=seed)
        used = reported_usage(reply.message, held.prompt, reply.text)
        self.meter.settle(held.reserved, used, phase, time.monotonic() - began)
        return reply


def _told(node: Node) -> str:
    return "\n".join(f"{number}. {step.text}" for number, step in enumerate(node.path, 1)) or "(none)"


def _key(text: str) -> str:
    return " ".join(text.casefold().split())
