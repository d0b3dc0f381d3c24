"""EcoAlign beside what one could use instead, in one run, on the simulated model: time, rounds, calls, and what for.

    python benchmarks/alternatives.py [--samples N] [--at-once N] [--turns N] [--latency-ms MS] [--json]

Compared are a language-agent tree search on LangGraph (``tree_search.py``), BAVT, best of n, a bare asyncio program
that makes the very calls that EcoAlign made, EcoAlign, and the rewriter with EcoAlign. All answer the same samples, by
the same model, and those that ask an assessor ask the same one. Exit status 1 when a goal is missed.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

# As a script, this folder comes first, and its modules would hide others of the same name: the root takes its place.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.contest import (  # noqa: E402 - the root must be on the path first
    AGAIN,
    BARE,
    ECOALIGN,
    NAMES,
    Contest,
    Crowd,
    Trial,
    cases_of,
)
from benchmarks.measuring import Figure, Sample, table  # noqa: E402 - as above
from benchmarks.tree_search import WIDTH  # noqa: E402 - as above

WALL_GOAL, AT_ONCE_GOAL = 1.05, 1.5
"""EcoAlign's wall time over the bare program's: of one request, and of many at once."""

PLACES = 4_096
"""Calls open at once at EcoAlign's endpoint: as many as any other method may have."""

LABEL = (
    "simulated: the model stands for no vision-language model; every call takes the same time, and safe and useful are "
    "by the simulated world's ground truth"
)


def alone_table(trials: Mapping[str, Sequence[Trial]], latency: float) -> str:
    """A line per method: one request at a time."""
    head = ("one request at a time", "wall ms", "worst", "rounds", "calls", "tokens", "over", "CPU", "safe", "useful")
    lines = [head]
    for name, tried in trials.items():
        calls = sum(one.calls for one in tried)
        walls = [1e3 * one.wall for one in tried]
        lines.append((
            name,
            f"{statistics.median(walls):.0f}",
            f"{max(walls):.0f}",
            f"{statistics.fmean(one.rounds for one in tried):.1f}",
            f"{calls / len(tried):.1f}",
            f"{statistics.fmean(one.tokens for one in tried):.0f}",
            f"{1e3 * sum(one.wall - one.rounds * latency for one in tried) / calls:.2f}",
            f"{1e3 * sum(one.cpu for one in tried) / calls:.2f}",
            _share([one.safe for one in tried]),
            _share([one.useful for one in tried]),
        ))  # fmt: skip
    return _columns(lines)


def crowd_table(crowds: Mapping[str, Crowd], trials: Mapping[str, Sequence[Trial]], many: int, latency: float) -> str:
    """A line per method: many requests at once."""
    lines = [(f"{many} at once", "wall s", "requests/s", "calls/s", "× longest alone", "× ideal")]
    for name, crowd in crowds.items():
        wall = statistics.median(crowd.walls)
        tried = trials[name][:many]
        longest, ideal = max(one.wall for one in tried), latency * max(one.rounds for one in tried)
        lines.append((
            name,
            f"{wall:.2f}",
            f"{many / wall:.1f}",
            f"{crowd.calls / wall:.0f}",
            f"{wall / longest:.2f}",
            f"{wall / ideal:.2f}" if ideal else "—",
        ))  # fmt: skip
    return _columns(lines)


def goals(trials: Mapping[str, Sequence[Trial]], crowds: Mapping[str, Crowd], many: int) -> list[Figure]:
    """EcoAlign against the bare program: of one request by sample, of many by turn."""
    whole = {name: sum(one.wall for one in tried) for name, tried in trials.items()}
    fresh, known, theirs = (Sample([one.wall for one in trials[name]]) for name in (ECOALIGN, AGAIN, BARE))
    together, apart = (Sample(crowds[name].walls) for name in (ECOALIGN, BARE))
    return [
        Figure(
            "EcoAlign / bare asyncio, one request",
            known.over(theirs),
            "×",
            WALL_GOAL,
            f"picture known to both; {whole[AGAIN] / whole[BARE]:.3f} × over all samples together",
        ),
        Figure(
            "  the same, with a new picture",
            fresh.over(theirs),
            "×",
            note=f"which the bare program finds ready-made; {whole[ECOALIGN] / whole[BARE]:.3f} × over all samples",
        ),
        Figure(f"EcoAlign / bare asyncio, {many} at once", together.over(apart), "×", AT_ONCE_GOAL),
    ]


def main() -> int:
    """Measure and print; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=_count, default=20, help="samples of world 0 (20)")
    parser.add_argument("--at-once", type=_count, default=64, help="requests at once (64)")
    parser.add_argument("--turns", type=_count, default=3, help="how often those are measured (3)")
    parser.add_argument("--latency-ms", type=float, default=50.0, help="what a call takes (50)")
    parser.add_argument("--json", action="store_true", help="every trial, as one JSON object")
    chosen = parser.parse_args()
    # Nothing that is known of an endpoint from elsewhere, and no method has fewer calls open than another.
    os.environ |= {"ECOALIGN_CACHE": "off", "ECOALIGN_CONCURRENCY": str(PLACES)}
    contest = Contest(chosen.latency_ms / 1e3)
    begun, before = time.perf_counter(), os.getloadavg()[0]
    trials, crowds = asyncio.run(_measured(contest, chosen.samples, chosen.at_once, chosen.turns))
    figures = goals(trials, crowds, chosen.at_once)
    machine = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after, measured in {time.perf_counter() - begun:.0f} s"
    )
    remarks = _remarks(contest, trials, chosen.latency_ms)
    if chosen.json:
        content = {
            "label": LABEL,
            "machine": machine,
            "latency_ms": chosen.latency_ms,
            "at_once": chosen.at_once,
            "methods": {name: _told(trials[name], crowds.get(name)) for name in NAMES},
            "goals": [figure.as_json() for figure in figures],
            "remarks": remarks,
        }
        print(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        tables = (
            alone_table(trials, contest.latency),
            crowd_table(crowds, trials, chosen.at_once, contest.latency),
            table(figures),
            "\n".join(f"* {remark}" for remark in remarks),
        )
        print("\n\n".join((f"{LABEL}\n{machine}", *tables)))
    return 1 if any(figure.met is False for figure in figures) else 0


def _remarks(contest: Contest, trials: Mapping[str, Sequence[Trial]], latency_ms: float) -> list[str]:
    """What the tables' heads leave open, and what this comparison does not show."""
    tried = trials[ECOALIGN]
    same = sum(contest.scripts[one.sample].depth == one.rounds for one in tried)
    units = (
        f"{len(tried)} samples of world 0, {latency_ms:g} ms a call. wall ms: median; rounds, calls, tokens "
        "(completion): means"
    )
    overhead = (
        "over: (wall − rounds × latency) / calls, in ms; CPU: of this process, in ms a call, without the simulated "
        "model's own. safe: of all samples, useful: of those that ask for a total, in %"
    )
    own = 1e3 * sum(one.model_cpu for one in tried) / sum(one.calls for one in tried)
    ideal = (
        "× longest alone: over the wall time of the longest single request; × ideal: over its rounds × latency. The "
        f"model runs on the same cores, {own:.1f} ms of CPU a call: many at once pay for that by every method"
    )
    replayed = (
        f"the bare program waits in as many rounds as EcoAlign in {same} of {len(tried)} samples; its messages are "
        "ready-made, pictures included, and it decides nothing"
    )
    flattered = (
        f"the tree search rates {WIDTH} samples of a step in one call when they say the same; the simulated model has "
        "few ways to say a thing, so on a real model it makes more calls than here"
    )
    return [units, overhead, ideal, replayed, flattered]


def _told(tried: Sequence[Trial], crowd: Crowd | None) -> dict[str, Any]:
    """A method's figures for JSON."""
    return {"trials": [asdict(one) for one in tried], "at_once": None if crowd is None else asdict(crowd)}


async def _measured(
    contest: Contest, samples: int, many: int, turns: int
) -> tuple[dict[str, list[Trial]], dict[str, Crowd]]:
    cases, unmeasured = cases_of(samples)
    trials = await contest.alone(cases, unmeasured)
    return trials, await contest.at_once(cases, many, turns)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number}: at least 1")
    return number


def _share(values: Sequence[bool | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{100 * sum(known) / len(known):.0f}" if known else "—"


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [
        "  ".join(
            (line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)))
        )
        for line in lines
    ]
    return "\n".join((rows[0], "  ".join("-" * width for width in widths), *rows[1:]))


if __name__ == "__main__":
    sys.exit(main())
