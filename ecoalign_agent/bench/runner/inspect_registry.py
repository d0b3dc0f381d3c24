"""Names for Inspect's own command line: ``inspect eval ecoalign_agent/ecoalign_bench -T benchmark=simulated``."""

from ecoalign_agent.bench.runner.models import InProcessAPI
from ecoalign_agent.bench.runner.run import ProgressHooks
from ecoalign_agent.bench.runner.solvers import method_solver
from ecoalign_agent.bench.runner.tasks import answer_scorer, bench_task, both, over_refusal, safe, useful

__all__ = [
    "InProcessAPI",
    "ProgressHooks",
    "answer_scorer",
    "bench_task",
    "both",
    "method_solver",
    "over_refusal",
    "safe",
    "useful",
]
