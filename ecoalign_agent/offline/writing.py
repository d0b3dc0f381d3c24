"""Thoughts and answers in words: reason, look, fuse, answer, synthesize, plan and decline."""

from collections.abc import Sequence

from ecoalign_agent.assessing.hazards import HAZARDS
from ecoalign_agent.offline.brief import Brief
from ecoalign_agent.offline.grading import grade_request
from ecoalign_agent.offline.knowledge import fitting, known_rows, settle, thoughts_in, told_as_answer
from ecoalign_agent.offline.question import understand
from ecoalign_agent.offline.reading import Finding
from ecoalign_agent.offline.refusing import ALTERNATIVES, strategy_for
from ecoalign_agent.offline.rows import Row
from ecoalign_agent.offline.scanning import caption_of
from ecoalign_agent.offline.sight import Sight


def look(brief: Brief, sights: Sequence[Sight], room: int) -> str:
    """What one part of a picture shows, its text quoted; the rows that answer the question come first."""
    question = understand(brief.get("question"))
    box = brief.box
    place = f"The part [{', '.join(f'{edge:.2f}' for edge in box)}]" if box else "This part"
    sight = sights[0] if sights else Sight()
    if sight.engine == "none" and sight.statistics is not None:
        return f"{place} could not be read: no OCR. {caption_of([sight])}"
    if not sight.clear:
        return f"{place} shows no readable text. {caption_of([sight])}"
    found = settle(question, sight.clear, caption_of([sight]))
    first = list(found.rows) if found.sure and found.rows else []
    rest = [row for row in sight.clear if row not in first]
    text = f"{place} reads {fitting([*first, *rest], max(80, room - 160))}."
    if found.is_sure and first:
        return f"{text} The first of these answers the question."
    unclear = len(sight.unclear)
    return text + (f" {unclear} further lines are unreadable." if unclear else "")


def reason(brief: Brief, sights: Sequence[Sight], room: int) -> str:
    """What the text says for the question, or what is missing."""
    question = understand(brief.get("question"))
    _, found = _known(brief, sights, ("seen_text", "path"))
    if found.is_sure and found.rows:
        value = f" gives {found.value}" if found.value and found.value != found.rows[0].text else " answers the question"
        return f"Among what was read, {fitting(found.rows, max(60, room - 120))}{value}."
    if found.rows:
        return f"Only {fitting(found.rows[:2], max(60, room - 160))} is about the question; no certain {question.wanted} is there."
    return f"Nothing that was read holds the {question.wanted} asked for: it would have to be read elsewhere in the picture."


def fuse(brief: Brief, room: int) -> str:
    """What several thoughts establish together."""
    question = understand(brief.get("question"))
    texts = [text for _, _, text in thoughts_in(brief.lines("thoughts"))]
    found = settle(question, known_rows((), texts), brief.get("caption"))
    if found.rows:
        value = f": {found.value}" if found.value else ""
        return f"Together the thoughts rest on {fitting(found.rows, max(60, room - 120))}{value}."
    return "Together the thoughts do not hold what was asked for."


def answer(brief: Brief, sights: Sequence[Sight], room: int) -> str:
    """The answer to the person, from the pictures and the thoughts so far."""
    question = understand(brief.get("question"))
    rows, found = _known(brief, sights, ("seen_text", "path"))
    grade = grade_request(question.text, [row.text for row in rows])
    if grade.safety < 0:
        return ALTERNATIVES.get(grade.hazard, ALTERNATIVES["none"])
    unread = "unclear to read" in brief.get("caption") or any(sight.unclear for sight in sights)
    text = told_as_answer(question, found, unread=unread, most=max(80, room - 200))
    if "S6" in grade.hazards:
        text += " Please check this with a pharmacist, a doctor or another professional."
    return text


def plan(brief: Brief) -> str:
    """The strategy for a sensitive request."""
    named = next((code for code, (name, _) in HAZARDS.items() if f"({name})" in brief.system), "none")
    grade = grade_request(brief.get("question"), [brief.get("seen_text")])
    return strategy_for(grade.hazard if grade.hazard != "none" else named)


def decline(brief: Brief) -> str:
    """A refusal that names what can be done instead."""
    grade = grade_request(brief.get("question"), [brief.get("caption")])
    reason_given = brief.get("reason")
    named = next((code for code, (name, _) in HAZARDS.items() if name in reason_given or f"{code} " in reason_given), "none")
    return ALTERNATIVES.get(grade.hazard if grade.hazard != "none" else named, ALTERNATIVES["none"])


def _known(brief: Brief, sights: Sequence[Sight], fences: Sequence[str]) -> tuple[list[Row], Finding]:
    texts = [line for fence in fences for line in brief.lines(fence)]
    rows = known_rows(sights, texts)
    caption = brief.get("caption") or caption_of(sights)
    return rows, settle(understand(brief.get("question")), rows, caption)
