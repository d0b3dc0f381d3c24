"""Configuration of a run: benchmarks, methods, models, size; stored beside the results, so that they don't mix."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecoalign_agent.bench.datasets.benchmark import Benchmark
from ecoalign_agent.bench.datasets.registry import benchmark_names, find_benchmark
from ecoalign_agent.bench.datasets.simulated import SIMULATED_WORLDS
from ecoalign_agent.bench.methods.registry import ConfiguredMethod, configure_method, method_names
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.model import is_simulated

CALL_LATENCY = 0.05
"""Seconds of a call of a simulated model whose name gives none."""

RUN_FILE = "run.json"
"""File of a folder of results with the configuration that its rows share."""

_FIXED = ("model", "base_url", "assessor", "judge", "data", "limit", "seed", "budget", "policy")
"""Settings that may not change within one folder: the rows would not be comparable."""


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """Configuration of a run.

    Attributes:
        methods: by name, with settings.
        assessor: the assessing model, for methods that use one; None: the answering model.
        data: the folder with the benchmarks' files; None: no benchmark needs files.
        limit: samples of each benchmark, at most; None: all, of a simulated world 200.
        budget: cost units for one request, of every method that has a budget; None: the policy's.
        policy: start of EcoAlign's settings, as a policy file holds it; None: the default.
        base_url: of an OpenAI-compatible server; None: as the environment says.
        concurrency: samples at the same time; None: 4 of a model in this process, else 16.
    """

    benchmarks: tuple[str, ...]
    methods: tuple[str, ...]
    model: str
    out: Path
    assessor: str | None = None
    judge: str | None = None
    data: Path | None = None
    limit: int | None = None
    seed: int = 0
    budget: float | None = None
    policy: dict[str, Any] | None = None
    base_url: str | None = None
    concurrency: int | None = None

    def configured_methods(self) -> list[ConfiguredMethod]:
        """The methods with their settings; UsageError for no such method, PolicyError for a setting out of range."""
        policy = None if self.policy is None else Policy.from_mapping(self.policy)
        return [configure_method(name, policy=policy, budget=self.budget) for name in self.methods]

    def check(self) -> None:
        """Raise UsageError or PolicyError where the run is not possible, such as without files, model or judge."""
        if not self.benchmarks:
            raise UsageError(f"name a benchmark: {', '.join(benchmark_names())}")
        if not self.methods:
            raise UsageError(f"name a method: {', '.join(method_names())}")
        self.configured_methods()
        for name in self.benchmarks:
            self._check_benchmark(find_benchmark(name))
        if self.assessor is not None and ("," in self.assessor or self.assessor.startswith(("moderation:", "guard:"))):
            raise UsageError(
                f"--assessor {self.assessor}: here one chat model assesses; name one, or unset ECOALIGN_ASSESSOR"
            )
        if self.base_url is not None and ("@" in self.base_url or "?" in self.base_url):
            raise UsageError("--base-url holds a user or a query, which logs would keep: write the bare address")
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"--out {self.out} is a file: name a folder")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit}: it must be at least 1")

    def _check_benchmark(self, benchmark: Benchmark) -> None:
        if benchmark.key in SIMULATED_WORLDS:
            return
        if is_simulated(self.model):
            raise UsageError(
                f"{benchmark.key}: a simulated model knows the notices of its own world and nothing else; "
                "run it on the benchmark simulated"
            )
        if benchmark.needs_files and self.data is None:
            raise UsageError(
                f"{benchmark.key}: name the folder that holds its files with --data; ecoalign bench data FOLDER says "
                "what belongs there"
            )
        benchmark.require_judge(available=self.judge is not None)

    def bind_folder(self) -> None:
        """Write the fixed settings into the folder of results; raises UsageError where it holds a run with others."""
        fixed = {name: getattr(self, name) for name in _FIXED}
        fixed["data"] = None if self.data is None else str(self.data.resolve())
        fixed["base_url"] = None if self.base_url is None else self.base_url.rstrip("/")
        if (self.out / RUN_FILE).exists():
            stored = read_run_file(self.out)
            for name in _FIXED:
                if stored.get(name) != fixed[name]:
                    raise UsageError(
                        f"{self.out} holds a run with {name} {stored.get(name)!r}, not {fixed[name]!r}: "
                        "give another --out"
                    )
            return
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / RUN_FILE).write_text(json.dumps(fixed, indent=1) + "\n", encoding="utf-8")


def read_run_file(folder: Path) -> dict[str, Any]:
    """Read the settings of a folder of results; raises UsageError where there are none, or damaged ones."""
    path = folder / RUN_FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(stored, dict):
            raise ValueError("it holds no object")  # noqa: TRY004, TRY301 - reported like broken JSON
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}; name a folder that ecoalign bench run wrote") from error
    except ValueError as error:
        raise UsageError(f"{path} is damaged: {error}; give another --out, or remove the folder") from error
    return stored
