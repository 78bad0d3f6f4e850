"""The attributes of generated customers as Arrow columns of text, and the dirt in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from segment_emulators import tenant_names as names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from segment_emulators.counter_random import CounterRandom, Index
    from segment_emulators.tenant_history import BlockHistory

    Change = Callable[[str, int], str | None]

DIRT_PERIOD = 1000
DIRT: dict[str, int] = {
    "shared_address": 3,  # the address of the customer before, letter by letter
    "shared_address_variant": 5,  # the same in capitals and with spaces around it
    "shared_address_refused": 33,  # the one before permits mail, this one doesn't
    "missing_address": 7,
    "blank_address": 9,
    "malformed_address": 11,
    "emoji_name": 15,
    "quoted_name": 17,
    "comma_in_street": 19,
    "line_break_in_street": 21,
    "wrong_type": 23,  # RewardPoints "n/a"
    "formula": 25,  # a cell that a spreadsheet would run
    "duplicate_row": 27,
    "mixed_case_address": 29,
    "international_address": 31,  # letters beyond ASCII before the @
}
"""Kind of dirt → the place, in every 1,000 customers, of the one who has it."""

_FIRST, _FIRST_IN_ADDRESS, _GENDER = (pa.array(column) for column in zip(*names.FIRST_NAMES, strict=True))
_LAST, _LAST_IN_ADDRESS = (pa.array(column) for column in zip(*names.LAST_NAMES, strict=True))
_CITY, _STATE, _COUNTRY, _POST_CODE = (pa.array(column) for column in zip(*names.PLACES, strict=True))
_STREETS, _OCCUPATIONS, _TIERS, _DOMAINS = (
    pa.array(pool) for pool in (names.STREETS, names.OCCUPATIONS, names.TIERS, names.DOMAINS)
)
_YES_NO = pa.array(["Yes", "No"])
_FIRST_BIRTHDAY = np.datetime64("1940-01-01", "D")
_FIRST_DAY = np.datetime64("2015-01-01T00:00:00", "s")
_HEX = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], dtype=np.uint8)


def render(state: BlockHistory, random: CounterRandom) -> dict[str, pa.Array]:
    """Return the attributes of a block, one text value (or null) per index."""
    index, version = state.index, state.version
    first = random.below("first name", index, len(names.FIRST_NAMES))
    last = random.below("last name", index, len(names.LAST_NAMES))
    place = (random.below("place", index, len(names.PLACES)) + version) % len(names.PLACES)
    tier = (random.below("tier", index, len(names.TIERS)) + version) % len(names.TIERS)
    first_name, last_name = _FIRST.take(first), _LAST.take(last)
    return {
        "CustomerId": customer_ids(index, random),
        "FirstName": first_name,
        "LastName": last_name,
        "FullName": _join([first_name, " ", last_name]),
        "EMail": _addresses(state, first, last, random),
        "Telephone": _nulls(_telephones(index, version, random), "no telephone", 0.03, index, random),
        "StreetAddress": _streets(index, version, random),
        "City": _CITY.take(place),
        "State": _STATE.take(place),
        "Country": _COUNTRY.take(place),
        "PostCode": _POST_CODE.take(place),
        "DateOfBirth": _nulls(_birthdays(index, random), "no birthday", 0.01, index, random),
        "Gender": _GENDER.take(first),
        "Loyalty Tier": _TIERS.take(tier),
        "Email Subscriber": _YES_NO.take(_refuses_mail(state).astype(np.int64)),
        "RewardPoints": _text(random.below("points", index, 5_000) + 37 * version),
        "Income": _incomes(index, version, random),
        "Occupation": _nulls(
            _OCCUPATIONS.take(random.below("occupation", index, len(names.OCCUPATIONS))),
            "no occupation",
            0.02,
            index,
            random,
        ),
        "CreatedOn": _creation_times(index, random),
        "PreviousCustomerId": _previous_ids(state, random),
    }


def soil(columns: dict[str, pa.Array], index: Index) -> dict[str, pa.Array]:
    """Return the columns with the dirt of :data:`DIRT` in its places (duplicate rows apart)."""
    dirty = dict(columns)
    _rewrite(dirty, "EMail", index, "shared_address_variant", lambda text, _: f"  {text.upper()} ")
    _rewrite(dirty, "EMail", index, "missing_address", lambda _text, _: None)
    _rewrite(dirty, "EMail", index, "blank_address", lambda _text, _: "   ")
    _rewrite(dirty, "EMail", index, "malformed_address", _malformed)
    _rewrite(dirty, "EMail", index, "mixed_case_address", lambda text, _: text.title())
    _rewrite(dirty, "EMail", index, "international_address", lambda text, _: f"jörg.{text}")
    _rewrite(dirty, "FirstName", index, "emoji_name", lambda text, _: f"{text} 🌻👩🏽‍🚀")
    _rewrite(dirty, "FirstName", index, "quoted_name", lambda text, _: f'{text} "Bob", Jr.')
    _rewrite(dirty, "StreetAddress", index, "comma_in_street", lambda text, _: f"{text}, Apt 4, rear")
    _rewrite(dirty, "StreetAddress", index, "line_break_in_street", lambda text, _: f"{text}\r\nApt 4\nrear")
    _rewrite(dirty, "RewardPoints", index, "wrong_type", lambda _text, _: "n/a")
    _rewrite(dirty, "LastName", index, "formula", lambda _text, _: '=HYPERLINK("http://example.com","x")')
    return dirty


def dirt_rows(index: Index, kind: str) -> NDArray[np.int64]:
    """Return the places in a block of those who have this kind of dirt."""
    return np.flatnonzero(index % np.uint64(DIRT_PERIOD) == np.uint64(DIRT[kind]))


def customer_ids(index: Index, random: CounterRandom) -> pa.Array:
    """Return the 32 hexadecimal digits of each customer."""
    return _hexadecimal(random.bits("id high", index), random.bits("id low", index))


def _addresses(
    state: BlockHistory, first: NDArray[np.int64], last: NDArray[np.int64], random: CounterRandom
) -> pa.Array:
    """Return each customer's own address, or that of the one before where the dirt says so."""
    owner = np.arange(len(state.index))
    for kind in ("shared_address", "shared_address_variant", "shared_address_refused"):
        owner[dirt_rows(state.index, kind)] -= 1
    number = state.index[owner].astype(np.int64)
    domain = _DOMAINS.take(random.below("domain", state.index[owner], len(names.DOMAINS)))
    moves = state.moves[owner]
    suffix = pc.if_else(pa.array(moves > 0), _join([".new", _text(moves)]), "")
    return _join(
        [_FIRST_IN_ADDRESS.take(first[owner]), ".", _LAST_IN_ADDRESS.take(last[owner]), ".", _text(number),
         suffix, "@", domain]
    )  # fmt: skip


def _refuses_mail(state: BlockHistory) -> NDArray[np.bool_]:
    refuses = state.refuses.copy()
    refused = dirt_rows(state.index, "shared_address_refused")
    refuses[refused] = True
    refuses[refused - 1] = False
    return refuses


def _telephones(index: Index, version: NDArray[np.int64], random: CounterRandom) -> pa.Array:
    area = _text(random.below("area", index, 800) + 200)
    line = _text((random.below("line", index, 90) + version) % 90 + 10)  # 555-01xx is kept for fiction
    return _join(["(", area, ") 555-01", line])


def _streets(index: Index, version: NDArray[np.int64], random: CounterRandom) -> pa.Array:
    number = _text(random.below("house", index, 9_000) + 1 + version)
    return _join([number, " ", _STREETS.take(random.below("street", index, len(names.STREETS)))])


def _birthdays(index: Index, random: CounterRandom) -> pa.Array:
    return pa.array(_FIRST_BIRTHDAY + random.below("birthday", index, 24_000)).cast(pa.string())


def _creation_times(index: Index, random: CounterRandom) -> pa.Array:
    seconds = random.below("created", index, 10 * 365 * 86_400)
    text = pa.array(_FIRST_DAY + seconds).cast(pa.string())
    return _join([pc.binary_replace_slice(text, 10, 11, "T"), "Z"])


def _incomes(index: Index, version: NDArray[np.int64], random: CounterRandom) -> pa.Array:
    cents = random.below("income", index, 25_000_000) + 1_000_000 + 12_345 * version
    return _join([_text(cents // 100), ".", pc.utf8_lpad(_text(cents % 100), 2, "0")])


def _previous_ids(state: BlockHistory, random: CounterRandom) -> pa.Array:
    """Ids of customers that merged into this one: long ago for 1 %, and in the snapshots' own time."""
    index = state.index
    history = random.uniform("previous", index)
    old = _hexadecimal(random.bits("previous high", index), random.bits("previous low", index))
    older = _hexadecimal(random.bits("older high", index), random.bits("older low", index))
    absorbed = customer_ids(index + np.uint64(1), random)
    parts = [
        pc.if_else(pa.array(flags), _join([";", ids]), "")
        for flags, ids in ((state.absorbed, absorbed), (history < 0.01, old), (history < 0.002, older))
    ]
    joined = pc.utf8_ltrim(_join(parts), ";")
    return pc.if_else(pc.equal(joined, ""), None, joined)


def _malformed(address: str, number: int) -> str:
    local = address.partition("@")[0]
    return names.MALFORMED[number // DIRT_PERIOD % len(names.MALFORMED)].format(local)


def _rewrite(columns: dict[str, pa.Array], column: str, index: Index, kind: str, change: Change) -> None:
    """Replace the few values that have this kind of dirt."""
    rows = dirt_rows(index, kind)
    if not len(rows):
        return
    mask = np.zeros(len(index), dtype=bool)
    mask[rows] = True
    values = columns[column].take(pa.array(rows)).to_pylist()
    changed = [change(text, int(index[row])) for text, row in zip(values, rows, strict=True)]
    columns[column] = pc.replace_with_mask(columns[column], pa.array(mask), pa.array(changed, pa.string()))


def _nulls(values: pa.Array, stream: str, share: float, index: Index, random: CounterRandom) -> pa.Array:
    return pc.if_else(pa.array(random.happens(stream, index, share)), None, values)


def _text(numbers: NDArray[np.int64]) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _join(parts: Sequence[pa.Array | str]) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _hexadecimal(high: Index, low: Index) -> pa.Array:
    raw = np.stack([high, low], axis=1).astype(">u8").view(np.uint8)
    digits = _HEX[raw].reshape(-1)
    offsets = np.arange(len(high) + 1, dtype=np.int32) * 32
    return pa.Array.from_buffers(pa.string(), len(high), [None, pa.py_buffer(offsets), pa.py_buffer(digits)])
