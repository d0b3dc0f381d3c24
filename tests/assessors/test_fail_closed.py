"""100 000 generated replies through reading and aggregation: what is not exactly one well-formed verdict is never safe.

An oracle of its own (``oracle.py``) says which replies are well-formed. Every test prints its counts.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from langchain_core.messages import AIMessage

from ecoalign_agent.assessors.base import RequestVerdictReply, ThoughtVerdictReply, Verdict
from ecoalign_agent.assessors.chat_model import verdict_from_reply
from ecoalign_agent.assessors.combined import weakest_verdict
from ecoalign_agent.assessors.guard import parse_guard_reply
from ecoalign_agent.assessors.moderation import parse_moderation_reply
from ecoalign_agent.llm.endpoint import OutputMode
from ecoalign_agent.llm.parsing import parse_reply
from ecoalign_agent.search.assessment import make_thought
from tests.assessors.oracle import Told, guard_says_safe, moderation_in, verdict_in
from tests.assessors.replies import Draw, calling, ended, guard_text, moderation_body, reply_text

STEADY = Verdict(1.0, 1.0, 0.0)
"""Another assessor, who finds everything safe: it must not lend its grade to one who said nothing readable."""

THOUGHTS, REQUESTS, GUARDS, MODERATIONS = 15_000, 10_000, 15_000, 15_000
"""4 · 15 000 on the rungs, and the rest: 100 000 together."""


def counts_as_safe(verdict: Verdict, *, grades_utility: bool = True) -> bool:
    """Whether a text with this verdict, beside a steady one, becomes a thought that may stand on a path."""
    both = weakest_verdict([verdict, STEADY], [grades_utility, True])
    thought = make_thought("t1", "answer", "text", ("root",), 1.0, both, round_=0)
    return not thought.unassessed and thought.safety >= 0


@contextmanager
def counted(title: str) -> Iterator[Counter[str]]:
    """Counts what came of the replies, and prints it."""
    counts: Counter[str] = Counter()
    yield counts
    print(f"\n{title}: " + ", ".join(f"{what} {number:,}" for what, number in sorted(counts.items())))


def in_message(message: AIMessage, *, utility: bool) -> Told | None:
    """What the oracle sees in a whole message: a reply that ended by itself, and one place where a verdict stands."""
    if message.response_metadata.get("finish_reason") not in {None, "stop"} or "refusal" in message.additional_kwargs:
        return None
    if message.invalid_tool_calls:
        return None
    if not message.tool_calls:
        return verdict_in(str(message.content), utility=utility)
    if len(message.tool_calls) > 1 or str(message.content).strip():
        return None
    raw = message.additional_kwargs.get("tool_calls")
    # Without the raw arguments what langchain made of them is all there is.
    if raw is None:
        found = message.tool_calls[0]["args"]
        return Told(found["safety"], found.get("utility")) if well_typed(found, utility=utility) else None
    return verdict_in(raw[0]["function"]["arguments"], utility=utility)


def well_typed(found: dict[str, object], *, utility: bool) -> bool:
    grades = [found.get(key) for key in ("safety", "utility")[: 1 + utility]]
    hazards = found.get("hazards")
    return (
        set(found) == {"hazards", "safety", *(["utility"] * utility)}
        and isinstance(hazards, list)
        and all(isinstance(code, str) and code.isascii() for code in hazards)
        and all(type(grade) in {int, float} and -1 <= grade <= 1 for grade in grades)  # type: ignore[operator] # just typed
    )


def check(verdict: Verdict, told: Told | None, counts: Counter[str]) -> None:
    """The law, for one reply: safe only where the oracle read a verdict, and then with that verdict's own grades."""
    safe = counts_as_safe(verdict)
    if told is None:
        assert not safe
        assert verdict.safety is None
        counts["not well-formed, none of them safe"] += 1
        return
    assert (verdict.safety, verdict.utility) == (told.safety, 0.0 if told.utility is None else (1 + told.utility) / 2)
    assert safe == (told.safety >= 0)
    counts["well-formed and safe" if safe else "well-formed and unsafe"] += 1


@pytest.mark.parametrize("rung", ["json_schema", "function_calling", "json_mode", "plain"])
def test_no_reply_but_one_well_formed_verdict_makes_a_thought_safe(rung: OutputMode) -> None:
    draw = Draw(f"thought {rung}")
    with counted(f"{THOUGHTS:,} replies on {rung}") as counts:
        for _ in range(THOUGHTS):
            text = reply_text(draw, utility=True)
            message = ended(draw, calling(draw, text) if rung == "function_calling" else AIMessage(text))
            reading = parse_reply(message, rung, ThoughtVerdictReply, exact=True)
            check(verdict_from_reply(reading.value, 1.0, reading.reason), in_message(message, utility=True), counts)
    # And it reads what it should: otherwise it would hold for a reader that reads nothing.
    assert counts["well-formed and safe"] > THOUGHTS / 40
    assert counts["well-formed and unsafe"] > THOUGHTS / 40
    assert counts["well-formed but unread"] < THOUGHTS / 400


def test_nor_a_request() -> None:
    draw = Draw("request")
    with counted(f"{REQUESTS:,} verdicts on requests") as counts:
        for _ in range(REQUESTS):
            # Half of them are verdicts on thoughts: a key too many.
            text = reply_text(draw, utility=draw.random() < 0.5)
            message = ended(draw, AIMessage(text))
            reading = parse_reply(message, "json_schema", RequestVerdictReply, exact=True)
            check(verdict_from_reply(reading.value, 1.0, reading.reason), in_message(message, utility=False), counts)
    assert counts["well-formed and safe"] > REQUESTS / 40


def test_a_guard_is_understood_only_when_it_says_the_one_word() -> None:
    draw = Draw("guard")
    with counted(f"{GUARDS:,} replies of a guard") as counts:
        for _ in range(GUARDS):
            message = ended(draw, AIMessage(guard_text(draw)))
            verdict = parse_guard_reply(message)
            whole = message.response_metadata.get("finish_reason") in {None, "stop"}
            due = whole and "refusal" not in message.additional_kwargs and guard_says_safe(str(message.content))
            assert counts_as_safe(verdict, grades_utility=False) == due
            counts["safe" if due else "unsafe" if verdict.safety is not None else "unknown"] += 1
    assert min(counts["safe"], counts["unsafe"], counts["unknown"]) > GUARDS / 40


def test_a_moderation_counts_only_whole_and_unflagged() -> None:
    draw = Draw("moderation")
    with counted(f"{MODERATIONS:,} answers of a moderation endpoint") as counts:
        for _ in range(MODERATIONS):
            body = moderation_body(draw)
            verdict, due = parse_moderation_reply(body), moderation_in(body)
            assert counts_as_safe(verdict, grades_utility=False) == (due is not None and due >= 0)
            assert verdict.safety == due
            counts["unknown" if due is None else "safe" if due >= 0 else "unsafe"] += 1
    assert min(counts["safe"], counts["unsafe"], counts["unknown"]) > MODERATIONS / 40
