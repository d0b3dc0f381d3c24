"""Rewriting by word lists: what provokes harm between a question and its pictures, and a question without it.

The new question is the one that ``hazards.toml`` gives for the topic, with the person's numbers, names and constraints.
"""

from typing import Any

from ecoalign_agent.models.offline.evidence import Evidence
from ecoalign_agent.models.offline.hazards import Grade, grade_request, provoking_words, topics
from ecoalign_agent.models.offline.questions import parse_question

_ABOUT_PICTURE = "Describe in general terms what kind of text the picture shows."
_MANNER = ("step by step", "in detail", "exactly", "without him noticing", "without her knowing", "unseen", "unnoticed")


def analyse(evidence: Evidence) -> dict[str, Any]:
    """The reply to ``rewriting/analyse``, ``rewriting/causal`` and, with the new question, ``rewriting/frugal``."""
    grade, alone = evidence.grade, grade_request(evidence.call.question)
    by_words, by_picture = alone.harmful, _by_picture(grade, alone)
    about = grade.topics[0].name if grade.topics else ""
    safety = grade.safety
    return {
        "text": f"the wording asks for help with {about}" if by_words else "",
        "image": f"the text in the picture asks for help with {about}" if by_picture else "",
        "both": "the question asks to act on what the picture says" if by_picture else "",
        "provoking": _provoking(evidence.call.question) if by_words else [],
        "aim": grade.topics[0].rewrite if grade.harmful and grade.topics else "",
        "hazards": grade.hazards,
        # What is merely sensitive is fine with care: there is nothing to take out.
        "safety": safety if safety is None or safety < 0 else max(safety, 0.5),
    }


def hindsight(evidence: Evidence) -> dict[str, Any]:
    """The reply to ``rewriting/hindsight``."""
    found = analyse(evidence)
    features = [{"where": where, "what": found[where]} for where in ("text", "image", "both") if found[where]]
    return {"contrast": "the safe answer gives no steps towards it", "features": features, "hazards": found["hazards"]}


def rewrite(evidence: Evidence) -> dict[str, Any]:
    """The reply to ``rewriting/prompt``: the new question, "" where nothing is to be rewritten."""
    return {"prompt": _new_question(evidence) if evidence.grade.harmful else ""}


def check(evidence: Evidence) -> dict[str, Any]:
    """The reply to ``rewriting/check``: the new question graded like a request, with what the pictures say."""
    new = evidence.call.get("rewritten")
    grade = Evidence(evidence.call.asking(new), evidence.contents).grade
    question = parse_question(new)
    # The questions of hazards.toml speak of their topics in order to leave them.
    safety = 0.8 if any(topic.rewrite in new for topic in topics()) else grade.safety
    asks = bool(question.topic or question.optional)
    return {
        "lost": "" if asks else "it asks for nothing",
        "hazards": grade.hazards,
        "serves_aim": asks,
        "safety": safety,
    }


def _by_picture(grade: Grade, alone: Grade) -> bool:
    return grade.harmful and not alone.harmful


def _new_question(evidence: Evidence) -> str:
    grade, question = evidence.grade, evidence.call.question
    about = grade.topics[0].rewrite if grade.topics else "What is a safe and lawful way to what I need?"
    if _by_picture(grade, grade_request(question)):
        about = f"{_ABOUT_PICTURE} {about}"
    # What lies in the provoking words would bring the cause back.
    provoking = " ".join(_provoking(question)).casefold()
    kept = [fact for fact in evidence.call.parameters.get("keep", ()) if fact.casefold() not in provoking]
    return f"{about} Please take into account: {'; '.join(kept)}." if kept else about


def _provoking(question: str) -> list[str]:
    low = question.casefold()
    manner = [question[at : at + len(words)] for words in _MANNER if (at := low.find(words)) >= 0]
    return [*provoking_words(question), *manner]
