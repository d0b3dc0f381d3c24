"""What hostile pictures cost: milliseconds until one is refused, megabytes while sixteen are. Prints a table.

python benchmarks/bombs.py [--json]
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measuring import Figure, Sample, table
from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.store import ImageStore
from tests.llm.bombs import damaged, refused

MOST_MILLISECONDS, MOST_MEGABYTES = 50.0, 100.0

REPETITIONS = 15


async def refusal(data: bytes) -> float:
    """Milliseconds until the picture is refused."""
    begun = time.perf_counter()
    try:
        await ImageStore().open(data)
    except ImageError:
        return (time.perf_counter() - begun) * 1e3
    raise AssertionError("a hostile picture was opened")


async def speed(name: str, data: bytes, goal: float | None) -> Figure:
    """How long one takes; once before it counts."""
    await refusal(data)
    return Figure(name, Sample([await refusal(data) for _ in range(REPETITIONS)]), "ms", goal)


def growth(folder: Path, goal: float | None) -> Iterator[Figure]:
    """How much sixteen at once grow a process that opens nothing else."""
    for path in sorted(folder.iterdir()):
        with tempfile.TemporaryDirectory() as alone:
            (Path(alone) / path.name).symlink_to(path)
            command = [sys.executable, "-m", "tests.llm.bombs", alone]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
        yield Figure(f"16 × {path.name}", Sample([json.loads(done.stdout)[path.name]["growth"]]), "MB", goal)


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="What hostile pictures cost.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in [*refused(), damaged()]:
            (Path(folder) / name).write_bytes(data)
        figures = [asyncio.run(speed(name, data, MOST_MILLISECONDS)) for name, data in refused()]
        # It has to be decoded before anybody knows: there is no goal for its time.
        figures += [asyncio.run(speed(*damaged(), None)), *growth(Path(folder), MOST_MEGABYTES)]
    if asked.json:
        print(json.dumps({figure.name: figure.as_json() for figure in figures}))
    else:
        print(table(figures))
    missed = [figure.name for figure in figures if figure.met is False]
    print(f"{len(figures)} figures, {len(missed)} goals missed {missed or ''}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
