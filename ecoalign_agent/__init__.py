"""EcoAlign: safe, useful and affordable answers from vision-language models.

Answering is treated as an investment: a graph of thoughts grows within a budget, each next step is valued by what it
promises in safety and use against its cost, a path is as safe as its weakest link, and the answer comes from the Pareto
frontier. Every public name is here, loaded when it is first used, so that importing the package is quick;
``ecoalign_agent.economics`` and ``ecoalign_agent.testing`` are the other public modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.assessors.base import AssessmentInput, Assessor, Verdict
    from ecoalign_agent.economics.cost import Tariff
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.errors import (
        AccessError,
        BudgetError,
        BudgetTooSmallError,
        EcoAlignError,
        ImageError,
        ModelError,
        ModelNameError,
        ModelTimeoutError,
        NotFoundError,
        PolicyError,
        PromptError,
        RateLimitError,
        RejectedError,
        RunError,
        ServerError,
        UnreachableError,
        UsageError,
    )
    from ecoalign_agent.events.events import (
        Analysed,
        Answered,
        BudgetMoved,
        Declined,
        Event,
        Failed,
        ForecastMade,
        FrontierMoved,
        Heartbeat,
        Merged,
        Planned,
        Proposed,
        Pruned,
        ReviewAsked,
        Reviewed,
        RewriteStarted,
        Rewritten,
        RunStarted,
        Scanned,
        Scored,
        ThoughtAdded,
    )
    from ecoalign_agent.events.result import Result, Rewrite
    from ecoalign_agent.integrations.middleware import EcoAlignMiddleware
    from ecoalign_agent.integrations.node import as_node
    from ecoalign_agent.rewriter import Rewriter
    from ecoalign_agent.rewriting.state import RewritePolicy
    from ecoalign_agent.search.checkpointing import serializer
    from ecoalign_agent.search.state import CHECKPOINTED
    from ecoalign_agent.settings import read_policy

    __version__: str

_MODULES = {
    "agent": ("EcoAlign",),
    "assessors.base": ("AssessmentInput", "Assessor", "Verdict"),
    "economics.cost": ("Tariff",),
    "economics.policy": ("Policy",),
    "errors": (
        *("AccessError", "BudgetError", "BudgetTooSmallError", "EcoAlignError", "ImageError", "ModelError"),
        *("ModelNameError", "ModelTimeoutError", "NotFoundError", "PolicyError", "PromptError", "RateLimitError"),
        *("RejectedError", "RunError", "ServerError", "UnreachableError", "UsageError"),
    ),
    "events.events": (
        *("Analysed", "Answered", "BudgetMoved", "Declined", "Event", "Failed", "ForecastMade", "FrontierMoved"),
        *("Heartbeat", "Merged", "Planned", "Proposed", "Pruned", "ReviewAsked", "Reviewed", "RewriteStarted"),
        *("Rewritten", "RunStarted", "Scanned", "Scored", "ThoughtAdded"),
    ),
    "events.result": ("Result", "Rewrite"),
    "integrations.middleware": ("EcoAlignMiddleware",),
    "integrations.node": ("as_node",),
    "rewriter": ("Rewriter",),
    "rewriting.state": ("RewritePolicy",),
    "search.checkpointing": ("serializer",),
    "search.state": ("CHECKPOINTED",),
    "settings": ("read_policy",),
}
_HOME = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

__all__ = [
    "CHECKPOINTED",
    "AccessError",
    "Analysed",
    "Answered",
    "AssessmentInput",
    "Assessor",
    "BudgetError",
    "BudgetMoved",
    "BudgetTooSmallError",
    "Declined",
    "EcoAlign",
    "EcoAlignError",
    "EcoAlignMiddleware",
    "Event",
    "Failed",
    "ForecastMade",
    "FrontierMoved",
    "Heartbeat",
    "ImageError",
    "Merged",
    "ModelError",
    "ModelNameError",
    "ModelTimeoutError",
    "NotFoundError",
    "Planned",
    "Policy",
    "PolicyError",
    "PromptError",
    "Proposed",
    "Pruned",
    "RateLimitError",
    "RejectedError",
    "Result",
    "ReviewAsked",
    "Reviewed",
    "Rewrite",
    "RewritePolicy",
    "RewriteStarted",
    "Rewriter",
    "Rewritten",
    "RunError",
    "RunStarted",
    "Scanned",
    "Scored",
    "ServerError",
    "Tariff",
    "ThoughtAdded",
    "UnreachableError",
    "UsageError",
    "Verdict",
    "__version__",
    "as_node",
    "read_policy",
    "serializer",
]


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reading the metadata takes longer than all the rest

        return version("ecoalign-agent")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
