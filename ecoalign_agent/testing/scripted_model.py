"""A chat model and an assessor that reply by a script and record their calls."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent.assessors.base import AssessmentInput, Verdict
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.tokens import PER_MESSAGE, text_tokens

_FENCE = re.compile(r"<(\w+) ([0-9a-f]{8})>\n(.*?)\n</\1 \2>", re.DOTALL)


@dataclass(frozen=True)
class ScriptedCall:
    """One call to a scripted model; ``call["question"]`` reads a fenced part of its prompt.

    Attributes:
        task: such as ``scan`` or ``assess thought``.
        data: the fenced parts of the prompt by name.
        images: number of pictures.
        prompt_tokens: estimate for the prompt's text.
    """

    task: str
    data: Mapping[str, str]
    system: str
    images: int
    max_tokens: int | None = None
    prompt_tokens: int = 0

    def __getitem__(self, name: str) -> str:
        return self.data[name]


@dataclass(frozen=True)
class ScriptedReply:
    """A reply with its usage: JSON text of a mapping, or a text as it stands.

    Attributes:
        prompt_tokens: None: no usage is reported.
        delay: seconds; None: the model's.
    """

    reply: Mapping[str, Any] | str
    prompt_tokens: int | None = 400
    completion_tokens: int = 40
    finish_reason: str = "stop"
    delay: float | None = None


SCRIPTED_CALL_COST = 0.25 * 400 + 40
"""Cost units of one call by the default tariff, unless its reply reports another usage."""

AnyReply = Mapping[str, Any] | str | ScriptedReply | Exception
"""A reply's content, a reply with its usage, or an exception to raise."""

Script = Callable[[ScriptedCall], AnyReply]


class AsyncChatModel(BaseChatModel):
    """Base of chat models that are called asynchronously only: a synchronous call raises."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401 - LangChain's signature
    ) -> ChatResult:
        raise NotImplementedError(f"{type(self).__name__} is asynchronous")


class ScriptedModel(AsyncChatModel):
    """A chat model that replies by a script (see ``task_replies``) and records its calls.

    Attributes:
        delay: seconds that each call takes.
        model_name: at its provider.
        calls: in order of arrival.
        max_open_calls: most calls that were under way at one time.
        cancelled_calls: calls that were cancelled under way.
    """

    script: Callable[[ScriptedCall], Any]
    delay: float = 0.0
    model_name: str | None = None
    calls: list[ScriptedCall] = []  # noqa: RUF012 - pydantic copies it for each model
    open_calls: int = 0
    max_open_calls: int = 0
    cancelled_calls: int = 0

    def __init__(
        self,
        script: Script | None = None,
        *,
        delay: float = 0.0,
        model_name: str | None = None,
        **fields: Any,  # noqa: ANN401 - of subclasses
    ) -> None:
        super().__init__(script=script or task_replies(), delay=delay, model_name=model_name, **fields)

    def tasks(self) -> list[str]:
        """The tasks of all calls, in order."""
        return [call.task for call in self.calls]

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002 - LangChain's signature
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002 - as above
        **kwargs: Any,  # noqa: ANN401 - as above
    ) -> ChatResult:
        call = scripted_call(messages, kwargs.get("max_tokens"))
        self.calls.append(call)
        reply = self.script(call)
        if isinstance(reply, Exception):
            raise reply
        reply = reply if isinstance(reply, ScriptedReply) else ScriptedReply(reply)
        self.open_calls += 1
        self.max_open_calls = max(self.max_open_calls, self.open_calls)
        try:
            await asyncio.sleep(self.delay if reply.delay is None else reply.delay)
        except asyncio.CancelledError:
            self.cancelled_calls += 1
            raise
        finally:
            self.open_calls -= 1
        return ChatResult(generations=[ChatGeneration(message=_message(reply))])


def _message(reply: ScriptedReply) -> AIMessage:
    text = reply.reply if isinstance(reply.reply, str) else json.dumps(reply.reply)
    metadata: dict[str, Any] = {"finish_reason": reply.finish_reason}
    if reply.prompt_tokens is not None:
        metadata["token_usage"] = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.completion_tokens}
    return AIMessage(text, response_metadata=metadata)


def scripted_call(messages: Sequence[BaseMessage], max_tokens: int | None = None) -> ScriptedCall:
    """The call that these messages make."""
    system, user = messages[0].text, messages[-1]
    blocks = user.content if isinstance(user.content, list) else []
    return ScriptedCall(
        task=system.split("\n", 1)[0].removeprefix("Task: "),
        data={name: value for name, _, value in _FENCE.findall(user.text)},
        system=system,
        images=sum(isinstance(block, dict) and block.get("type") == "image_url" for block in blocks),
        max_tokens=max_tokens,
        prompt_tokens=sum(text_tokens(message.text) + PER_MESSAGE for message in messages),
    )


def scan_reply(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field of the reply
    """The scan of a harmless request: no draft, one action, which answers."""
    reply: dict[str, Any] = {
        "caption": "a notice on a door",
        "seen_text": "Open 9 to 5",
        "regions": [],
        "hazard": "none",
        "safety": 0.9,
        "draft": "",
        "actions": [proposed_action("answer", "say the hours")],
    }
    return reply | changes


def proposed_action(
    kind: str,
    aim: str,
    safety: float = 0.9,
    utility: float = 0.8,
    **changes: Any,  # noqa: ANN401 - any field of the action
) -> dict[str, Any]:
    """An action of a scan or a proposal, with its forecast."""
    action = {"kind": kind, "aim": aim, "picture": 0, "box": None, "parents": [], "safety": safety, "utility": utility}
    return action | {"next": []} | changes


def imagined_step(kind: str, safety: float, utility: float) -> dict[str, Any]:
    """A step of a forecast."""
    return {"kind": kind, "safety": safety, "utility": utility}


def verdict_reply(safety: float = 0.9, utility: float = 0.9, hazards: Sequence[str] = ()) -> dict[str, Any]:
    """The reply of a chat model that assesses a thought; both grades in [-1, 1]."""
    return {"hazards": list(hazards), "safety": safety, "utility": utility}


def task_replies(**replies: AnyReply | Script) -> Script:
    """A script with a reply, or a function of the call, for each task, and harmless defaults for the others.

    ``assess`` stands for "assess thought", ``request`` for "assess request".
    """
    defaults: dict[str, AnyReply | Script] = {
        "scan": scan_reply(),
        "plan": {"text": "Tell the hours only."},
        "propose": {"actions": [proposed_action("answer", "answer now")], "merge": [], "prune": []},
        "simulate": {"forecasts": []},
        "reason": {"text": "The notice says nine to five."},
        "look": {"text": "It reads: Open 9 to 5."},
        "fuse": {"text": "Together: nine to five."},
        "answer": {"text": "It is open from 9 to 5."},
        "synthesize": {"text": "Open from 9 to 5."},
        "decline": {"text": "I can't help with that, but I can tell you the opening hours."},
        "assess": verdict_reply(),
        "request": {"hazards": ["S2"], "safety": -0.8},
    }
    names = {"assess thought": "assess", "assess request": "request"}
    by_task = defaults | replies

    def script(call: ScriptedCall) -> AnyReply:
        reply = by_task[names.get(call.task, call.task)]
        return reply(call) if callable(reply) else reply

    return script


@dataclass
class ScriptedAssessor:
    """An assessor without a model: always the same verdict, a function of the input, or an exception to raise."""

    verdict: Verdict | Exception | Callable[[AssessmentInput], Verdict]
    name: str = "scripted"
    grades_utility: bool = True
    prompts: Sequence[str] = ()
    inputs: list[AssessmentInput] = field(default_factory=list)

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:  # noqa: ARG002 - it pays for nothing
        """Return or raise the scripted verdict."""
        self.inputs.append(case)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict(case) if callable(self.verdict) else self.verdict

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Return or raise the scripted verdict."""
        return await self.assess(case, meter=meter)
