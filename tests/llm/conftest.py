"""A server for each module, reset for each test; endpoints that close what they open."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent.llm.endpoint import Endpoint
from tests.llm.asking import KEY
from tests.scripted_server import ChatServer

MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture(scope="module")
def running_server() -> Iterator[ChatServer]:
    """Starting one takes 50 ms: a module shares it."""
    with ChatServer() as server:
        yield server


@pytest.fixture
def server(running_server: ChatServer) -> ChatServer:
    """The module's server, with nothing asked yet."""
    return running_server.reset()


@pytest.fixture
async def endpoint(server: ChatServer) -> AsyncIterator[MakeEndpoint]:
    """Makes endpoints at the server: ``endpoint(timeout=…, key=…, url=…, …, **model options)``."""
    made: list[Endpoint] = []

    def make(
        *,
        timeout: float = 5.0,
        concurrency: int = 32,
        backoff: float = 0.02,
        key: str = KEY,
        url: str | None = None,
        **options: Any,
    ) -> Endpoint:
        model = ChatOpenAI(model="vision-1", base_url=url or server.url, api_key=SecretStr(key), **options)
        made.append(Endpoint(model, name="openai:vision-1", timeout=timeout, concurrency=concurrency, backoff=backoff))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()
