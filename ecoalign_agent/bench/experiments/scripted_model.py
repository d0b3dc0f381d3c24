"""A scripted model whose insight lies some steps ahead, behind unpromising ones. It stands for no model. Ours.

At every thought three steps are on offer: two remarks and, where the thought is on the trail, its next step, which
promises a little less than they do. Its value shows only to a search that looks ahead to the end of the trail.
"""

import json
import re
from collections.abc import Callable
from typing import Any, ClassVar

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent.models.simulated.parameters import TOKENS
from ecoalign_agent.models.simulated.prompt_input import Call, read_call
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL, World, uniform_hash

INSIGHT = "INSIGHT"
"""In the answer at the end of the whole trail."""

QUESTION = "What do the clues come to?"

SAFE = 0.9
REMARK, STEP, MADE = -0.6, -0.65, -0.4
"""Raw utility: forecast and verdict of a remark; forecast of a step of the trail; verdict of that step."""

PAYS, POOR = 0.9, -0.6
"""Raw utility of an answer with the insight, and of one without."""

_TOKEN_BYTES = 4
_MADE = re.compile(r"\bclue \d+ of the trail\b")


class TrailModel(BaseChatModel):
    """Chat model of the trail; its forecasts are right, so that nothing but the horizon hides what is ahead."""

    steps: int = 3
    """Steps of the trail before the answer of high value; 0: there is no trail."""
    seed: int = 0
    """For the wording and the small differences between remarks."""

    spread: ClassVar[float] = 0.04
    """Remarks promise up to so much less, so that there are no ties."""

    @property
    def _llm_type(self) -> str:
        return "ecoalign-trail"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name, "label": SIMULATED_LABEL}

    @property
    def model_name(self) -> str:
        """Names it as scripted."""
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
        prompt = -(-call.prompt_bytes // _TOKEN_BYTES)
        kind = "assess" if (call.task or "").startswith("assess") else call.task or "plain"
        completion = max(-(-len(text) // _TOKEN_BYTES), TOKENS[kind])
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        message = AIMessage(text, response_metadata={"finish_reason": "stop", "token_usage": usage})
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _reply(self, call: Call) -> dict[str, Any]:
        replies: dict[str | None, Callable[[], dict[str, Any]]] = {
            "scan": lambda: {
                "caption": "There is no picture.", "seen_text": "", "regions": [], "hazard": "none", "safety": SAFE,
                "draft": "", "actions": self._actions(call),
            },
            "propose": lambda: {"actions": self._actions(call), "merge": [], "prune": []},
            "simulate": lambda: {"forecasts": self._forecasts(call)},
            "reason": lambda: {"text": self._thought(call)},
            "answer": lambda: {"text": self._answer(call)},
            "synthesize": lambda: {"text": self._answer(call)},
            "assess thought": lambda: {"hazards": [], "safety": SAFE, "utility": _grade(call)},
            "assess request": lambda: {"hazards": [], "safety": SAFE},
            "decline": lambda: {"text": "I can't help with this."},
        }  # fmt: skip
        return replies[call.task]()

    def _actions(self, call: Call) -> list[dict[str, Any]]:
        done = steps_made(call)
        if self.steps and done == self.steps:
            return [_action("answer", "Say what the clues come to.", PAYS)]
        remarks = [self._remark(call, number) for number in range(2)]
        # Off the trail is what begins with a remark.
        on_trail = self.steps > done and (done > 0 or not call.get("path"))
        return [*remarks, _action("reason", f"Follow clue {done + 1}.", STEP)] if on_trail else remarks

    def _remark(self, call: Call, number: int) -> dict[str, Any]:
        key = (self.seed, call.get("path"), number)
        return _action("reason", f"Remark on {_words(*key)}.", REMARK - self.spread * uniform_hash(*key))

    def _forecasts(self, call: Call) -> list[dict[str, Any]]:
        return [
            {
                "action": number,
                "safety": SAFE,
                "utility": PAYS if "come to" in aim else STEP if "clue" in aim else REMARK,
                "steps": self._ahead(call, aim)[: call.horizon(1)],
            }
            for number, _, aim in call.offered_actions
        ]

    def _ahead(self, call: Call, aim: str) -> list[dict[str, Any]]:
        if "come to" in aim:
            return []
        if "clue" not in aim:
            return [_step("reason", REMARK)] * 4
        return [_step("reason", STEP)] * (self.steps - steps_made(call) - 1) + [_step("answer", PAYS)]

    def _thought(self, call: Call) -> str:
        aim = call.get("aim")
        words = _words(self.seed, aim, call.get("path"))
        return f"{words}: clue {steps_made(call) + 1} of the trail." if "clue" in aim else f"{words}."

    def _answer(self, call: Call) -> str:
        whole = self.steps > 0 and steps_made(call) == self.steps
        return f"The clues come to this: {INSIGHT}." if whole else "The clues come to nothing certain."


def steps_made(call: Call) -> int:
    """Steps of the trail that the thoughts of a call have made."""
    return len(set(_MADE.findall(call.get("path"))))


def _grade(call: Call) -> float:
    candidate = call.get("candidate")
    if call.candidate_role == "answer":
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
    """No two remarks may read as one."""
    return " ".join(f"{int(uniform_hash(number, *parts) * 16**7):07x}" for number in range(4))
