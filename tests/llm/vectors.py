# ruff: noqa: S104 - 0.0.0.0 is what must be refused; nothing is bound here
"""The corpus of addresses that try to reach what they must not: each ends in an error, and nothing inner is dialled.

``allowed.example`` is the host that was allowed; ``OUTER`` stands for its address in the open network. What a name
server answers, and what the server there sends, is part of a vector.
"""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

OUTER = "93.184.215.14"
OUTER_6 = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
HOST = "allowed.example"
METADATA = "169.254.169.254"

Answers = Mapping[str, Sequence[Sequence[str]]]
"""Host → what the first look-up finds, the second, …; the last goes on for ever."""


@dataclass(frozen=True)
class Vector:
    """One address, the world around it, and what the refusal must say.

    Attributes:
        group: what kind of trick it is.
        url: what is asked for.
        says: stands in the error.
        allowed: the hosts that were allowed.
        names: what the name server answers; ``allowed.example`` has ``OUTER`` unless said otherwise.
        routes: what the server at ``OUTER`` answers, by path.
    """

    group: str
    url: str
    says: str
    allowed: Sequence[str] = (HOST,)
    names: Answers = field(default_factory=dict)
    routes: Mapping[str, bytes] = field(default_factory=dict)


def reply(status: int = 200, body: bytes = b"", /, **headers: str) -> bytes:
    """A response as it goes over the wire; ``content_length=""`` leaves the length out."""
    told = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} So", *(f"{name}: {value}" for name, value in told.items() if value), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def redirect(location: str, status: int = 302) -> bytes:
    """A response that sends its reader elsewhere."""
    return reply(status, location=location)


def _schemes() -> Iterator[Vector]:
    for url in (
        f"http://{HOST}/a.png",
        f"HTTP://{HOST}/a.png",
        "http://127.0.0.1/a.png",
        f"http://{METADATA}/latest/meta-data/",
        f"ftp://{HOST}/a.png",
        "gopher://127.0.0.1:70/_x",
        "file:///etc/hostname",
        "file://127.0.0.1/etc/hostname",
        "dict://127.0.0.1:11211/stats",
        "ldap://127.0.0.1/x",
        "tftp://127.0.0.1/x",
        "jar://127.0.0.1/a.png",
        "unix:///run/some.sock",
        f"wss://{HOST}/a.png",
        f"http:/{HOST}/a.png",
        "http:127.0.0.1",
    ):
        yield Vector("scheme", url, "only https addresses are fetched")
    for url in (f"https:/{HOST}/a.png", f"https:{HOST}/a.png", "https:///a.png", "https://", f"https:///{HOST}/a.png"):
        yield Vector("scheme", url, "https")
    yield Vector("scheme", "data:text/html;base64,PGI+aGk8L2I+", "not a picture")


def _literals() -> Iterator[Vector]:
    inner = (
        *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", METADATA),
        *("100.64.0.1", "100.100.100.200", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
        *("255.255.255.255", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"),
        *("192.88.99.1", "168.63.129.16"),
    )
    for address in inner:
        # Once as anybody would, and once by somebody who allowed it.
        yield Vector("inner IPv4", f"https://{address}/a.png", "not among the allowed hosts")
        yield Vector("inner IPv4, allowed", f"https://{address}/a.png", "never fetched", (address,))
    inner_6 = (
        *("::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "100::1", "2001:db8::1"),
        *("3fff::1", "5f00::1", "4000::1", "2001::7f00:1", "2001:20::1", "2002:7f00:1::1", "2002:a9fe:a9fe::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:127.0.0.1"),
        *("64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::7f00:1", "2606:2800:1:1:0:5efe:127.0.0.1"),
    )
    for address in inner_6:
        yield Vector("inner IPv6", f"https://[{address}]/a.png", "not among the allowed hosts")
        yield Vector("inner IPv6, allowed", f"https://[{address}]/a.png", "never fetched", (f"[{address}]",))


def _notations() -> Iterator[Vector]:
    for host in (
        *("2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.1", "0", "0x0"),
        *("127.0.0.01", "0x7f.1", "2852039166", "0xa9fea9fe", "169.254.43518", "00000177.0.0.1", "127.0.0.1.", "1e3"),
        *("127.0.0.256", "127.0.0.1.0", "127.0.0.0x1"),
        "１２７.０.０.１",  # full-width digits
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",  # the ideographic full stop
        "127．0．0．1",
        "allowed。example",
        f"{HOST}.",
        f"{HOST}..",
        f".{HOST}",
        "ａllowed.example",
        "аllowed.example",  # the first letter is Cyrillic
        "allowed\u00ad.example",  # a soft hyphen
        "allowed.exa\u200bmple",
        "localhost",
        "LOCALHOST",
        "ip6-localhost",
        "metadata",
        "%6c%6f%63%61%6c%68%6f%73%74",
        "127%2e0%2e0%2e1",
        f"{HOST}%00.evil.example",
        f"{HOST}%2f@127.0.0.1",
        "[127.0.0.1]",
        "[::1%25lo]",
        "[fe80::1%25eth0]",
        "[::1",
        "::1",
        "[v1.x]",
        "-allowed.example",
        "a" * 64 + ".example",
        ".".join(["abc"] * 70),
    ):
        yield Vector("notation", f"https://{host}/a.png", "")


def _shapes() -> Iterator[Vector]:
    for url in (
        f"https://{HOST}@127.0.0.1/a.png",
        f"https://user:secret@{HOST}/a.png",
        f"https://{HOST}:443@127.0.0.1/a.png",
        f"https://127.0.0.1#@{HOST}/a.png",
        f"https://127.0.0.1\\@{HOST}/a.png",
        f"https://{HOST}\\@127.0.0.1/a.png",
        f"https://{HOST}#@127.0.0.1/a.png",
        f"https://127.0.0.1?@{HOST}/a.png",
        f"https://127.0.0.1/@{HOST}/a.png",
        f"https:\\\\{HOST}\\a.png",
        "https:/\\127.0.0.1/a.png",
        f" https://{HOST}/a.png",
        f"https://{HOST}/a.png ",
        f"https://{HOST}/a b.png",
        f"https://{HOST}/a\t.png",
        f"https://127.0.0.1\t.{HOST}/a.png",
        f"https://{HOST}/a\u00a0b.png",
        f"https://{HOST}/a\u2028b.png",
        f"https://{HOST}/\0",
        f"https://{HOST}/a HTTP/1.1\r\nHost: inner\r\n\r\nGET /",
        f"https://{HOST}/\r\nX-Injected: 1",
        f"https://{HOST}\r\nHost: inner/",
        f"https://{HOST}\n127.0.0.1/",
        f"https://{HOST}/{'x' * 2_000}",
        f"https://{HOST}/a.png#part",
        f'https://{HOST}/"><b>',
    ):
        yield Vector("shape", url, "")
    for port in ("80", "22", "6379", "8443", "0", "65536", "-1", "", "443x", "0443", "４４３", "4 43", "443:443"):
        yield Vector("port", f"https://{HOST}:{port}/a.png", "")
    yield Vector("port", f"https://{HOST}/a.png", "not among the allowed hosts", (f"{HOST}:8443",))
    for host in (
        f"evil.{HOST}",
        f"{HOST}.evil.example",
        f"not{HOST}",
        "example",
        "127.0.0.1.nip.example",
        "127-0-0-1.any.example",
        "localtest.example",
        "metadata.google.internal",
        "localhost.localdomain",
        "xn--llowed-4ve.example",
    ):
        yield Vector("another host", f"https://{host}/a.png", "", names={host: [["127.0.0.1"]]})


def _names() -> Iterator[Vector]:
    for kind, answer in (
        ("loopback", ["127.0.0.1"]),
        ("loopback", ["::1"]),
        ("metadata", [METADATA]),
        ("private", ["10.1.2.3"]),
        ("unspecified", ["0.0.0.0"]),
        ("carrier", ["100.64.0.9"]),
        ("mapped", ["::ffff:127.0.0.1"]),
        ("mapped, public", [f"::ffff:{OUTER}"]),
        ("NAT64", ["64:ff9b::7f00:1"]),
        ("6to4", ["2002:7f00:1::"]),
        ("zone", ["fe80::1%eth0"]),
        ("outer first", [OUTER, "127.0.0.1"]),
        ("outer last", ["127.0.0.1", OUTER]),
        ("outer, inner IPv6", [OUTER, "::1"]),
        ("outer IPv6, inner", [OUTER_6, "192.168.0.1"]),
        ("many outer, one inner", [OUTER] * 40 + ["10.0.0.1"]),
        ("no address", ["inner.example"]),
        ("an odd notation", ["0x7f.1"]),
    ):
        yield Vector(f"name answer: {kind}", f"https://{HOST}/a.png", "never fetched", names={HOST: [answer]})
    yield Vector("name answer: none", f"https://{HOST}/a.png", "no network address", names={HOST: [[]]})
    # What only looks like an address in the name is a name, allowed by somebody who took it for one of his own.
    for host in ("127.0.0.1.nip.example", "10-0-0-1.any.example", "localtest.example", "a.localhost"):
        yield Vector("a name that points inwards", f"https://{host}/", "never", (host,), {host: [["127.0.0.1"]]})
    again = {"/a.png": redirect("/b.png"), "/b.png": reply(404)}
    yield Vector(
        "rebinding", f"https://{HOST}/a.png", "never fetched", names={HOST: [[OUTER], ["127.0.0.1"]]}, routes=again
    )
    yield Vector("rebinding", f"https://{HOST}/b.png", "404", names={HOST: [[OUTER], ["127.0.0.1"]]}, routes=again)
    for later in (["::1"], [METADATA], [OUTER, "10.0.0.1"]):
        names = {HOST: [[OUTER], [OUTER], later]}
        chain = {"/a.png": redirect("/c.png"), "/c.png": redirect("/b.png", 307), "/b.png": reply(404)}
        yield Vector("rebinding, later", f"https://{HOST}/a.png", "never fetched", names=names, routes=chain)


def _redirects() -> Iterator[Vector]:
    for status in (301, 302, 303, 307, 308):
        for to in ("https://127.0.0.1/a.png", f"http://{METADATA}/latest/", "//127.0.0.1/a.png", "https://[::1]/"):
            yield Vector(f"redirect {status}", f"https://{HOST}/r", "", routes={"/r": redirect(to, status)})
    for to, says in (
        ("https://127.0.0.1/a.png", "never fetched"),
        ("https://inner.example/a.png", "never fetched"),
        ("//inner.example/a.png", "never fetched"),
        ("///inner.example/a.png", ""),
        ("https:inner.example/a.png", ""),
        ("\\\\inner.example\\a.png", "without saying plainly"),
        ("/\\inner.example/a.png", "without saying plainly"),
        (" https://inner.example/a.png", ""),
        ("https://inner.example\t/a.png", "without saying plainly"),
        ("https://inner.example@127.0.0.1/", "user"),
        (f"https://{HOST}:6379/", "not among"),
        (f"http://{HOST}/a.png", "only https"),
        ("HTTP://127.0.0.1/", "only https"),
        ("file:///etc/hostname", "only https"),
        ("gopher://127.0.0.1/", "only https"),
        ("data:image/png;base64,AAAA", "only https"),
        ("javascript:alert(1)", "only https"),
        ("https://elsewhere.example/a.png", "not among"),
        ("https://2130706433/", ""),
        ("https://0x7f.1/", "unusual notation"),
        ("https://127.1/", "unusual notation"),
        ("https://[::ffff:127.0.0.1]/", "not among"),
        ("https://127.0.0.1#x", "#"),
        ("", "without saying plainly"),
        ("https://[", ""),
        ("https://ä.example/", "without saying plainly"),
    ):
        # The inner hosts are allowed, so that their addresses alone stand in the way.
        world = {"inner.example": [["10.0.0.1"]], "elsewhere.example": [["10.0.0.1"]]}
        allowed = (HOST, "inner.example", "127.0.0.1")
        yield Vector("redirect to", f"https://{HOST}/r", says, allowed, world, {"/r": redirect(to)})
    yield Vector("redirect, no target", f"https://{HOST}/r", "without saying plainly", routes={"/r": reply(302)})
    chain = {f"/{k}": redirect(f"/{k + 1}") for k in range(9)} | {"/9": redirect("https://127.0.0.1/")}
    yield Vector("too many redirects", f"https://{HOST}/0", "more than 3 redirects", routes=chain)
    yield Vector("a loop", f"https://{HOST}/r", "more than 3 redirects", routes={"/r": redirect("/r")})
    chain = {"/0": redirect("/1"), "/1": redirect("/2"), "/2": redirect(f"http://{METADATA}/latest/")}
    yield Vector("a chain that ends inside", f"https://{HOST}/0", "only https", routes=chain)
    for status in (300, 304, 305, 306, 399):
        routes = {"/r": redirect("https://127.0.0.1/", status)}
        yield Vector("no redirect", f"https://{HOST}/r", f"status {status}", routes=routes)
    yield Vector(
        "refresh", f"https://{HOST}/r", "the file is empty", routes={"/r": reply(refresh="0; url=https://127.0.0.1/")}
    )


def _contents() -> Iterator[Vector]:
    page = b'<html><img src="https://127.0.0.1/a.png"></html>'
    vector = b'<svg xmlns="http://www.w3.org/2000/svg"><image href="https://127.0.0.1/a.png"/></svg>'
    packed = gzip.compress(bytes(30_000_000))
    for kind, answer, says in (
        ("a page", reply(200, page, content_type="text/html"), "not a picture"),
        ("a page called a picture", reply(200, page, content_type="image/png"), "not a picture this program reads"),
        ("a page of no type", reply(200, page), "not a picture this program reads"),
        ("an SVG", reply(200, vector, content_type="image/svg+xml"), "not a picture this program reads"),
        ("credentials", reply(200, b'{"AccessKeyId": "x"}', content_type="application/json"), "not a picture"),
        ("nothing", reply(200, content_type="image/png"), "the file is empty"),
        ("too large, told", reply(200, content_length="20000001", content_type="image/png"), "at most 20,000,000"),
        ("too large, huge", reply(200, content_length="9" * 18, content_type="image/png"), "at most 20,000,000"),
        ("too large, untold", reply(200, bytes(20_000_001), content_length=""), "at most 20,000,000"),
        ("a bomb", reply(200, packed, content_encoding="gzip", content_type="image/png"), "packed as 'gzip'"),
        ("brotli", reply(200, b"x", content_encoding="br"), "packed as 'br'"),
        ("twice packed", reply(200, packed, content_encoding="gzip, gzip"), "packed as"),
        ("packed in transfer", reply(200, packed, content_length="", transfer_encoding="gzip"), "can't be fetched"),
        ("not found", reply(404), "status 404"),
        ("a login", reply(401, www_authenticate="Basic"), "status 401"),
        ("a part", reply(206, b"x", content_range="bytes 0-0/9"), "status 206"),
        ("switching", reply(101, upgrade="h2c"), ""),
        ("two lengths", reply(200, b"x").replace(b"content-length", b"content-length: 3\r\ncontent-length"), ""),
        ("a negative length", reply(200, b"x", content_length="-1"), "can't be fetched"),
        ("no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n", "can't be fetched"),
        ("cut short", reply(200, b"x", content_length="100"), "can't be fetched"),
        ("endless headers", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000, "can't be fetched"),
        ("silence", b"", "can't be fetched"),
    ):
        yield Vector(f"content: {kind}", f"https://{HOST}/c", says, routes={"/c": answer})


VECTORS: list[Vector] = [
    *_schemes(),
    *_literals(),
    *_notations(),
    *_shapes(),
    *_names(),
    *_redirects(),
    *_contents(),
]
