"""Propose and simulate: next steps from what the path has established, and what would follow them."""

import re
from collections.abc import Sequence
from typing import Any

from ecoalign_agent.offline.brief import Box, Brief, boxes_in
from ecoalign_agent.offline.forecasting import forecasts_of, propose_actions
from ecoalign_agent.offline.knowledge import known_rows, looked_at, settle, thoughts_in
from ecoalign_agent.offline.question import understand
from ecoalign_agent.offline.scanning import Place, places_of, risk_of
from ecoalign_agent.offline.sight import Sight
from ecoalign_agent.offline.values import normalised

_REGION = re.compile(r"^picture (\d+) \[[^\]]*\]: (.*)$")
_ACTION = re.compile(r"^(\d+)\. \[(\w+)\]")


def propose(brief: Brief, sights: Sequence[Sight]) -> dict[str, Any]:
    """The reply to the propose prompt."""
    question = understand(brief.get("question"))
    path, others = thoughts_in(brief.lines("path")), thoughts_in(brief.lines("others"))
    texts = [text for _, _, text in (*path, *others)]
    rows = known_rows(sights, [brief.get("seen_text"), *texts])
    found = settle(question, rows, brief.get("caption"))
    grade = risk_of(question.text, sights, [brief.get("seen_text")])
    seen = looked_at(texts)
    named = _named_places(brief) or places_of(question, sights, found)
    places = [] if found.is_sure else [place for place in named if not any(_overlap(place[2], box) > 0.8 for box in seen)]
    fusable = [name for name, kind, _ in (*path[-1:], *others, *path[:-1]) if name and kind in {"look", "reason", "fuse"}]
    return {
        "actions": propose_actions(
            question, found, places, grade, kinds=brief.kinds, most=brief.branching, fusable=fusable
        ),
        "merge": _same(path, others),
        "prune": [],
    }


def simulate(brief: Brief) -> dict[str, Any]:
    """The reply to the simulate prompt; no pictures come with it."""
    question = understand(brief.get("question"))
    path = thoughts_in(brief.lines("path"))
    rows = known_rows((), [brief.get("seen_text"), *(text for _, _, text in path)])
    found = settle(question, rows, brief.get("caption"))
    numbered = [(int(m.group(1)), m.group(2)) for line in brief.lines("actions") if (m := _ACTION.match(line))]
    unread = "unclear to read" in brief.get("caption") or any(kind == "look" for _, kind in numbered)
    grade = risk_of(question.text, (), [brief.get("seen_text")])
    horizon = brief.number(r"at most (\d+), each \{\"kind\"", 2)
    return {"forecasts": forecasts_of(numbered, found, grade, unread=unread, horizon=horizon)}


def _named_places(brief: Brief) -> list[Place]:
    places: list[Place] = []
    for line in brief.lines("regions"):
        match, boxes = _REGION.match(line), boxes_in(line)
        if match and boxes:
            places.append((int(match.group(1)), match.group(2)[:120] or "place", boxes[0]))
    return places


def _overlap(inner: Box, outer: Box) -> float:
    """The share of ``inner`` that lies in ``outer``."""
    width = min(inner[2], outer[2]) - max(inner[0], outer[0])
    height = min(inner[3], outer[3]) - max(inner[1], outer[1])
    area = (inner[2] - inner[0]) * (inner[3] - inner[1])
    return max(0.0, width) * max(0.0, height) / area if area > 0 else 1.0


def _same(path: Sequence[tuple[str, str, str]], others: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
    """Thoughts of other branches that say what a thought of the path says: the path's is kept."""
    held = {normalised(text): name for name, _, text in path if name}
    return [
        {"keep": held[normalised(text)], "drop": name}
        for name, _, text in others
        if name and held.get(normalised(text), name) != name
    ]
