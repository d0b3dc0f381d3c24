"""The experiments by name. Nothing of an experiment is loaded until it is run."""

from collections.abc import Mapping
from types import MappingProxyType

from ecoalign_agent.bench.experiments.base import Experiment

_HERE = "ecoalign_agent.bench.experiments"

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        entry.key: entry
        for entry in (
            Experiment(
                "cost-control",
                "Without cost in the value",
                "Does the cost explode when values leave cost out?",
                f"{_HERE}.cost_control",
            ),
            Experiment(
                "budget",
                "From a small budget to none",
                "Does utility grow predictably with the budget, and approach that of an exhaustive search?",
                f"{_HERE}.budget",
            ),
            Experiment(
                "mixed",
                "Harm in the middle, a benign end",
                "What does a path's safety catch as the minimum, as the last step and as the mean?",
                f"{_HERE}.mixed",
            ),
            Experiment(
                "exhaustion",
                "Where the budget goes",
                "What does each kind of action cost, what does looking ahead gain, and why does a request end without "
                "an answer?",
                f"{_HERE}.exhaustion",
            ),
            Experiment(
                "late-insight",
                "An insight near the end of the budget",
                "What does the shrinking horizon miss that only a deep search finds late, and what does that cost?",
                f"{_HERE}.late_insight",
            ),
            Experiment(
                "assessor",
                "How wrong an assessor may be",
                "At which hit rate, false alarms and shared blind spots does safety break, and do two assessors help?",
                f"{_HERE}.assessor",
            ),
            Experiment(
                "stacked",
                "The rewriter in front of EcoAlign",
                "Does stacking the two defences raise over-refusal by more than two points?",
                f"{_HERE}.stacked",
            ),
        )
    }
)
"""Every experiment by its key, in the order in which they are listed."""
