"""Draws that follow from the run's seed and the question alone, never from a global state or from the order. Ours."""

import hashlib

_MOST = 2**31
"""Seeds are 31 bits: every server and every client's integer holds them."""


def request_seed(seed: int, question: str, *which: object) -> int:
    """The ``seed`` of one request, from 0 to 2³¹ − 1.

    Args:
        seed: of the run.
        question: as the person asks it.
        which: tells this request from the others for the same question.
    """
    text = "\x1f".join(str(part) for part in (seed, question, *which))
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _MOST


def fraction(seed: int, question: str, *which: object) -> float:
    """A number in [0, 1); the arguments are those of :func:`request_seed`."""
    return request_seed(seed, question, *which) / _MOST
