"""Authentication: API keys and their digests, loopback addresses, and the middleware before every route. Ours."""

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
"""Characters of a key; a shorter one can be guessed."""

OPEN_PATHS = frozenset({"/healthz"})
"""Paths without a key."""


def key_digests(keys: Iterable[str]) -> tuple[bytes, ...]:
    """The digests of keys, each once and no empty one; the message about a key that can't be used does not hold it."""
    digests = []
    for number, key in enumerate((key.strip() for key in keys), 1):
        if key and (len(key) < MIN_KEY_LENGTH or not key.isascii() or not key.isprintable() or " " in key):
            raise UsageError(
                f"key number {number} can't be used: a key is at least {MIN_KEY_LENGTH} visible ASCII characters; "
                "draw one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'"
            )
        digests += [_digest(key)] if key else []
    return tuple(dict.fromkeys(digests))


def read_key_file(path: str) -> list[str]:
    """The keys in a file, one a line; lines that begin with # are comments."""
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise UsageError(f"--api-key-file {path!r} can't be read: {reason}") from error
    keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        raise UsageError(f"--api-key-file {path!r} holds no key; write one a line")
    return keys


def is_authorized(authorization: str | None, digests: Sequence[bytes]) -> bool:
    """Whether an ``Authorization`` header holds one of the keys, in constant time."""
    scheme, _, key = (authorization or "").partition(" ")
    digest, found = _digest(key.strip()), False
    for known in digests:
        found |= hmac.compare_digest(digest, known)
    return found and scheme.lower() == "bearer"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address; of names only ``localhost`` counts."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class AuthMiddleware:
    """Admits a request by its key; without keys, only requests of this machine.

    A page in this machine's browser is not admitted without keys either: its requests carry a foreign ``Origin``, or
    a ``Host`` whose name was made to resolve to this machine.
    """

    def __init__(self, app: ASGIApp, digests: Sequence[bytes]) -> None:
        self._app = app
        self._digests = digests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and (error := self._refusal(scope)) is not None:
            await send_error(error, send)
            return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if not self._digests:
            # A browser sends the origin of its page; programs send none.
            origin = headers.get("origin", "http://localhost").partition("://")[2]
            if _is_local(headers.get("host", "localhost")) and _is_local(origin):
                return None
            return ApiError(403, "this server is only for the machine it runs on", code="host")
        if scope["path"] in OPEN_PATHS or is_authorized(headers.get("authorization"), self._digests):
            return None
        reason = "the API key is not one of this server's" if "authorization" in headers else "no API key was given"
        return ApiError(
            401,
            f"{reason}; send it as 'Authorization: Bearer …'",
            code="invalid_api_key",
            headers={"www-authenticate": "Bearer"},
        )


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _is_local(name: str) -> bool:
    # A port follows the last colon, unless that stands within the brackets of an IPv6 address.
    return is_loopback(name if name.endswith("]") or ":" not in name else name.rpartition(":")[0])
