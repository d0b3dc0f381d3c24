"""A model behind the test server that plays its part in a search, while some of its answers break on the way.

It keeps a book of what it did, by the name under which it was asked: each run asks for a model of its own name.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent.testing import CompletionReply, JsonObject, ScriptedCall, counted_usage, scripted_call
from tests.scripted_server.faults import FAULTS, Fault, exaggerated, given
from tests.scripted_server.replies import Answer, cut_off

TROUBLES: dict[str, Fault] = {**FAULTS, "exaggerated usage": exaggerated}

WHOLE = frozenset({"none", "fenced JSON", "no usage", "absurd usage", "exaggerated usage"})
"""Faults after which the reply still stands there whole."""


@dataclass(frozen=True)
class Served:
    """One request and what was sent.

    Attributes:
        task: what was asked for.
        candidate: what was to be graded; None: nothing was.
        prompt: the request's messages, to tell a question that is asked again.
        fault: what became of the answer.
        reply: what the model would say.
        billed: what an honest bill comes to, in cost units: nothing for an answer that was not finished.
    """

    task: str
    candidate: str | None
    prompt: str
    fault: str
    reply: dict[str, Any]
    billed: float


class Troubled:
    """Answers by ``plays``, and breaks what ``breaks`` says: run's name, number of its request → fault or "none"."""

    def __init__(self, plays: Callable[[str, ScriptedCall], dict[str, Any]], breaks: Callable[[str, int], str]) -> None:
        self.plays, self.breaks = plays, breaks
        self.book: defaultdict[str, list[Served]] = defaultdict(list)
        self._lock = threading.Lock()

    def __call__(self, body: JsonObject) -> Answer:
        run = body["model"]
        call = scripted_call(
            [SystemMessage(body["messages"][0]["content"]), HumanMessage(body["messages"][-1]["content"])]
        )
        reply = self.plays(run, call)
        written = json.dumps(reply)
        with self._lock:
            fault = self.breaks(run, len(self.book[run]))
            room = 4 * int(body.get("max_tokens") or body["max_completion_tokens"])
            answer: Answer
            if len(written) > room - 16:
                # It writes no more than it may, a fence included, whatever breaks after that.
                fault, answer = "length", cut_off(written[: max(0, room - 16)])
            else:
                answer = TROUBLES[fault](body, written) if fault != "none" else given(body, written)
            prompt = json.dumps(body["messages"])
            bill = _bill(body, answer)
            self.book[run].append(Served(call.task, call.data.get("candidate"), prompt, fault, reply, bill))
        return answer


def _bill(body: JsonObject, answer: Answer) -> float:
    """At the default tariff; a completion that drips is not finished by the time its caller leaves."""
    if not isinstance(answer, CompletionReply):
        return 0.0
    usage = counted_usage(body, (answer.content or "") + "".join(tool.arguments for tool in answer.tools))
    return 0.25 * float(usage["prompt_tokens"]) + float(usage["completion_tokens"])
