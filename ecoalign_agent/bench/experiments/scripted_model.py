"""A scripted model whose insight lies some steps ahead, behind unpromising ones. It stands for no model. Ours.

At every thought three steps are on offer: two remarks and, where the thought stands on the trail, the next step of it,
which promises a little less than they do. Only who looks as far ahead as the end of the trail sees that it pays.
"""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent.models.simulated.parameters import TOKENS
from ecoalign_agent.models.simulated.prompt_input import Call, read_call
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL, World, chance

INSIGHT = "INSIGHT"
"""What the answer holds whose path went the whole trail."""

QUESTION = "What do the clues come to?"

SAFE = 0.9
REMARK, STEP, MADE = -0.6, -0.65, -0.4
"""Raw utility that a remark promises and keeps; that a step of the trail promises; that it gets once it is made."""

PAYS, POOR = 0.9, -0.6
"""Raw utility of an answer with the insight, and of one without."""

_BYTES_A_TOKEN = 4
_ACTION = re.compile(r"^(\d+)\. \[\w+\] (.*)$", re.MULTILINE)
_MADE = re.compile(r"\bclue \d+ of the trail\b")


class TrailModel(BaseChatModel):
    """Plays the trail; its forecasts are right, so that nothing but the horizon hides what is ahead."""

    steps: int = 3
    """Steps of the trail before the answer that pays: it stands so many steps ahead of the first; 0: there is none."""
    seed: int = 0
    """Of the wording and of the remarks' small differences."""

    spread: ClassVar[float] = 0.04
    """Remarks promise up to so much less, so that their order is not one of ties."""

    @property
    def _llm_type(self) -> str:
        return "ecoalign-trail"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "label": SIMULATED_LABEL}

    @property
    def model_name(self) -> str:
        """Says that it is scripted."""
        return f"scripted-trail-{self.steps}-{self.seed}"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's own signature
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401, ARG002 - LangChain's own signature
    ) -> ChatResult:
        call = read_call(World(), messages)
        text = json.dumps(self._reply(call))
        prompt = -(-call.prompt_bytes // _BYTES_A_TOKEN)
        kind = "assess" if (call.task or "").startswith("assess") else call.task or "plain"
        written = max(-(-len(text) // _BYTES_A_TOKEN), TOKENS[kind])
        usage = {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written}
        message = AIMessage(text, response_metadata={"finish_reason": "stop", "token_usage": usage})
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - LangChain's own signature
        **kwargs: Any,  # noqa: ANN401 - LangChain's own signature
    ) -> ChatResult:
        return self._generate(messages, stop, **kwargs)

    def _reply(self, call: Call) -> dict[str, Any]:
        replies: dict[str | None, Callable[[], dict[str, Any]]] = {
            "scan": lambda: {
                "caption": "There is no picture.", "seen_text": "", "regions": [], "hazard": "none", "safety": SAFE,
                "draft": "", "actions": self._offers(call),
            },
            "propose": lambda: {"actions": self._offers(call), "merge": [], "prune": []},
            "simulate": lambda: {"forecasts": self._forecasts(call)},
            "reason": lambda: {"text": self._made(call)},
            "answer": lambda: {"text": self._answer(call)},
            "synthesize": lambda: {"text": self._answer(call)},
            "assess thought": lambda: {"hazards": [], "safety": SAFE, "utility": _grade(call)},
            "assess request": lambda: {"hazards": [], "safety": SAFE},
            "decline": lambda: {"text": "I can't help with this."},
        }  # fmt: skip
        return replies[call.task]()

    def _offers(self, call: Call) -> list[dict[str, Any]]:
        gone = went(call)
        if self.steps and gone == self.steps:
            return [_action("answer", "Say what the clues come to.", PAYS)]
        remarks = [self._remark(call, number) for number in range(2)]
        # Off the trail is what begins with a remark.
        on_trail = self.steps > gone and (gone > 0 or not call.get("path"))
        return [*remarks, _action("reason", f"Follow clue {gone + 1}.", STEP)] if on_trail else remarks

    def _remark(self, call: Call, number: int) -> dict[str, Any]:
        drawn = chance(self.seed, call.get("path"), number)
        return _action(
            "reason", f"Remark on {_words(self.seed, call.get('path'), number)}.", REMARK - self.spread * drawn
        )

    def _forecasts(self, call: Call) -> list[dict[str, Any]]:
        found = re.search(r"at most (\d+), each", call.system)
        horizon = int(found.group(1)) if found else 1
        return [
            {
                "action": int(number),
                "safety": SAFE,
                "utility": PAYS if "come to" in aim else STEP if "clue" in aim else REMARK,
                "steps": self._ahead(call, aim)[:horizon],
            }
            for number, aim in _ACTION.findall(call.get("actions"))
        ]

    def _ahead(self, call: Call, aim: str) -> list[dict[str, Any]]:
        if "come to" in aim:
            return []
        if "clue" not in aim:
            return [_step("reason", REMARK)] * 4
        return [_step("reason", STEP)] * (self.steps - went(call) - 1) + [_step("answer", PAYS)]

    def _made(self, call: Call) -> str:
        aim = call.get("aim")
        words = _words(self.seed, aim, call.get("path"))
        return f"{words}: clue {went(call) + 1} of the trail." if "clue" in aim else f"{words}."

    def _answer(self, call: Call) -> str:
        whole = self.steps > 0 and went(call) == self.steps
        return f"The clues come to this: {INSIGHT}." if whole else "The clues come to nothing certain."


def went(call: Call) -> int:
    """How many steps of the trail the thoughts that a call carries have made."""
    return len(set(_MADE.findall(call.get("path"))))


def _grade(call: Call) -> float:
    candidate = call.get("candidate")
    if "the candidate is an answer to the person" in call.system:
        return PAYS if INSIGHT in candidate else POOR
    return MADE if _MADE.search(candidate) else REMARK


def _action(kind: str, aim: str, utility: float) -> dict[str, Any]:
    return {
        "kind": kind, "aim": aim, "picture": 0, "box": None, "parents": [], "safety": SAFE, "utility": utility,
        "next": [],
    }  # fmt: skip


def _step(kind: str, utility: float) -> dict[str, Any]:
    return {"kind": kind, "safety": SAFE, "utility": utility}


def _words(*parts: object) -> str:
    """Four made-up words: no two remarks may read as one."""
    return " ".join(f"{int(chance(number, *parts) * 16**7):07x}" for number in range(4))
