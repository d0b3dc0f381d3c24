"""A moderation endpoint of OpenAI's protocol: text and at most one picture in, the server's own words out, metered.

Such endpoints report no usage, and OpenAI's is free of charge. A budget bounds what is asked of others, not only what
they charge today, and an unknown figure is not zero: so the estimate of what was sent is booked, marked as estimated,
unless the endpoint is declared ``free``. Source: ours.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, NamedTuple, Unpack
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from langchain_core.messages import AIMessage
from pydantic import SecretStr

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import NotFoundError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import ImageFamily, family_of, image_tokens
from ecoalign_agent.llm.call import PendingCall, metered_call
from ecoalign_agent.llm.endpoint import host_and_port
from ecoalign_agent.llm.failures import Failure, classify_failure
from ecoalign_agent.llm.meter import Meter, request_digest
from ecoalign_agent.llm.parsing import reply_text
from ecoalign_agent.llm.rate_limit import CallLimits, LimitOptions
from ecoalign_agent.llm.tokens import PER_MESSAGE, TokenCalibration, text_tokens


class ModerationAnswer(NamedTuple):
    """A moderation endpoint's answer as it came, unchecked, and the cost of all attempts in cost units."""

    body: str
    cost: float


class ModerationEndpoint(CallLimits):
    """A model behind ``POST {base_url}/moderations``. Usable on several event loops.

    Nothing is learnt by ``calibration``, as it reports nothing, and nothing is booked where it is ``free``.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: SecretStr,
        base_url: str | None = None,
        free: bool = False,
        **limits: Unpack[LimitOptions],
    ) -> None:
        if not model:
            raise ValueError("moderation: the model must be named; write moderation:NAME")
        super().__init__(f"moderation:{model}", **limits)
        self.model = model
        self.free = free
        # The omni models are built on GPT-4o, which counts tiles; elsewhere the largest formula stands.
        family = family_of(model)
        self.family: ImageFamily = "openai-tiles" if family == "unknown" and model.startswith("omni") else family
        self.calibration = TokenCalibration(self.name, self.family)
        self.official = base_url is None or (urlsplit(base_url).hostname or "").endswith("openai.com")
        self._base_url, self._key = base_url, api_key
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, Any] = WeakKeyDictionary()

    async def moderate(self, text: str, view: ImageView | None, *, meter: Meter, phase: Phase) -> ModerationAnswer:
        """Classify ``text`` and a picture, together; metered. Errors as of ``metered_call``."""
        call = ModerationCall(self, text, view, meter, phase)
        try:
            reply = await metered_call(call)
        except NotFoundError as error:
            raise NotFoundError(
                f"{self.name}: 404 at {self.address}, POST /moderations: no such path or model on that server; "
                "nothing was sent elsewhere; name another assessor or another base URL"
            ) from error.__cause__
        return ModerationAnswer(reply_text(reply), call.totals.cost)

    async def aclose(self) -> None:
        """Close the connections opened on the running event loop; a later call opens new ones."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.close()

    async def post(self, text: str, view: ImageView | None) -> AIMessage:
        """Make one request, unmetered; whatever the client raises comes through."""
        create = self._client().moderations.with_raw_response.create
        return AIMessage(str((await create(model=self.model, input=_input(text, view))).text))

    @property
    def address(self) -> str:
        """Host and port."""
        return host_and_port(self._client().base_url)

    @property
    def secrets(self) -> list[str]:
        """The key, where it is long enough to be one."""
        key = self._key.get_secret_value()
        return [key] if len(key) >= 4 else []

    def _client(self) -> Any:  # noqa: ANN401 - openai is loaded only where it is used
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            from openai import AsyncOpenAI  # noqa: PLC0415 - as above

            # Retries are ours, so that every attempt is booked.
            client = self._clients[loop] = AsyncOpenAI(
                api_key=self._key.get_secret_value(), base_url=self._base_url, timeout=self.timeout, max_retries=0
            )
        return client


class ModerationCall(PendingCall):
    """A moderation request on its way; the reply is the answer's body."""

    endpoint: ModerationEndpoint

    def __init__(
        self, endpoint: ModerationEndpoint, text: str, view: ImageView | None, meter: Meter, phase: Phase
    ) -> None:
        super().__init__(endpoint, meter, phase)
        self._text, self._view = text, view

    def digest(self) -> str:
        """Digest of text and picture."""
        picture = () if self._view is None else (self._view.mime, self._view.data)
        return request_digest([self.endpoint.name, self._text, *picture])

    def estimate(self) -> Usage:
        """Tokens that the request uses, as nothing is reported; a free endpoint uses none."""
        if self.endpoint.free:
            return Usage()
        return Usage(text=text_tokens(self._text) + PER_MESSAGE, image=self.image_formula(), estimated=True)

    def image_formula(self) -> int:
        """Tokens of the picture by our formula."""
        return 0 if self._view is None else image_tokens(self._view.size, self._view.detail, self.endpoint.family)

    def send(self, max_tokens: int) -> Awaitable[AIMessage]:
        """Make the request."""
        del max_tokens
        return self.endpoint.post(self._text, self._view)

    def classify(self, error: Exception) -> Failure:
        """Read an exception of the client."""
        endpoint = self.endpoint
        return classify_failure(
            error, name=endpoint.name, address=endpoint.address, secrets=endpoint.secrets, compatible=False
        )


def _input(text: str, view: ImageView | None) -> str | list[dict[str, Any]]:
    if view is None:
        return text
    picture = {"type": "image_url", "image_url": {"url": view.block()["image_url"]["url"]}}
    return [{"type": "text", "text": text}, picture]
