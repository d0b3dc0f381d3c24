"""Taking addresses apart, and which network addresses lie in the open."""

import ipaddress

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecoalign_agent.errors import ImageError, UsageError
from ecoalign_agent.images.url_policy import (
    ImageUrl,
    allowed_hosts,
    closed_reason,
    display_url,
    looks_like_url,
    parse_image_url,
)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://a.example", ("a.example", 443, "/")),
        ("HTTPS://A.Example:8443/b/c.png?d=e&f", ("a.example", 8443, "/b/c.png?d=e&f")),
        ("https://a.example?x", ("a.example", 443, "/?x")),
        ("https://a.example/ü.png?q=ü", ("a.example", 443, "/%C3%BC.png?q=%C3%BC")),  # ü is C3 BC in UTF-8
        ("https://a.example/%20%2F", ("a.example", 443, "/%20%2F")),
        ("https://bücher.example/", ("xn--bcher-kva.example", 443, "/")),  # the example of RFC 3492's authors
        ("https://8.8.8.8/", ("8.8.8.8", 443, "/")),
        ("https://[2606:4700:0:0::1]:8443/a", ("2606:4700::1", 8443, "/a")),
    ],
)
def test_an_address_is_taken_apart_into_one_form(url: str, parts: tuple[str, int, str]) -> None:
    address = parse_image_url(url)
    assert (address.host, address.port, address.target) == parts
    # Written anew it is the same: nothing is read in two ways.
    assert parse_image_url(address.url) == address


@pytest.mark.parametrize("dot", ["\u3002", "\uff0e", "\uff61"])
def test_what_only_passes_for_a_dot_is_none(dot: str) -> None:
    with pytest.raises(ImageError, match="no host name"):
        parse_image_url(f"https://allowed{dot}example/")


def test_the_host_header_names_a_port_only_where_it_is_another() -> None:
    assert ImageUrl("a.example", 443, "/").authority == "a.example"
    assert ImageUrl("a.example", 8443, "/").authority == "a.example:8443"
    assert ImageUrl("2606:4700::1", 443, "/").authority == "[2606:4700::1]"


@given(st.text(max_size=60))
@example("https://a.example\\@b.example/")
@settings(max_examples=300)
def test_whatever_is_taken_is_one_plain_host_and_one_request_line(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/a", f"https://a.example/{text}", f"https://a.example{text}"):
        try:
            address = parse_image_url(url)
        except ImageError as error:
            assert str(error).isprintable()  # noqa: PT017 - either outcome is right, and only this one has a message
            continue
        assert address.url.isascii()
        assert not set(address.url) & set(" \t\r\n\\#")
        assert "@" not in address.authority
        assert address.target.startswith("/")
        assert parse_image_url(address.url) == address


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "93.184.215.14", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0"),
        *("192.167.255.255", "192.169.0.0", "169.253.255.255", "169.255.0.0", "11.0.0.0", "126.255.255.255"),
        *("128.0.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001:800::200e", "2001:4860:4860::8888"),
        "64:ff9b::808:808",  # NAT64 of 8.8.8.8: how a machine without IPv4 gets there
    ],
)
def test_the_open_network_is_open_up_to_the_edges_of_the_closed_blocks(address: str) -> None:
    assert closed_reason(address) is None


@given(
    st.sampled_from(
        [
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
            *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        ]
    ),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=300)
def test_every_address_of_a_closed_block_is_closed_in_every_wrapping(block: str, offset: int) -> None:
    network = ipaddress.IPv4Network(block)
    inner = network[offset % network.num_addresses]
    number = int(inner)
    wrapped = [
        str(inner),
        f"::ffff:{inner}",
        f"::{inner}",
        f"64:ff9b::{inner}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),  # 6to4
        str(ipaddress.IPv6Address((0x20010000 << 96) | (number << 64) | (number ^ 0xFFFFFFFF))),  # Teredo
        str(ipaddress.IPv6Address((0x2A00 << 112) | (0x5EFE << 32) | number)),  # ISATAP
    ]
    assert all(closed_reason(address) for address in wrapped), [
        address for address in wrapped if not closed_reason(address)
    ]


@given(st.integers(0, 2**128 - 1))
@settings(max_examples=300)
def test_of_ipv6_only_global_unicast_is_open(number: int) -> None:
    address = ipaddress.IPv6Address(number)
    if closed_reason(str(address)) is None:
        # 2000::/3: the first three bits are 001.
        assert number >> 125 == 1
        assert address.is_global


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "fe80::1%eth0", "1.2.3.4/8", " 8.8.8.8"])
def test_what_is_no_plain_address_is_closed(text: str) -> None:
    assert closed_reason(text) is not None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("https://a.example/b.png", True),
        (" HTTP://a.example", True),
        ("https:a.example", True),
        ("file:///etc/hostname", True),
        ("notice.png", False),
        ("/home/me/notice.png", False),
        ("C:/pictures/notice.png", False),
        (r"C:\pictures\notice.png", False),
        ("scan 12:30.png", False),
        ("data:image/png;base64,AA==", False),
        ("//server/share.png", False),
    ],
)
def test_paths_are_not_taken_for_addresses(text: str, meant: bool) -> None:
    assert looks_like_url(text) is meant


def test_what_errors_show_has_no_query_no_user_and_one_short_line() -> None:
    assert display_url("https://a.example/b.png?sig=1#x") == "https://a.example/b.png"
    assert display_url("https://me:word@a.example/b") == "https://…@a.example/b"
    assert display_url("https://a.example/\r\nX: 1").isprintable()
    assert len(display_url("https://a.example/" + "x" * 9_000)) < 200


def test_allowed_hosts_are_whole_names_with_their_ports() -> None:
    allowed = allowed_hosts([" Images.Example.ORG ", "bücher.example:8443", "8.8.8.8", "[2606:4700:0::1]"])
    assert allowed == {
        ("images.example.org", 443),
        ("xn--bcher-kva.example", 8443),
        ("8.8.8.8", 443),
        ("2606:4700::1", 443),
    }
    assert allowed_hosts([]) == frozenset()


@pytest.mark.parametrize(
    "entry",
    [
        "https://a.example",
        "*.a.example",
        "*",
        "a",
        "",
        " ",
        "a.example/b",
        "a.example:0",
        "a@b.example",
        "2606::1",
        "0x7f.1",
    ],
)
def test_an_entry_that_is_no_host_is_named_with_what_to_write(entry: str) -> None:
    with pytest.raises(UsageError, match=r"; write images\.example\.org or images\.example\.org:8443"):
        allowed_hosts([entry])
