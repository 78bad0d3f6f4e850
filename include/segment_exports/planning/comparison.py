"""Compare the contacts of one hash range with the ledger: who is due what.

Everything here works on three tables that are sorted by ``email_hash`` (contacts, withheld addresses,
ledger) and on boolean matrices of membership; nothing loops over contacts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_exports.planning.address_heirs import passed_on
from segment_exports.planning.held_back import ledger_at, mask_of, refused_before, same_hash, told_before
from segment_exports.records.outcomes import UNSUBSCRIBE
from segment_exports.records.tables.memberships import to_lists, to_matrix
from segment_exports.records.tables.schemas import CHUNK, LIST_KEYS, MEMBERSHIPS
from segment_exports.records.tables.sorted_tables import key_array, match, prefixes

if TYPE_CHECKING:
    import numpy.typing as npt

    from segment_exports.planning.moved_addresses import MovedAddresses
    from segment_exports.planning.profile_limit import Room
    from segment_exports.planning.rules import Rules
    from segment_exports.planning.tally import Tally
    from segment_exports.records.tables.memberships import Matrix

    Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RangeTables:
    """The rows of one hash range: contacts, withheld addresses, ledger, and addresses of other exports.

    ``first_ledger_row`` is the ordinal of the ledger's first row here. ``exempt`` marks ledger rows
    of people who are no contacts and haven't left: their profile is invalid, or their permission says
    nothing. ``gone`` marks those of people who were erased, or refused as another run has read, whatever
    this one has read of them; ``named`` those of whom that is known by their address itself. ``spared`` marks
    those who must not be unsubscribed, since too many have no value in their permission all at once.
    ``addresses`` (``email_hash``, ``email``) are those that the run has of people who must not be mailed.
    """

    contacts: pa.Table
    withheld: pa.Table
    addresses: pa.Table
    ledger: pa.Table
    first_ledger_row: int
    exempt: Mask
    gone: Mask
    named: Mask
    spared: Mask
    counted: Mask
    counted_elsewhere: npt.NDArray[np.bytes_]


@dataclass(frozen=True)
class _Held:
    """Memberships by ledger row; ``seen`` are those of which nobody knows whose they are."""

    sure: Matrix
    uncertain: Matrix
    seen: Matrix

    @classmethod
    def of(cls, ledger: pa.Table, titles: tuple[str, ...]) -> _Held:
        return cls(*(to_matrix(ledger[name], titles) for name in MEMBERSHIPS))

    def at(self, position: npt.NDArray[np.int64]) -> _Held:
        found = position >= 0
        every = [np.zeros((len(position), self.sure.shape[1]), np.bool_) for _ in range(3)]
        for chosen, held in zip(every, (self.sure, self.uncertain, self.seen), strict=True):
            chosen[found] = held[position[found]]
        return _Held(*every)

    def nothing(self) -> _Held:
        return _Held(*(np.zeros_like(held) for held in (self.sure, self.uncertain, self.seen)))


class Due(NamedTuple):
    """What is due in one range (schema CHUNK, sorted), and who is held back (schema HELD_BACK).

    ``duties`` are the leaves of people who withdrew or were erased: they wait for nothing.
    """

    changes: pa.Table
    duties: pa.Table
    held_back: pa.Table


def compare_range(tables: RangeTables, rules: Rules, moved: MovedAddresses, tally: Tally, room: Room) -> Due:
    """Return what is due in one range and tally its contacts."""
    held = _Held.of(tables.ledger, rules.titles)
    position = match(key_array(tables.contacts["email_hash"]), key_array(tables.ledger["email_hash"]))
    waits = _waits(tables.contacts, rules)
    unjudged = _unjudged(tables, rules, held, position) & ~waits
    tally.superseded += int(waits.sum())
    tally.unjudged += int(unjudged.sum())
    waits |= unjudged
    within = _within_limit(tables, position, waits, tally, room)
    due, held_back = _due_of_contacts(tables, rules, held, moved, tally, position, waits, within)
    gone, is_duty = _due_of_others(tables, rules, held, moved, tally, position)
    left = gone.filter(pa.array(~is_duty))
    changes = pa.concat_tables([due, left])
    if len(left):
        changes = changes.take(pc.sort_indices(changes["email_hash"]))
    return Due(changes, gone.filter(pa.array(is_duty)), held_back)


def _within_limit(
    tables: RangeTables, position: npt.NDArray[np.int64], waits: Mask, tally: Tally, room: Room
) -> Mask:
    """Tell which contacts the limit lets through; those that wait aren't sent, so it isn't asked."""
    keys = key_array(tables.contacts["email_hash"])
    counted = np.zeros(len(keys), np.bool_)
    counted[position >= 0] = tables.counted[position[position >= 0]]
    counted |= match(keys, tables.counted_elsewhere) >= 0
    known, new = counted & ~waits, ~counted & ~waits
    within: Mask = np.where(
        known,
        np.cumsum(known) <= room.known - tally.known_addresses,
        np.cumsum(new) <= room.new - tally.new_addresses,
    )
    within |= waits
    tally.known_addresses += int(known.sum())
    tally.new_addresses += int(new.sum())
    tally.over_limit += int((~within).sum())
    return within


def _due_of_contacts(
    tables: RangeTables,
    rules: Rules,
    held: _Held,
    moved: MovedAddresses,
    tally: Tally,
    position: npt.NDArray[np.int64],
    waits: Mask,
    within: Mask,
) -> tuple[pa.Table, pa.Table]:
    contacts, ledger = tables.contacts, tables.ledger
    known = ledger_at(ledger, position)
    before = held.at(position)
    mine = before if rules.memberships_known else before.nothing()
    wanted = _wanted(contacts, rules)
    upsert: Mask = ~same_hash(contacts["payload_hash"], known["payload_hash"])
    upsert |= np.full(len(upsert), rules.send_all)
    joins = wanted.copy() if rules.send_all else wanted & ~mine.sure
    leaves = ~wanted & ((mine.sure & rules.remove_leavers) | mine.uncertain) & rules.whole
    passed = passed_on(contacts, ledger, position, exempt=tables.exempt) & rules.all_whole
    leaves |= passed[:, None] & ~wanted & (mine.sure | mine.uncertain)

    # Who was given since what was refused then is refused no more, whatever the ledger remembers.
    refused = refused_before(contacts, known, rules) & (upsert | joins.any(axis=1))
    suppressed = (
        mask_of(known["suppressed"]) & joins.any(axis=1) & np.bool_(not rules.retry_suppressed) & ~passed
    )
    # Who may not be put on a list, and may be on it by a request that was never answered, leaves it.
    leaves |= suppressed[:, None] & mine.uncertain
    blocked = refused | waits | ~within
    upsert &= ~blocked
    joins &= ~(blocked | suppressed)[:, None]
    sent = within & ~waits
    leaves[~sent & ~passed] = False
    if not rules.remove_leavers:
        tally.kept_leavers += int((~wanted & mine.sure & rules.whole & ~leaves).any(axis=1).sum())
    any_due = upsert | joins.any(axis=1) | leaves.any(axis=1)

    tally.total += int(within.sum())
    tally.due += int((any_due & sent).sum())
    tally.passed_on += int(passed.sum())
    idle = sent & ~any_due
    tally.refused_before += int((refused & idle).sum())
    tally.suppressed_before += int((suppressed & ~refused & idle).sum())
    tally.added += (joins & ~before.sure).sum(axis=0)

    rows = pa.array(np.flatnonzero(any_due))
    asked: Mask = np.any(joins[any_due], axis=1)
    own = prefixes(contacts["email_hash"])[any_due]
    # A contact that is given this address leaves with it what the person left meanwhile.
    moving = moved.movable_memberships(own, asked & rules.moves)
    moved_sure, moved_uncertain = (
        to_matrix(moving[name], rules.titles) & rules.memberships_known
        for name in ("member_of", "uncertain_of")
    )
    left_by_moving = ((moved_sure & rules.remove_leavers) | moved_uncertain) & rules.whole
    leaves[any_due] |= ~wanted[any_due] & left_by_moving
    changes = pa.table(
        {
            "email_hash": contacts["email_hash"].take(rows),
            "is_contact": pa.array(sent[any_due]),
            "email": pc.if_else(pa.array(sent[any_due]), contacts["email"].take(rows), None),
            "contact_id": known["contact_id"].take(rows),
            "payload": pc.if_else(pa.array(upsert[any_due]), contacts["payload"].take(rows), None),
            "payload_hash": contacts["payload_hash"].take(rows),
            "joins": to_lists(joins[any_due], rules.titles),
            "leaves": to_lists(leaves[any_due], rules.titles),
            "member_of": to_lists((mine.sure & wanted)[any_due], rules.titles),
            "previous_contact_ids": moved.previous_contact_ids(own, asked),
            "moved_contact_id": moved.movable_contact_ids(own, asked & rules.moves),
            "moved_member_of": to_lists(moved_sure | moved_uncertain, rules.titles),
            **_heirs_of(np.where(passed, position, -1)[any_due], tables, rules, moved),
            "customer_hash": contacts["customer_hash"].take(rows),
            "previous_customer_hashes": contacts["previous_customer_hashes"].take(rows),
            "maybe_anew": pa.nulls(len(rows), pa.bool_()),
        },
        schema=CHUNK,
    )
    return changes, told_before(contacts, known, refused, suppressed, sent)


def _due_of_others(
    tables: RangeTables,
    rules: Rules,
    held: _Held,
    moved: MovedAddresses,
    tally: Tally,
    position: npt.NDArray[np.int64],
) -> tuple[pa.Table, Mask]:
    """Return the leaves of ledger rows that are no contacts of this run, and which of them are duties."""
    ledger = tables.ledger
    held = held if rules.memberships_known else held.nothing()
    keys = key_array(ledger["email_hash"])
    absent = np.ones(len(ledger), np.bool_)
    absent[position[position >= 0]] = False
    ordinals = np.arange(len(ledger)) + tables.first_ledger_row
    named = (match(keys, key_array(tables.withheld["email_hash"])) >= 0) | tables.named
    withdrawn = named | np.isin(ordinals, moved.withdrawn) | tables.gone
    # Whose new address must wait for a run that reads all has not left meanwhile.
    away = np.isin(ordinals, moved.away)
    waiting = away & rules.only_known
    away &= rules.all_whole & ~waiting
    absent &= ~(np.isin(ordinals, moved.movable) & rules.moves)  # what is to be moved keeps its lists
    left = ((held.sure & rules.remove_leavers) | held.uncertain) & rules.whole
    left[tables.exempt | waiting] = False
    leaves = np.where((withdrawn | away)[:, None], held.sure | held.uncertain, left)
    leaves |= held.seen & withdrawn[:, None]
    leaves[~absent] = False
    if not rules.remove_leavers:
        stay = absent & ~tables.exempt
        tally.kept_leavers += int(((held.sure & rules.whole & ~leaves).any(axis=1) & stay).sum())
    chosen = leaves.any(axis=1)
    # Who is known by their customer alone may have passed on an address that was not read: that ends no more
    # than our mailing.
    unsubscribe = withdrawn & chosen & rules.unsubscribe_withdrawn & (named | rules.judges_all)
    tally.spared += int((unsubscribe & tables.spared).sum())
    unsubscribe &= ~tables.spared
    rows = pa.array(np.flatnonzero(chosen))
    every_leave = np.concatenate([leaves, unsubscribe[:, None]], axis=1)[chosen]
    nothing = pa.nulls(len(rows), pa.string())
    gone = pa.table(
        {
            "email_hash": ledger["email_hash"].take(rows),
            "is_contact": pa.array(np.zeros(len(rows), np.bool_)),
            "email": nothing,
            "contact_id": ledger["contact_id"].take(rows),
            "payload": nothing,
            "payload_hash": pa.nulls(len(rows), CHUNK.field("payload_hash").type),
            "joins": to_lists(np.zeros_like(leaves[chosen]), rules.titles),
            "leaves": to_lists(every_leave, (*rules.titles, UNSUBSCRIBE)),
            "member_of": to_lists(np.zeros_like(leaves[chosen]), rules.titles),
            "previous_contact_ids": pa.array([[]] * len(rows), pa.list_(pa.string())),
            "moved_contact_id": nothing,
            "moved_member_of": pa.nulls(len(rows), LIST_KEYS),
            **_heirs_of(np.flatnonzero(chosen), tables, rules, moved),
            "customer_hash": pa.nulls(len(rows), CHUNK.field("customer_hash").type),
            "previous_customer_hashes": pa.nulls(len(rows), CHUNK.field("previous_customer_hashes").type),
            "maybe_anew": pa.nulls(len(rows), pa.bool_()),
        },
        schema=CHUNK,
    )
    return gone, withdrawn[chosen]


def _heirs_of(
    position: npt.NDArray[np.int64], tables: RangeTables, rules: Rules, moved: MovedAddresses
) -> dict[str, pa.Array]:
    """Return what the customers of ledger rows (-1: none) have now: addresses, and lists under those."""
    ordinals = np.where(position < 0, -1, position + tables.first_ledger_row)
    heirs = moved.heirs.among(tables.first_ledger_row, len(tables.ledger))
    belongs = heirs.on_any(ordinals, _wanted(heirs.contacts, rules))
    return {"emails_now": heirs.emails(ordinals), "stays_on": to_lists(belongs, rules.titles)}


def _wanted(contacts: pa.Table, rules: Rules) -> Matrix:
    """Return which lists each contact belongs on, by the segments that this run delivers."""
    segments = tuple(rules.lists_of_segments)
    member = to_matrix(contacts["segments"], segments)
    wanted = np.zeros((len(contacts), len(rules.titles)), np.bool_)
    for column, segment in enumerate(segments):
        wanted[:, rules.titles.index(rules.lists_of_segments[segment])] |= member[:, column]
    return wanted


def _waits(contacts: pa.Table, rules: Rules) -> Mask:
    waits: Mask = np.any(to_matrix(contacts["segments"], rules.superseded), axis=1)
    return waits


def _unjudged(tables: RangeTables, rules: Rules, held: _Held, position: npt.NDArray[np.int64]) -> Mask:
    """Tell which contacts may give no permission in a row that was not read."""
    if not rules.only_known:
        return np.zeros(len(position), np.bool_)
    known = pc.is_valid(ledger_at(tables.ledger, position)["payload_hash"]).to_numpy().astype(np.bool_)
    if not rules.refusals_known:
        known &= held.at(position).sure.any(axis=1)
    unjudged: Mask = ~known
    return unjudged
