"""The names that other programs import from the package of formulas, and what their import costs."""

import inspect
import subprocess
import sys

from ecoalign_agent import economics


def test_the_fixed_names_and_signatures() -> None:
    shown = {name: str(inspect.signature(getattr(economics, name))) for name in economics.__all__}
    del shown["Thought"]
    assert list(inspect.signature(economics.Thought).parameters)[:7] == [
        *("id", "kind", "text", "parents", "safety", "utility", "cost")
    ]
    assert {name: signature.partition(" ->")[0] for name, signature in shown.items()} == {
        "ParetoFrontier": "(graph: ecoalign_agent.economics.thought_graph.ThoughtGraph, budget: float, *, "
        "label_cap: int = 256, path_safety: Literal['minimum', 'last', 'mean'] = 'minimum', "
        "cost_in_value: bool = True, tips: Literal['answer', 'leaf'] = 'answer')",
        "PathValue": "(utility: float, cost: float, safety: float)",
        "Step": "(safety: float, utility: float, cost: float)",
        "ThoughtGraph": "()",
        "local_return": "(step: ecoalign_agent.economics.valuation.Step)",
        "look_ahead_horizon": "(*, k: float, budget: float, spent: float, unit: float = 20.0, cap: int = 5)",
        "net_present_value": "(action: ecoalign_agent.economics.valuation.Step, "
        "forecasts: collections.abc.Iterable[collections.abc.Sequence[ecoalign_agent.economics.valuation.Step]], *, "
        "discount: float, horizon: int)",
        "rate_of_return": "(action: ecoalign_agent.economics.valuation.Step, "
        "forecasts: collections.abc.Iterable[collections.abc.Sequence[ecoalign_agent.economics.valuation.Step]], *, "
        "discount: float, horizon: int)",
        "weakest_link": "(path: collections.abc.Sequence[ecoalign_agent.economics.thoughts.Thought])",
    }


def test_the_formulas_load_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; from ecoalign_agent.economics import ParetoFrontier; "
        "print([m for m in ('pydantic', 'langchain_core', 'langgraph', 'asyncio') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
