"""A sentence of ours as it is told and kept, whatever names and words of others stand in it."""

from __future__ import annotations

from segment_exports.sieve.net import netted
from segment_exports.sieve.visible import shortened, visible

LONGEST_MESSAGE = 20_000
"""Characters; ``bounds.MESSAGE_CHARACTERS`` of the wings above."""


def as_told(text: str) -> str:
    """Return a text without addresses and secrets, with nothing hidden in it, and no longer than is read."""
    return shortened(visible(netted(text)), LONGEST_MESSAGE)
