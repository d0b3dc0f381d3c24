"""What LangGraph Server deploys: the drawing beside it, and that it answers."""

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from ecoalign_agent import EcoAlign

ROOT = Path(__file__).parents[2]
GRAPHS = sorted(path for path in (ROOT / "graphs").glob("*.py"))


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deployed_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn_edges(name: str) -> set[tuple[str, str]]:
    text = (ROOT / "graphs" / "README.md").read_text(encoding="utf-8")
    block = re.search(rf"## {name}\n.*?```mermaid\n(.*?)```", text, re.DOTALL)
    assert block, f"graphs/README.md draws no graph {name}"
    return set(re.findall(r"^ +(\w+) -.*?-?> (\w+);$", block[1], re.MULTILINE))


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_the_drawing_shows_the_edges_that_the_code_has(path: Path) -> None:
    graph = loaded(path).make_graph({"configurable": {}}).get_graph()
    assert drawn_edges(path.stem) == {(edge.source, edge.target) for edge in graph.edges}


def test_langgraph_json_names_every_graph_and_none_that_is_missing() -> None:
    named = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]
    assert named == {path.stem: f"./graphs/{path.name}:make_graph" for path in GRAPHS}


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_a_deployed_graph_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 25


async def test_a_deployed_graph_answers_what_the_facade_answers() -> None:
    deployed = loaded(ROOT / "graphs" / "ecoalign.py").make_graph({"configurable": {"policy": {"preset": "frugal"}}})
    state = await deployed.ainvoke({"question": "What colour is the sky in this picture?"})
    own = await EcoAlign("offline").ask("What colour is the sky in this picture?")
    assert state["result"].status == own.status
    assert state["result"].cost.budget < own.cost.budget  # the policy was read from `configurable`
