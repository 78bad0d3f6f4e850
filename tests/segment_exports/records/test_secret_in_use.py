"""White space around the secret was counted to it once: what lies there is found with it and without."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.segment_exports.staged_run import Person, Stage

from segment_exports.errors import LedgerError
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.ledger import LedgerFolder, LedgerInfo
from segment_exports.records.secret_in_use import hasher_in_use, require_long_if_new
from segment_exports.records.staging import Store
from segment_exports.records.tombstones import erased_hashes, write_tombstones
from segment_exports.settings.ledger_secret import LedgerSecret

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "a secret that protects nothing"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANN = Person("ann@example.com", "1", ("A",))


def deliver(staging: Store, secret: str) -> None:
    """Leave the ledger of a run that had this secret, byte by byte."""
    info = LedgerInfo(
        export="newsletter",
        account="autopilot_default",
        sequence=1,
        run_id="run_1",
        written_at=NOW.isoformat(),
        secret_fingerprint=KeyedHasher(secret).fingerprint,
        mapping_fingerprint="mapping",
        membership="list",
        snapshots={},
        lists={},
        members={},
        addresses=0,
    )
    with LedgerFolder(staging.sub("newsletter"), info.export, info.account).writing(info):
        pass


@pytest.fixture
def staging(tmp_path: Path) -> Store:
    return Store.local(tmp_path)


@pytest.mark.parametrize("exports", [None, ["newsletter"]])
@pytest.mark.parametrize("written", [SECRET, f"{SECRET}\n", f"{SECRET}\r\n"])
@pytest.mark.parametrize("given", [SECRET, f"{SECRET}\n", f"{SECRET}\r\n"])
def test_a_ledger_is_found_under_the_secret_with_and_without_its_line_end(
    staging: Store, written: str, given: str, exports: list[str] | None
) -> None:
    deliver(staging, written)
    hasher = hasher_in_use(staging, LedgerSecret(given), exports)
    assert hasher.fingerprint == KeyedHasher(written).fingerprint


def test_other_white_space_is_found_as_long_as_it_is_given(staging: Store) -> None:
    deliver(staging, f"\t{SECRET} ")
    hasher = hasher_in_use(staging, LedgerSecret(f"\t{SECRET} "))
    assert hasher.fingerprint == KeyedHasher(f"\t{SECRET} ").fingerprint


@pytest.mark.parametrize("exports", [None, ["elsewhere"]])
def test_erased_people_are_held_back_whichever_way_the_secret_is_given(
    staging: Store, exports: list[str] | None
) -> None:
    written = KeyedHasher(f"{SECRET}\n")
    write_tombstones(staging, written, [written.text("ann@example.com")], NOW)

    hasher = hasher_in_use(staging, LedgerSecret(SECRET), exports)

    assert erased_hashes(staging, hasher) == {hasher.text("ann@example.com")}


def test_what_is_new_is_written_under_the_secret_without_white_space(staging: Store) -> None:
    hasher = hasher_in_use(staging, LedgerSecret(f"{SECRET}\n"))
    assert hasher.fingerprint == KeyedHasher(SECRET).fingerprint


def test_another_secret_is_told_by_its_length_and_what_was_around_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.run(1).whole([ANN])
    stage.hasher = hasher_in_use(stage.staging, LedgerSecret("quite another secret\n"))

    with pytest.raises(LedgerError, match=r"than the present one \(20 characters, and white space around"):
        stage.run(2).read([ANN]).plan()


def test_white_space_makes_no_secret_longer(staging: Store) -> None:
    with pytest.raises(LedgerError, match="has 9 characters; it must have at least 16"):
        hasher_in_use(staging, LedgerSecret("too short" + " " * 20))


# A new one is long


SHORT, LONG = "s" * 31, "s" * 32


def test_a_new_secret_has_to_be_long(staging: Store) -> None:
    require_long_if_new(staging, LedgerSecret(LONG))
    with pytest.raises(LedgerError, match=r"short \(31 characters.*a new one must have at least 32"):
        require_long_if_new(staging, LedgerSecret(f"{SHORT}   \n"))


def test_a_short_one_that_a_ledger_of_any_export_was_written_with_is_not_new(staging: Store) -> None:
    deliver(staging, SHORT)
    for given in (SHORT, f"{SHORT}\n"):
        require_long_if_new(staging, LedgerSecret(given))
    assert hasher_in_use(staging, LedgerSecret(SHORT), ["elsewhere"]).text("x") == KeyedHasher(SHORT).text(
        "x"
    )


def test_a_short_one_that_people_were_erased_under_is_not_new(staging: Store) -> None:
    write_tombstones(staging, KeyedHasher(SHORT), [bytes(16)], NOW)
    require_long_if_new(staging, LedgerSecret(SHORT))


def test_a_short_one_beside_the_ledgers_of_another_is_new(staging: Store) -> None:
    deliver(staging, LONG)
    with pytest.raises(LedgerError, match="restore the one that the ledgers were written with"):
        require_long_if_new(staging, LedgerSecret(SHORT))
