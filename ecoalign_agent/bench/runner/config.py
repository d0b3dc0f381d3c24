"""The methods by name: those compared with, the rewriter, EcoAlign, both; and EcoAlign's ablations and sweeps.

A name may be followed by a colon and settings, separated by commas: ``ecoalign:last-step``, ``ecoalign:paper,no-cost``,
``ecoalign:budget=2500,k=0.1``, ``bavt:budget=3000``.

What is to be run: benchmarks, methods, models, how much of it; kept beside the results, so that they don't mix.
"""

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from ecoalign_agent.bench.datasets.registry import BENCHMARKS
from ecoalign_agent.bench.datasets.scoring import SCORING
from ecoalign_agent.bench.methods.registry import METHODS
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.models.simulated.model import is_simulated
from ecoalign_agent.models.simulated.world import WORLDS
from ecoalign_agent.settings import PRESETS

Searching = Literal["ecoalign", "vlmguard", "vlmguard+ecoalign"]

SEARCHES: tuple[Searching, ...] = ("vlmguard", "ecoalign", "vlmguard+ecoalign")
"""Those that are built from this package's own facades."""

ALL = (*METHODS, *SEARCHES)
"""Every method, in the order of the tables."""

SELF_ASSESSED = "self-assessed"
"""The ablation without an independent assessor: no knob of the policy."""

ABLATIONS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "last-step": {"path_safety": "last"},
        "mean-safety": {"path_safety": "mean"},
        "no-cost": {"cost_in_value": False},
        "myopic": {"horizon": "none"},
        "fixed-horizon": {"horizon": "fixed"},
        "no-simulate": {"forecasts": "inline"},
        SELF_ASSESSED: {},
    }
)
"""Name → what of the policy it changes."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """One method, with its settings.

    Attributes:
        name: as it stands in tables, settings included.
        kind: the method's own name.
        policy: of EcoAlign's search; None: this method has none.
        budget: cost units for one request, of a method that has a budget but no policy; None: as the run says.
        self_assessed: the answering model grades itself, whatever assessor the run has.
    """

    name: str
    kind: str
    policy: Policy | None = None
    budget: float | None = None
    self_assessed: bool = False
    changes: Mapping[str, object] = field(default_factory=dict)

    @property
    def searches(self) -> bool:
        """Whether it is one of this package's own."""
        return self.kind in SEARCHES


def chosen(name: str, *, policy: Policy | None = None, budget: float | None = None) -> Chosen:
    """The method behind a name.

    Args:
        name: a method's, with settings after a colon where wanted.
        policy: what EcoAlign's settings start from; None: the default.
        budget: cost units for one request, for every method that has a budget; None: the policy's own.

    Raises:
        UsageError: there is no such method, ablation or knob; the message says which there are.
        PolicyError: a knob's value is out of range.
    """
    kind, _, told = name.partition(":")
    if kind not in ALL:
        raise UsageError(f"method {name!r}: there is none of that name; there are {', '.join(ALL)}")
    parts = [part.strip() for part in told.split(",") if part.strip()]
    base = policy or Policy()
    if kind in METHODS:
        takes = {"budget"} if kind == "bavt" else set()
        changes = _changes(name, parts)
        if unknown := sorted({*changes, *(part for part in parts if part in ABLATIONS)} - takes):
            told = "it takes budget=UNITS at most" if takes else "it takes none"
            raise UsageError(f"method {name!r}: {kind} has no setting {unknown[0]!r}; {told}")
        given = changes.get("budget", base.budget if budget is None else budget)
        return Chosen(name, kind, budget=_number(name, "budget", given))
    if kind == "vlmguard":
        if parts:
            raise UsageError(f"method {name!r}: vlmguard takes no settings")
        return Chosen(name, kind)
    presets = [part for part in parts if part in PRESETS]
    if len(presets) > 1:
        raise UsageError(f"method {name!r}: one preset at most, not {' and '.join(presets)}")
    if presets:
        base = Policy.from_mapping({"preset": presets[0]})
    if base.assessors:
        raise UsageError("policy: it names assessors; here one chat model grades, and --assessor names it")
    if budget is not None:
        base = base.replace(budget=budget)
    changes = _changes(name, [part for part in parts if part not in PRESETS])
    try:
        governed = base.replace(**changes) if changes else base
    except PolicyError as error:
        raise PolicyError(f"method {name!r}: {error}") from error
    return Chosen(name, kind, governed, self_assessed=SELF_ASSESSED in parts, changes=changes)


def ablations(kind: str = "ecoalign") -> list[str]:
    """The names of all ablations of EcoAlign."""
    return [f"{kind}:{name}" for name in ABLATIONS]


def _changes(name: str, parts: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    knobs = [knob.name for knob in dataclasses.fields(Policy)]
    for part in parts:
        key, equals, value = part.partition("=")
        if part in ABLATIONS:
            changes |= ABLATIONS[part]
        elif equals and key in knobs:
            changes[key] = _value(value)
        else:
            settings = f"presets {', '.join(PRESETS)}; ablations {', '.join(ABLATIONS)}; knobs such as budget=2500"
            raise UsageError(f"method {name!r}: no setting {part!r}; there are {settings}")
    return changes


def _value(text: str) -> object:
    """A value as TOML writes it; what is none is a text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _number(name: str, key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise UsageError(f"method {name!r}: {key} is {value!r}; write a number above 0")
    return float(value)


SIMULATED_LIMIT = 200
"""Samples of the simulated world where no number is given."""

LATENCY = 0.05
"""Seconds that a call of a simulated model takes where its name says nothing."""

KEPT_ORDER = "run.json"
"""The file that says what a folder of results is about."""

_FIXED = ("model", "base_url", "assessor", "judge", "data", "limit", "seed", "budget", "policy")
"""What may not change within one folder: the rows would not be of one kind."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run.

    Attributes:
        benchmarks: by name.
        methods: by name, with settings.
        model: who answers, by name.
        assessor: who grades for the methods that have somebody grade; None: the answering model.
        judge: who judges for the benchmarks that need it; None: nobody.
        data: the folder that holds the benchmarks' files; None: no benchmark needs files.
        limit: samples of each benchmark at the most; None: all, of the simulated world 200.
        seed: of the draw, the simulated world, and methods that draw.
        budget: cost units for one request, of every method that has a budget; None: the policy's.
        policy: what EcoAlign's settings start from, as a policy file holds it; None: the default.
        out: the folder of the results.
        base_url: of an OpenAI-compatible server; None: as the environment says.
        at_once: samples under way at the same time; None: 4 of a model in this process, else 16.
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
    at_once: int | None = None

    def checked(self) -> "Order":
        """The same, if it can be run.

        Raises:
            UsageError: no such benchmark or method, or something that a benchmark needs is not there.
            PolicyError: a knob is out of range.
        """
        if not self.benchmarks:
            raise UsageError(f"name a benchmark: {', '.join([*BENCHMARKS, *simulated_names()])}")
        if not self.methods:
            raise UsageError(f"name a method: {', '.join(ALL)}")
        for name in self.methods:
            chosen(name, policy=None if self.policy is None else Policy.from_mapping(self.policy), budget=self.budget)
        for benchmark in self.benchmarks:
            self._check_benchmark(benchmark)
        if self.assessor is not None and ("," in self.assessor or self.assessor.startswith(("moderation:", "guard:"))):
            raise UsageError(
                f"--assessor {self.assessor}: here one chat model grades; name one, or unset ECOALIGN_ASSESSOR"
            )
        if self.base_url is not None and ("@" in self.base_url or "?" in self.base_url):
            raise UsageError("--base-url holds a user or a query, which logs would keep: write the bare address")
        if self.out.exists() and not self.out.is_dir():
            raise UsageError(f"--out {self.out} is a file: name a folder")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"--limit {self.limit}: it must be at least 1")
        return self

    def _check_benchmark(self, benchmark: str) -> None:
        if benchmark in simulated_names():
            return
        if benchmark not in BENCHMARKS:
            raise UsageError(f"no benchmark {benchmark!r}; there are {', '.join([*BENCHMARKS, *simulated_names()])}")
        if is_simulated(self.model):
            raise UsageError(
                f"{benchmark}: a simulated model knows the notices of its own world and nothing else; "
                "run it on the benchmark simulated"
            )
        if self.data is None:
            raise UsageError(
                f"{benchmark}: name the folder that holds its files with --data; ecoalign bench data FOLDER says what "
                "belongs there"
            )
        if SCORING[benchmark].judge_needed and self.judge is None:
            raise UsageError(f"{benchmark} needs a judge: name one with --judge, such as openai:gpt-4.1-mini")

    def told(self) -> dict[str, Any]:
        """What may not change within one folder of results."""
        told = {name: getattr(self, name) for name in _FIXED}
        data = None if self.data is None else str(self.data.resolve())
        return told | {"data": data, "base_url": None if self.base_url is None else self.base_url.rstrip("/")}

    def agree(self) -> None:
        """See that the folder holds nothing of another kind, and say in it what it is about.

        Raises:
            UsageError: it does; nothing was written.
        """
        mine = self.told()
        if (self.out / KEPT_ORDER).exists():
            theirs = kept_order(self.out)
            other = [name for name in _FIXED if theirs.get(name) != mine[name]]
            if other:
                raise UsageError(
                    f"{self.out} holds a run with {other[0]} {theirs.get(other[0])!r}, not {mine[other[0]]!r}: "
                    "give another --out"
                )
            return
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / KEPT_ORDER).write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")


def kept_order(folder: Path) -> dict[str, Any]:
    """What a folder of results says that it is about.

    Raises:
        UsageError: it says nothing, or nothing readable.
    """
    kept = folder / KEPT_ORDER
    try:
        told = json.loads(kept.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{kept}: {error.strerror or error}; name a folder that ecoalign bench run wrote") from error
    except ValueError as error:
        raise UsageError(f"{kept} is damaged: {error}; give another --out, or remove the folder") from error
    if not isinstance(told, dict):
        raise UsageError(f"{kept} is damaged: it holds no object; give another --out, or remove the folder")
    return told


def simulated_names() -> list[str]:
    """The benchmarks that are worlds of the simulation."""
    return ["simulated" if name == "even" else f"simulated-{name}" for name in WORLDS]


def expanded(names: list[str], *, ablated: bool, sweeps: list[str]) -> tuple[str, ...]:
    """Methods as they are given on the command line, written out; each once, in order.

    Args:
        names: methods; "all" for every one.
        ablated: with every ablation of EcoAlign.
        sweeps: such as ``budget=1500,3000``: EcoAlign with each value.

    Raises:
        UsageError: a sweep that is none.
    """
    found = [one for name in names for one in (ALL if name == "all" else (name,))]
    if ablated:
        found += ["ecoalign", *ablations()]
    for sweep in sweeps:
        key, equals, values = sweep.partition("=")
        if not equals or not values:
            raise UsageError(f"--sweep {sweep!r}: write KNOB=VALUE,VALUE, such as budget=1500,3000,6000")
        found += [f"ecoalign:{key}={value.strip()}" for value in values.split(",")]
    return tuple(dict.fromkeys(found))
