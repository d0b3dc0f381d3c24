"""The formulas of the paper as pure functions: no model, no I/O.

=============================================================  =========================================================
EcoAlign                                                       here
=============================================================  =========================================================
thought (s, u, c) and thought graph                            `thoughts.Thought`, `thought_graph.ThoughtGraph`
utility u = (1 + r) / 2 of a raw grade r                       `valuation.utility_of_grade`
cost c = processed tokens                                      `cost.Tariff.processed`, `cost.Tariff.cost`
local return Γ_local = s · u / c                               `valuation.local_return`
net present value Γ_local(a) + max Σ δ^i · Γ_local(r_i)        `valuation.net_present_value`
dynamic horizon h = floor(k · (B - C))                         `valuation.look_ahead_horizon`
weakest link S[P] = min s                                      `valuation.weakest_link`
its ablations: last thought, mean                              `valuation.safety_of_path`
path value Γ(P) = S[P] · U[P] / C[P]                           `pareto.PathValue.gamma`
Pareto tracker: non-dominated (U, C, S) within B               `pareto.ParetoFrontier.labels`, `pareto.non_dominated`
objective P* = argmax Γ(P), C(P) <= B                          `pareto.ParetoFrontier.best`, `selection.choose`
propose from the best tips                                     `selection.open_tips`
select actions by value                                        `selection.rank`, `selection.select_actions`
prune branches that can't win                                  `selection.can_beat`
-------------------------------------------------------------  ---------------------------------------------------------
ours                                                           here
=============================================================  =========================================================
rate of return of a plan                                       `valuation.rate_of_return`
hard budget: reserve, settle                                   `budget.Budget`, `budget.Ledger`
reserve for the final answer                                   `reserve.AnswerReserve`, `reserve.assessment_share`
budget by risk B · (floor + (1 - floor) · max(s0, 0))          `policy.Policy.budget_for_risk`
settings and presets                                           `policy.Policy`
=============================================================  =========================================================
"""

from ecoalign_agent.economics.pareto import ParetoFrontier, PathValue
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import (
    Step,
    local_return,
    look_ahead_horizon,
    net_present_value,
    rate_of_return,
    weakest_link,
)

__all__ = [
    "ParetoFrontier",
    "PathValue",
    "Step",
    "Thought",
    "ThoughtGraph",
    "local_return",
    "look_ahead_horizon",
    "net_present_value",
    "rate_of_return",
    "weakest_link",
]
