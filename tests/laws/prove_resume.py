"""Kills ``ecoalign bench run`` with -9 at random moments, goes on with the same command, counts what is asked twice.

    python tests/laws/prove_resume.py --kills 20

A real server on loopback counts the requests about each sample. What is held to: no sample that stood finished in the
log when the process was killed is asked about again; what is asked again are samples that were under way.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

# As a script, this folder comes first, and its modules would hide others of the same name: the root takes its place.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.bench.runner.counting import CountingServer, bench, killed_after


def finished(out: Path) -> set[str]:
    """The notices whose samples stand finished in the logs."""
    from ecoalign_agent.bench.runner.logs import read_runs  # noqa: PLC0415 - Inspect, only where it is needed
    from ecoalign_agent.errors import UsageError  # noqa: PLC0415 - as above

    try:
        runs = read_runs(out)
    except UsageError:
        return set()
    return {f"N-{outcome.graded.sample[-5:]}" for run in runs for outcome in run.outcomes if not outcome.graded.failed}


def prove(*, kills: int, samples: int, method: str, seed: int) -> dict[str, int]:
    """Run to the end through so many kills; gives the counts.

    Raises:
        AssertionError: a finished sample was paid for again, or the run can't be finished.
    """
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder, CountingServer(latency=0.02) as server:
        out = Path(folder) / "out"
        command = bench(out, "--methods", method, "--limit", str(samples), "--at-once", "4", url=server.url)
        done: set[str] = set()
        killed = lost = 0
        while killed < kills:
            before = Counter(server.requests)
            goal = server.calls + draw.randint(1, max(2, samples // 2))
            if not killed_after(command, lambda goal=goal: server.calls >= goal):
                break
            killed += 1
            again = {notice for notice in done if server.requests[notice] > before[notice]}
            assert not again, f"paid again although finished: {sorted(again)}"
            now = finished(out)
            assert done <= now, f"finished samples were lost: {sorted(done - now)}"
            lost += sum(server.answered[notice] > before[notice] for notice in server.answered if notice not in now)
            done = now
        before = Counter(server.requests)
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr[-2000:]
        again = {notice for notice in done if server.requests[notice] > before[notice]}
        assert not again, f"paid again although finished: {sorted(again)}"
        assert len(finished(out)) == samples
        return {"kills": killed, "samples": samples, "calls": server.calls, "under_way": lost}


def main() -> None:
    """Read the command line, prove, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--samples", type=int, default=60)
    parser.add_argument("--method", default="base")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found = prove(kills=asked.kills, samples=asked.samples, method=asked.method, seed=asked.seed)
    print(
        f"{asked.method}: {found['kills']} kills with -9, {found['samples']} samples: finished ones asked again: 0; "
        f"{found['calls']} requests, {found['under_way']} samples were under way at a kill and began anew"
    )


if __name__ == "__main__":
    main()
