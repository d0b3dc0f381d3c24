"""EcoAlign's published rows, written down once: what parameters are fitted to, and what results stand beside.

Source: EcoAlign (arXiv 2511.11301), main table, from a public summary of the paper. Cells that are not here were not
available. Which model versions, judges, splits and sample counts the figures rest on was not available either: None.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Benchmark = Literal["MM-SafetyBench", "SIUO", "MathVista"]


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One published row.

    Attributes:
        model: as published.
        method: as published.
        scores: in percent, by benchmark; only the cells that were available.
        cost: relative to Base = 1; None: not available.
        version: the model's dated version; None: not known.
        judge: who judged; None: not known.
        split: the part of each benchmark that was run; None: not known.
        samples: how many samples of each benchmark; None: not known.
    """

    model: str
    method: str
    scores: Mapping[Benchmark, float]
    cost: float | None = None
    version: str | None = None
    judge: str | None = None
    split: str | None = None
    samples: int | None = None


SOURCE = "EcoAlign, arXiv 2511.11301, from a public summary"
"""Where the rows come from, in a few words."""

PUBLISHED: tuple[PublishedRow, ...] = (
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
"""Every row, by model."""
