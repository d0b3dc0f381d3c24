"""The test server with ``POST /v1/moderations`` besides: it answers and breaks as it is told, like the rest of it.

A question to it has ``input`` in its body, one to the chat route ``messages``: one callable can answer both.
"""

import json
from typing import Any

from fastapi import FastAPI, Request, Response

from tests.scripted_server.app import ChatServer
from tests.scripted_server.replies import Raw

CATEGORIES = ("harassment", "hate", "illicit", "illicit/violent", "self-harm", "sexual", "sexual/minors", "violence")


class ModerationServer(ChatServer):
    """A ``ChatServer`` that moderates too."""

    def _app(self) -> FastAPI:
        app = super()._app()

        @app.post("/v1/moderations")
        async def moderate(request: Request) -> Response:
            return await self._answer(await request.json(), request)

        return app


def moderation(*flags: str, flagged: bool | None = None, **scores: float) -> Raw:
    """An answer as OpenAI words it.

    Args:
        flags: categories that are flagged.
        flagged: as a whole; None: when any category is.
        scores: by category, dashes and slashes written as underscores; the others are close to 0.
    """
    given = {name: scores.get(name.replace("/", "_").replace("-", "_"), 0.0001) for name in CATEGORIES}
    result: dict[str, Any] = {
        "flagged": bool(flags) if flagged is None else flagged,
        "categories": {name: name in flags for name in CATEGORIES},
        "category_scores": given,
        "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
    }
    return Raw(json.dumps({"id": "modr-1", "model": "omni-moderation-latest", "results": [result]}))
