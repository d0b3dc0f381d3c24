"""Pictures behind https addresses, fetched from hosts that were allowed by name, and from nowhere else.

A server that fetches what a request names can be made to call any address: its cloud's metadata service, its private
network, itself (SSRF). So a host must have been allowed, every network address behind its name must be global, the
connection goes to the very address that was checked, and a redirect is checked in the same way. The content goes on as
bytes, never as an address.
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
MAX_SECONDS = 10.0  # for one picture in all, including name lookup, redirects and slow bodies
_MAX_ADDRESSES = 4  # of one host that are tried, one after the other
_REDIRECTS = {301, 302, 303, 307, 308}
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "ecoalign", "Connection": "close"}
_PICTURE_TYPES = re.compile(r"image/[\w.+-]+|application/octet-stream|binary/octet-stream", re.ASCII)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]  # host name and port → every network address behind it
Connector = Callable[[], "httpx.AsyncBaseTransport"]  # for one request, whose URL names the address that was checked


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Every address of ``host``, by the system's resolver."""
    entries = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]


def open_transport() -> "httpx.AsyncBaseTransport":
    """One connection, straight: no proxy and no certificates of the environment, no retry."""
    import httpx  # noqa: PLC0415 - only where an address is fetched

    return httpx.AsyncHTTPTransport(trust_env=False)


@dataclass(frozen=True, slots=True)
class ImageFetcher:
    """Fetches pictures from allowed hosts, each within ``seconds``; without hosts nothing is fetched."""

    hosts: frozenset[tuple[str, int]] = frozenset()
    resolver: Resolver = resolve_host
    connector: Connector = open_transport
    seconds: float = MAX_SECONDS

    @classmethod
    def for_hosts(cls, hosts: Iterable[str]) -> "ImageFetcher":
        """A fetcher for ``hosts``, each written ``images.example.org`` or with a port."""
        return cls(allowed_hosts(hosts))

    async def fetch(self, url: str) -> ImageFile:
        """The bytes behind ``url``; not yet known to be a picture. ImageError: not allowed, or not to be had."""
        if not self.hosts:
            raise url_not_fetched(url)
        name = display_url(url)
        try:
            async with asyncio.timeout(self.seconds):
                return ImageFile(await self._follow(parse_image_url(url), name), name)
        except TimeoutError as error:
            late = f"{name}: did not come within {self.seconds:g} s; download it and pass the file"
            raise ImageError(late) from error

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
            headers={"Host": address.authority, **_HEADERS},
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
        name = display_url(address.url)
        if (address.host, address.port) not in self.hosts:
            raise ImageError(
                f"{name}: {address.authority} is not among the allowed hosts; "
                "download it and pass the file, or allow that host too (--allow-image-host)"
            )
        try:
            resolved = await self.resolver(address.host, address.port)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise ImageError(f"{name}: no network address found for {address.host}: {reason}") from error
        for found in resolved:
            if (reason := closed_reason(found)) is not None:
                raise ImageError(f"{name}: {address.host} leads to {found}, {reason}; such addresses are never fetched")
        if not resolved:
            raise ImageError(f"{name}: no network address found for {address.host}")
        return list(dict.fromkeys(resolved))[:_MAX_ADDRESSES]


def _unreachable(address: ImageUrl, name: str, error: Exception) -> ImageError:
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    remedy = "try again, or download it and pass the file"
    return ImageError(f"{name}: can't be fetched from {address.authority}: {reason}; {remedy}")


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
        return parse_image_url(urljoin(address.url, location))
    except ImageError as error:
        raise ImageError(f"{name}: redirects to {error}") from error
    except ValueError as error:
        reason = f"redirects to {display_url(location)}, which is no address"
        raise ImageError(f"{name}: {address.authority} {reason}") from error
