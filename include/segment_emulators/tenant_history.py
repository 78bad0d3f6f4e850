"""What happened to a block of customers up to a snapshot: who is there, what changed, who is where."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from segment_emulators.counter_random import CounterRandom, Index

    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class DailyRates:
    """Share of the customers to whom something happens from one snapshot to the next.

    ``joined`` are new customers, as a share of the first snapshot's. ``merged`` is a share of pairs of
    neighbours. ``membership`` is the share that enters or leaves a segment, per segment.
    """

    changed: float = 0.01
    joined: float = 0.005
    erased: float = 0.001
    merged: float = 0.001
    withdrawn: float = 0.002
    moved: float = 0.002
    membership: float = 0.003


SUBSCRIBER_SHARE = 0.9
"""Share of the customers who permit mail at first."""

EVENTS = ("joined", "changed", "withdrawn", "moved", "merged", "erased")
"""What may happen to a customer between two snapshots; ``moved`` is a new address, ``merged`` took in
another customer (who is then gone)."""


@dataclass
class BlockHistory:
    """State of a block of customers at a snapshot; every array has one value per index."""

    index: Index
    alive: Flags
    version: NDArray[np.int64]
    moves: NDArray[np.int64]
    refuses: Flags
    """Does not permit mail."""
    absorbed: Flags
    """Took in the customer of the next index, whose id is now among its previous ones."""
    members: dict[str, Flags]
    last: dict[str, Flags] = field(default_factory=dict)
    """Per event, to whom it happened on the snapshot's own day."""


def block_history(
    index: Index,
    *,
    joined_on: NDArray[np.int64],
    snapshot: int,
    random: CounterRandom,
    rates: DailyRates,
    shares: Mapping[str, float],
) -> BlockHistory:
    """Play the days up to a snapshot for one block, whose first index is even."""
    none = np.zeros(len(index), dtype=bool)
    state = BlockHistory(
        index=index,
        alive=joined_on == 0,
        version=np.zeros(len(index), dtype=np.int64),
        moves=np.zeros(len(index), dtype=np.int64),
        refuses=~random.happens("subscriber", index, SUBSCRIBER_SHARE),
        absorbed=none.copy(),
        members={name: random.happens(f"member {name}", index, share) for name, share in shares.items()},
        last=dict.fromkeys(EVENTS, none),
    )
    for day in range(1, snapshot + 1):
        _play_day(state, joined_on == day, day, random, rates)
    return state


def _play_day(state: BlockHistory, new: Flags, day: int, random: CounterRandom, rates: DailyRates) -> None:
    index = state.index
    erased = state.alive & random.happens(f"erased {day}", index, rates.erased)
    state.alive &= ~erased
    merged = _merge_pairs(state, random.happens(f"merged {day}", index, rates.merged))
    changed = state.alive & random.happens(f"changed {day}", index, rates.changed)
    moved = state.alive & random.happens(f"moved {day}", index, rates.moved)
    withdrawn = state.alive & ~state.refuses & random.happens(f"withdrawn {day}", index, rates.withdrawn)
    state.version += changed
    state.moves += moved
    state.refuses |= withdrawn
    for name, member in state.members.items():
        member ^= state.alive & random.happens(f"membership {name} {day}", index, rates.membership)
    state.alive |= new
    state.last = dict(zip(EVENTS, (new, changed, withdrawn, moved, merged, erased), strict=True))


def _merge_pairs(state: BlockHistory, drawn: Flags) -> Flags:
    """Let even customers take in their odd neighbour; return who did."""
    pairs = len(drawn) // 2 * 2
    even, odd = slice(0, pairs, 2), slice(1, pairs, 2)
    merging = drawn[even] & state.alive[even] & state.alive[odd]
    state.alive[odd] &= ~merging
    state.absorbed[even] |= merging
    for member in state.members.values():
        member[even] |= merging & member[odd]
    merged = np.zeros(len(drawn), dtype=bool)
    merged[even] = merging
    return merged
