"""What a rewriter hands back. The records themselves stand with all others that are told: results carry them, too."""

from ecoalign_agent.trace.rewrite import Rewrite, RewriteCost, RewriteStatus, RiskReport

__all__ = ["Rewrite", "RewriteCost", "RewriteStatus", "RiskReport"]
