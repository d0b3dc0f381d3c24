"""An OpenAI-compatible server on loopback that says and breaks what a test tells it to.

A test gives ``ChatServer`` a callable: request body → answer. An answer is a ``CompletionReply`` or one of the faults;
``replies`` has short forms for the common ones. The server is a real uvicorn in a thread: what a client sees, it sees
over a socket.

    with ChatServer(structured({"text": "ten o'clock"})) as server:
        model = ChatOpenAI(model="m", base_url=server.url, api_key="…")
        ...
    assert server.bodies[0]["response_format"]["type"] == "json_schema"
"""

from tests.scripted_server.app import ChatServer
from tests.scripted_server.replies import (
    Answer,
    Answerer,
    Cut,
    Delayed,
    Drip,
    Hang,
    Page,
    Raw,
    cut_off,
    empty_choices,
    fenced,
    filtered,
    in_turn,
    refusal,
    rejecting,
    saying,
    structured,
)

__all__ = [
    "Answer",
    "Answerer",
    "ChatServer",
    "Cut",
    "Delayed",
    "Drip",
    "Hang",
    "Page",
    "Raw",
    "cut_off",
    "empty_choices",
    "fenced",
    "filtered",
    "in_turn",
    "refusal",
    "rejecting",
    "saying",
    "structured",
]
