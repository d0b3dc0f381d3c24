"""The benchmarks by name: eight from their publishers' files, the simulated worlds, and those of other packages."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ecoalign_agent.bench.datasets.benchmark import Benchmark, BenchmarkFiles
from ecoalign_agent.bench.datasets.mathvista import MATHVISTA
from ecoalign_agent.bench.datasets.mm_safetybench import MM_SAFETYBENCH
from ecoalign_agent.bench.datasets.mmstar import MMSTAR
from ecoalign_agent.bench.datasets.mssbench import MSSBENCH_CHAT, MSSBENCH_EMBODIED
from ecoalign_agent.bench.datasets.ocrbench import OCRBENCH
from ecoalign_agent.bench.datasets.simulated import SIMULATED_BENCHMARKS
from ecoalign_agent.bench.datasets.siuo import SIUO, SIUO_CHOICE
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.extensions import extension_names, is_reference, load_extension

BENCHMARKS: dict[str, Benchmark] = {
    benchmark.key: benchmark
    for benchmark in (
        MM_SAFETYBENCH,
        SIUO,
        SIUO_CHOICE,
        MSSBENCH_CHAT,
        MSSBENCH_EMBODIED,
        OCRBENCH,
        MATHVISTA,
        MMSTAR,
        *SIMULATED_BENCHMARKS,
    )
}
"""Name → benchmark; SIUO and MSSBench have two parts each."""

_GROUP: Final = "ecoalign_agent.benchmarks"


def find_benchmark(name: str) -> Benchmark:
    """The benchmark of a name: ours, an installed package's by its entry point, or ``module:Name``; else UsageError."""
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    if name not in extension_names(_GROUP) and not is_reference(name):
        raise UsageError(f"no benchmark {name!r}; there are {', '.join(benchmark_names())}")
    found = load_extension(_GROUP, name)
    if not isinstance(found, Benchmark):
        raise UsageError(
            f"benchmark {name!r}: is {type(found).__name__}, must be a Benchmark of "
            "ecoalign_agent.bench.datasets.benchmark"
        )
    return found


def benchmark_names() -> list[str]:
    """Names of all benchmarks, those of installed packages last."""
    return [*BENCHMARKS, *(name for name in extension_names(_GROUP) if name not in BENCHMARKS)]


class DataReport(Record):
    """Output of ``ecoalign bench data``: the folder, and the state of each benchmark's files in it."""

    folder: str
    benchmarks: list[BenchmarkFiles]


def inspect_folder(folder: Path, *, on_progress: Callable[[str], None]) -> DataReport:
    """Report the state of every benchmark's files in a folder; raises UsageError where there is none."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name the one that holds a folder for each benchmark")
    states = []
    for benchmark in BENCHMARKS.values():
        if benchmark.needs_files:
            on_progress(f"looking for {benchmark.source.title}")
            states.append(benchmark.inspect_files(folder))
    return DataReport(folder=str(folder), benchmarks=states)
