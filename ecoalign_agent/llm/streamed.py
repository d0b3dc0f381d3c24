"""Calls that are streamed to their end: for finding out what a server reports then. A search never streams."""

from collections.abc import Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint


class StreamedEndpoint(Endpoint):
    """An endpoint whose calls are streamed to their end; for finding out what is reported then."""

    @classmethod
    def beside(cls, endpoint: Endpoint) -> "StreamedEndpoint":
        """The same server, with what was learnt of it and its rate; with places and connections of its own."""
        streamed = cls(endpoint.model, name=endpoint.name, timeout=endpoint.timeout, backoff=endpoint.backoff)
        streamed.capabilities, streamed.gauge, streamed.rate = endpoint.capabilities, endpoint.gauge, endpoint.rate
        return streamed

    async def call(
        self, messages: Sequence[BaseMessage], rung: Rung, schema: type[BaseModel], *, most: int
    ) -> AIMessage:
        """Make one request, streamed; returns the chunks joined.

        Raises:
            ValueError: the stream held no chunk.
        """
        model = self._here().model
        changes: dict[str, Any] = {"disable_streaming": False}
        # Where a class has these, the first decides, however it is called; the second asks for the usage.
        changes |= dict.fromkeys({"streaming", "stream_usage"} & type(model).model_fields.keys(), True)
        whole: Any = None
        async for chunk in model.model_copy(update=changes).astream(messages, **self._arguments(rung, schema, most)):
            whole = chunk if whole is None else whole + chunk
        if not isinstance(whole, AIMessage):
            raise ValueError("an empty stream")  # noqa: TRY004 - a reply's fault, told like the others
        return whole


def streams(model: BaseChatModel) -> bool:
    """Whether a model's class can stream at all."""
    return any(getattr(type(model), name) is not getattr(BaseChatModel, name) for name in ("_stream", "_astream"))
