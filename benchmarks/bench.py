"""Measures what the program adds to the calls it makes, and prints a table of figure, goal, met or not.

Run it from anywhere: ``python benchmarks/bench.py [--only NAME] [--json] [--quick]``. A scripted model stands in
for a real one throughout: what is measured is this program, not a model, a network or a provider.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

# As a script, this folder comes first, and its modules would hide others of the same name: the root takes its place.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.checkpointing import checkpointing  # noqa: E402 - the root must be on the path first
from benchmarks.growing import growing  # noqa: E402 - as above
from benchmarks.importing import importing  # noqa: E402 - as above
from benchmarks.measuring import Effort, Report, table  # noqa: E402 - as above
from benchmarks.pictures import pictures  # noqa: E402 - as above
from benchmarks.searching import cpu, many, wall  # noqa: E402 - as above

_ASYNC: dict[str, Callable[[Effort], Awaitable[Report]]] = {
    "wall": wall,
    "cpu": cpu,
    "many": many,
    "checkpoint": checkpointing,
    "picture": pictures,
}
_PLAIN: dict[str, Callable[[Effort], Report]] = {"graph": growing, "import": importing}
NAMES = ("wall", "cpu", "many", "graph", "checkpoint", "picture", "import")

STAND_IN = "A scripted model stands in for a real one: no network, no provider, no model is measured."


def main() -> int:
    """Measure and print; 1 when a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME", action="append", choices=NAMES, help=f"one of {', '.join(NAMES)}")
    parser.add_argument("--json", action="store_true", help="figures with every repetition, as JSON")
    parser.add_argument("--quick", action="store_true", help="few repetitions: does it run, and roughly how fast")
    chosen = parser.parse_args()
    effort = Effort.least() if chosen.quick else Effort()
    begun, before = time.perf_counter(), os.getloadavg()[0]
    report = Report()
    for name in chosen.only or NAMES:
        print(f"measuring: {name}", file=sys.stderr)
        report += _measured(name, effort)
    goals = [figure.met for figure in report.figures if figure.met is not None]
    took, after = time.perf_counter() - begun, os.getloadavg()[0]
    machine = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load {before:.1f} before and {after:.1f} after, "
        f"measured in {took:.0f} s"
    )
    if chosen.json:
        content = {
            "stand_in": STAND_IN,
            "machine": machine,
            "figures": [figure.as_json() for figure in report.figures],
            "remarks": report.remarks,
        }
        print(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        print(f"{STAND_IN}\n{machine}\n\n{table(report.figures)}\n")
        print("\n".join(f"* {remark}" for remark in report.remarks))
        print(f"\n{sum(goals)} of {len(goals)} goals met")
    return 0 if all(goals) else 1


def _measured(name: str, effort: Effort) -> Report:
    async def measure() -> Report:
        return await _ASYNC[name](effort)

    return asyncio.run(measure()) if name in _ASYNC else _PLAIN[name](effort)


if __name__ == "__main__":
    sys.exit(main())
