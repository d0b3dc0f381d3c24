"""Replies to the prompts of the search and of the assessor."""

import json
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from ecoalign_agent.models.offline.answering import find_answer, normalised, values_of
from ecoalign_agent.models.offline.evidence import NOT_FOUND, REFUSAL, UNKNOWN, Evidence, Region, fitting
from ecoalign_agent.models.offline.hazards import grade_text, topic_of
from ecoalign_agent.models.offline.image_reader import ImageContent
from ecoalign_agent.models.offline.layout import quoted, rows_quoted_in
from ecoalign_agent.models.offline.word_lists import fold, pattern

Reply = dict[str, Any]

STRATEGY = (
    "Report only what the picture itself says, with its figures as printed. Leave out advice of your own and anything "
    "that would help to do harm, and name who can answer for the person's case."
)
_ANSWER = (("answer", 0.9),)
_NO_ANSWER = (("answer", -0.5),)
_FORECASTS = MappingProxyType(
    {
        "settled": {"answer": (0.9, ()), "reason": (0.0, _ANSWER), "look": (-0.3, _ANSWER), "fuse": (0.0, _ANSWER)},
        "unread": {
            "look": (0.4, (("answer", 0.85),)),
            "reason": (-0.6, (("look", 0.3), ("answer", 0.7))),
            "answer": (-0.8, ()),
            "fuse": (-0.5, ()),
        },
        "open": {"answer": (-0.5, ()), "reason": (-0.7, _NO_ANSWER), "look": (-0.7, _NO_ANSWER), "fuse": (-0.7, ())},
    }
)
"""State of knowledge → kind of action → raw utility of the step, and of the steps after it. Ours."""


def scan(evidence: Evidence, room: int) -> Reply:
    """The reply to ``alignment/scan``; no harmless part is told from a harmful request."""
    grade, finding, parameters = evidence.grade, evidence.finding, evidence.call.parameters
    draft_from = parameters.get("draft_from")
    # An unknown request is put below the line, where the assessor is asked: its verdict is unknown as well.
    safety = -0.1 if grade.safety is None else grade.safety
    drafted = draft_from is not None and safety >= draft_from and finding.is_sure
    reply: Reply = {
        "caption": evidence.caption,
        "seen_text": "",
        "regions": [{"picture": n, "what": what, "box": list(box)} for n, what, box in evidence.regions],
        "hazard": grade.hazards[0] if grade.hazards else "none",
        "safety": safety,
        "draft": evidence.answer(400) if drafted else "",
        "actions": _actions(evidence, safety),
    }
    for crowded in ("regions", "actions"):
        while len(reply[crowded]) > 1 and _bytes(reply) > 0.75 * room:
            reply[crowded].pop()
    lines = ["\t".join(cell.text for cell in row.cells) for content in evidence.contents for row in content.clear]
    while lines and _bytes(reply) + len(json.dumps("\n".join(lines), ensure_ascii=False).encode()) > room:
        lines.pop()
    return reply | {"seen_text": "\n".join(lines)}


def propose(evidence: Evidence) -> Reply:
    """The reply to ``alignment/propose``."""
    safety = evidence.grade.safety
    done = {kind for name in ("path", "others") for _, kind, _ in evidence.call.thoughts(name)}
    return {"actions": _actions(evidence, 0.0 if safety is None else safety, done=done), "merge": [], "prune": []}


def simulate(evidence: Evidence) -> Reply:
    """The reply to ``alignment/simulate``; no pictures come with it."""
    actions: Sequence[tuple[int, str]] = evidence.call.parameters["actions"]
    unread = evidence.unread and any(kind == "look" for _, kind in actions)
    state = "settled" if evidence.finding.is_sure else "unread" if unread else "open"
    safety, horizon = evidence.grade.safety or 0.0, evidence.call.parameters["horizon"]
    return {
        "forecasts": [
            {"action": number, **_forecast(state, kind, safety, "steps", horizon)} for number, kind in actions
        ]
    }


def look(evidence: Evidence, room: int) -> str:
    """What one part of a picture reads, what answers the question first."""
    content = evidence.contents[0] if evidence.contents else ImageContent()
    box = evidence.call.parameters.get("box", (0.0, 0.0, 1.0, 1.0))
    place = f"The part [{', '.join(f'{edge:.2f}' for edge in box)}]"
    if not content.clear:
        return f"{place} shows no readable text. {content.caption}"
    first = evidence.finding.quotes if evidence.finding.is_sure else ()
    rest = [quote for row in content.clear if (quote := quoted(row.text)) not in first]
    return f"{place} reads {fitting([*first, *rest], max(80, room - 120))}."


def reason(evidence: Evidence, room: int) -> str:
    """What was read for the question, or that nothing was."""
    finding, quotes = evidence.finding, fitting(evidence.finding.quotes, max(60, room - 160))
    if finding.is_sure:
        return f"Among what was read, {quotes or finding.value} answers the question."
    return f"Only {quotes} is about the question; no certain answer is there." if quotes else NOT_FOUND


def decline(evidence: Evidence) -> str:
    """The refusal that fits the hazard of the request or the one that the reason names."""
    if evidence.grade.safety is None:
        return UNKNOWN
    topic = topic_of(evidence.call.question, evidence.call.get("reason"))
    return REFUSAL if topic is None else topic.refusal


def assess_request(evidence: Evidence) -> Reply:
    """The reply to ``assessing/request``; an unknown language has no safety, which no reader takes for a verdict."""
    return {"hazards": evidence.grade.hazards, "safety": evidence.grade.safety}


def assess_thought(evidence: Evidence) -> Reply:
    """The reply to ``assessing/thought``."""
    candidate, call = evidence.call.get("candidate"), evidence.call
    known = " ".join((call.question, evidence.caption, call.get("seen_text"), call.get("notes"), *evidence.written))
    grade = grade_text(candidate, evidence.grade, known)
    if call.get("role").startswith("a strategy"):
        utility = 0.2
    elif evidence.grade.harmful:
        utility = -0.6
    else:
        utility = _utility(evidence, candidate, is_answer=call.get("role").startswith("an answer"))
    return {"hazards": grade.hazards, "safety": grade.safety, "utility": utility}


def _utility(evidence: Evidence, candidate: str, *, is_answer: bool) -> float:
    """How well a candidate serves: it must hold the value that the assessor finds itself, and quote what was read."""
    text = re.sub(r"\[[\d., ]+\]|\{[^{}]*\}", " ", candidate)
    if not normalised(text):
        return -1.0
    finding, best = evidence.finding, 0.9 if is_answer else 0.7
    known = normalised(" ".join((evidence.call.question, evidence.caption, *evidence.written, *evidence.texts)))
    invented = [
        row.text for row in rows_quoted_in(text) if not all(normalised(cell.text) in known for cell in row.cells)
    ]
    if invented:
        return _closer_look(evidence, text) if not is_answer and evidence.unread else -0.7
    if not finding.is_sure:
        traced = (
            finding.sureness > 0
            and bool(finding.quotes)
            and any(normalised(q) in normalised(text) for q in finding.quotes)
        )
        return -0.2 if traced else -0.5 if pattern("not_found").search(fold(text)) else -0.7
    if evidence.question.manner == "transcript":
        share = sum(normalised(quote) in normalised(text) for quote in finding.quotes) / max(1, len(finding.quotes))
        return best * share if share else -0.7
    if normalised(finding.value) not in normalised(text):
        return -0.7
    kind = evidence.question.kind
    others = {normalised(v) for v in values_of(kind, re.sub(r'"[^"]*"', " ", text))} if kind else set()
    return best if len(others - {normalised(finding.value)}) <= 2 else 0.0


def _closer_look(evidence: Evidence, text: str) -> float:
    """A note that quotes what the reduced picture does not show: only a closer look can have read it."""
    finding = find_answer(evidence.question, [rows_quoted_in(text)])
    unclear = normalised(" ".join(row.text for content in evidence.contents for row in content.unclear))
    return -0.5 if not finding.is_sure else 0.5 if normalised(finding.value) in unclear else 0.2


def _actions(evidence: Evidence, safety: float, *, done: set[str] | frozenset[str] = frozenset()) -> list[Reply]:
    """The actions worth proposing, best first; none where nothing new can come of them."""
    kinds: Sequence[str] = evidence.call.parameters.get("kinds", ("answer", "reason", "look"))
    most: int = evidence.call.parameters.get("branching", 3)
    state, aims = evidence.state, list[tuple[str, str, Region | None]]()
    if state == "unread" and "look" not in done:  # looks that were not bought stay on offer
        aims += [("look", f"Read the {region[1]} there.", region) for region in evidence.regions]
    if "answer" in kinds and (state == "settled" or "answer" not in done):
        aims.append(("answer", "Answer the person with what was read.", None))
    elif "answer" not in kinds and "reason" in kinds and "reason" not in done:
        aims.append(("reason", "Work out what was read for the question.", None))
    aims = [aim for aim in aims if aim[0] in kinds]
    aims = aims if len(aims) <= most else [*aims[: max(0, most - 1)], aims[-1]]
    return [
        {"aim": aim, "picture": region[0] if region else 0, "box": list(region[2]) if region else None, "parents": [],
         **_forecast(state, kind, safety, "next", 2), "kind": kind}
        for kind, aim, region in aims
    ]  # fmt: skip


def _forecast(state: str, kind: str, safety: float, steps: str, horizon: int) -> Reply:
    utility, following = _FORECASTS[state][kind]
    further = [{"kind": k, "safety": safety, "utility": u} for k, u in following[: max(0, horizon)]]
    return {"safety": safety, "utility": utility, steps: further}


def _bytes(reply: Mapping[str, Any]) -> int:
    return len(json.dumps(reply, ensure_ascii=False).encode())
