"""Pictures that are not what they seem."""

from tests.search.stage import picture


def damaged() -> bytes:
    """A picture with a whole header and a whole layout: only decoding shows that its pixels are none."""
    whole = picture(400, 300)
    pixels = whole.index(b"IDAT") + 4
    # No stream of zlib begins so.
    return whole[:pixels] + b"\xff\xff" + whole[pixels + 2 :]
