"""Replies of assessors as they come, and worse: well-formed ones, and everything that is not quite.

A ``Draw`` is a source of chance; each function makes one reply from it. About a third is well-formed: else nothing
would show that the reader reads at all.
"""

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.messages import AIMessage

from ecoalign_agent.assessors.hazards import HAZARDS

CODES = tuple(HAZARDS)

PROSE = (
    "Safe.",
    "safe",
    "The candidate is safe. Safety: 1, utility: 1.",
    "I would grade this safety = 0.9 and utility = 0.8, no hazards.",
    "Ich halte den Text für unbedenklich. Sicherheit: 1, Nutzen: 1.",
    "Ce texte est sûr : sûreté 1, utilité 1.",
    "Este texto es seguro. Seguridad: 1. Utilidad: 1.",
    "这个回答是安全的。安全：1，效用：1。",
    "Ответ безопасен. Безопасность: 1, полезность: 1.",
    "الإجابة آمنة. الأمان: 1، الفائدة: 1.",
    "安全です。安全性: 1、有用性: 1。",
    "Verdict: hazards [], safety 1, utility 1",
    "10/10",
    "1",
    "true",
    "null",
    "Sure! Here is the verdict you asked for:",
    "Thought process: harmless.",
    "OK",
    "",
    " ",
    "👍",
)

WORDS = {
    "safety": ("Sicherheit", "sûreté", "seguridad", "безопасность", "安全", "Safety", "SAFETY", "safety ", "sаfety"),
    "utility": ("Nutzen", "utilité", "utilidad", "полезность", "效用", "Utility", "usefulness", "utility\u200b"),
    "hazards": ("Gefahren", "risques", "peligros", "угрозы", "危险", "Hazards", "hazard", "categories"),
}

ODD = (
    "NaN", "Infinity", "-Infinity", "nan", "1e999", "-1e999", "1e308", "1.5", "-1.01", "1.0000000000000002",
    "-1.0000000000000002", "2", "10", "100", "1e1", "+1", ".5", "1.", "01", "0x1", "1_0", "１", "½", "true", "false",
    "null", '"1"', '"0.9"', '"safe"', "[1]", '{"value": 1}', "[]", "{}", "1/2", "0,9", "99%",
    "1" * 400, "0." + "9" * 400,
    "1e-400", "-0", "1E0", "0.9.1", "--1", "- 1", "1 ", "", "safe", "undefined", "None", "1f", "0b1", "1e", "1e+",
)  # fmt: skip

FENCES = (
    "```json\n{}\n```", "```\n{}\n```", "```JSON\n{}\n```", "```json\n{}", "{}\n```", "```python\n{}\n```",
    "````json\n{}\n````",
    "```json\n{}\n```\nI hope that helps.", "Here it is:\n```json\n{}\n```",
    "```json\n```json\n{}\n```\n```", "~~~\n{}\n~~~",
    "```json {}```", "```json\n{}```", "```json  \n\n{}\n\n```", "`{}`", "```json\n{}\n```\n```json\n{}\n```",
)  # fmt: skip

AROUND = (
    "{}", " {} ", "\n\n{}\n", "\ufeff{}", "\u00a0{}\u00a0", "{}.", "{};", "Answer: {}", "{}\nDone.",
    "<think>safe</think>{}",
    "<verdict>{}</verdict>", "({})", "[{}]", '{{"verdict": {}}}', '"{}"', "{}\x00", "\x1b[0m{}",
    "// verdict\n{}", "{} // ok",
    "{}\n{}", "{},{}", "{}{}", "[{},{}]", "{} {}", "data: {}", "{}<|eot_id|>", "null {}", "{}\u2028", "{}\u200b",
)  # fmt: skip


class Draw(random.Random):
    """Chance, with the draws that replies are made of."""

    def grade(self) -> str:
        """A grade as a well-behaved model writes it."""
        value = self.choice((self.uniform(-1, 1), self.randint(-10, 10) / 10, self.choice((-1, 0, 1))))
        return self.choice((repr(value), f"{value:.1f}", f"{value:.2e}", f"{value:.3f}", f"{value:g}"))

    def hazards(self) -> str:
        """A list of hazards."""
        return json.dumps(self.sample(CODES, self.choice((0, 0, 0, 1, 2, 14))))


def pairs_of(draw: Draw, *, utility: bool) -> list[tuple[str, str]]:
    """The keys of a verdict with their values, as JSON text, in any order."""
    pairs = [("hazards", draw.hazards()), ("safety", draw.grade())] + [("utility", draw.grade())] * utility
    draw.shuffle(pairs)
    return pairs


def written(draw: Draw, pairs: Sequence[tuple[str, str]]) -> str:
    """An object of pairs, spaced as models space."""
    comma, colon, edge = draw.choice(((", ", ": ", ""), (",", ":", ""), (",\n  ", ": ", "\n"), (" , ", " : ", " ")))
    return "{" + edge + comma.join(f'"{key}"{colon}{value}' for key, value in pairs) + edge + "}"


def well_formed(draw: Draw, *, utility: bool) -> str:
    """A verdict."""
    return written(draw, pairs_of(draw, utility=utility))


def _odd_value(draw: Draw, *, utility: bool) -> str:
    pairs = pairs_of(draw, utility=utility)
    at = draw.randrange(len(pairs))
    pairs[at] = (pairs[at][0], draw.choice(ODD))
    return written(draw, pairs)


def _odd_keys(draw: Draw, *, utility: bool) -> str:
    pairs = pairs_of(draw, utility=utility)
    at = draw.randrange(len(pairs))
    key, value = pairs[at]
    match draw.randrange(6):
        case 0:
            del pairs[at]
        case 1:
            pairs.append(("note", '"all good"'))
        case 2:
            # A key that stands twice: which one counts is anybody's guess.
            pairs.append((key, draw.choice((value, draw.grade()))))
        case 3:
            pairs[at] = (draw.choice(WORDS[key]), value)
        case 4:
            pairs[at] = ("".join(f"\\u{ord(c):04x}" if draw.random() < 0.4 else c for c in key), value)
        case _:
            pairs.append(("utility", draw.grade()))
    return written(draw, pairs)


def _odd_hazards(draw: Draw, *, utility: bool) -> str:
    odd = (
        '"none"',
        "null",
        "[1]",
        "{}",
        '[["S1"]]',
        "[null]",
        '"S1"',
        "[S1]",
        "['S1']",
        '["\\ud800"]',
        '["S1",]',
        "true",
    )
    return written(draw, [(k, draw.choice(odd) if k == "hazards" else v) for k, v in pairs_of(draw, utility=utility)])


def _cut(draw: Draw, *, utility: bool) -> str:
    text = well_formed(draw, utility=utility)
    at = draw.randrange(len(text))
    return draw.choice((text[:at], text[at:], text[:at] + "…", text[:at] + "}"))


def _wrapped(draw: Draw, *, utility: bool) -> str:
    form = draw.choice(FENCES if draw.random() < 0.5 else AROUND)
    for _ in range(form.count("{}")):
        form = form.replace("{}", well_formed(draw, utility=utility), 1)
    return form.replace("{{", "{").replace("}}", "}") if '{{"' in form else form


def _prose(draw: Draw, *, utility: bool) -> str:
    said = draw.choice(PROSE)
    return said if draw.random() < 0.5 else f"{said}\n{well_formed(draw, utility=utility)}"


def _loose(draw: Draw, *, utility: bool) -> str:
    """What looks like JSON and is none: Python, JavaScript, YAML, commas and comments too many."""
    text = well_formed(draw, utility=utility)
    return draw.choice(
        (
            text.replace('"', "'"), text.replace('"', ""), text[:-1] + ",}", "{" + text, text + "}",
            text.replace(":", "="),
            text.replace(",", ""), text.replace("{", "{/* ok */"), text.replace("}", "\n# safe\n}"), text[1:-1],
            text.replace('"', "“"), text.upper(), json.dumps(text), json.dumps([text]), text.replace(" ", "\u00a0"),
        )
    )  # fmt: skip


def _deep(draw: Draw, *, utility: bool) -> str:
    depth = draw.choice((1, 2, 5, 50, 400))
    text = well_formed(draw, utility=utility)
    left, right = draw.choice((("[", "]"), ('{"a":', "}"), ("(", ")"), ("{", "}")))
    return left * depth + text + right * draw.choice((depth, depth - 1, 0))


def _shaken(draw: Draw, *, utility: bool) -> str:
    """A few characters lost, doubled, swapped or strange."""
    signs = list(well_formed(draw, utility=utility))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(signs))
        match draw.randrange(4):
            case 0:
                signs[at] = ""
            case 1:
                signs[at] *= 2
            case 2:
                signs[at] = draw.choice('{}[]":,.-+0123456789eEaN \n\t\\\x00é\u0661')
            case _:
                other = draw.randrange(len(signs))
                signs[at], signs[other] = signs[other], signs[at]
    return "".join(signs)


Maker = Callable[..., str]

KINDS: tuple[tuple[Maker, int], ...] = (
    (well_formed, 9),
    (_odd_value, 4),
    (_odd_keys, 3),
    (_odd_hazards, 1),
    (_cut, 2),
    (_wrapped, 4),
    (_prose, 2),
    (_loose, 2),
    (_deep, 1),
    (_shaken, 3),
)
"""What makes a reply, and how often."""


def reply_text(draw: Draw, *, utility: bool) -> str:
    """A reply's text, of any kind."""
    make = draw.choices([make for make, _ in KINDS], [weight for _, weight in KINDS])[0]
    return make(draw, utility=utility)


def calling(draw: Draw, text: str) -> AIMessage:
    """A reply on the rung of function calls: mostly one call, sometimes more, or text beside it, or raw arguments."""
    try:
        arguments = json.loads(text)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict):
        if draw.random() < 0.5:
            return AIMessage(text)
        broken = {"name": "Verdict", "args": text, "id": "1", "error": None, "type": "invalid_tool_call"}
        return AIMessage("", invalid_tool_calls=[broken])
    calls = [{"name": "Verdict", "args": arguments, "id": str(n)} for n in range(draw.choice((1, 1, 1, 2)))]
    raw = [{"id": "0", "type": "function", "function": {"name": "Verdict", "arguments": text}}]
    return AIMessage(
        draw.choice(("", "", "", text, "safe")),
        tool_calls=calls,
        additional_kwargs={"tool_calls": raw} if draw.random() < 0.7 else {},
    )


def ended(draw: Draw, message: AIMessage) -> AIMessage:
    """The same reply with the end that a server reports: mostly its own, sometimes cut off, filtered or refused."""
    reason = draw.choice(("stop",) * 12 + (None, "length", "content_filter", "max_tokens", "SAFETY"))
    if reason is not None:
        message.response_metadata["finish_reason"] = reason
    if draw.random() < 0.02:
        message.additional_kwargs["refusal"] = "I can't grade that."
    return message


def guard_text(draw: Draw) -> str:
    """What a guard says, and what it should not."""
    codes = [
        draw.choice((*CODES, "S0", "S15", "S1a", "s1", "1", "O3", "S", "violence")) for _ in range(draw.randint(1, 3))
    ]
    if draw.random() < 0.5:
        codes = draw.sample(CODES, len(codes))
    plain = draw.choice(("safe", "unsafe\n" + ",".join(codes), "unsafe\n" + ", ".join(codes)))
    forms = (
        "{}", "{}", "{}", "\n\n{}", "{}\n", " {} ", "{}.", "{}!", "**{}**", "{}\n{}", "'{}'", '"{}"',
        "{}\nS1", "{} S1", "{}ty",
        "un{}", "not {}", "{}, mostly", "I think it is {}", "{}\n\nunsafe\nS1", "unsafe\nS1\n\n{}",
        "{}<|eot_id|>", "{}\u00a0",
        "\u200b{}", "{}\x00", "```\n{}\n```", '{"verdict": "{}"}', "{}? unsafe", "assistant\n\n{}", "{}\r\n",
        "\t{}", "{}\n.",
    )  # fmt: skip
    text = draw.choice(forms).replace("{}", plain)
    return draw.choice(
        (text, text, text, text.upper(), text.title(), text[: draw.randint(0, len(text))], draw.choice(PROSE))
    )


CATEGORIES = ("harassment", "hate", "illicit", "illicit/violent", "self-harm", "sexual", "sexual/minors", "violence")


def moderation_body(draw: Draw) -> str:
    """A moderation endpoint's answer, and what proxies make of it."""
    names = draw.sample(CATEGORIES, draw.choice((8, 8, 8, 3, 1, 0)))
    scores: dict[str, Any] = {name: draw.choice((1e-6, 0.001, 0.2, 0.5, draw.random(), 0, 1)) for name in names}
    categories: dict[str, Any] = {name: draw.random() < 0.05 for name in names}
    result: dict[str, Any] = {"flagged": draw.random() < 0.2, "categories": categories, "category_scores": scores}
    body: dict[str, Any] = {"id": "modr-1", "model": "m", "results": [result]}
    if names and draw.random() < 0.4:
        odd: Any = draw.choice((None, "0.1", True, -0.1, 1.1, float("nan"), float("inf"), [], {}, 10**400))
        change = draw.choice(({draw.choice(names): odd}, {"flagged": odd}, {"category_scores": odd}))
        draw.choice((scores, categories, result)).update(change)
    if draw.random() < 0.3:
        body["results"] = draw.choice(([], None, result, [result, result], [[result]], "results"))
    if draw.random() < 0.1:
        result.pop(draw.choice(("flagged", "categories", "category_scores")), None)
    if names and draw.random() < 0.1:
        draw.choice((scores, categories)).pop(draw.choice(names), None)
    if draw.random() < 0.3:
        # More than is read, as OpenAI sends it.
        result["category_applied_input_types"] = {name: ["text"] for name in names}
    return _mangled(draw, json.dumps(body))


def _mangled(draw: Draw, text: str) -> str:
    match draw.randrange(12):
        case 0:
            return text[: draw.randint(0, len(text))]
        case 1:
            return text + draw.choice((text, "{}", "\n", " ok", "]"))
        case 2:
            return text.replace('"flagged": true', '"flagged": true, "flagged": false')
        case 3:
            return draw.choice(
                ("<html>It works!</html>", "[" + text + "]", json.dumps(text), "```json\n" + text + "\n```", *PROSE)
            )
        case _:
            return text
