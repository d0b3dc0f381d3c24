"""How much the search adds to the calls it makes: time, CPU, and both with many searches at once."""

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.measuring import Effort, Figure, Report, Sample, side_by_side
from benchmarks.programs import Script, bare, bare_loop, recorded, search_on
from benchmarks.scenario import POLICY, QUESTION, FixedModel, notice

DELAY = 0.05
MANY = 64
RUNS = 3
"""Runs in one sample of CPU: one alone is short against the clock's grain."""


def _searching(model: FixedModel, script: Script, *, places: int | None = None) -> Callable[[], Awaitable[None]]:
    search, picture = search_on(model, places=places), notice()

    async def run() -> None:
        result = await search.ask(QUESTION, [picture])
        assert result.status == "answered", result
        assert result.cost.calls == script.calls, "the search does not make the calls of the bare program"

    return run


def _playing(model: FixedModel, script: Script, places: int | None = None) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        await bare(model, script, None if places is None else asyncio.Semaphore(places))

    return run


def _counted(run: Callable[[], Awaitable[object]], model: FixedModel, expected: int) -> Callable[[], Awaitable[None]]:
    """``run``, after which exactly ``expected`` calls must have been made."""

    async def counted() -> None:
        model.calls = 0
        await run()
        assert model.calls == expected, f"{model.calls} calls were made, {expected} are due"

    return counted


async def wall(effort: Effort) -> Report:
    """One search against the bare program."""
    script = await recorded()
    scenario = (
        f"scenario: {script.calls} calls a search, {script.depth} of them on the longest way, in {POLICY.max_rounds} "
        f"rounds of propose, now and then simulate, and two thoughts side by side with their verdicts: {script.tasks}. "
        "One picture of 640 × 480 goes along; it is opened once and then known by its content. The bare program has "
        "its messages ready-made, lets the same calls wait for one another and reads the replies as JSON. Places are "
        "how many calls either side may have open at once"
    )
    report = Report(remarks=[scenario])
    for delay, goal in ((DELAY, 1.05), (0.0, None)):
        model = FixedModel(delay=delay)
        runs = [
            _counted(_searching(model, script), model, script.calls),
            _counted(_playing(model, script), model, script.calls),
        ]
        repetitions = effort.slow if delay else 2 * effort.quick
        ours, theirs = await side_by_side(runs, "wall", repetitions)
        note = (
            f"wall: {ours.median * 1e3:.1f} ms against {theirs.median * 1e3:.1f} ms; "
            f"{(ours.median - theirs.median) / script.calls * 1e3:.2f} ms a call more"
        )
        name = f"search / bare asyncio program, wall, {delay * 1e3:g} ms a call"
        report.figures.append(Figure(name, ours.over(theirs), "×", goal, note))
    return report


async def cpu(effort: Effort) -> Report:
    """CPU per call with a model that takes no time, against bare LangGraph loops."""
    script = await recorded()
    model = FixedModel()
    singles = (
        _searching(model, script),
        _playing(model, script),
        bare_loop(model, script),
        bare_loop(model, script, plain_condition=True),
        bare_loop(model, script, visit="stage"),
    )

    def several(run: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
        async def runs() -> None:
            for _ in range(RUNS):
                await run()

        return _counted(runs, model, RUNS * script.calls)

    samples = await side_by_side([several(run) for run in singles], "cpu", effort.quick)
    ours, plain, *loops = (sample.times(1e3 / (RUNS * script.calls)) for sample in samples)

    def against(name: str, loop: Sample, goal: float | None = None) -> Figure:
        note = f"CPU: {ours.median:.2f} ms a call against {loop.median:.2f} ms"
        return Figure(name, ours.over(loop), "×", goal, note)

    counted = (
        "CPU a call: process time of all threads, user and system, of whole runs with a model of 0 ms, divided by the "
        "calls made. In it on every side: LangChain's ainvoke, the scripted model, reading the reply. On the side of "
        "the loop besides: LangGraph with two nodes that take turns, one call a visit, one async condition, no "
        "checkpointer. On the side of the search besides: everything else it does, events and result included"
    )
    figures = [
        against("search / two-node LangGraph loop, CPU a call", loops[0], 1.5),
        against("  the same, a loop whose condition is a plain function", loops[1]),
        against("  the same, a loop whose nodes make whole stages", loops[2]),
        Figure("  bare asyncio program, CPU a call", plain, "ms"),
    ]
    return Report(figures, [counted])


async def many(effort: Effort) -> Report:
    """64 searches at once against 64 bare programs, with room for all calls and with the default's 32 places."""
    script = await recorded()
    report = Report()
    cases: tuple[tuple[float, int | None, float | None], ...] = (
        (DELAY, 2 * MANY, 1.5),
        (DELAY, None, None),
        (0.0, 2 * MANY, None),
    )
    for delay, places, goal in cases:
        model = FixedModel(delay=delay)
        one = _searching(model, script, places=places)
        limit = 32 if places is None else places

        async def searches(one: Callable[[], Awaitable[None]] = one) -> None:
            await asyncio.gather(*(one() for _ in range(MANY)))

        async def programs(model: FixedModel = model, limit: int = limit) -> None:
            shared = asyncio.Semaphore(limit)
            await asyncio.gather(*(bare(model, script, shared) for _ in range(MANY)))

        runs = [_counted(run, model, MANY * script.calls) for run in (searches, programs)]
        ours, theirs = await side_by_side(runs, "wall", max(3, effort.slow - 2))
        name = f"{MANY} searches at once / bare, wall, {delay * 1e3:g} ms a call, {limit} places"
        note = f"wall: {ours.median:.2f} s against {theirs.median:.2f} s"
        report.figures.append(Figure(name, ours.over(theirs), "×", goal, note))
    return report
