"""EcoAlign: safe, useful and affordable answers from vision-language models.

Answering is treated as an investment: a graph of thoughts grows within a budget, each next step is valued by what it
promises in safety and use against its cost, a path is as safe as its weakest link, and the answer comes from the Pareto
frontier. Every public name is here, loaded when it is first used, so that importing the package is quick;
``ecoalign_agent.economics`` and ``ecoalign_agent.testing`` are the other public modules.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign as EcoAlign
    from ecoalign_agent.assessors.base import AssessmentInput as AssessmentInput
    from ecoalign_agent.assessors.base import Assessor as Assessor
    from ecoalign_agent.assessors.base import Verdict as Verdict
    from ecoalign_agent.economics.cost import Tariff as Tariff
    from ecoalign_agent.economics.policy import Policy as Policy
    from ecoalign_agent.errors import AccessError as AccessError
    from ecoalign_agent.errors import BudgetError as BudgetError
    from ecoalign_agent.errors import BudgetTooSmallError as BudgetTooSmallError
    from ecoalign_agent.errors import EcoAlignError as EcoAlignError
    from ecoalign_agent.errors import ImageError as ImageError
    from ecoalign_agent.errors import ModelError as ModelError
    from ecoalign_agent.errors import ModelNameError as ModelNameError
    from ecoalign_agent.errors import ModelTimeoutError as ModelTimeoutError
    from ecoalign_agent.errors import NotFoundError as NotFoundError
    from ecoalign_agent.errors import PolicyError as PolicyError
    from ecoalign_agent.errors import PromptError as PromptError
    from ecoalign_agent.errors import RateLimitError as RateLimitError
    from ecoalign_agent.errors import RejectedError as RejectedError
    from ecoalign_agent.errors import RunError as RunError
    from ecoalign_agent.errors import ServerError as ServerError
    from ecoalign_agent.errors import UnreachableError as UnreachableError
    from ecoalign_agent.errors import UsageError as UsageError
    from ecoalign_agent.events.events import Analysed as Analysed
    from ecoalign_agent.events.events import Answered as Answered
    from ecoalign_agent.events.events import BudgetMoved as BudgetMoved
    from ecoalign_agent.events.events import Declined as Declined
    from ecoalign_agent.events.events import Event as Event
    from ecoalign_agent.events.events import Failed as Failed
    from ecoalign_agent.events.events import ForecastMade as ForecastMade
    from ecoalign_agent.events.events import FrontierMoved as FrontierMoved
    from ecoalign_agent.events.events import Heartbeat as Heartbeat
    from ecoalign_agent.events.events import Merged as Merged
    from ecoalign_agent.events.events import Planned as Planned
    from ecoalign_agent.events.events import Proposed as Proposed
    from ecoalign_agent.events.events import Pruned as Pruned
    from ecoalign_agent.events.events import ReviewAsked as ReviewAsked
    from ecoalign_agent.events.events import Reviewed as Reviewed
    from ecoalign_agent.events.events import RewriteStarted as RewriteStarted
    from ecoalign_agent.events.events import Rewritten as Rewritten
    from ecoalign_agent.events.events import RunStarted as RunStarted
    from ecoalign_agent.events.events import Scanned as Scanned
    from ecoalign_agent.events.events import Scored as Scored
    from ecoalign_agent.events.events import ThoughtAdded as ThoughtAdded
    from ecoalign_agent.events.result import Result as Result
    from ecoalign_agent.events.result import Rewrite as Rewrite
    from ecoalign_agent.integrations.middleware import EcoAlignMiddleware as EcoAlignMiddleware
    from ecoalign_agent.integrations.node import as_node as as_node
    from ecoalign_agent.rewriter import Rewriter as Rewriter
    from ecoalign_agent.rewriting.state import RewritePolicy as RewritePolicy
    from ecoalign_agent.search.checkpointing import serializer as serializer
    from ecoalign_agent.search.state import CHECKPOINTED as CHECKPOINTED
    from ecoalign_agent.settings import read_policy as read_policy

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

__all__ = ["__version__"]
__all__ += list(_HOME)


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415 - reading the metadata takes longer than all the rest

        return version("ecoalign-agent")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
