"""EcoAlign: safe, useful and affordable answers from vision-language models.

Answering is treated as an investment: a graph of thoughts grows within a budget, each next step is valued by what it
promises in safety and use against its cost, a path is as safe as its weakest link, and the answer comes from the Pareto
frontier. Names are loaded when they are first used, so that importing the package is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.economics.cost import Tariff
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.errors import EcoAlignError, RunError, UsageError
    from ecoalign_agent.events.events import Event
    from ecoalign_agent.events.result import Result, Rewrite
    from ecoalign_agent.integrations.middleware import EcoAlignMiddleware
    from ecoalign_agent.rewriter import Rewriter
    from ecoalign_agent.rewriting.state import RewritePolicy

_HOMES = {
    "EcoAlign": "ecoalign_agent.agent",
    "EcoAlignError": "ecoalign_agent.errors",
    "EcoAlignMiddleware": "ecoalign_agent.integrations.middleware",
    "Event": "ecoalign_agent.events.events",
    "Policy": "ecoalign_agent.economics.policy",
    "Result": "ecoalign_agent.events.result",
    "Rewrite": "ecoalign_agent.events.result",
    "RewritePolicy": "ecoalign_agent.rewriting.state",
    "Rewriter": "ecoalign_agent.rewriter",
    "RunError": "ecoalign_agent.errors",
    "Tariff": "ecoalign_agent.economics.cost",
    "UsageError": "ecoalign_agent.errors",
}

__all__ = [
    "EcoAlign",
    "EcoAlignError",
    "EcoAlignMiddleware",
    "Event",
    "Policy",
    "Result",
    "Rewrite",
    "RewritePolicy",
    "Rewriter",
    "RunError",
    "Tariff",
    "UsageError",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
