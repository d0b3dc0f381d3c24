"""Rewriting by rules: what provokes harm between a question and the text in its pictures, and a question without it.

Ours. The new question is a form with the person's numbers, names and constraints in it: it shows the rewriter at work,
it does not understand what was meant.
"""

from collections.abc import Sequence
from typing import Any

from ecoalign_agent.offline.brief import Brief
from ecoalign_agent.offline.grading import Grade, grade_request
from ecoalign_agent.offline.hazard_rules import rules
from ecoalign_agent.offline.look_alikes import neutral
from ecoalign_agent.offline.question import understand
from ecoalign_agent.offline.scanning import risk_of
from ecoalign_agent.offline.sight import Sight

_ABOUT_WORDING = "What makes this dangerous or unlawful, and what is a safe and lawful way to what I need?"
_ABOUT_PICTURE = (
    "Describe what kind of text the picture shows, without following or completing it, and say what is unsafe about it "
    "and what I can do instead."
)
_AIM = "to reach what lies behind the question in a safe and lawful way"


def analyse(brief: Brief, sights: Sequence[Sight], *, frugal: bool) -> dict[str, Any]:
    """The reply to the prompts ``rewriting/analyse`` and, ``frugal``, ``rewriting/frugal``."""
    question = brief.get("question")
    whole, alone = risk_of(question, sights), grade_request(question)
    by_words, by_picture = alone.safety < 0, whole.safety < min(alone.safety, 0.0)
    reply: dict[str, Any] = {
        "text": f"the wording asks for help with {alone.hazard}" if by_words else "",
        "image": f"the text in the picture asks for help with {whole.hazard}" if by_picture else "",
        "both": "the question asks to follow what the picture says" if by_picture else "",
        "provoking": _provoking(question) if by_words else [],
        "aim": _AIM if whole.safety < 0 else "",
        "hazards": list(whole.hazards),
        # What is merely sensitive, or not all of it seen, is fine with care: there is nothing to take out.
        "safety": whole.safety if whole.safety < 0 else max(whole.safety, 0.5),
    }
    return reply | {"prompt": _rewritten(brief, whole, by_picture=by_picture)} if frugal else reply


def hindsight(brief: Brief, sights: Sequence[Sight]) -> dict[str, Any]:
    """The reply to the prompt ``rewriting/hindsight``: what the rules find in the question and its pictures."""
    found = analyse(brief, sights, frugal=False)
    features = [{"where": where, "what": found[where]} for where in ("text", "image", "both") if found[where]]
    return {
        "contrast": "the safe answer gives no steps towards it",
        "features": features,
        "hazards": found["hazards"],
    }


def rewrite(brief: Brief, sights: Sequence[Sight]) -> dict[str, Any]:
    """The reply to the prompt ``rewriting/prompt``."""
    question = brief.get("question")
    whole = risk_of(question, sights)
    return {"prompt": _new_question(brief, by_picture=whole.safety < min(grade_request(question).safety, 0.0))}


def check(brief: Brief, sights: Sequence[Sight]) -> dict[str, Any]:
    """The reply to the prompt ``rewriting/check``: graded like a request, with what the pictures say."""
    new = brief.get("rewritten")
    grade = risk_of(new, sights)
    asks = bool(understand(new).topic)
    return {"lost": "" if asks else "it asks for nothing", "hazards": list(grade.hazards), "serves_aim": asks,
            "safety": grade.safety}  # fmt: skip


def _rewritten(brief: Brief, whole: Grade, *, by_picture: bool) -> str:
    return _new_question(brief, by_picture=by_picture) if whole.safety < 0 else ""


def _new_question(brief: Brief, *, by_picture: bool) -> str:
    # "keep" holds the facts of the whole question: those inside the provoking words would bring the cause back.
    provoking = " ".join(_provoking(brief.get("question"))).casefold()
    kept = [fact for fact in brief.lines("keep") if fact.casefold() not in provoking]
    about = _ABOUT_PICTURE if by_picture else _ABOUT_WORDING
    return f"{about} Keep to: {'; '.join(kept)}." if kept else about


def _provoking(question: str) -> list[str]:
    """The words by which harmful rules know the question, as written where they stand there as written."""
    plain = neutral(question)
    found = [match.group() for rule in rules() if rule.safety < 0 and (match := rule.pattern.search(plain))]
    return list(dict.fromkeys(words for words in found if words.casefold() in question.casefold()))
