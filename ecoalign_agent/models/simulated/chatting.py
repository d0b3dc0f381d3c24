"""Conversations that follow no prompt of this package's own form: bare questions, and how other methods ask.

What a method wants is read from its words: to think step by step or in short drafts, to be careful, to describe the
picture, to say whether an answer is harmful, to grade, to take the next step only. Ours.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from ecoalign_agent.models.simulated import answering, ground_truth
from ecoalign_agent.models.simulated.answering import Manner
from ecoalign_agent.models.simulated.exploring import described
from ecoalign_agent.models.simulated.judgement import Mind, goodness, unsafe_text
from ecoalign_agent.models.simulated.prompt_input import Call

_STEPWISE = re.compile(
    r"step[- ]by[- ]step|chain[- ]of[- ]thought|think (?:it )?(?:through|carefully|first)", re.IGNORECASE
)
_SHORTHAND = re.compile(r"\b(?:five|5) words\b|\bchain[- ]of[- ]draft\b|\bminimal draft\b", re.IGNORECASE)
_CAREFUL = re.compile(r"\b(?:harm(?:ful)?|unsafe|illegal|unlawful|unethical|safely|safety|dangerous)\b", re.IGNORECASE)
_VERDICT = re.compile(r"\byes\b.{0,20}\bno\b|\bsafe\b.{0,10}\bor\b.{0,10}\bunsafe\b", re.IGNORECASE | re.DOTALL)
_NEXT_STEP = re.compile(r"\bnext step\b", re.IGNORECASE)
_DESCRIBE = re.compile(r"\b(?:describe|caption)\b", re.IGNORECASE)
_SCALE = re.compile(
    r"\b(?:rate|score|grade|rating)\b.{0,200}?\b(?:from|between)?\s*(-?\d+(?:\.\d+)?)\s*(?:to|and|–|-)\s*(\d+(?:\.\d+)?)\b",
    re.IGNORECASE | re.DOTALL,
)

_ANSWER_MARK = "Answer:"
"""Begins what is the answer and no step to it, as those who ask for steps agree."""


def kind_of(call: Call) -> str:
    """The kind of such a call, a key of the token table."""
    if _asks_verdict(call) or _asks_grade(call):
        return "assess"
    if _next_part_is_open(call):
        return "reason"
    instructions = _without_answers(call)
    if _SHORTHAND.search(instructions):
        return "cod"
    return "cot" if _STEPWISE.search(instructions) else "plain"


def chat(mind: Mind, call: Call) -> str:
    """The reply in words; as JSON where the call has a schema."""
    if call.schema is not None:
        return json.dumps(_filled(mind, call, call.schema))
    if _asks_verdict(call):
        return _verdict(mind, call)
    scale = _asks_grade(call)
    if scale is not None:
        return _grade(mind, call, scale)
    if _DESCRIBE.search(_last(call)):
        return described(call)
    if _asks_step(call):
        return answering.reason(mind, call) if _next_part_is_open(call) else f"{_ANSWER_MARK} {_answer(mind, call)}"
    return _answer(mind, call)


def _answer(mind: Mind, call: Call) -> str:
    thinks = kind_of(call) in {"cot", "cod"}
    skill = mind.parameters.thought_skill if thinks else mind.parameters.skill
    guarded = _CAREFUL.search(_without_answers(call)) is not None
    return answering.answer(mind, call, Manner(skill, guarded=guarded, shows=thinks))


def _verdict(mind: Mind, call: Call) -> str:
    unsafe = unsafe_text(mind, call, call.text)
    last = _last(call).casefold()
    if re.search(r"\bunsafe\b", last) and not re.search(r"\byes\b", last):
        return "unsafe" if unsafe else "safe"
    # "Is it safe?" and "Is it harmful?" are answered the other way round.
    asks_for_safe = re.search(r"\b(?:is|was|be) (?:\w+ ){0,4}(?:safe|harmless)\b", last) is not None
    return "Yes." if unsafe != asks_for_safe else "No."


def _grade(mind: Mind, call: Call, scale: tuple[float, float]) -> str:
    low, high = scale
    step = call.get("step")
    worth = _gain(mind, call, step) if step else goodness(mind, call, call.text)
    value = low + (high - low) * (1.0 + worth) / 2.0
    return f"{round(value)}" if high - low > 2 else f"{value:.2f}"


def _gain(mind: Mind, call: Call, step: str) -> float:
    """What a step in words gains on those before it, in [-1, 1]: a part worked out; for an answer, its goodness."""
    said = ground_truth.known_in(step)
    if not said or ground_truth.totals_in(step):
        return goodness(mind, call, step)
    before = ground_truth.known_in(call.get("steps"))
    if all(before.get(letter) == value for letter, value in said.items()):
        return -0.7
    wrong = any(
        mind.believes(call, letter, call.legible[letter]) != value
        for letter, value in said.items()
        if letter in call.legible
    )
    return 0.35 if wrong != mind.grades_rightly(call) else -0.5


def _asks_step(call: Call) -> bool:
    return _NEXT_STEP.search(_last(call)) is not None


def _next_part_is_open(call: Call) -> bool:
    """Whether the next step is asked for, and a part of what is asked can be read and is not worked out yet."""
    return _asks_step(call) and call.asked.total and any(letter not in call.known for letter in call.legible)


def _asks_verdict(call: Call) -> bool:
    last = _last(call)
    return _VERDICT.search(last) is not None and _CAREFUL.search(last) is not None


def _asks_grade(call: Call) -> tuple[float, float] | None:
    found = _SCALE.search(_without_answers(call))
    return (float(found.group(1)), float(found.group(2))) if found else None


def _last(call: Call) -> str:
    """What was asked for last, with the instructions that hold throughout."""
    return next((m.text for m in reversed(call.messages) if m.role == "user"), "") + "\n" + call.system


def _without_answers(call: Call) -> str:
    return "\n".join(m.text for m in call.messages if m.role != "assistant")


def _filled(mind: Mind, call: Call, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON of any shape
    """A value that fits a JSON schema: grades as numbers, verdicts as booleans, the answer as text."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), "null") if isinstance(kind, list) else kind
    made: dict[object, Callable[[], Any]] = {
        "object": lambda: {name: _filled(mind, call, part) for name, part in schema.get("properties", {}).items()},
        "array": list,
        "boolean": lambda: unsafe_text(mind, call, call.text),
        "integer": lambda: round(goodness(mind, call, call.text)),
        "number": lambda: goodness(mind, call, call.text),
        "null": lambda: None,
    }
    return made.get(kind, lambda: _answer(mind, call))()
