"""Propose and simulate: next steps from what the path has established, and what would follow them."""

import re
from collections.abc import Sequence
from typing import Any

from ecoalign_agent.offline.brief import Box, Brief, boxes_in
from ecoalign_agent.offline.forecasting import Outlook, Place, imagine, propose_actions
from ecoalign_agent.offline.knowledge import UNREAD, Known, gather, looked_at, thoughts_in
from ecoalign_agent.offline.question import understand
from ecoalign_agent.offline.scanning import places_of, risk_of
from ecoalign_agent.offline.sight import Sight
from ecoalign_agent.offline.values import normalised

_REGION = re.compile(r"^picture (\d+) \[[^\]]*\]: (.*)$")
_ACTION = re.compile(r"^(\d+)\. \[(\w+)\]")
_JOINED = frozenset({"look", "reason", "fuse"})


def propose(brief: Brief, sights: Sequence[Sight]) -> dict[str, Any]:
    """The reply to the propose prompt.

    Only what the path holds can be answered from it; what other branches found has to be joined to it first.
    """
    question = understand(brief.get("question"))
    path, others = thoughts_in(brief.lines("path")), thoughts_in(brief.lines("others"))
    texts = [text for _, _, text in path]
    known = gather(question, sights, [brief.get("seen_text"), *texts], brief.get("caption"))
    places: list[Place] = []
    if not known.found.is_sure:
        seen = looked_at([*texts, *(text for _, _, text in others)])
        named = _named_places(brief) or places_of(known, sights)
        places = [place for place in named if not any(_overlap(place[2], box) > 0.8 for box in seen)]
    grade = risk_of(question.text, sights, [brief.get("seen_text"), *texts])
    done = frozenset(kind for _, kind, _ in (*path, *others))
    outlook = Outlook(known, places, grade, _joined(known, path, others), done)
    return {
        "actions": propose_actions(outlook, kinds=brief.kinds, most=brief.branching),
        "merge": _same(path, others),
        "prune": [],
    }


def simulate(brief: Brief) -> dict[str, Any]:
    """The reply to the simulate prompt; no pictures come with it."""
    question = understand(brief.get("question"))
    path = [text for _, _, text in thoughts_in(brief.lines("path"))]
    known = gather(question, (), [brief.get("seen_text"), *path], brief.get("caption"))
    numbered = [(int(m.group(1)), m.group(2)) for line in brief.lines("actions") if (m := _ACTION.match(line))]
    unread = UNREAD in brief.get("caption") and any(kind == "look" for _, kind in numbered)
    outlook = Outlook(known, (), risk_of(question.text, (), [brief.get("seen_text"), *path]))
    horizon = brief.number(r"at most (\d+), each \{\"kind\"", 2)
    return {"forecasts": imagine(numbered, outlook, unread=unread, horizon=horizon)}


def _joined(
    known: Known, path: Sequence[tuple[str, str, str]], others: Sequence[tuple[str, str, str]]
) -> tuple[str, ...]:
    """The tip, and the first thought of another branch with which it would know the answer; else nothing."""
    if known.found.is_sure or not path or path[-1][1] not in _JOINED:
        return ()
    for name, kind, text in others:
        if name and kind in _JOINED and known.with_text(text).found.is_sure:
            return path[-1][0], name
    return ()


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
