"""Pictures by their addresses: only from allowed hosts, only from the open network, only as bytes, and never inside."""

import asyncio
import base64
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage

from ecoalign_agent import EcoAlign
from ecoalign_agent.cli import main
from ecoalign_agent.errors import ImageError, UsageError
from ecoalign_agent.images.fetching import ImageFetcher
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.images.url_policy import allowed_hosts
from ecoalign_agent.testing import ScriptedModel
from tests.llm.outside import Rerouted, World, a_world, trusting
from tests.llm.vectors import HOST, OUTER, OUTER_6, VECTORS, redirect, reply
from tests.search.stage import QUESTION, picture

URL = f"https://{HOST}/notice.png?token=s3cret"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with a_world(tmp_path, HOST, "other.example", "8.8.4.4") as made:
        yield made


async def refusal(world: World, url: str, *hosts: str, seconds: float = 5.0) -> str:
    image_store = ImageStore(fetcher=world.fetcher(*(hosts or (HOST,)), seconds=seconds))
    with pytest.raises(ImageError) as caught:
        await image_store.open(url)
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 700
    return message


class TestInside:
    async def test_no_vector_reaches_the_canary_and_each_gives_one_clear_error(self, world: World) -> None:
        hits, groups = 0, Counter[str]()
        for vector in VECTORS:
            world.reset(vector.names, vector.routes)
            message = await refusal(world, vector.url, *vector.allowed)
            assert vector.says in message, (vector, message)
            assert set(world.dialled) <= {OUTER, OUTER_6}, (vector, message)
            assert world.hits == 0, (vector, message)
            hits += world.hits
            groups[vector.group.split(":")[0].split(",")[0]] += 1
        print(f"{len(VECTORS)} vectors, {hits} hits on the canary: {dict(groups)}")
        assert len(VECTORS) >= 60

    async def test_a_client_without_the_guard_does_reach_the_canary(self, world: World) -> None:
        # The control: the canary can be hit, and the vectors are not harmless by themselves.
        reached = 0
        for vector in VECTORS:
            world.reset(vector.names, vector.routes)
            await _naive(world, vector.url)
            reached += world.hits > 0
        print(f"{reached} of {len(VECTORS)} vectors reach the canary through a client without the guard")
        assert reached >= 60

    async def test_with_the_real_connector_and_resolver_nothing_is_dialled_either(self, world: World) -> None:
        hosts = ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::]", "127.8.8.8"]
        image_store = ImageStore(fetcher=ImageFetcher.for_hosts(f"{host}:{world.canary_port}" for host in hosts))
        for host in hosts:
            with pytest.raises(ImageError, match="never fetched"):
                await image_store.open(f"https://{host}:{world.canary_port}/a.png")
        assert world.hits == 0
        # The control, by hand: the canary does listen.
        _, writer = await asyncio.open_connection("127.0.0.1", world.canary_port)
        writer.close()
        await writer.wait_closed()
        assert world.hits == 1


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def _naive(world: World, url: str) -> None:
    """As it is often written: look at the name, follow whatever comes, any address will do."""
    transport = Rerouted(world, verify=_unverified())

    class Naive(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            try:
                found = (await world.resolve(request.url.host, 443))[-1]
            except OSError:
                found = socket.inet_ntoa(socket.inet_aton(request.url.host))
            request.extensions = {**request.extensions, "sni_hostname": HOST}
            request.url = request.url.copy_with(host=found.partition("%")[0])
            return await transport.handle_async_request(request)

    try:
        async with (
            transport,
            httpx.AsyncClient(transport=Naive(), follow_redirects=True, trust_env=False, timeout=5) as client,
            client.stream("GET", url),
        ):
            pass
    except (httpx.HTTPError, httpx.InvalidURL, OSError, IndexError, ValueError):
        pass


class TestAllowed:
    async def test_an_allowed_picture_comes_over_tls_from_the_address_that_was_checked(self, world: World) -> None:
        world.routes = {"/notice.png?token=s3cret": reply(200, picture(), content_type="image/png")}
        seen = await ImageStore(fetcher=world.fetcher(HOST)).open(URL)
        assert (seen.data, seen.mime) == (picture(), "image/png")
        assert (world.lookups, world.dialled) == ([HOST], [OUTER])

    async def test_the_request_tells_nothing_about_us(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        world.routes = {"/a": redirect("/b"), "/b": reply(200, picture())}
        world.routes = {**world.routes, "/a": reply(302, location="/b", set_cookie="id=1")}
        # No proxy of the environment: this one would answer nothing.
        for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{world.canary_port}")
        await ImageStore(fetcher=world.fetcher(HOST)).open(f"https://{HOST}/a")
        assert len(world.seen) == 2
        for head in world.seen:
            names = {line.partition(":")[0].lower() for line in head.split("\r\n")[1:] if line}
            assert names == {"host", "accept", "accept-encoding", "user-agent", "connection"}
            assert "\r\nHost: allowed.example\r\n" in head
            assert "\r\nAccept-Encoding: identity\r\n" in head
        assert world.hits == 0

    async def test_three_redirects_are_followed_each_looked_up_anew(self, world: World) -> None:
        world.routes = {
            "/0": redirect("/1", 301),
            "/1": redirect("https://other.example/2", 307),
            "/2": redirect("//allowed.example/3?x=1", 308),
            "/3?x=1": reply(200, picture()),
        }
        world.names = {"other.example": [[OUTER]]}
        image_store = ImageStore(fetcher=world.fetcher(HOST, "other.example"))
        assert (await image_store.open(f"https://{HOST}/0")).data == picture()
        assert world.lookups == [HOST, HOST, "other.example", HOST]

    async def test_names_are_compared_in_one_form(self, world: World) -> None:
        world.routes = {"/a.png": reply(200, picture()), "/%C3%A4%20b.png": reply(200, picture())}
        for url in ("HTTPS://ALLOWED.Example/a.png", f"https://{HOST}:443/a.png", f"https://{HOST}/ä%20b.png"):
            assert (await ImageStore(fetcher=world.fetcher("Allowed.EXAMPLE")).open(url)).data == picture()

    async def test_an_address_in_the_open_may_be_allowed_itself(self, world: World) -> None:
        # Dialled as it stands and certified for it; in this world it stands for the server.
        world.names = {"8.8.4.4": [[OUTER]]}
        world.routes = {"/a.png": reply(200, picture())}
        assert (await ImageStore(fetcher=world.fetcher("8.8.4.4")).open("https://8.8.4.4/a.png")).data == picture()

    async def test_another_port_has_to_be_allowed_with_the_host(self, world: World) -> None:
        world.routes = {"/a.png": reply(200, picture())}
        image_store = ImageStore(fetcher=world.fetcher(f"{HOST}:8443"))
        assert (await image_store.open(f"https://{HOST}:8443/a.png")).data == picture()
        assert "Host: allowed.example:8443" in world.seen[0]

    async def test_the_next_address_is_tried_where_the_first_can_not_be_reached(self, world: World) -> None:
        world.names = {HOST: [[OUTER_6, OUTER]]}
        world.routes = {"/a.png": reply(200, picture())}

        class NoIPv6(Rerouted):
            async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
                if ":" in request.url.host:
                    raise httpx.ConnectError("network is unreachable")
                return await super().handle_async_request(request)

        fetcher = replace(world.fetcher(HOST), connector=lambda: NoIPv6(world, verify=trusting()))
        assert (await fetcher.fetch(f"https://{HOST}/a.png")).data == picture()

    async def test_a_certificate_for_another_host_is_refused(self, world: World) -> None:
        world.names = {"third.example": [[OUTER]]}
        world.routes = {"/a.png": reply(200, picture())}
        message = await refusal(world, "https://third.example/a.png", "third.example")
        assert "can't be fetched from third.example" in message
        assert world.seen == []

    async def test_a_certificate_of_an_unknown_authority_is_refused(self, world: World) -> None:
        untrusting = replace(
            world.fetcher(HOST), connector=lambda: Rerouted(world, verify=ssl.create_default_context())
        )
        with pytest.raises(ImageError, match=r"can't be fetched from allowed\.example"):
            await untrusting.fetch(URL)
        assert world.seen == []


class TestLimits:
    async def test_a_slow_drip_ends_at_the_limit_for_the_whole(self, world: World) -> None:
        async def drip(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n")
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        world.routes = {"/a.png": drip}
        begun = asyncio.get_running_loop().time()
        message = await refusal(world, f"https://{HOST}/a.png", seconds=0.3)
        assert asyncio.get_running_loop().time() - begun < 2
        assert "did not come within 0.3 s" in message

    async def test_the_limit_holds_for_names_too(self, world: World) -> None:
        async def never(host: str, port: int) -> list[str]:
            await asyncio.Event().wait()
            return []

        with pytest.raises(ImageError, match=r"did not come within 0\.1 s"):
            await replace(world.fetcher(HOST), resolver=never, seconds=0.1).fetch(URL)

    async def test_20_megabytes_come_and_a_byte_more_does_not(self, world: World) -> None:
        body = picture() + bytes(20_000_000 - len(picture()))
        world.routes = {"/fits": reply(200, body), "/over": reply(200, body + b"x", content_length="")}
        assert len((await world.fetcher(HOST).fetch(f"https://{HOST}/fits")).data) == 20_000_000
        assert "at most 20,000,000 are allowed" in await refusal(world, f"https://{HOST}/over")

    async def test_what_is_not_read_to_its_end_leaves_no_connection_open(self, world: World) -> None:
        left = asyncio.Event()

        async def endless(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    writer.write(bytes(100_000))
                    await writer.drain()
            finally:
                left.set()

        world.routes = {"/a.png": endless}
        await refusal(world, f"https://{HOST}/a.png")
        await asyncio.wait_for(left.wait(), 5)

    async def test_seventeen_addresses_in_one_request_are_too_many(self, world: World) -> None:
        agent, _ = _agent(world)
        with pytest.raises(UsageError, match="17 image URLs in one request, at most 16"):
            await agent.graph.ainvoke({"question": "When?", "images": [URL] * 17})
        assert world.lookups == []


class TestErrors:
    async def test_no_error_shows_what_may_be_secret(self, world: World) -> None:
        world.routes = {"/r": redirect("https://elsewhere.example/a.png?sig=s3cret")}
        for url, hosts in (
            (URL, (HOST,)),
            (URL, ("other.example",)),
            (f"https://{HOST}/r", (HOST,)),
            (f"https://me:s3cret@{HOST}/", (HOST,)),
            (f"https://{HOST}/a.png?x=s3cret y", (HOST,)),
            (f"https://{HOST}/a.png#s3cret", (HOST,)),
            (f"http://{HOST}/a.png?s3cret", (HOST,)),
        ):
            assert "s3cret" not in await refusal(world, url, *hosts)
        with pytest.raises(ImageError) as caught:
            await ImageStore().open(URL)
        assert "s3cret" not in str(caught.value)

    async def test_an_unknown_name_is_said_to_be_unknown(self, world: World) -> None:
        message = await refusal(world, "https://nowhere.example/a.png", "nowhere.example")
        # The system's own words, as the name server of this world says them.
        told = "no network address found for nowhere.example: Name or service not known"
        assert message == f"https://nowhere.example/a.png: {told}"


def _agent(world: World, *hosts: str) -> tuple[EcoAlign, ScriptedModel]:
    model = ScriptedModel()
    agent = EcoAlign(model, image_hosts=hosts or (HOST,))
    # Same hosts, same guard; the open network is on loopback.
    agent._context.image_store._fetcher = world.fetcher(*(hosts or (HOST,)))
    return agent, model


_BLOCKS: list[dict[str, Any]] = [
    {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
    {"type": "image_url", "image_url": URL},
    {"type": "input_image", "image_url": URL},
    {"type": "image", "url": URL},
    {"type": "image", "source_type": "url", "url": URL},
    {"type": "image", "source": {"type": "url", "url": URL}},
]


class TestRequests:
    async def test_a_picture_asked_for_by_address_is_sent_on_as_bytes(self, world: World) -> None:
        world.routes = {"/notice.png?token=s3cret": reply(200, picture())}
        agent, model = _agent(world)
        result = await agent.ask(QUESTION, [URL])
        assert result.status == "answered"
        _only_bytes(model)

    @pytest.mark.parametrize("block", _BLOCKS, ids=["openai", "flat", "responses", "v1", "older", "anthropic"])
    async def test_so_it_is_in_every_form_of_message_block_fetched_once_a_run(
        self, block: dict[str, Any], world: World
    ) -> None:
        # Another picture each time: what the search sees must not change under way.
        world.routes = {"/notice.png?token=s3cret": reply(200, picture())}
        agent, model = _agent(world)
        message = HumanMessage([{"type": "text", "text": QUESTION}, block])
        state = await agent.graph.ainvoke({"messages": [message]})
        assert state["status"] == "answered"
        assert len(world.seen) == 1
        _only_bytes(model)

    async def test_and_under_the_key_of_a_request(self, world: World) -> None:
        world.routes = {"/notice.png?token=s3cret": reply(200, picture())}
        agent, model = _agent(world)
        state = await agent.graph.ainvoke({"question": QUESTION, "images": [URL]})
        assert state["status"] == "answered"
        assert len(world.seen) == 1
        _only_bytes(model)

    @pytest.mark.parametrize("block", _BLOCKS, ids=["openai", "flat", "responses", "v1", "older", "anthropic"])
    async def test_by_default_an_address_in_a_message_is_refused_and_nobody_is_asked(
        self, block: dict[str, Any]
    ) -> None:
        model = ScriptedModel()
        message = HumanMessage([{"type": "text", "text": QUESTION}, block])
        with pytest.raises(UsageError, match=r"notice\.png: image URLs are not fetched: .*--allow-image-host"):
            await EcoAlign(model, image_hosts=()).graph.ainvoke({"messages": [message]})
        assert model.calls == []

    async def test_a_host_that_was_not_allowed_is_refused_and_nobody_is_asked(self, world: World) -> None:
        agent, model = _agent(world, "other.example")
        with pytest.raises(UsageError, match="not among the allowed hosts"):
            await agent.ask(QUESTION, [URL])
        with pytest.raises(UsageError, match="not among the allowed hosts"):
            await agent.graph.ainvoke({"question": QUESTION, "images": [URL]})
        assert (model.calls, world.lookups) == ([], [])


def _only_bytes(model: ScriptedModel) -> None:
    assert model.calls
    assert all(call.images == 1 for call in model.calls)
    for call in model.calls:
        body = repr(call)
        assert HOST not in body
        assert "s3cret" not in body


class TestSettings:
    async def test_hosts_come_from_the_caller_or_else_from_the_environment(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hosts(given: Any = None) -> frozenset[tuple[str, int]]:
            return EcoAlign(ScriptedModel(), image_hosts=given)._context.image_store._fetcher.hosts

        monkeypatch.delenv("ECOALIGN_IMAGE_HOSTS", raising=False)
        assert hosts() == frozenset()
        monkeypatch.setenv("ECOALIGN_IMAGE_HOSTS", "Images.Example.org, 8.8.4.4:8443,")
        assert hosts() == {("images.example.org", 443), ("8.8.4.4", 8443)}
        assert hosts(["other.example"]) == {("other.example", 443)}
        assert hosts(()) == frozenset()
        with pytest.raises(UsageError, match="give a list of hosts"):
            hosts("other.example")

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ([], "notice.png: image URLs are not fetched"),
            (["--allow-image-host", "other.example"], "allowed.example is not among the allowed hosts"),
            (["--allow-image-host", "*.example"], "allowed image host '*.example'"),
        ],
    )
    def test_on_the_command_line_a_refusal_is_one_line_and_exit_2(
        self,
        arguments: list[str],
        says: str,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.delenv("ECOALIGN_IMAGE_HOSTS", raising=False)
        assert main.main(["ask", "What is it?", "--image", URL, *arguments]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert says in err
        assert "s3cret" not in err
        assert err.count("\n") == 1

    def test_a_host_that_is_none_is_named(self) -> None:
        for entry in (
            "https://images.example.org",
            "*.example.org",
            "*",
            "localhost",
            "a/b",
            "images.example.org:x",
            "",
        ):
            with pytest.raises(UsageError, match=r"allowed image host '") as caught:
                allowed_hosts([entry])
            assert "\n" not in str(caught.value)


async def test_a_model_server_gets_the_bytes_and_never_the_address(world: World, tmp_path: Path) -> None:
    """Over real sockets to the end: an OpenAI-compatible server records every body."""
    from tests.scripted_server import ChatServer  # noqa: PLC0415 - FastAPI is loaded for this one test

    world.routes = {"/notice.png?token=s3cret": reply(200, picture())}
    with ChatServer() as server:
        async with EcoAlign("openai:m", base_url=server.url, image_hosts=[HOST]) as agent:
            agent._context.image_store._fetcher = world.fetcher(HOST)
            await agent.ask("What does the sign say?", [URL])
        bodies = [repr(body) for body in server.bodies]
    assert bodies
    assert all(HOST not in body and "s3cret" not in body for body in bodies)
    # The picture is small enough to go as it is shown: as PNG bytes in a data URL.
    assert all("data:image/png;base64," in body for body in bodies)
    assert base64.b64decode(bodies[0].partition("base64,")[2].partition("'")[0]).startswith(b"\x89PNG")
