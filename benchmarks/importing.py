"""How long importing takes, in processes of their own."""

import subprocess
import sys
import time

from benchmarks.measuring import Effort, Figure, Report, Sample

_STATEMENTS = {
    "bare": "pass",
    "package": "import ecoalign_agent",
    "facade": "from ecoalign_agent import EcoAlign",
    "libraries": "import langgraph.graph, langchain_openai",
}


def importing(effort: Effort) -> Report:
    """``import ecoalign_agent``, the facade with all that it needs, and the libraries under it alone."""
    taken: dict[str, list[float]] = {name: [] for name in _STATEMENTS}
    for repetition in range(effort.quick + 1):
        for name, statement in _STATEMENTS.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", statement], check=True)
            # The first of each fills the disk's cache.
            if repetition:
                taken[name].append(1e3 * (time.perf_counter() - begun))
    bare, package, facade, libraries = (Sample(taken[name]) for name in _STATEMENTS)
    note = f"{package.median:.0f} ms with the interpreter's start, which alone takes {bare.median:.0f} ms"
    return Report(
        [
            Figure("import ecoalign_agent, interpreter's start taken off", package.minus(bare), "ms", 100.0, note),
            Figure("  from ecoalign_agent import EcoAlign, likewise", facade.minus(bare), "ms"),
            Figure("  langgraph.graph and langchain_openai alone, likewise", libraries.minus(bare), "ms"),
            Figure("  the facade over these two", facade.minus(bare).over(libraries.minus(bare)), "", 1.1),
        ]
    )
