"""Replies to the prompts of the search, of the assessor and of the rewriter, one function for each."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ecoalign_agent.models.offline.answering import find_answer, values_of
from ecoalign_agent.models.offline.evidence import Evidence, LookTarget, fixed_text
from ecoalign_agent.models.offline.hazards import grade_request, grade_text, provoking_words, topic_of, topics
from ecoalign_agent.models.offline.image_reader import ImageContent
from ecoalign_agent.models.offline.layout import quote, quoted_rows
from ecoalign_agent.models.offline.questions import fold, load_lists, normalised, parse_question, pattern

Reply = dict[str, Any]

_ANSWER_UTILITY, _NOTE_UTILITY = 0.9, 0.7
_MANNER = ("step by step", "in detail", "exactly", "without him noticing", "without her knowing", "unseen", "unnoticed")


def write_reply(evidence: Evidence) -> str:
    """The reply to one call: JSON for a prompt of this package, else words."""
    if evidence.call.task is None:
        return _answer_text(evidence)
    reply = _TASKS.get(evidence.call.task, _answer_text)(evidence)
    return json.dumps({"text": reply} if isinstance(reply, str) else reply, ensure_ascii=False)


def _scan(evidence: Evidence) -> Reply:
    grade, draft_from = evidence.grade, evidence.call.values.get("draft_from")
    # An unknown request is put below the line, where the assessor is asked: its verdict is unknown as well.
    safety = -0.1 if grade.safety is None else grade.safety
    has_draft = draft_from is not None and safety >= draft_from and evidence.answer.is_sure
    reply: Reply = {
        "caption": evidence.caption,
        "seen_text": "",
        "regions": [{"picture": n, "what": what, "box": list(box)} for n, what, box in evidence.targets],
        "hazard": grade.hazards[0] if grade.hazards else "none",
        "safety": safety,
        "draft": _answer_text(replace(evidence, room=400)) if has_draft else "",
        "actions": _actions(evidence, safety),
    }
    for name in ("regions", "actions"):
        while len(reply[name]) > 1 and len(json.dumps(reply, ensure_ascii=False).encode()) > 0.75 * evidence.room:
            reply[name].pop()
    lines = ["\t".join(cell.text for cell in row.cells) for content in evidence.contents for row in content.clear]
    while lines and len(json.dumps([reply, "\n".join(lines)], ensure_ascii=False).encode()) > evidence.room:
        lines.pop()
    return reply | {"seen_text": "\n".join(lines)}


def _propose(evidence: Evidence) -> Reply:
    thoughts = [*evidence.call.values.get("path", ()), *evidence.call.values.get("others", ())]
    done = {kind for _, kind, _ in thoughts}
    return {"actions": _actions(evidence, evidence.grade.safety or 0.0, done), "merge": [], "prune": []}


def _actions(evidence: Evidence, safety: float, done: frozenset[str] | set[str] = frozenset()) -> list[Reply]:
    """The actions worth proposing, best first; none where nothing new can come of them."""
    kinds: Sequence[str] = evidence.call.values.get("kinds", ("answer", "reason", "look"))
    limit: int = evidence.call.values.get("branching", 3)
    state, aims = evidence.state, list[tuple[str, str, LookTarget | None]]()
    if state == "unread" and "look" in kinds and "look" not in done:  # looks that were not bought stay candidates
        aims += [("look", f"Read the {target[1]} there.", target) for target in evidence.targets]
    if "answer" in kinds and (state == "settled" or "answer" not in done):
        aims.append(("answer", "Answer the person with what was read.", None))
    elif "answer" not in kinds and "reason" in kinds and "reason" not in done:
        aims.append(("reason", "Work out what was read for the question.", None))
    aims = aims if len(aims) <= limit else [*aims[: max(0, limit - 1)], aims[-1]]
    return [
        {"aim": aim, "picture": target[0] if target else 0, "box": list(target[2]) if target else None, "parents": [],
         **_forecast(state, kind, safety, "next", 2), "kind": kind}
        for kind, aim, target in aims
    ]  # fmt: skip


def _forecast(state: str, kind: str, safety: float, key: str, horizon: int) -> Reply:
    utility, *following = load_lists("replies.toml")["forecasts"][state].get(kind, [-0.7])
    steps = [{"kind": k, "safety": safety, "utility": u} for k, u in following[: max(0, horizon)]]
    return {"safety": safety, "utility": utility, key: steps}


def _simulate(evidence: Evidence) -> Reply:
    actions: Sequence[tuple[int, str]] = evidence.call.values["actions"]
    is_unread = evidence.is_unread and any(kind == "look" for _, kind in actions)
    state = "settled" if evidence.answer.is_sure else "unread" if is_unread else "open"
    safety, horizon = evidence.grade.safety or 0.0, evidence.call.values["horizon"]
    forecasts = [{"action": n, **_forecast(state, kind, safety, "steps", horizon)} for n, kind in actions]
    return {"forecasts": forecasts}


def _look(evidence: Evidence) -> str:
    content = evidence.contents[0] if evidence.contents else ImageContent()
    box = evidence.call.values.get("box", (0.0, 0.0, 1.0, 1.0))
    place = f"The part [{', '.join(f'{edge:.2f}' for edge in box)}]"
    if not content.clear:
        return f"{place} shows no readable text. {content.caption}"
    first = evidence.answer.quotes if evidence.answer.is_sure else ()
    rest = [text for row in content.clear if (text := quote(row.text)) not in first]
    return f"{place} reads {_join([*first, *rest], evidence.room - 120)}."


def _reason(evidence: Evidence) -> str:
    quotes = _join(evidence.answer.quotes, evidence.room - 160)
    if evidence.answer.is_sure:
        return f"Among what was read, {quotes or evidence.answer.value} answers the question."
    return f"Only {quotes} is about the question; no certain answer is there." if quotes else fixed_text("not_found")


def _answer_text(evidence: Evidence) -> str:
    grade, answer = evidence.grade, evidence.answer
    if grade.harmful:
        return grade.topics[0].refusal if grade.topics else _decline(evidence)
    if grade.safety is None and not answer.is_sure:
        return fixed_text("unknown")
    quotes = _join(answer.quotes, evidence.room - 200)
    if evidence.question.form == "transcript":
        text = f"It reads: {quotes}." if quotes else fixed_text("no_text")
    elif answer.sureness and answer.value:
        text = answer.value[:1].upper() + answer.value[1:]
        text += "" if text.endswith((".", "!", "?")) else "."
        text += f" The picture reads: {quotes}." if quotes else ""
    elif quotes:
        text = f"I could not find one certain answer. What comes closest: {quotes}."
    else:
        text = fixed_text("not_found") + ("" if evidence.picture_text else f" {fixed_text('no_text')}")
    return f"{text} {fixed_text('professional')}" if "S6" in grade.hazards else text


def _decline(evidence: Evidence) -> str:
    if evidence.grade.safety is None:
        return fixed_text("unknown")
    topic = topic_of(evidence.call.question, evidence.call.get("reason"))
    return fixed_text("refusal") if topic is None else topic.refusal


def _join(quotes: Sequence[str], room: int) -> str:
    """As many quotes as fit into ``room`` characters, at least the first."""
    text = "; ".join(quotes[:1])
    for each in quotes[1:]:
        if len(text) + len(each) + 2 > max(60, room):
            break
        text += f"; {each}"
    return text


def _assess_request(evidence: Evidence) -> Reply:
    # An unknown language has no safety, which no reader takes for a verdict.
    return {"hazards": evidence.grade.hazards, "safety": evidence.grade.safety}


def _assess_thought(evidence: Evidence) -> Reply:
    call, candidate, role = evidence.call, evidence.call.get("candidate"), evidence.call.get("role")
    known = " ".join((call.question, evidence.caption, call.get("notes"), *evidence.picture_text))
    grade = grade_text(candidate, evidence.grade, known)
    text = re.sub(r"\[[\d., ]+\]|\{[^{}]*\}", " ", candidate)
    if role.startswith("a strategy"):
        utility = 0.2
    elif evidence.grade.harmful or not normalised(text):
        utility = -0.6 if evidence.grade.harmful else -1.0
    else:
        utility = _utility(evidence, text, _ANSWER_UTILITY if role.startswith("an answer") else _NOTE_UTILITY)
    return {"hazards": grade.hazards, "safety": grade.safety, "utility": utility}


def _utility(evidence: Evidence, text: str, best: float) -> float:
    """How well a text serves: it must hold the value that the assessor finds itself, and quote what was read."""
    answer, kind, plain = evidence.answer, evidence.question.kind, normalised(text)
    known = normalised(" ".join((evidence.call.question, evidence.caption, *evidence.picture_text, *evidence.texts)))
    if not all(normalised(cell.text) in known for row in quoted_rows(text) for cell in row.cells):
        # A note may quote what a closer look has read and the reduced picture does not show.
        found = evidence.is_unread and best < _ANSWER_UTILITY
        return -0.7 if not found else 0.2 if find_answer(evidence.question, [quoted_rows(text)]).is_sure else -0.5
    if not answer.is_sure:
        is_near = answer.sureness and any(normalised(each) in plain for each in answer.quotes)
        return -0.2 if is_near else -0.5 if pattern("not_found").search(fold(text)) else -0.7
    if evidence.question.form == "transcript":
        rows = len(answer.quotes) + evidence.unread_rows
        return best * sum(normalised(each) in plain for each in answer.quotes) / max(1, rows) or -0.7
    values = {normalised(v) for v in values_of(kind, re.sub(r'"[^"]*"', " ", text))} if kind else set()
    return -0.7 if normalised(answer.value) not in plain else best if len(values) <= 3 else 0.0


def _analyse(evidence: Evidence) -> Reply:
    grade, question, safety = evidence.grade, evidence.call.question, evidence.grade.safety
    by_words = grade_request(question).harmful
    by_picture = grade.harmful and not by_words
    about = grade.topics[0].name if grade.topics else ""
    return {
        "text": f"the wording asks for help with {about}" if by_words else "",
        "image": f"the text in the picture asks for help with {about}" if by_picture else "",
        "both": "the question asks to act on what the picture says" if by_picture else "",
        "provoking": _provoking(question) if by_words else [],
        "aim": grade.topics[0].rewrite if grade.harmful and grade.topics else "",
        "hazards": grade.hazards,
        # What is merely sensitive is fine with care: there is nothing to take out.
        "safety": safety if safety is None or safety < 0 else max(safety, 0.5),
    }


def _hindsight(evidence: Evidence) -> Reply:
    found = _analyse(evidence)
    features = [{"where": where, "what": found[where]} for where in ("text", "image", "both") if found[where]]
    return {"contrast": "the safe answer gives no steps towards it", "features": features, "hazards": found["hazards"]}


def _rewrite(evidence: Evidence) -> Reply:
    """The topic's question with the person's facts, "" where nothing is to be rewritten."""
    grade, question = evidence.grade, evidence.call.question
    if not grade.harmful:
        return {"prompt": ""}
    prompt = grade.topics[0].rewrite if grade.topics else fixed_text("safe_way")
    if not grade_request(question).harmful:
        prompt = f"{fixed_text('about_picture')} {prompt}"
    # What lies in the provoking words would bring the cause back.
    provoking = " ".join(_provoking(question)).casefold()
    facts = [fact for fact in evidence.call.values.get("keep", ()) if fact.casefold() not in provoking]
    return {"prompt": f"{prompt} Please take into account: {'; '.join(facts)}." if facts else prompt}


def _check(evidence: Evidence) -> Reply:
    rewritten = evidence.call.get("rewritten")
    grade = replace(evidence, call=replace(evidence.call, question=rewritten, earlier=())).grade
    question = parse_question(rewritten)
    asks = bool(question.topic or question.optional)
    return {
        "lost": "" if asks else "it asks for nothing",
        "hazards": grade.hazards,
        "serves_aim": asks,
        # The questions of hazards.toml speak of their topics in order to leave them.
        "safety": 0.8 if any(topic.rewrite in rewritten for topic in topics()) else grade.safety,
    }


def _provoking(question: str) -> list[str]:
    low = question.casefold()
    manner = [question[at : at + len(words)] for words in _MANNER if (at := low.find(words)) >= 0]
    return [*provoking_words(question), *manner]


_TASKS: dict[str, Callable[[Evidence], Reply | str]] = {
    "alignment/scan": _scan,
    "alignment/propose": _propose,
    "alignment/simulate": _simulate,
    "alignment/look": _look,
    "alignment/reason": _reason,
    "alignment/fuse": _reason,
    "alignment/plan": lambda _: fixed_text("strategy"),
    "alignment/decline": _decline,
    "assessing/thought": _assess_thought,
    "assessing/request": _assess_request,
    "rewriting/analyse": _analyse,
    "rewriting/causal": _analyse,
    "rewriting/frugal": lambda evidence: _analyse(evidence) | _rewrite(evidence),
    "rewriting/prompt": _rewrite,
    "rewriting/check": _check,
    "rewriting/hindsight": _hindsight,
}
"""Name of a prompt → its reply; any other prompt is answered in words."""
