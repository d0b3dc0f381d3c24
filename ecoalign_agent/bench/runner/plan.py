"""What a run will take, before anything is spent: calls, tokens and price, each with how sure it is."""

import io
import math
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from ecoalign_agent.bench.datasets.registry import BENCHMARKS
from ecoalign_agent.bench.datasets.samples import Sample
from ecoalign_agent.bench.datasets.scoring import SCORING
from ecoalign_agent.bench.methods.registry import METHODS
from ecoalign_agent.bench.runner.config import SIMULATED_LIMIT, Chosen, Order, chosen, simulated_names
from ecoalign_agent.bench.runner.models import is_stand_in
from ecoalign_agent.bench.runner.tasks import world_of
from ecoalign_agent.economics.cost import Price
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.images.image_tokens import family_of, image_tokens
from ecoalign_agent.models.simulated.drawing import picture_of
from ecoalign_agent.prices import price_table
from ecoalign_agent.settings import settings_with

_BYTES_A_TOKEN = 4
_LOOKED_AT = 20
"""Samples whose pictures are measured; the rest is taken to be like them."""

_SEARCHES = {"vlmguard": (3, 220), "ecoalign": (7, 60), "vlmguard+ecoalign": (9, 60)}
"""Calls of one sample, and completion tokens of one call, as on the simulated model. Yours will differ."""

_TYPICAL = {"ecso": 2, "bavt": 9}
"""Calls of one sample, as on the simulated model, of the methods that seldom make all they might."""

_PROMPT = 600
"""Tokens of a prompt of this package beside the question and its picture."""

_JUDGE = (900, 80)
"""Prompt and completion tokens of one call of a judge, its picture left out."""


class Planned(Record):
    """What one method will take on one benchmark.

    Attributes:
        benchmark: its name.
        method: its name.
        answers: to be had: samples, times the answers that each needs.
        calls: of the answering model and the assessor, about.
        prompt_tokens: of those, about, pictures included.
        completion_tokens: of those, about.
        judge_calls: at the most.
        price: in money, about, the judge's included; None: a price is not known.
        at_most: in cost units: what the budgets allow; None: the method has none.
    """

    benchmark: str
    method: str
    answers: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    judge_calls: int
    price: float | None
    at_most: float | None


class Plan(Record):
    """What a run will take.

    Attributes:
        rows: a method on a benchmark each.
        currency: of the prices; None: no price is known, or nothing is billed.
        free: nothing is billed: the model runs in this process.
        notes: how sure the figures are, a line each.
    """

    rows: list[Planned]
    currency: str | None
    free: bool
    notes: list[str]


def plan(order: Order) -> Plan:
    """Reckon a run up. Reads the benchmarks' files, and asks nobody.

    Raises:
        UsageError: it can't be run.
        PolicyError: the price file is wrong.
    """
    order.checked()
    free = all(is_stand_in(name) for name in (order.model, order.assessor, order.judge) if name is not None)
    table = price_table(settings_with().prices)
    # Calls of the assessor are reckoned at the dearer of the two.
    price = _dearer(
        [table.find([name]) for name in {order.model, order.assessor or order.model} if not is_stand_in(name)]
    )
    judge = None if order.judge is None else table.find([order.judge])
    rows = [
        _planned(order, benchmark, chosen(method, policy=_start(order), budget=order.budget), price, judge)
        for benchmark in order.benchmarks
        for method in order.methods
    ]
    notes = [
        "calls and tokens are about what these methods took on the simulated model; longer answers take more",
        "at most: the sum of all budgets, in cost units; the methods without one are bound by nothing but the model",
        "a failed sample is tried again once; what OUT holds already is not asked again, but is in these figures",
    ]
    if not free and any(row.price is None for row in rows):
        notes.append(f"what {order.model} costs is not known: name its price in a file, and that in ECOALIGN_PRICES")
    known = {one.currency for one in (price, judge) if one is not None}
    return Plan(rows=rows, currency=known.pop() if len(known) == 1 else None, free=free, notes=notes)


def _dearer(prices: list[Price | None]) -> Price | None:
    """The price with the dearest completion; None: one of them is not known, or they are in several currencies."""
    known = [price for price in prices if price is not None]
    if len(known) < len(prices) or len({price.currency for price in known}) != 1:
        return None
    return max(known, key=lambda price: price.completion)


def _start(order: Order) -> Policy | None:
    return None if order.policy is None else Policy.from_mapping(order.policy)


def _planned(order: Order, benchmark: str, one: Chosen, price: Price | None, judge: Price | None) -> Planned:
    samples, text, image = _sizes(order, benchmark)
    scoring = SCORING.get(benchmark)
    answers = samples * (1 if scoring is None else scoring.answers)
    calls, completion = _a_sample(one)
    own = _PROMPT if one.searches else 60
    prompt = calls * (text + own + image)
    judged = 0 if scoring is None or order.judge is None else answers * scoring.judge_calls
    cost: float | None = None
    if price is not None and (not judged or judge is not None):
        cost = answers * (
            calls * ((text + own) * price.text + image * price.image) + calls * completion * price.completion
        )
        if judge is not None:
            cost += judged * (_JUDGE[0] * judge.text + _JUDGE[1] * judge.completion)
        cost /= 1e6
    return Planned(
        benchmark=benchmark,
        method=one.name,
        answers=answers,
        calls=answers * calls,
        prompt_tokens=answers * prompt,
        completion_tokens=answers * calls * completion,
        judge_calls=judged,
        price=cost,
        at_most=_bound(one, answers),
    )


def _a_sample(one: Chosen) -> tuple[int, int]:
    """Calls of one sample, and completion tokens of one call, about."""
    if one.searches:
        return _SEARCHES[one.kind]
    entry = METHODS[one.kind]
    return _TYPICAL.get(one.kind, entry.most_calls), entry.completion_tokens or 300


def expected_calls(one: Chosen) -> int:
    """Calls of one sample, about, the assessor's included."""
    return _a_sample(one)[0]


def _bound(one: Chosen, answers: int) -> float | None:
    if one.kind == "bavt":
        return None if one.budget is None else answers * one.budget
    if one.policy is None:
        return None
    # A rewriter in front spends out of the same budget.
    return answers * one.policy.budget


def _sizes(order: Order, benchmark: str) -> tuple[int, int, int]:
    """Samples, and of one of them tokens of text and of pictures, about."""
    family = family_of(order.model)
    if benchmark in simulated_names():
        count = SIMULATED_LIMIT if order.limit is None else order.limit
        shown = [
            (one.question, [picture_of(one)]) for one in world_of(benchmark, order.seed).samples(min(count, _LOOKED_AT))
        ]
        sizes = [(question, [_size(io.BytesIO(p)) for p in pictures if p]) for question, pictures in shown]
    else:
        assert order.data is not None  # noqa: S101 - checked() has seen to it
        found = BENCHMARKS[benchmark].read(order.data).samples
        count = len(found) if order.limit is None else min(order.limit, len(found))
        sizes = [(sample.question, list(_pictures(sample))) for sample in found[:: max(1, len(found) // _LOOKED_AT)]]
    text = sum(len(question.encode()) for question, _ in sizes) / _BYTES_A_TOKEN / len(sizes)
    image = sum(image_tokens(size, "high", family) for _, found in sizes for size in found) / len(sizes)
    return count, math.ceil(text), math.ceil(image)


def _pictures(sample: Sample) -> Iterator[tuple[int, int]]:
    for image in sample.images:
        yield _size(io.BytesIO(image) if isinstance(image, bytes) else image)


def _size(picture: io.BytesIO | Path) -> tuple[int, int]:
    try:
        with Image.open(picture) as opened:
            return opened.size
    except OSError as error:
        raise UsageError(f"picture {str(picture)[-80:]!r} can't be read: {error}") from error


def plan_lines(found: Plan) -> list[str]:
    """The plan, laid out for a screen."""
    head = (
        f"{'benchmark':<20} {'method':<28} {'answers':>8} {'calls':>9} {'prompt':>12} {'completion':>11} {'judge':>7}"
    )
    lines = [f"{head} {'price':>10} {'at most':>11}"]
    for row in found.rows:
        price = "free" if found.free else "unknown" if row.price is None else f"{row.price:,.2f}"
        at_most = "-" if row.at_most is None else f"{row.at_most:,.0f}"
        lines.append(
            f"{row.benchmark:<20} {row.method:<28} {row.answers:>8,} {row.calls:>9,} {row.prompt_tokens:>12,} "
            f"{row.completion_tokens:>11,} {row.judge_calls:>7,} {price:>10} {at_most:>11}"
        )
    calls, judged = sum(row.calls for row in found.rows), sum(row.judge_calls for row in found.rows)
    lines += ["", f"{calls:,} calls, {judged:,} of a judge besides; nothing was asked, nothing was spent"]
    prices = [row.price for row in found.rows]
    if not found.free and all(price is not None for price in prices):
        lines.append(
            f"about {sum(price for price in prices if price is not None):,.2f} {found.currency or ''}".rstrip()
        )
    return [*lines, *found.notes]
