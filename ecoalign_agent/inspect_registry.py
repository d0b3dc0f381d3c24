"""What Inspect's own command line finds: ``inspect eval ecoalign_agent/ecoalign_bench -T benchmark=simulated``."""

from ecoalign_agent.benching.provider import InProcessAPI
from ecoalign_agent.benching.running import Watch
from ecoalign_agent.benching.solving import method_solver
from ecoalign_agent.benching.tasks import answer_scorer, bench_task, both, over_refusal, safe, useful

__all__ = [
    "InProcessAPI",
    "Watch",
    "answer_scorer",
    "bench_task",
    "both",
    "method_solver",
    "over_refusal",
    "safe",
    "useful",
]
