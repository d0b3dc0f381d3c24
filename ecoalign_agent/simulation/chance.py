"""Chance that remembers: the same question to the same seed gets the same number, whatever was asked in between."""

import hashlib

SIMULATED_LABEL = "simulated, not a vision-language model"
"""What the simulation is called wherever it or one of its figures is shown."""


def chance(*parts: object) -> float:
    """A number in [0, 1) that follows from ``parts`` alone; over different parts it is uniform and independent.

    Ours: a keyed hash stands where a generator would have a state, so that replies can't depend on the order of calls.
    """
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    # 53 bits are what a float holds exactly: 64 of them could round up to 1.
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def among(count: int, *parts: object) -> int:
    """A whole number from 0 to ``count`` − 1 that follows from ``parts`` alone."""
    return min(count - 1, int(chance(*parts) * count))
