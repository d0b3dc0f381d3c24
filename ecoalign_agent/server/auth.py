"""Who may come in: keys, loopback, and the gate before every route. Source: ours ("server open to the world")."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable, Sequence
from pathlib import Path

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ecoalign_agent.errors import UsageError
from ecoalign_agent.server.errors import ApiError, send_error

MIN_KEY_LENGTH = 16
"""Characters that a key needs; a shorter one is guessed."""

OPEN_PATHS = frozenset({"/healthz"})
"""What needs no key: it says nothing but that the server lives."""


def key_digests(keys: Iterable[str]) -> tuple[bytes, ...]:
    """The digests of keys, each once; empty ones are left out.

    Raises:
        UsageError: a key is too short, or can't stand in a header. It is not repeated in the message.
    """
    digests = []
    for number, key in enumerate((key.strip() for key in keys), 1):
        if not key:
            continue
        if len(key) < MIN_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(
                f"key number {number} can't be used: a key is at least {MIN_KEY_LENGTH} visible ASCII characters; "
                "draw one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        digests.append(key_digest(key))
    return tuple(dict.fromkeys(digests))


def read_key_file(path: str) -> list[str]:
    """The keys in a file, one a line; lines that begin with # are notes.

    Raises:
        UsageError: it can't be read, or holds no key.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise UsageError(f"--api-key-file {path!r} can't be read: {reason}") from error
    keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        raise UsageError(f"--api-key-file {path!r} holds no key; write one a line")
    return keys


def key_digest(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def is_authorized(authorization: str | None, digests: Sequence[bytes]) -> bool:
    """Whether a header holds one of the keys. Takes the same time whichever it is, and whether or not it is one."""
    scheme, _, given = (authorization or "").partition(" ")
    digest, found = key_digest(given.strip()), False
    for known in digests:
        found |= hmac.compare_digest(digest, known)
    return found and scheme.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address. A name other than localhost may lead anywhere."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _leads_here(name: str) -> bool:
    """Whether a host, with its port or without one, is this machine's own loopback."""
    # A port follows the last colon, unless that stands within the brackets of an IPv6 address.
    return is_loopback(name if name.endswith("]") or ":" not in name else name.rpartition(":")[0])


class AuthMiddleware:
    """Lets a request in by its key; where there are no keys, by the name it calls this server.

    Without keys the server is this machine's own. A page in its browser is not: its requests come from another origin,
    or name another host, by a name that was made to lead here.

    Args:
        app: what is behind the gate.
        digests: of the keys.
    """

    def __init__(self, app: ASGIApp, digests: Sequence[bytes]) -> None:
        self._app = app
        self._digests = digests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and (refusal := self._refusal(scope)) is not None:
            await send_error(refusal, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if not self._digests:
            # A browser says which page a request comes from; programs say nothing.
            origin = headers.get("origin", "http://localhost").partition("://")[2]
            if _leads_here(headers.get("host", "localhost")) and _leads_here(origin):
                return None
            return ApiError(403, "this server is only for the machine it runs on", "invalid_request_error", code="host")
        if scope["path"] in OPEN_PATHS or is_authorized(headers.get("authorization"), self._digests):
            return None
        said = "no API key was given" if "authorization" not in headers else "the API key is not one of this server's"
        return ApiError(
            401,
            f"{said}; send it as 'Authorization: Bearer …'",
            "invalid_request_error",
            code="invalid_api_key",
            headers={"www-authenticate": "Bearer"},
        )
