"""Estimate of a run before anything is spent: calls, tokens and price."""

import io
import math
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ecoalign_agent.bench.analysis.format import aligned_lines
from ecoalign_agent.bench.datasets.benchmark import Benchmark
from ecoalign_agent.bench.datasets.registry import find_benchmark
from ecoalign_agent.bench.methods.base import Method
from ecoalign_agent.bench.methods.registry import ConfiguredMethod
from ecoalign_agent.bench.runner.config import BenchConfig
from ecoalign_agent.bench.runner.models import is_stand_in
from ecoalign_agent.economics.cost import Price
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.factory import price_table
from ecoalign_agent.images.image_tokens import family_of, image_tokens
from ecoalign_agent.settings import read_settings

_BYTES_PER_TOKEN = 4
_MEASURED_SAMPLES = 20
"""Samples whose pictures are measured; the rest is assumed to be like them."""

_JUDGE_TOKENS = (900, 80)
"""Prompt and completion tokens of one call of a judge, its picture left out."""


class PlanRow(Record):
    """Estimate of one method on one benchmark.

    Attributes:
        answers: samples, times the answers that each needs.
        calls: of the answering model and the assessor, about.
        prompt_tokens: of those, about, pictures included.
        judge_calls: at most.
        price: in money, about, the judge's included; None: a price is unknown.
        at_most: sum of the budgets in cost units; None: the method has none.
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


class BenchPlan(Record):
    """Estimate of a run, a row for each method on each benchmark.

    Attributes:
        currency: of the prices; None: no price is known, or nothing is billed.
        free: nothing is billed: the model runs in this process.
        notes: how sure the figures are, a line each.
    """

    rows: list[PlanRow]
    currency: str | None
    free: bool
    notes: list[str]


def plan_run(config: BenchConfig) -> BenchPlan:
    """Estimate a run. Reads the benchmarks' files, and calls no model; raises UsageError where it can't be run."""
    config.check()
    free = all(is_stand_in(name) for name in (config.model, config.assessor, config.judge) if name is not None)
    table = price_table(read_settings().prices)
    # Calls of the assessor are priced at the higher price of the two.
    price = _higher_price(
        [table.find([name]) for name in {config.model, config.assessor or config.model} if not is_stand_in(name)]
    )
    judge_price = None if config.judge is None else table.find([config.judge])
    rows = [
        _plan_row(config, name, benchmark, method, sizes, price, judge_price)
        for name in config.benchmarks
        for benchmark in [find_benchmark(name)]
        for sizes in [_sample_sizes(config, benchmark)]
        for method in config.configured_methods()
    ]
    notes = [
        "calls and tokens are about what these methods took on the simulated model; longer answers take more",
        "at most: the sum of all budgets, in cost units; the methods without one are bound by nothing but the model",
        "a failed sample is tried again once; what OUT holds already is not asked again, but is in these figures",
    ]
    if not free and any(row.price is None for row in rows):
        notes.append(f"what {config.model} costs is not known: name its price in a file, and that in ECOALIGN_PRICES")
    currencies = {known.currency for known in (price, judge_price) if known is not None}
    currency = currencies.pop() if len(currencies) == 1 else None
    return BenchPlan(rows=rows, currency=currency, free=free, notes=notes)


def _higher_price(prices: list[Price | None]) -> Price | None:
    """Price with the highest price of completion; None: one is unknown, or they are in several currencies."""
    known = [price for price in prices if price is not None]
    if len(known) < len(prices) or len({price.currency for price in known}) != 1:
        return None
    return max(known, key=lambda price: price.completion)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Number of samples, and tokens of text and of pictures of one of them, about."""

    samples: int
    text: int
    image: int


def _plan_row(  # noqa: PLR0917 - called once, right above
    config: BenchConfig,
    name: str,
    benchmark: Benchmark,
    configured: ConfiguredMethod,
    sizes: _Sizes,
    price: Price | None,
    judge_price: Price | None,
) -> PlanRow:
    method = configured.method
    answers = sizes.samples * benchmark.answers
    calls = expected_calls(method)
    text = sizes.text + method.prompt_tokens
    judge_calls = 0 if config.judge is None else answers * benchmark.judge_calls
    cost: float | None = None
    if price is not None and (not judge_calls or judge_price is not None):
        call_cost = text * price.text + sizes.image * price.image + method.completion_tokens * price.completion
        cost = answers * calls * call_cost
        if judge_price is not None:
            prompt, completion = _JUDGE_TOKENS
            cost += judge_calls * (prompt * judge_price.text + completion * judge_price.completion)
        cost /= 1e6
    return PlanRow(
        benchmark=name,
        method=configured.name,
        answers=answers,
        calls=answers * calls,
        prompt_tokens=answers * calls * (text + sizes.image),
        completion_tokens=answers * calls * method.completion_tokens,
        judge_calls=judge_calls,
        price=cost,
        # A rewriter in front spends out of the same budget.
        at_most=None if configured.budget is None else answers * configured.budget,
    )


def expected_calls(method: Method) -> int:
    """Calls of one sample, about, the assessor's included."""
    return method.expected_calls or method.max_calls or 1


def _sample_sizes(config: BenchConfig, benchmark: Benchmark) -> _Sizes:
    family = family_of(config.model)
    folder = "" if config.data is None else str(config.data)
    samples = benchmark.draw(folder, limit=config.limit, seed=config.seed).samples
    measured = samples[:: max(1, len(samples) // _MEASURED_SAMPLES)]
    text = sum(len(sample.question.encode()) for sample in measured) / _BYTES_PER_TOKEN / len(measured)
    images = [image for sample in measured for image in sample.images]
    image = sum(image_tokens(_size(image), "high", family) for image in images) / len(measured)
    return _Sizes(len(samples), math.ceil(text), math.ceil(image))


def _size(image: Path | bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(image) if isinstance(image, bytes) else image) as opened:
            return opened.size
    except OSError as error:
        place = "in the data" if isinstance(image, bytes) else repr(str(image)[-80:])
        raise UsageError(f"picture {place} can't be read: {error}") from error


def plan_lines(plan: BenchPlan) -> list[str]:
    """The plan, laid out for a terminal."""
    table = [["benchmark", "method", "answers", "calls", "prompt", "completion", "judge", "price", "at most"]]
    for row in plan.rows:
        counts = (row.answers, row.calls, row.prompt_tokens, row.completion_tokens, row.judge_calls)
        price = "free" if plan.free else "unknown" if row.price is None else f"{row.price:,.2f}"
        at_most = "-" if row.at_most is None else f"{row.at_most:,.0f}"
        table.append([row.benchmark, row.method, *(f"{count:,}" for count in counts), price, at_most])
    calls, judge_calls = sum(row.calls for row in plan.rows), sum(row.judge_calls for row in plan.rows)
    lines = [
        *aligned_lines(table, left=(0, 1)),
        "",
        f"{calls:,} calls, {judge_calls:,} of a judge besides; nothing was asked, nothing was spent",
    ]
    prices = [row.price for row in plan.rows if row.price is not None]
    if not plan.free and len(prices) == len(plan.rows):
        lines.append(f"about {sum(prices):,.2f} {plan.currency or ''}".rstrip())
    return [*lines, *plan.notes]
