"""EcoAlign alone, for LangGraph Server: ``langgraph dev`` serves what ``make_graph`` builds.

The server brings its own checkpointer, so the graph is compiled without one. The model comes from ``configurable`` or
the environment (``ECOALIGN_MODEL``); the default is the embedded rules, not a vision-language model.
"""

from typing import Any

from langchain_core.runnables import RunnableConfig

from ecoalign_agent import EcoAlign, Policy


def make_graph(config: RunnableConfig) -> Any:  # noqa: ANN401 - LangGraph Server takes any compiled graph
    """The graph for one deployment; ``configurable`` may hold ``model``, ``assessor`` and a ``policy`` table."""
    chosen = config.get("configurable", {})
    policy = Policy.from_mapping(chosen.get("policy", {}))
    return EcoAlign(chosen.get("model"), assessor=chosen.get("assessor"), policy=policy).graph
