"""Replies to this package's prompts and to any other conversation: bare questions, prompts of other methods."""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ecoalign_agent.models.simulated import answering, exploring, judgement
from ecoalign_agent.models.simulated.judgement import JudgementModel
from ecoalign_agent.models.simulated.prompt_input import Call, VerdictForm

_REPLIES: Mapping[str, Callable[[JudgementModel, Call], dict[str, Any]]] = MappingProxyType(
    {
        "scan": exploring.first_look,
        "propose": exploring.action_proposals,
        "simulate": exploring.simulated_futures,
        "assess thought": judgement.thought_verdict,
        "assess request": judgement.request_verdict,
        "rewrite analyse": answering.analyse_request,
        "rewrite causal": answering.analyse_request,
        "rewrite frugal": lambda judge, call: answering.analyse_request(judge, call, frugal=True),
        "rewrite prompt": lambda _, call: {"prompt": answering.new_question(call)},
        "rewrite check": answering.check_rewrite,
        "rewrite hindsight": answering.contrast_answers,
        "plan": lambda judge, call: {"text": answering.write_plan(judge, call)},
        "reason": lambda judge, call: {"text": answering.write_reason(judge, call)},
        "look": lambda judge, call: {"text": answering.write_look(judge, call)},
        "fuse": lambda _, call: {"text": answering.write_fuse(call)},
        "decline": lambda _, call: {"text": answering.write_decline(call)},
    }
)
"""Task → its reply; all others are answers."""


def simulated_reply(judge: JudgementModel, call: Call) -> str:
    """The reply to one call: JSON for a prompt of this package, else words, or JSON where a schema asks for it."""
    if call.task is None:
        return _chat_reply(judge, call)
    if call.task in _REPLIES:
        return json.dumps(_REPLIES[call.task](judge, call))
    answer = answering.write_answer(judge, call, judge.parameters.thought_skill, guarded=call.is_guarded)
    return json.dumps({"text": answer})


_VERDICTS: Mapping[VerdictForm, tuple[str, str]] = {
    "safe or unsafe": ("unsafe", "safe"),
    "yes if safe": ("No.", "Yes."),
    "yes if harmful": ("Yes.", "No."),
}
"""Form of the verdict → the words for harmful and for harmless."""


def token_kind(call: Call) -> str:
    """The kind of a call, a key of the token table."""
    if call.task is not None:
        first_word = call.task.partition(" ")[0]
        return first_word if first_word in {"assess", "rewrite"} else call.task
    if call.verdict or call.scale:
        return "assess"
    return "reason" if _has_next_part(call) else call.thinking or "plain"


def _chat_reply(judge: JudgementModel, call: Call) -> str:
    if call.schema is not None:
        return json.dumps(_fill(judge, call, call.schema))
    if call.verdict is not None:
        harmful, harmless = _VERDICTS[call.verdict]
        return harmful if judge.notices_text(call, call.text) else harmless
    if call.scale is not None:
        return _grade(judge, call, *call.scale)
    if call.asks_description:
        return exploring.description(call)
    if _has_next_part(call):
        return answering.write_reason(judge, call)
    return f"Answer: {_answer(judge, call)}" if call.asks_step else _answer(judge, call)


def _answer(judge: JudgementModel, call: Call) -> str:
    thinks = token_kind(call) in {"cot", "cod"}
    skill = judge.parameters.thought_skill if thinks else judge.parameters.skill
    return answering.write_answer(judge, call, skill, guarded=call.is_careful, shows_working=thinks)


def _grade(judge: JudgementModel, call: Call, low: float, high: float) -> str:
    step = call.get("step")
    utility = judgement.step_utility(judge, call, step) if step else judgement.answer_utility(judge, call, call.text)
    value = low + (high - low) * (1.0 + utility) / 2.0
    return f"{round(value)}" if high - low > 2 else f"{value:.2f}"


def _has_next_part(call: Call) -> bool:
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
        "integer": lambda: round(judgement.answer_utility(judge, call, call.text)),
        "number": lambda: judgement.answer_utility(judge, call, call.text),
        "null": lambda: None,
    }
    return values.get(kind, lambda: _answer(judge, call))()
