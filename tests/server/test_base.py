"""The bare model, where it is allowed; and the embedded one."""

import base64
from typing import Any

import openai
import pytest

from ecoalign_agent.testing import CompletionReply
from tests.scripted_server import ChatServer, saying
from tests.server.host import ASKED, NOTICE, Hosted, behind, body


def test_the_bare_model_is_off_unless_it_is_allowed() -> None:
    with Hosted() as server, pytest.raises(openai.NotFoundError, match="the bare model is not served here"):
        server.client().chat.completions.create(model="ecoalign/base", messages=ASKED)


def test_the_bare_model_gets_the_conversation_as_it_is_and_is_metered() -> None:
    with ChatServer(saying("Nine.")) as upstream, behind(upstream, allow_base=True) as server:
        models = server.client().models.list().data
        model_object = next(model for model in models if model.id == "ecoalign/base")
        assert model_object.model_extra is not None
        assert model_object.model_extra["ecoalign"]["assessed"] is False
        picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
        messages: Any = [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "When?"}, picture]},
            {"role": "assistant", "content": "What?"},
            {"role": "user", "content": "The museum."},
        ]
        answer = server.client().chat.completions.create(
            model="ecoalign/base",
            messages=messages,
            max_completion_tokens=77,
        )
        forwarded = upstream.bodies[0]
        assert [m["role"] for m in forwarded["messages"]] == ["system", "user", "assistant", "user"]
        assert forwarded["messages"][1]["content"][1]["image_url"]["url"] == "data:image/png;base64,AAAA"
        assert (forwarded["messages"][3]["content"], forwarded["max_tokens"]) == ("The museum.", 77)
        assert answer.choices[0].message.content == "Nine."
        assert answer.model_extra is not None
        assert answer.model_extra["ecoalign"]["status"] == "unassessed"
        assert answer.usage is not None
        # "Nine." has five characters: two tokens at four characters each, as the upstream counts.
        assert answer.usage.completion_tokens == 2
        pieces = list(server.client().chat.completions.create(model="x/base", messages=ASKED, stream=True))
        assert "".join(p.choices[0].delta.content or "" for p in pieces) == "Nine."
        text = server.get("/metrics").text
        assert 'ecoalign_cost_units_total{model="ecoalign/base"}' in text
        upstream.reset(lambda _: CompletionReply("", finish="content_filter"))
        with pytest.raises(openai.InternalServerError, match="its answer is empty"):
            server.client().chat.completions.create(model="ecoalign/base", messages=ASKED)


def test_pictures_are_answered_by_the_offline_model() -> None:
    url = "data:image/png;base64," + base64.b64encode(NOTICE.read_bytes()).decode()
    content = [
        {"type": "text", "text": "When does it close on Saturday?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    with Hosted("offline") as server:
        reply = server.post(body(messages=[{"role": "user", "content": content}])).json()
    assert reply["ecoalign"]["status"] == "answered"
    assert reply["choices"][0]["message"]["content"].startswith("20:00")
