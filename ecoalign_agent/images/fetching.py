"""Pictures behind https addresses, fetched from hosts that were allowed by name, and from nowhere else.

A server that fetches what a request names can be sent anywhere: to its own cloud's keys, to a printer, to itself. So a
host must have been allowed, every network address behind its name must be global, the connection goes to the very
address that was checked, and a redirect starts all of that anew. The content goes on as bytes, never as an address.
"""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.sources import MAX_IMAGE_BYTES, ImageFile, file_too_large, url_not_fetched
from ecoalign_agent.images.url_policy import ImageUrl, allowed_hosts, closed_reason, display_url, parse_image_url

if TYPE_CHECKING:
    import httpx

MAX_REDIRECTS = 3
"""Redirects that are followed."""

MAX_SECONDS = 10.0
"""Seconds that one picture may take in all, with names, redirects and the slowest drip."""

_MAX_ADDRESSES = 4
"""Addresses of one host that are tried, one after the other."""

_REDIRECTS = {301, 302, 303, 307, 308}

_PICTURE_TYPES = re.compile(r"image/[\w.+-]+|application/octet-stream|binary/octet-stream", re.ASCII)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host name and port → every network address behind it."""

Connector = Callable[[], "httpx.AsyncBaseTransport"]
"""Makes the transport of one request. The request's URL names the checked network address, not the host."""


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Every address of ``host``, by the system's resolver.

    Raises:
        OSError: the name is not known, or no name server answers.
    """
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


def open_transport() -> "httpx.AsyncBaseTransport":
    """One connection, straight: no proxy and no certificates of the environment, no retry."""
    import httpx  # noqa: PLC0415 - only where an address is fetched

    return httpx.AsyncHTTPTransport(trust_env=False)


@dataclass(frozen=True, slots=True)
class ImageFetcher:
    """Fetches pictures from allowed hosts.

    Attributes:
        hosts: as ``url_policy.allowed_hosts`` gives them; empty: nothing is fetched.
        resolver: finds the network addresses of a host.
        connector: makes the transport of one request.
        seconds: that one picture may take in all.
    """

    hosts: frozenset[tuple[str, int]] = frozenset()
    resolver: Resolver = resolve_host
    connector: Connector = open_transport
    seconds: float = MAX_SECONDS

    @classmethod
    def for_hosts(cls, hosts: Iterable[str]) -> "ImageFetcher":
        """A fetcher for ``hosts``, each written ``images.example.org`` or with a port.

        Raises:
            UsageError: one of them is no host.
        """
        return cls(allowed_hosts(hosts))

    async def fetch(self, url: str) -> ImageFile:
        """The bytes behind ``url``; not yet known to be a picture.

        Raises:
            ImageError: nothing is allowed, or the address, a redirect, the server or what it sent is not as it must be.
        """
        if not self.hosts:
            raise url_not_fetched(url)
        name = display_url(url)
        try:
            async with asyncio.timeout(self.seconds):
                return ImageFile(await self._follow(parse_image_url(url), name), name)
        except TimeoutError as error:
            raise ImageError(
                f"{name}: did not come within {self.seconds:g} s; download it and pass the file"
            ) from error

    async def _follow(self, address: ImageUrl, name: str) -> bytes:
        for _ in range(MAX_REDIRECTS + 1):
            answer = await self._request(address, name)
            if isinstance(answer, bytes):
                return answer
            address = answer
        raise ImageError(f"{name}: more than {MAX_REDIRECTS} redirects; give the address that it ends at")

    async def _request(self, address: ImageUrl, name: str) -> bytes | ImageUrl:
        import httpx  # noqa: PLC0415 - as above

        reachable: list[str] = await self._checked_addresses(address)
        for checked in reachable:
            try:
                return await self._request_at(checked, address, name)
            except httpx.ConnectError as error:
                if checked != reachable[-1]:
                    continue  # resolvers name IPv6 addresses to a machine without IPv6 too
                raise _unreachable(address, name, error) from error
            except (httpx.TransportError, httpx.InvalidURL) as error:
                raise _unreachable(address, name, error) from error
        raise AssertionError("a host without an address passed its check")

    async def _request_at(self, checked: str, address: ImageUrl, name: str) -> bytes | ImageUrl:
        import httpx  # noqa: PLC0415 - as above

        request = httpx.Request(
            "GET",
            f"https://{f'[{checked}]' if ':' in checked else checked}:{address.port}{address.target}",
            headers={
                "Host": address.authority,
                "Accept": "image/*",
                "Accept-Encoding": "identity",
                "User-Agent": "ecoalign",
                "Connection": "close",
            },
            # The name in the handshake and on the certificate is the host's, whatever address was dialled.
            extensions={"sni_hostname": address.host},
        )
        # Made in a thread: it reads the certificates of all authorities.
        async with await asyncio.to_thread(self.connector) as transport:
            response = await transport.handle_async_request(request)
            try:
                return await _read(response, address, name)
            finally:
                await response.aclose()

    async def _checked_addresses(self, address: ImageUrl) -> list[str]:
        if (address.host, address.port) not in self.hosts:
            raise ImageError(
                f"{display_url(address.url)}: {address.authority} is not among the allowed hosts; "
                "download it and pass the file, or allow that host too (--allow-image-host)"
            )
        try:
            resolved = await self.resolver(address.host, address.port)
        except (OSError, UnicodeError) as error:
            raise ImageError(
                f"{display_url(address.url)}: no network address found for {address.host}: "
                f"{getattr(error, 'strerror', None) or error}"
            ) from error
        for network_address in resolved:
            if (reason := closed_reason(network_address)) is not None:
                raise ImageError(
                    f"{display_url(address.url)}: {address.host} leads to {network_address}, {reason}; "
                    "such addresses are never fetched"
                )
        if not resolved:
            raise ImageError(f"{display_url(address.url)}: no network address found for {address.host}")
        return list(dict.fromkeys(resolved))[:_MAX_ADDRESSES]


def _unreachable(address: ImageUrl, name: str, error: Exception) -> ImageError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    return ImageError(
        f"{name}: can't be fetched from {address.authority}: {reason}; try again, or download it and pass the file"
    )


async def _read(response: "httpx.Response", address: ImageUrl, name: str) -> bytes | ImageUrl:
    headers = response.headers
    if response.status_code in _REDIRECTS:
        return _redirect(headers.get("location", ""), address, name)
    if response.status_code != 200:
        raise ImageError(f"{name}: {address.authority} answers with status {response.status_code}; check the address")
    if (coding := headers.get("content-encoding", "identity").strip().lower()) != "identity":
        raise ImageError(f"{name}: comes packed as {coding[:40]!r}, which was not asked for and is not unpacked")
    kind = headers.get("content-type", "image/*").partition(";")[0].strip().lower()
    if kind != "image/*" and not _PICTURE_TYPES.fullmatch(kind):
        raise ImageError(f"{name}: {address.authority} sends {kind[:60]!r}, not a picture; check the address")
    length = headers.get("content-length", "")
    if length.isdecimal() and len(length) < 20 and int(length) > MAX_IMAGE_BYTES:
        raise file_too_large(name, int(length))
    content = bytearray()
    async for part in response.aiter_raw():
        content += part
        if len(content) > MAX_IMAGE_BYTES:
            raise file_too_large(name, len(content))
    return bytes(content)


def _redirect(location: str, address: ImageUrl, name: str) -> ImageUrl:
    if not location or not location.isascii() or not location.isprintable() or re.search(r"[\s\\]", location):
        raise ImageError(f"{name}: {address.authority} redirects without saying plainly where to; give another address")
    try:
        # Joined only after the check above: joining would drop what must not be there.
        following = urljoin(address.url, location)
    except ValueError as error:
        raise ImageError(
            f"{name}: {address.authority} redirects to {display_url(location)}, which is no address"
        ) from error
    try:
        return parse_image_url(following)
    except ImageError as error:
        raise ImageError(f"{name}: redirects to {error}") from error
