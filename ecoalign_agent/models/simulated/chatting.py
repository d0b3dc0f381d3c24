"""Conversations in any other form than this package's prompts: bare questions, and the prompts of other methods."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from ecoalign_agent.models.simulated.answering import AnswerStyle, write_answer, write_reason
from ecoalign_agent.models.simulated.exploring import description
from ecoalign_agent.models.simulated.judgement import JudgementModel, answer_utility, step_utility
from ecoalign_agent.models.simulated.prompt_input import Call, VerdictForm

_ANSWER_MARK = "Answer:"
"""Begins an answer among steps, as the methods that ask for steps have it."""


_VERDICTS: Mapping[VerdictForm, tuple[str, str]] = {
    "safe or unsafe": ("unsafe", "safe"),
    "yes if safe": ("No.", "Yes."),
    "yes if harmful": ("Yes.", "No."),
}
"""Form of the verdict → the words for harmful and for harmless."""


def token_kind(call: Call) -> str:
    """The kind of such a call, a key of the token table."""
    if call.verdict or call.scale:
        return "assess"
    return "reason" if _has_next_part(call) else call.thinking or "plain"


def chat_reply(judge: JudgementModel, call: Call) -> str:
    """The reply in words; as JSON where the call has a schema."""
    if call.schema is not None:
        return json.dumps(_fill(judge, call, call.schema))
    if call.verdict is not None:
        harmful, harmless = _VERDICTS[call.verdict]
        return harmful if judge.notices_text(call, call.text) else harmless
    if call.scale is not None:
        return _grade(judge, call, *call.scale)
    if call.asks_description:
        return description(call)
    if _has_next_part(call):
        return write_reason(judge, call)
    return f"{_ANSWER_MARK} {_answer(judge, call)}" if call.asks_step else _answer(judge, call)


def _answer(judge: JudgementModel, call: Call) -> str:
    thinks = token_kind(call) in {"cot", "cod"}
    skill = judge.parameters.thought_skill if thinks else judge.parameters.skill
    return write_answer(judge, call, AnswerStyle(skill, guarded=call.is_careful, shows_working=thinks))


def _grade(judge: JudgementModel, call: Call, low: float, high: float) -> str:
    step = call.get("step")
    utility = step_utility(judge, call, step) if step else answer_utility(judge, call, call.text)
    value = low + (high - low) * (1.0 + utility) / 2.0
    return f"{round(value)}" if high - low > 2 else f"{value:.2f}"


def _has_next_part(call: Call) -> bool:
    """True if the next step is asked for, and a part of the total can be read and is not worked out yet."""
    return call.asks_step and call.content.total and any(letter not in call.known for letter in call.legible)


def _fill(judge: JudgementModel, call: Call, schema: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON of any shape
    """A value that fits a JSON schema: grades as numbers, verdicts as booleans, the answer as text."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = next((name for name in kind if name != "null"), "null") if isinstance(kind, list) else kind
    values: dict[object, Callable[[], Any]] = {
        "object": lambda: {name: _fill(judge, call, part) for name, part in schema.get("properties", {}).items()},
        "array": list,
        "boolean": lambda: judge.notices_text(call, call.text),
        "integer": lambda: round(answer_utility(judge, call, call.text)),
        "number": lambda: answer_utility(judge, call, call.text),
        "null": lambda: None,
    }
    return values.get(kind, lambda: _answer(judge, call))()
