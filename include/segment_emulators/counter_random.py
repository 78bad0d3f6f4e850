"""Random numbers that are a pure function of seed, stream and index.

A generator with a state would have to be run from the start to reach row 900,000; here any block of
rows, of any snapshot, is drawn by itself, in any order, and is the same on every machine.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class CounterRandom:
    """Draws keyed by a seed; each named stream is independent of the others."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def bits(self, stream: str, index: Index) -> NDArray[np.uint64]:
        """Return 64 random bits per index (the finalizer of SplitMix64, applied twice)."""
        key = np.uint64(
            int.from_bytes(hashlib.blake2b(f"{self._seed}/{stream}".encode(), digest_size=8).digest())
        )
        with np.errstate(over="ignore"):
            return _mix(_mix(index * _GOLDEN + key) ^ key)

    def uniform(self, stream: str, index: Index) -> NDArray[np.float64]:
        """Return one number in [0, 1) per index."""
        return (self.bits(stream, index) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, stream: str, index: Index, bound: int) -> NDArray[np.int64]:
        """Return one integer in [0, bound) per index."""
        return (self.bits(stream, index) % np.uint64(bound)).astype(np.int64)

    def happens(self, stream: str, index: Index, share: float) -> NDArray[np.bool_]:
        """Return True for about this share of the indexes."""
        return self.uniform(stream, index) < share


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))
