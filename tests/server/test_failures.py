"""A run that failed is an error that OpenAI's clients raise, and never an answer."""

import json
from typing import Any

import openai
import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.testing import ErrorReply, ScriptedReply, scan_reply, task_replies
from tests.scripted_server import ChatServer, Cut, Hang, empty_choices
from tests.server.host import ASKED, Hosted, body


@pytest.mark.parametrize(
    ("answer", "status", "code", "raised"),
    [
        (ErrorReply(500, "broken"), 502, "upstream_failed", openai.InternalServerError),
        (ErrorReply(401, "no"), 502, "upstream_failed", openai.InternalServerError),
        (Cut(), 502, "upstream_failed", openai.InternalServerError),
        (empty_choices(), 502, "upstream_failed", openai.InternalServerError),
        (Hang(), 504, "deadline", openai.InternalServerError),
    ],
    ids=["500", "401", "cut", "empty", "hang"],
)
def test_a_run_that_failed_is_an_error_and_never_an_answer(
    answer: Any, status: int, code: str, raised: type[openai.APIStatusError]
) -> None:
    # Three attempts at a broken connection, with their pauses, take up to 1.5 s.
    policy = Policy(deadline=0.5 if isinstance(answer, Hang) else 20.0)
    with ChatServer(lambda _: answer) as upstream:
        agent = EcoAlign("openai:m", base_url=upstream.url, api_key="sk-none", policy=policy)
        with Hosted(agent=agent, policy=policy) as server:
            response = server.post(body())
            assert (response.status_code, response.json()["error"]["code"]) == (status, code)
            # What it spent all the same, and no repetition by the client's own retries.
            assert response.json()["ecoalign"]["status"] == "failed"
            assert response.headers["x-should-retry"] == "false"
            calls = len(upstream.bodies)
            with pytest.raises(raised):
                server.client(max_retries=2).chat.completions.create(model="ecoalign", messages=ASKED)
            again = len(upstream.bodies) - calls
            assert again == calls
            with pytest.raises(openai.APIError, match=r".") as raised_error:
                list(server.client().chat.completions.create(model="ecoalign", messages=ASKED, stream=True))
            assert raised_error.value.code == code


def test_an_error_in_mid_stream_is_told_and_the_stream_ends() -> None:
    def script(call: Any) -> Any:
        if call.task == "scan":
            # After the stream has begun.
            return ScriptedReply(scan_reply(), delay=0.2)
        return RuntimeError("the upstream is gone")

    with Hosted(script) as server:
        response = server.post(body(stream=True))
        events = [line for line in response.text.split("\n\n") if line.startswith("data: ")]
        with pytest.raises(openai.APIError):
            list(server.client().chat.completions.create(model="ecoalign", messages=ASKED, stream=True))
    assert response.status_code == 200
    assert json.loads(events[-2][6:])["error"]["code"] == "upstream_failed"
    assert events[-1] == "data: [DONE]"
    assert "choices" not in "".join(events)


def test_a_fault_of_the_program_is_a_500_that_tells_nothing() -> None:
    def script(call: Any) -> Any:
        raise KeyError("CANARY in a message")

    with Hosted(task_replies(scan=script)) as server:
        server.agent.ask = _broken  # type: ignore[method-assign]  # stands in for a fault that no test can know
        server.agent.with_policy = lambda policy: server.agent  # type: ignore[method-assign]  # as above
        response = server.post(body())
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal_error")
    assert "CANARY" not in response.text


async def _broken(*args: object, **kwargs: object) -> Any:
    raise KeyError("CANARY in a message")
