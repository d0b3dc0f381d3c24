"""Reply text and function calls → values. What is exact is read exactly."""

import json
import time
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from ecoalign_agent.llm.parsing import ParsedReply, finish_reason, parse_reply, reply_text, visible_output
from tests.llm.asking import GRADE, Grade, Note, calling

SAFE = json.dumps(GRADE)


def exactly(text: str | AIMessage) -> ParsedReply[Grade]:
    message = text if isinstance(text, AIMessage) else AIMessage(text)
    return parse_reply(message, "json_schema", Grade, exact=True)


def leniently(text: str, rung: Literal["json_schema", "plain"] = "plain") -> ParsedReply[Note]:
    return parse_reply(AIMessage(text), rung, Note, exact=False)


class TestExact:
    @pytest.mark.parametrize(
        "text", [SAFE, f"  \n{SAFE}\n", f"```json\n{SAFE}\n```", f"```\n{SAFE}\n```", '{"safety":1}']
    )
    def test_one_whole_object_is_read(self, text: str) -> None:
        assert exactly(text).value is not None

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "safe",
            f"The verdict is {SAFE}",
            f"{SAFE} is the verdict",
            f"{SAFE}{SAFE}",
            f"{SAFE}\n{SAFE}",
            f"[{SAFE}]",
            f"```json\n{SAFE}\n```\nIt is safe.",
            f"Here:\n```json\n{SAFE}\n```",
            f"```json\n{SAFE}\n```\n```json\n{SAFE}\n```",
            f"<think>{SAFE}</think>{SAFE}",
            '{"safety": -1, "safety": 1}',
            '{"safety": 1, "safety": 1}',
            '{"safety": NaN}',
            '{"safety": Infinity}',
            '{"safety": 1e999}',
            '{"safety": "0.5"}',
            '{"safety": true}',
            '{"safety": null}',
            '{"safety": 1.1}',
            '{"safety": 0.5',
            '{"safety": 0.5,}',
            "{'safety': 0.5}",
            '{"safety": 0.5, "note": "hm"}',
            '{"verdict": {"safety": 0.5}}',
            '{"Safety": 0.5}',
            "{}",
            "0.5",
            "null",
            '"{\\"safety\\": 0.5}"',
            "\ufeff" + SAFE,
            "{" * 100_000,
            '{"a":' * 100_000,
            '{"safety": ' + "9" * 5_000 + "}",
        ],
    )
    def test_anything_else_is_unknown(self, text: str) -> None:
        for rung in ("json_schema", "json_mode", "plain"):
            reading = parse_reply(AIMessage(text), rung, Grade, exact=True)
            assert reading.value is None
            assert reading.reason
            assert "\n" not in reading.reason

    @given(st.text(), st.text(), st.floats(-1, 1))
    def test_no_text_around_a_verdict_is_ever_read_past(self, before: str, after: str, safety: float) -> None:
        verdict = json.dumps({"safety": safety})
        whole = (before + verdict + after).strip()
        assert (exactly(before + verdict + after).value is None) == (whole != verdict)

    @pytest.mark.parametrize("value", ['"0.5"', "true"])
    def test_exact_is_strict_for_a_schema_that_is_not(self, value: str) -> None:
        class Loose(BaseModel):
            safety: float

        message = AIMessage(f'{{"safety": {value}}}')
        assert parse_reply(message, "plain", Loose, exact=True).value is None
        assert parse_reply(message, "plain", Loose, exact=False).value is not None

    @pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999"])
    @pytest.mark.parametrize("exact", [True, False])
    def test_no_number_without_end_is_read_even_where_the_schema_would_take_it(self, value: str, exact: bool) -> None:
        class Loose(BaseModel):
            safety: float

        assert parse_reply(AIMessage(f'{{"safety": {value}}}'), "plain", Loose, exact=exact).value is None

    def test_json_is_told_apart_from_none_at_all(self) -> None:
        assert exactly("it is safe").kind == "silent"
        assert exactly('{"safety": 2}').kind == "mismatch"


class TestCalls:
    def _read(self, message: AIMessage, *, exact: bool = True) -> ParsedReply[Grade]:
        return parse_reply(message, "function_calling", Grade, exact=exact)

    def test_one_call_is_read(self) -> None:
        assert self._read(calling("Grade", GRADE)).value == Grade(safety=0.5)

    def test_blocks_of_a_call_are_no_text(self) -> None:
        blocks: list[str | dict[str, Any]] = [{"type": "tool_use", "id": "1", "name": "Grade", "input": GRADE}]
        message = AIMessage(blocks, tool_calls=[{"name": "Grade", "args": GRADE, "id": "1"}])
        assert self._read(message).value == Grade(safety=0.5)

    def test_a_verdict_may_not_stand_in_two_places(self) -> None:
        call = {"name": "Grade", "args": GRADE, "id": "1"}
        for message in (
            AIMessage("unsafe!", tool_calls=[call]),
            AIMessage("", tool_calls=[call, call]),
            AIMessage("", tool_calls=[call, {**call, "args": {"safety": -1.0}}]),
            AIMessage("", tool_calls=[call], invalid_tool_calls=[_invalid('{"safety": -1')]),
            AIMessage("", invalid_tool_calls=[_invalid('{"safety": 0.5')]),
        ):
            assert self._read(message).value is None

    def test_calls_that_agree_are_one_for_a_proposal(self) -> None:
        call = {"name": "Grade", "args": GRADE, "id": "1"}
        assert self._read(AIMessage("", tool_calls=[call, call]), exact=False).value == Grade(safety=0.5)

    @pytest.mark.parametrize("args", [{"safety": float("nan")}, {"safety": True}, {"safety": "0.5"}, {"safety": 2}, {}])
    def test_arguments_are_held_to_the_schema(self, args: dict[str, Any]) -> None:
        assert self._read(calling("Grade", args)).value is None

    def test_repeated_keys_are_seen_where_the_raw_call_is_kept(self) -> None:
        raw = {"id": "1", "type": "function", "function": {"name": "Grade", "arguments": '{"safety":-1,"safety":1}'}}
        message = calling("Grade", {"safety": 1.0}, additional_kwargs={"tool_calls": [raw]})
        assert self._read(message).value is None

    def test_without_a_call_the_text_is_read(self) -> None:
        assert self._read(AIMessage(SAFE)).value == Grade(safety=0.5)
        assert self._read(AIMessage("safe")).kind == "silent"

    def test_a_call_that_was_not_asked_for_is_not_read(self) -> None:
        assert parse_reply(calling("Grade", GRADE), "plain", Grade, exact=False).value is None


class TestLenient:
    @pytest.mark.parametrize(
        "text",
        [
            '{"text": "ten"}',
            'Of course. {"text": "ten"} Anything else?',
            '{"text": "ten"} or, once more, {"text": "ten"}',
            '<think>maybe {"text": "nine"}?</think>{"text": "ten"}',
            'So:\n```json\n{"text": "ten"}\n```\nDone.',
        ],
    )
    @pytest.mark.parametrize("rung", ["json_schema", "plain"])
    def test_one_object_is_found_in_prose(self, text: str, rung: Literal["json_schema", "plain"]) -> None:
        reading = leniently(text, rung)
        assert reading.value is not None
        assert reading.value.text == "ten"

    @pytest.mark.parametrize(
        "text", ['{"text": "ten"', '{"text": "ten",}', "{'text': 'ten'}", '{text: "ten"}', 'So: {"text": "ten']
    )
    def test_broken_json_is_repaired_on_the_plain_rung_only(self, text: str) -> None:
        reading = leniently(text, "plain")
        assert reading.value is not None
        assert reading.value.text == "ten"
        assert leniently(text, "json_schema").kind == "mismatch"

    @pytest.mark.parametrize(
        "text",
        [
            '{"text": "ten"} or {"text": "nine"}',
            '{"text": "nine", "text": "ten", "weight": 7}',
            '{"text": 10}',
            '{"weight": 1}',
            '{"outer": {"text": "ten"}}',
            '{"text": "ten", "weight": NaN}',
        ],
    )
    def test_what_is_ambiguous_or_does_not_fit_is_not_guessed(self, text: str) -> None:
        assert leniently(text).value is None

    def test_a_part_of_a_broken_object_is_no_reply(self) -> None:
        assert leniently('{"actions": [{"text": "ten"}], "caption": ', "json_schema").kind == "mismatch"

    def test_prose_is_silent(self) -> None:
        assert leniently("It is ten o'clock.").kind == "silent"
        assert leniently("").kind == "silent"

    @pytest.mark.parametrize(
        "text", ["{" * 200_000, '{"a":' * 50_000, '{"text": "' + 'x"' * 100_000, "[" * 100_000 + "{", "{" * 16_000]
    )
    def test_hostile_text_is_given_up_quickly(self, text: str) -> None:
        begun = time.process_time()
        assert leniently(text).value is None
        assert time.process_time() - begun < 3.0  # CPU, which other work does not lengthen


class TestEnds:
    @pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "content_filter", "SAFETY", "refusal"])
    @pytest.mark.parametrize("key", ["finish_reason", "stop_reason", "done_reason"])
    def test_a_reply_that_was_cut_or_withheld_is_final(self, key: str, reason: str) -> None:
        message = AIMessage(SAFE, response_metadata={key: reason})
        assert exactly(message).kind == "final"
        assert finish_reason(message) == reason

    def test_an_incomplete_response_is_final(self) -> None:
        metadata = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
        assert exactly(AIMessage(SAFE, response_metadata=metadata)).kind == "final"

    def test_a_refusal_is_final_wherever_it_stands(self) -> None:
        assert exactly(AIMessage(SAFE, additional_kwargs={"refusal": "no"})).kind == "final"
        assert exactly(AIMessage([{"type": "refusal", "refusal": "no"}])).kind == "final"

    @pytest.mark.parametrize("reason", ["stop", "tool_calls", "end_turn", None])
    def test_other_ends_are_no_matter(self, reason: str | None) -> None:
        assert exactly(AIMessage(SAFE, response_metadata={"finish_reason": reason})).value == Grade(safety=0.5)


def test_text_is_text_only() -> None:
    blocks: list[str | dict[str, Any]] = [{"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": SAFE}]
    assert reply_text(AIMessage(blocks)) == SAFE
    assert exactly(AIMessage(blocks)).value == Grade(safety=0.5)


def test_all_that_was_written_counts() -> None:
    message = AIMessage(
        "ab", tool_calls=[{"name": "f", "args": {"k": 1}, "id": "1"}], invalid_tool_calls=[_invalid("{")]
    )
    assert visible_output(message) == 'ab{"k": 1}{'


def test_a_strict_schema_takes_lists_for_tuples() -> None:
    class Box(BaseModel):
        box: tuple[float, float]

    assert parse_reply(AIMessage('{"box": [0, 1]}'), "plain", Box, exact=True).value == Box(box=(0.0, 1.0))


def _invalid(arguments: str) -> Any:
    return {"type": "invalid_tool_call", "name": "Grade", "args": arguments, "id": "2", "error": None}
