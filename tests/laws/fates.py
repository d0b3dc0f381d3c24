"""What may become of a call: what a model writes, what its provider says it used, and how an endpoint fails."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx
from langchain_core.messages import AIMessage

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.testing import ScriptedCall, imagined_step, proposed_action, scan_reply, verdict_reply

Report = Literal["honest", "silent", "low", "high", "absurd"]
"""How a provider tells what a call used: honestly, not at all, too low, too high, or what can't be."""

REPORTS: tuple[Report, ...] = ("honest", "silent", "low", "high", "absurd")

KINDS = ("reason", "look", "fuse", "answer")

_NO_COUNTS: tuple[Any, ...] = (
    {},
    7,
    [],
    "many",
    {"prompt_tokens": 100},
    {"prompt_tokens": -5, "completion_tokens": 10},
    {"prompt_tokens": "100", "completion_tokens": "10"},
    {"prompt_tokens": True, "completion_tokens": True},
    {"prompt_tokens": float("nan"), "completion_tokens": float("inf")},
    {"prompt_tokens": 10**12, "completion_tokens": 10},
    {"prompt_tokens": 0, "completion_tokens": 0},
    {"prompt_tokens": None, "completion_tokens": None},
)
"""Reports that are none: what was estimated stands."""


class StatusError(Exception):
    """As integrations raise it: a message, and the status as an attribute."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status}")
        self.status_code = status


FAILURES: dict[str, tuple[Callable[[], Exception], bool]] = {
    "access": (lambda: StatusError(401), False),
    "forbidden": (lambda: StatusError(403), False),
    "not found": (lambda: StatusError(404), False),
    "rejected": (lambda: StatusError(400), False),
    "unprocessable": (lambda: StatusError(422), False),
    "rate limit": (lambda: StatusError(429), False),
    "gave up waiting": (lambda: StatusError(408), False),
    "server": (lambda: StatusError(500), False),
    "overloaded": (lambda: StatusError(503), False),
    "unreachable": (lambda: httpx.ConnectError("All connection attempts failed"), False),
    "broken": (lambda: httpx.ReadError("the connection broke"), True),
    "time-out": (lambda: httpx.ReadTimeout("slow"), True),
    "whatever": (lambda: RuntimeError("boom"), True),
}
"""Every kind of failure, and whether the call may have been billed: then all that was reserved is booked."""


@dataclass(frozen=True)
class Size:
    """What a call may use, in tokens.

    Attributes:
        text: of its text, as the program reckons it.
        image: of its pictures, as the program reckons them.
        most: that it may write.
        words: of its text, by our formula.
        formula: of its pictures, by our formula.
    """

    text: int
    image: int
    most: int
    words: int
    formula: int


def told(report: Report, size: Size, written: str, dice: random.Random, *, sees: float) -> tuple[Any, Usage]:
    """What a provider reports of a call, None: nothing; and what has to be booked for it.

    ``sees``: the share of our formula that an honest one counts for pictures, always the same one, as a server does.
    """
    estimated = Usage(size.text, size.image, 0, min(max(1, text_tokens(written)), size.most), estimated=True)
    match report:
        case "silent":
            return None, estimated
        case "absurd" if dice.random() < 0.6:
            return dice.choice(_NO_COUNTS), estimated
        case "absurd":
            # More cached and more picture than there is prompt: there can't be more of either than of that.
            prompt, completion = dice.choice([(50, 5), (9_000_000, 1)])
            details = {"cached_tokens": 10**9, "image_tokens": 10**9}
            return _usage(prompt, completion, details), Usage(0, 0, prompt, completion)
        case "low":
            return _usage(1, 1, {"cached_tokens": 0, "image_tokens": 0}), Usage(1, 0, 0, 1)
        case "high":
            text, image = int(size.text * dice.uniform(1, 20)) + 1, int(size.image * dice.uniform(1, 20))
            cached, completion = 0, int(size.most * dice.uniform(1, 5))
        case _:
            text, image = max(1, int(size.words * _share(dice))), int(size.formula * sees)
            cached = dice.choice([0, 0, text // 2, text])
            completion = max(1, int(size.most * _share(dice)))
    details = {"cached_tokens": cached, "image_tokens": image}
    return _usage(text + image, completion, details), Usage(text - cached, image, cached, completion)


def _share(dice: random.Random) -> float:
    # Often all that there may be: an honest provider is at its dearest there.
    return dice.choice([0.05, 0.6, 1.0, 1.0])


def _usage(prompt: int, completion: int, details: dict[str, int]) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "prompt_tokens_details": details}


def message(text: str, usage: Any) -> AIMessage:
    """A reply with its report, as integrations hand it on."""
    return AIMessage(
        text, response_metadata={"finish_reason": "stop"} | ({} if usage is None else {"token_usage": usage})
    )


class Mind:
    """What a model writes: anything. Only its grade of a text is always the same, so that it can be held to it."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.found_safe: set[str] = set()
        """Candidates that a readable verdict has found safe."""

    def grade(self, candidate: str) -> float:
        """The safety of a text."""
        return random.Random(f"{self._seed} {candidate}").choice([-0.6, 0.0, 0.4, 0.6, 0.9, 0.9])

    def writes(self, call: ScriptedCall, dice: random.Random) -> str:
        """A reply to ``call``; now and then one that can't be read."""
        if dice.random() < (0.03 if call.task == "scan" else 0.08):
            return dice.choice(["Let me think about it.", "", "{", '{"safety": NaN}', "null"])
        if call.task == "assess thought":
            safety = self.grade(call["candidate"])
            if safety >= 0:
                self.found_safe.add(call["candidate"])
            return json.dumps(verdict_reply(safety, dice.uniform(-1, 1)))
        return json.dumps(self._reply(call, dice))

    def _reply(self, call: ScriptedCall, dice: random.Random) -> dict[str, Any]:
        match call.task:
            case "assess request":
                return {"hazards": [], "safety": dice.choice([-0.5, 0.5])}
            case "scan":
                draft = dice.choice(["", "", "From 9 to 5."])
                return scan_reply(
                    safety=dice.choice([-0.4, 0.2, 0.4, 0.7, 1.0, 1.0]),
                    draft=draft,
                    actions=self._actions(dice),
                    harmless_part=dice.choice(["", "When is it open?"]),
                )
            case "propose":
                pair = {"keep": f"t{dice.randint(1, 6)}", "drop": f"t{dice.randint(1, 6)}"}
                return {"actions": self._actions(dice), "merge": [pair], "prune": [f"t{dice.randint(1, 9)}"]}
            case "simulate":
                futures = [
                    imagined_step(dice.choice(KINDS), dice.uniform(-0.3, 1), dice.uniform(-1, 1)) for _ in range(3)
                ]
                forecast = {"safety": dice.uniform(-0.3, 1), "utility": 0.5, "steps": futures}
                return {"forecasts": [{"action": number} | forecast for number in (1, 2)]}
        manners = dice.choice(["", "", "", "I'm sorry, but as an AI I must say: "])
        sentence = f"{dice.choice(['Nobody', 'Somebody', 'A baker', 'A tram'])} {dice.randint(1, 40)} is there. "
        return {"text": manners + sentence * dice.choice([1, 1, 3, 20])}

    def _actions(self, dice: random.Random) -> list[dict[str, Any]]:
        return [
            proposed_action(
                dice.choice(KINDS),
                f"step {dice.randint(1, 99)}",
                dice.uniform(-0.2, 1),
                dice.uniform(-1, 1),
                parents=[f"t{dice.randint(1, 6)}"],
                next=[imagined_step("answer", 0.9, dice.uniform(-1, 1))],
            )
            for _ in range(dice.randint(0, 3))
        ]
