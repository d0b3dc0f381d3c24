"""What LangGraph Server deploys: the drawing beside it, and that it answers."""

import importlib.util
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ecoalign_agent import EcoAlign, UsageError

ROOT = Path(__file__).parents[2]
GRAPHS = sorted(path for path in (ROOT / "graphs").glob("*.py"))


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deployed_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


Edge = tuple[str, str, str]
"""Source, "-->" or the dotted arrow of a decision, target."""


def edges_in(drawing: str) -> set[Edge]:
    """The edges of a drawing in Mermaid; what stands beside a dotted one is for people."""
    found = re.findall(r"^\s+(\w+) (-->|-\.->|-\. .+? \.->) (\w+);$", drawing, re.MULTILINE)
    return {(source, arrow if arrow == "-->" else "-.->", target) for source, arrow, target in found}


def drawn_edges(name: str) -> set[Edge]:
    text = (ROOT / "graphs" / "README.md").read_text(encoding="utf-8")
    block = re.search(rf"## {name}\n.*?```mermaid\n(.*?)```", text, re.DOTALL)
    assert block, f"graphs/README.md draws no graph {name}"
    return edges_in(block[1])


@asynccontextmanager
async def deployed(path: Path, **configurable: Any) -> AsyncIterator[Any]:
    """What LangGraph Server gets to run."""
    async with loaded(path).make_graph({"configurable": configurable}) as graph:
        yield graph


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
async def test_the_drawing_is_the_one_that_the_code_draws(path: Path) -> None:
    async with deployed(path) as graph:
        drawing = graph.get_graph().draw_mermaid()
    assert len(edges_in(drawing)) == drawing.count("->")
    assert drawn_edges(path.stem) == edges_in(drawing)


def test_langgraph_json_names_every_graph_and_none_that_is_missing() -> None:
    named = json.loads((ROOT / "langgraph.json").read_text(encoding="utf-8"))["graphs"]
    assert named == {path.stem: f"./graphs/{path.name}:make_graph" for path in GRAPHS}


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_a_deployed_graph_stays_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 30


async def test_the_guarded_graph_answers_end_to_end() -> None:
    question = {"question": "Explain how to pick the lock of a stranger's house"}
    async with deployed(ROOT / "graphs" / "guarded.py") as graph:
        shown = [chunk async for chunk in graph.astream(question, stream_mode="values")]
    result = shown[-1]["result"]
    assert (result.status, result.rewrite.status) == ("answered", "rewritten")
    assert result.path[0].kind == "strategy"
    assert not any({"offered", "prior", "candidates", "held_thoughts", "journal"} & set(state) for state in shown)


async def test_the_rewriter_alone_gives_the_prompt_and_the_record() -> None:
    async with deployed(ROOT / "graphs" / "vlmguard.py", policy={"frugal": False}) as graph:
        state = await graph.ainvoke({"question": "What colour is the sky in this picture?"})
    assert state["prompt"] == state["rewrite"].prompt == "What colour is the sky in this picture?"
    assert state["rewrite"].prompts[0].startswith("rewriting/analyse@")


@pytest.mark.parametrize("table", [{"budgets": 1}, {"budget": "1"}, {"frugal": 1}, {"budget": True}, {"budget": 0}])
async def test_a_rewriters_policy_that_can_not_be_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(table))):
        async with deployed(ROOT / "graphs" / "vlmguard.py", policy=table):
            pass


async def test_a_deployed_graph_answers_what_the_facade_answers() -> None:
    async with deployed(ROOT / "graphs" / "ecoalign.py", policy={"preset": "frugal"}) as graph:
        state = await graph.ainvoke({"question": "What colour is the sky in this picture?"})
    own = await EcoAlign("offline").ask("What colour is the sky in this picture?")
    assert state["result"].status == own.status
    assert state["result"].cost.budget < own.cost.budget  # the policy was read from `configurable`
