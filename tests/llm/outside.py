"""A small world on loopback: a TLS server that stands for the open network, and a canary that nobody may touch."""

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ecoalign_agent.images.fetching import MAX_SECONDS, ImageFetcher
from ecoalign_agent.images.url_policy import allowed_hosts
from tests.llm.vectors import OUTER, OUTER_6, Answers

_DAY = dt.timedelta(days=1)


@cache
def authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """A certificate authority of this process's own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority of the tests")])
    made = _builder(name, name, key).add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return key, made.sign(key, hashes.SHA256())


def certified(folder: Path, *hosts: str) -> ssl.SSLContext:
    """What a server needs to be these hosts."""
    ca_key, ca = authority()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a server")])
    names: list[x509.GeneralName] = [
        x509.IPAddress(ipaddress.ip_address(host)) if ":" in host or host[-1].isdigit() else x509.DNSName(host)
        for host in hosts
    ]
    made = _builder(name, ca.subject, key).add_extension(x509.SubjectAlternativeName(names), critical=False)
    file = folder / f"{hosts[0].replace(':', '_')}.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.sign(ca_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


@cache
def trusting() -> ssl.SSLContext:
    """What a client needs to believe this process's authority, and to check names as ever."""
    context = ssl.create_default_context()
    context.load_verify_locations(cadata=authority()[1].public_bytes(serialization.Encoding.PEM).decode())
    return context


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
    )


class Rerouted(httpx.AsyncBaseTransport):
    """Dials loopback instead: for an address that stands for the open network the server, for all others the canary."""

    def __init__(self, world: "World", *, verify: ssl.SSLContext) -> None:
        self._world = world
        self._inner = httpx.AsyncHTTPTransport(verify=verify, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._world.dialled.append(request.url.host)
        port = self._world.port if request.url.host in {OUTER, OUTER_6} else self._world.canary_port
        request.url = request.url.copy_with(host="127.0.0.1", port=port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@dataclass
class World:
    """What there is to reach.

    Attributes:
        routes: what the server in the open answers, by path; "" for all others.
        names: what the name server answers, look-up by look-up.
        hits: connections that the canary saw.
        seen: request heads as the server in the open got them.
        dialled: addresses that somebody connected to, as they were named.
        lookups: hosts that were looked up.
    """

    routes: Mapping[str, bytes | Callable[[asyncio.StreamWriter], object]] = field(default_factory=dict)
    names: Answers = field(default_factory=dict)
    hits: int = 0
    port: int = 0
    canary_port: int = 0
    seen: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    lookups: list[str] = field(default_factory=list)

    def reset(self, names: Answers, routes: Mapping[str, bytes]) -> None:
        """Another world at the same ports."""
        self.names, self.routes, self.hits = names, routes, 0
        self.seen, self.dialled, self.lookups = [], [], []

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """The name server; an address is found to be itself."""
        self.lookups.append(host)
        if host in self.names:
            answers = self.names[host]
            return answers[min(self.lookups.count(host), len(answers)) - 1]
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            if host == "allowed.example":
                return [OUTER]
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def fetcher(self, *hosts: str, seconds: float = MAX_SECONDS) -> ImageFetcher:
        """The real guard, in this world."""
        return ImageFetcher(allowed_hosts(hosts), self.resolve, lambda: Rerouted(self, verify=trusting()), seconds)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request to the server in the open."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.seen.append(head)
            answer = self.routes.get(head.split(" ")[1], b"HTTP/1.1 404 So\r\ncontent-length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(writer)  # type: ignore[misc]  # a coroutine function
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has left: that is its right
        finally:
            writer.close()

    async def chirp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection to the canary: whoever gets so far has been where nobody may go."""
        self.hits += 1
        writer.close()


@asynccontextmanager
async def a_world(folder: Path, *hosts: str) -> AsyncIterator[World]:
    """Server and canary, on free ports of loopback; the server is certified for ``hosts``."""
    world = World()
    context = certified(folder, *(hosts or ("allowed.example",)))
    server = await asyncio.start_server(world.serve, "127.0.0.1", 0, ssl=context, limit=2**20)
    canary = await asyncio.start_server(world.chirp, "127.0.0.1", 0)
    world.port, world.canary_port = (one.sockets[0].getsockname()[1] for one in (server, canary))
    async with server, canary:
        yield world
