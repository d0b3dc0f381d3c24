"""The experiments by name. An experiment's module is loaded when it is run."""

from collections.abc import Mapping
from types import MappingProxyType

from ecoalign_agent.bench.experiments.base import Experiment

_PACKAGE = "ecoalign_agent.bench.experiments"

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        name.replace("_", "-"): Experiment(name.replace("_", "-"), title, question, f"{_PACKAGE}.{name}")
        for name, title, question in (
            (
                "cost_control",
                "Without cost in the value",
                "Does the cost explode when values leave cost out?",
            ),
            (
                "budget",
                "From a small budget to none",
                "Does utility grow predictably with the budget, and approach that of an exhaustive search?",
            ),
            (
                "mixed",
                "Harm in the middle, a benign end",
                "What does a path's safety catch as the minimum, as the last step and as the mean?",
            ),
            (
                "exhaustion",
                "Where the budget goes",
                "What does each kind of action cost, what does looking ahead gain, why does a request end unanswered?",
            ),
            (
                "late_insight",
                "An insight near the end of the budget",
                "What does the shrinking horizon miss that only a deep search finds late, and what does that cost?",
            ),
            (
                "assessor",
                "How wrong an assessor may be",
                "At which hit rate, false alarms and shared blind spots does safety break, and do two assessors help?",
            ),
            (
                "stacked",
                "The rewriter in front of EcoAlign",
                "Does stacking the two defences raise over-refusal by more than two points?",
            ),
        )
    }
)
"""Every experiment by its key, in the order in which they are listed."""
