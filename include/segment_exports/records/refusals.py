"""Refusals: who gave no permission, kept until a run that read everything says otherwise.

A run judges what it read. A later one may read less of an address (some of the segments, a sample) or an
older snapshot, and must not take for a yes what it did not see. So every plan of a real run writes down
who refused, in ``refusals/<sequence>-<run>.parquet``; the highest sequence counts. A row is the leading
64 bits of the keyed hash of an address or a customer, and the reading in which it refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from segment_exports.records.storing.damage import parsed
from segment_exports.records.storing.file_names import file_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from segment_exports.records.staging import Store

    Prefixes = npt.NDArray[np.uint64]
    Mask = npt.NDArray[np.bool_]

REFUSALS = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("reading", pa.int32(), nullable=False)]
)
_METADATA_KEY = b"segment_exports.refusals"
_KEPT = 3
_NAME = re.compile(r"\d{10}-.+\.parquet")
_READ_ALL = (
    "It tells who gives no permission. Restore it from a backup; or move it away, and let the next run be "
    "one of all segments and of the newest snapshot: it writes that down anew"
)


@dataclass(frozen=True)
class Reading:
    """What a run judged: the snapshot of each segment (ISO 8601), and whether that was every row there is.

    ``is_full``: all rows of all segments of the definition.
    """

    snapshots: Mapping[str, str]
    is_full: bool

    @classmethod
    def of(cls, snapshots: Mapping[str, str], judged: Mapping[str, bool], segments: Iterable[str]) -> Reading:
        """Return the reading of a run.

        :param judged: segments of the run, and whether all their rows were judged.
        :param segments: the segments of the definition.
        """
        return cls(snapshots, all(judged.get(name, False) for name in segments))

    def covers(self, other: Mapping[str, str]) -> bool:
        """Tell whether this one is at least as new in every segment that another one read.

        A full reading has all segments; those that it lacks were taken out of the definition, or renamed,
        and it must be as new as they were in every one that it has.
        """
        mine = {segment: datetime.fromisoformat(time) for segment, time in self.snapshots.items()}
        oldest = min(mine.values(), default=None) if self.is_full else None
        return all(
            (own := mine.get(segment, oldest)) is not None and own >= datetime.fromisoformat(time)
            for segment, time in other.items()
        )


class _Told(BaseModel):
    """What the file says of itself, in its metadata; ``readings`` are those that the rows name by place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secret_fingerprint: str
    complete_for: str | None
    readings: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Refusals:
    """Who refused, and in which reading.

    :param keys: prefixes of keyed hashes, ascending; one may stand with several readings.
    :param places: per key the place of its reading in ``readings``.
    :param complete_for: what was asked of whom (:attr:`.ExportDefinition.consent_fingerprint`) in the full
        reading since which every refusal is here. It is None until such a reading is at least as new as what
        was delivered before refusals were written down, or where some of them were lost.
    """

    keys: Prefixes
    places: npt.NDArray[np.int32]
    readings: tuple[Mapping[str, str], ...]
    complete_for: str | None

    def against(self, reading: Reading) -> Prefixes:
        """Return who must not be taken for allowed by a run, whatever it read of them.

        For a full reading that are those who refused in a snapshot that is newer in some segment.
        """
        return np.unique(self.keys[~self._covered(reading)])

    def after(
        self, reading: Reading, refused: Prefixes, allowed: Mask, delivered: Mapping[str, str], asked: str
    ) -> Refusals:
        """Return the refusals that stand after a run has judged its rows.

        :param refused: who refused in it, distinct.
        :param allowed: which of ``keys`` it judged allowed; that lifts a refusal if the reading is full.
        :param delivered: snapshots that were delivered before.
        :param asked: what it asked of whom.
        """
        lifted = self._covered(reading) & allowed
        again = np.isin(self.keys, refused)
        again &= np.array([reading.covers(one) for one in self.readings], np.bool_)[self.places]
        kept = ~(lifted | again)
        keys = np.concatenate([self.keys[kept], refused])
        places = np.concatenate([self.places[kept], np.full(len(refused), len(self.readings), np.int32)])
        used, places = np.unique(places, return_inverse=True)
        is_newest = reading.is_full and all(map(reading.covers, (delivered, *self.readings)))
        every = (*self.readings, dict(reading.snapshots))
        order = np.argsort(keys, kind="stable")
        return Refusals(
            keys[order],
            places[order].astype(np.int32),
            tuple(every[one] for one in used),
            asked if is_newest else self.complete_for,
        )

    def _covered(self, reading: Reading) -> Mask:
        """Tell which rows a full reading may lift."""
        covered = [reading.is_full and reading.covers(one) for one in self.readings]
        return np.array(covered, np.bool_)[self.places]


NOBODY_REFUSED = Refusals(np.empty(0, np.uint64), np.empty(0, np.int32), (), complete_for=None)


class RefusalFolder:
    """The refusals of one export."""

    def __init__(self, export: Store, secret_fingerprint: str) -> None:
        """``secret_fingerprint`` names the secret of the hashes: under another they match nobody."""
        self._store = export.sub("refusals")
        self._fingerprint = secret_fingerprint

    def latest(self, *, settled: int = 0) -> Refusals:
        """Return the refusals that count: nobody's, and incomplete, where none lie under this secret.

        :param settled: sequence of the newest run that was settled, which wrote refusals before: where none
            are as new, they were lost, and what is here is incomplete.
        :raises StagingError: the file can't be read.
        """
        names = self._names()
        if not names:
            return NOBODY_REFUSED
        with self._store.parquet_file(names[-1], REFUSALS.names, advice=_READ_ALL) as file:
            told = parsed(
                (file.metadata.metadata or {}).get(_METADATA_KEY, b""),
                _Told,
                self._store.path(names[-1]),
                _READ_ALL,
            )
            rows = file.read(use_threads=False)
        if told.secret_fingerprint != self._fingerprint:
            return replace(NOBODY_REFUSED, readings=told.readings)  # until when somebody refused is known
        return Refusals(
            rows["key"].to_numpy(),
            rows["reading"].to_numpy(),
            told.readings,
            complete_for=told.complete_for if int(names[-1].split("-", 1)[0]) >= settled else None,
        )

    def write(self, refusals: Refusals, *, sequence: int, run_id: str) -> None:
        """Write what counts from now on; ``sequence`` is the fence of the run's lease."""
        name = f"{sequence:010d}-{file_name(run_id)}.parquet"
        with self._store.parquet_writer(name, REFUSALS) as file:
            file.write_table(pa.table([refusals.keys, refusals.places], schema=REFUSALS))
            told = _Told(
                secret_fingerprint=self._fingerprint,
                complete_for=refusals.complete_for,
                readings=tuple(dict(one) for one in refusals.readings),
            )
            file.add_key_value_metadata({_METADATA_KEY: told.model_dump_json().encode()})
        for old in self._names()[:-_KEPT]:
            self._store.remove(old)

    def forget(self, people: Prefixes) -> int:
        """Write all anew without the refusals of some people, and return how many there were.

        :param people: prefixes of keyed hashes of addresses or customers whom nothing would be sent anyway.
        """
        count = 0
        for name in self._names():
            with self._store.parquet_file(name, REFUSALS.names, advice=_READ_ALL) as file:
                told, rows = file.metadata.metadata or {}, file.read(use_threads=False).select(REFUSALS.names)
            is_theirs = np.isin(rows["key"].to_numpy(), people)
            if is_theirs.any():
                with self._store.parquet_writer(name, REFUSALS) as writer:
                    writer.write_table(rows.cast(REFUSALS).filter(pa.array(~is_theirs)))
                    writer.add_key_value_metadata({_METADATA_KEY: told.get(_METADATA_KEY, b"")})
                count += int(is_theirs.sum())
        return count

    def _names(self) -> Sequence[str]:
        return [name for name in self._store.names() if _NAME.fullmatch(name)]
