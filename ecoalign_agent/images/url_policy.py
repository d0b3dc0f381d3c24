"""The rules for URLs of pictures: their form, the allowed hosts, and the network addresses that may be reached.

Nothing here opens a connection or calls a name server. What is not plainly allowed is refused. Source: ours; the
networks are those of IANA's special-purpose registries, and a few that cloud providers use internally. The SSRF guard.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from ecoalign_agent.errors import ImageError, UsageError

HTTPS = 443  # the port of an https URL that names none
_MAX_URL = 2_000
_SHAPE = re.compile(r"https://(?P<host>\[[^\]]*\]|[^/?#:\[\]]*)(?::(?P<port>[^/?#]*))?(?P<rest>[/?].*)?", re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_ADDRESS_LIKE = re.compile(r"\s*(?:https?\s*:|[a-z][a-z0-9+.-]+:[/\\]{2})", re.IGNORECASE)

_CLOSED_4 = [
    ipaddress.IPv4Network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # a public address that is a host service inside one cloud
    )
]
_OPEN_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = [
    ipaddress.IPv6Network(network)
    # Protocol assignments with Teredo and benchmarking, documentation, 6to4, the former test network.
    for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3ffe::/16", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """An https URL, taken apart: host as :func:`normalized_host` gives it, port, and path with query as sent."""

    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """host, in brackets where it is an IPv6 address, and port unless it is 443: the ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == HTTPS else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The URL, written anew from its parts."""
        return f"https://{self.authority}{self.target}"


def looks_like_url(text: str) -> bool:
    """Whether ``text`` is meant as a URL, however badly written, rather than as a file's path or a data URL."""
    return _ADDRESS_LIKE.match(text) is not None


def display_url(url: str) -> str:
    """A URL as errors name it: on one line, not endless, and without what may be secret in it, query and user."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    bare = re.sub(r"(:[/\\]*)[^/\\]*@", r"\1…@", bare, count=1)
    line = bare if bare.isprintable() else repr(bare)[1:-1]
    return line if len(line) <= 200 else f"{line[:100]}…{line[-60:]}"


def parse_image_url(url: str) -> ImageUrl:
    """Take an https URL apart, strictly: ImageError for all that two readers could read in two ways."""
    name = display_url(url)
    if not url[:6].lower() == "https:":
        raise ImageError(f"{name}: only https addresses are fetched; write https:// or download it and pass the file")
    if len(url) > _MAX_URL:
        raise ImageError(f"{name}: {len(url):,} characters, at most {_MAX_URL:,} are allowed in an address")
    if not url.isprintable() or any(sign.isspace() or sign in '\\<>"{}|^`' for sign in url):
        raise ImageError(f"{name}: holds white space, a backslash or another sign that no address has; write it as %XX")
    if "#" in url:
        raise ImageError(f"{name}: leave out the # and what follows: it is no part of what is fetched")
    shape = _SHAPE.fullmatch(url)
    if shape is None or "@" in (shape["host"] + (shape["port"] or "")):
        raise ImageError(f"{name}: not of the form https://host/path; a user, a password or odd brackets are not taken")
    rest = shape["rest"] or "/"
    # Not ASCII: as bytes of UTF-8, as a browser sends it. The rest stays as it was written.
    target = quote(rest if rest.startswith("/") else f"/{rest}", safe="".join(map(chr, range(33, 127))))
    try:
        return ImageUrl(normalized_host(shape["host"]), _port(shape["port"]), target)
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from error


def normalized_host(text: str) -> str:
    """A host in the one form in which hosts are compared: lower case, ASCII, addresses without brackets.

    ValueError: neither a host name with a dot in it nor an IP address in its usual notation.
    """
    if text.startswith("["):
        if "%" not in text and (inner := _ip(text[1:-1])) is not None and inner.version == 6:
            return str(inner)
        raise ValueError(f"{text} is no IPv6 address; zones are not taken")
    name = _ascii(text)
    if (plain := _ip(name)) is not None and plain.version == 4:
        return name
    labels = name.split(".")
    if len(labels) < 2 or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"its host {text[:80]!r} is no full host name such as images.example.org")
    # A name that ends in a number is read as an IPv4 address by many: octal, hexadecimal, short.
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        raise ValueError(f"its host {text[:80]!r} is an IPv4 address in an unusual notation; write four plain numbers")
    return name


def allowed_hosts(entries: Iterable[str]) -> frozenset[tuple[str, int]]:
    """Hosts and ports from which pictures may be fetched: exactly these hosts, no subdomains, no wildcards."""
    return frozenset(_entry(entry) for entry in entries)


def _entry(entry: str) -> tuple[str, int]:
    shape = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(.*))?", entry.strip())
    try:
        if shape is None or "/" in entry or "*" in entry:
            raise ValueError("no scheme, no path, no wildcard: each host by its own name")  # noqa: TRY301 - one message
        return normalized_host(shape[1]), _port(shape[2])
    except ValueError as error:
        raise UsageError(
            f"allowed image host {display_url(entry)!r}: {error}; write images.example.org or images.example.org:8443"
        ) from error


def closed_reason(address: str) -> str | None:
    """The reason why a network address may not be reached; None: it is a globally routable unicast address."""
    ip = _ip(address)
    if ip is None:
        return "no IP address in plain notation"
    if isinstance(ip, ipaddress.IPv6Address):
        return _closed_6(ip)
    if not ip.is_global or ip.is_multicast or ip.is_reserved or any(ip in network for network in _CLOSED_4):
        return "not an address of the open network"
    return None


def _closed_6(ip: ipaddress.IPv6Address) -> str | None:
    if ip in _NAT64:
        inner = closed_reason(str(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)))
        return None if inner is None else f"leads to an IPv4 address that is {inner}"
    # Everything else that carries an IPv4 address lies outside 2000::/3 or in a network named above, but for ISATAP.
    if ip not in _OPEN_6 or not ip.is_global or any(ip in network for network in _CLOSED_6):
        return "not an address of the open network"
    if (int(ip) >> 32) & 0xFFFF_FFFF in _ISATAP:
        return "carries an IPv4 address"
    return None


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return None if "%" in text else ipaddress.ip_address(text)
    except ValueError:
        return None


def _port(text: str | None) -> int:
    if text is None:
        return HTTPS
    if not re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII) or int(text) > 65_535:
        raise ValueError(f"its port {text[:20]!r} is no number from 1 to 65535")
    return int(text)


def _ascii(name: str) -> str:
    import idna  # noqa: PLC0415 - its tables are large, and most runs have no address

    try:
        # Strict: other signs than "." that pass for a dot, and signs that only look like digits, are no host names.
        return name.lower() if name.isascii() else idna.encode(name.lower(), strict=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"its host {name[:80]!r} is no host name: {str(error)[:120]}") from error
