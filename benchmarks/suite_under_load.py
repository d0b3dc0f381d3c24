"""Run tests while busy processes share the machine's cores: no test may fail by a time-out.

    python benchmarks/suite_under_load.py                         # the whole suite, ten busy processes
    python benchmarks/suite_under_load.py --busy 4 tests/search   # anything that pytest takes

Prints pytest's output and one line with the seconds and the load. The busy processes end with this one, or
by themselves after an hour and a half.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_SPIN = """
import os, time
end, parent = time.time() + 5400, os.getppid()
while time.time() < end and os.getppid() == parent:
    sum(range(100_000))
"""


def main() -> int:
    """Start the busy processes, run pytest, end them.

    Returns:
        pytest's exit status.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, default=10, help="busy processes (10)")
    parser.add_argument("pytest", nargs="*", help="arguments of pytest (-m 'slow or not slow')")
    chosen, options = parser.parse_known_args()
    arguments = [*chosen.pytest, *options] or ["-m", "slow or not slow"]
    start = time.monotonic()
    busy = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(chosen.busy)]
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", *arguments]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
    finally:
        for process in busy:
            process.kill()
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    seconds = time.monotonic() - start
    print(f"pytest ended with {status} after {seconds:.0f} s beside {chosen.busy} busy processes; load {load}")
    return status


if __name__ == "__main__":
    sys.exit(main())
