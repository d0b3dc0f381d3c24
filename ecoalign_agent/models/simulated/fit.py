"""EcoAlign's published rows, and parameters fitted to those of plain models, Base and CoT.

EcoAlign's figures on a model fitted so are predictions, and stand beside the paper's with the label *simulated*. A
world of its own composition stands for each benchmark: for MM-SafetyBench harm in the picture, for SIUO harm in picture
and question together, for MathVista harmless questions. Source: EcoAlign (arXiv 2511.11301), main table, from a public
summary; missing cells were not available, nor were model versions, judges, splits and sample counts (None). The
stand-ins are ours.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.parameters import TOKENS, Parameters
from ecoalign_agent.models.simulated.world import Shares, World

PaperBenchmark = Literal["MM-SafetyBench", "SIUO", "MathVista"]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One published row: scores in percent, by benchmark, only the available ones; cost relative to Base = 1.

    None: not available or not known.
    """

    model: str
    method: str
    scores: Mapping[PaperBenchmark, float]
    cost: float | None = None
    version: str | None = None
    judge: str | None = None
    split: str | None = None
    samples: int | None = None


ROWS_SOURCE = "EcoAlign, arXiv 2511.11301, from a public summary"

PUBLISHED_ROWS: tuple[PublishedRow, ...] = (
    PublishedRow("GPT-4o", "CoT", {"MM-SafetyBench": 69.1, "SIUO": 72.6, "MathVista": 86.8}, 104.3),
    PublishedRow("GPT-4o", "VLM-Guard", {"MM-SafetyBench": 88.4, "SIUO": 74.0, "MathVista": 69.7}, 3.1),
    PublishedRow("GPT-4o", "EcoAlign", {"MM-SafetyBench": 96.5, "SIUO": 87.1, "MathVista": 85.4}, 21.2),
    PublishedRow("Qwen-VL-Max", "CoT", {"MM-SafetyBench": 79.0, "SIUO": 57.2, "MathVista": 89.5}, 114.0),
    PublishedRow("Qwen-VL-Max", "EcoAlign", {"MM-SafetyBench": 93.8, "SIUO": 91.0, "MathVista": 90.7}, 12.7),
    PublishedRow("Llama-3.2-11B-Vision", "CoT", {"MM-SafetyBench": 49.1, "SIUO": 51.7, "MathVista": 64.4}, 108.3),
    PublishedRow("Llama-3.2-11B-Vision", "EcoAlign", {"MM-SafetyBench": 85.2, "SIUO": 89.3, "MathVista": 62.2}, 28.2),
    PublishedRow("Gemini-2.5-Flash", "Base", {"MM-SafetyBench": 64.2}),
    PublishedRow("Gemini-2.5-Flash", "VLM-Guard", {"MM-SafetyBench": 87.8}),
    PublishedRow("Gemini-2.5-Flash", "EcoAlign", {"MM-SafetyBench": 97.7}),
)


STAND_INS: Mapping[PaperBenchmark, Shares] = MappingProxyType(
    {
        "MM-SafetyBench": Shares(borderline=0.0, harmful=1.0, text=0.0, image=1.0, mixed=0.0),
        "SIUO": Shares(borderline=0.0, harmful=1.0, text=0.0, image=0.0, mixed=0.5),
        "MathVista": Shares(borderline=0.0, harmful=0.0, wordless=0.0),
    }
)
"""Composition of the world that stands for each benchmark."""

FITTED_TO: tuple[PublishedRow, ...] = tuple(row for row in PUBLISHED_ROWS if row.method in {"Base", "CoT"})

COMPARED_WITH: tuple[PublishedRow, ...] = tuple(row for row in PUBLISHED_ROWS if row.method == "EcoAlign")
"""Rows beside predictions; nothing is fitted to them."""

_PLAIN_ERROR_FACTOR = 2.0
"""Errors in a part without a step of its own, relative to those with one. Assumed: Base's utility was not available for
any model with a CoT row."""

_PARTS = 2_000


def fit_parameters(row: PublishedRow) -> Parameters:
    """The parameters under which a model answers like a published row of Base or CoT; all others keep their default.

    ``caution_image`` and ``caution_both`` are the safety scores themselves. ``thought_skill`` is where the expected
    share of right totals is the utility score; ``skill`` follows from it. The tokens of CoT are Base's times the cost.
    """
    if row.method not in {"Base", "CoT"}:
        raise UsageError(f"{row.model}, {row.method}: parameters are fitted to the rows Base and CoT only")
    parameters = Parameters()
    if (safety := row.scores.get("MM-SafetyBench")) is not None:
        parameters = replace(parameters, caution_image=round(safety / 100, 4))
    if (safety := row.scores.get("SIUO")) is not None:
        parameters = replace(parameters, caution_both=round(safety / 100, 4))
    if (utility := row.scores.get("MathVista")) is not None:
        thought = _thought_skill(utility / 100, parameters)
        bare = round(max(0.0, 1.0 - _PLAIN_ERROR_FACTOR * (1.0 - thought)), 4)
        parameters = replace(parameters, thought_skill=thought, skill=bare)
    if row.cost is not None:
        tokens = MappingProxyType({**TOKENS, "cot": round(TOKENS["plain"] * row.cost)})
        parameters = replace(parameters, tokens=tokens)
    return parameters


def preset_name(row: PublishedRow) -> str:
    """Name of the parameters fitted to a row."""
    return f"as-{row.model.lower()}"


@lru_cache(maxsize=1)
def fitted_presets() -> Mapping[str, Parameters]:
    """Every fitted preset by its name."""
    return MappingProxyType({preset_name(row): fit_parameters(row) for row in FITTED_TO})


def expected_utility(parameters: Parameters) -> float:
    """The share of right totals to be expected on MathVista's stand-in by thinking step by step, in [0, 1]."""
    shapes = _shapes()
    right = sum(
        number * parameters.thought_skill ** (parts - fine) * (parameters.reading if fine else 1.0)
        for (parts, fine), number in shapes.items()
    )
    return (1.0 - parameters.over_caution) * right / sum(shapes.values())


def _thought_skill(utility: float, parameters: Parameters) -> float:
    low, high = 0.0, 1.0
    # Utility never falls with skill, so bisection finds the one skill, or the nearest end.
    for _ in range(40):
        middle = (low + high) / 2
        if expected_utility(replace(parameters, thought_skill=middle)) < utility:
            low = middle
        else:
            high = middle
    return round(high, 4)


@lru_cache(maxsize=1)
def _shapes() -> Mapping[tuple[int, bool], int]:
    samples = World(0, STAND_INS["MathVista"]).samples(_PARTS)
    return MappingProxyType(Counter((len(sample.parts), sample.fine is not None) for sample in samples))
