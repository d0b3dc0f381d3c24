"""Thoughts and answers in words: reason, look, fuse, answer, synthesize, plan and decline."""

from collections.abc import Sequence

from ecoalign_agent.offline.brief import Brief
from ecoalign_agent.offline.grading import grade_request
from ecoalign_agent.offline.knowledge import Known, fitting, gather, thoughts_in, told_as_answer
from ecoalign_agent.offline.question import understand
from ecoalign_agent.offline.refusing import ALTERNATIVES, hazard_named_in, strategy_for
from ecoalign_agent.offline.scanning import caption_of
from ecoalign_agent.offline.sight import Sight


def look(brief: Brief, sights: Sequence[Sight], room: int) -> str:
    """What one part of a picture shows, its text quoted; the rows that answer the question come first."""
    sight = sights[0] if sights else Sight()
    place = f"The part [{', '.join(f'{edge:.2f}' for edge in brief.box)}]" if brief.box else "This part"
    caption = caption_of([sight])
    if not sight.clear:
        why = "could not be read: no OCR" if sight.engine == "none" else "shows no readable text"
        return f"{place} {why}. {caption}"
    found = gather(understand(brief.get("question")), [sight], (), caption).found
    first = list(found.rows) if found.sure else []
    rest = [row for row in sight.clear if row not in first]
    text = f"{place} reads {fitting([*first, *rest], max(80, room - 160))}."
    if found.is_sure and first:
        return f"{text} The first of these answers the question."
    return text + (f" {len(sight.unclear)} further lines are unreadable." if sight.unclear else "")


def reason(brief: Brief, sights: Sequence[Sight], room: int) -> str:
    """What the text says for the question, or what is missing."""
    known = _known(brief, sights)
    found, wanted = known.found, known.question.wanted
    quotes = fitting(found.rows, max(60, room - 160))
    if found.is_sure and found.rows:
        told = f"gives {found.value}" if found.value != found.rows[0].text else "answers the question"
        return f"Among what was read, {quotes} {told}."
    if found.is_sure:
        return f"What the picture shows answers the question: {found.value}."
    if found.rows:
        return f"Only {quotes} is about the question; no certain {wanted} is there."
    return f"Nothing that was read holds the {wanted} asked for: it would have to be read elsewhere in the picture."


def fuse(brief: Brief, room: int) -> str:
    """What several thoughts establish together."""
    texts = [text for _, _, text in thoughts_in(brief.lines("thoughts"))]
    found = gather(understand(brief.get("question")), (), texts, "").found
    if not found.rows:
        return "Together the thoughts do not hold what was asked for."
    value = f": {found.value}" if found.value else ""
    return f"Together the thoughts rest on {fitting(found.rows, max(60, room - 160))}{value}."


def answer(brief: Brief, sights: Sequence[Sight], room: int) -> str:
    """The answer to the person, from the pictures and the thoughts so far."""
    known = _known(brief, sights)
    grade = grade_request(known.question.text, [row.text for row in known.rows])
    if grade.safety < 0:
        return ALTERNATIVES.get(grade.hazard, ALTERNATIVES["none"])
    text = told_as_answer(known, most=max(80, room - 200))
    if "S6" in grade.hazards:
        text += " Please check this with a pharmacist, a doctor or another professional."
    return text


def plan(brief: Brief) -> str:
    """The strategy for a sensitive request."""
    grade = grade_request(brief.get("question"), [brief.get("seen_text")])
    return strategy_for(grade.hazard if grade.hazards else hazard_named_in(brief.system))


def decline(brief: Brief) -> str:
    """A refusal that names what can be done instead."""
    named = hazard_named_in(brief.get("reason"))
    code = grade_request(brief.get("question")).hazard if named == "none" else named
    return ALTERNATIVES.get(code, ALTERNATIVES["none"])


def _known(brief: Brief, sights: Sequence[Sight]) -> Known:
    texts = [*brief.lines("seen_text"), *brief.lines("path")]
    caption = brief.get("caption") or caption_of(sights)
    return gather(understand(brief.get("question")), sights, texts, caption)
