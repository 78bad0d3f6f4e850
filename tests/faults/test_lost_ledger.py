"""An export whose ledger or staging is lost: who withdrew or was erased since gets no mail all the same.

Membership is a field of contacts, which no list shows.
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.faults.export_run import RunningExport
from tests.faults.lake_folder import LakeFolder, people
from tests.stands.alone import Why
from tests.stands.list_fields import field_name

from segment_exports.commands.erasing.erasure import erase
from segment_exports.records.keyed_hash import KeyedHasher
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.export_run import RunResult
    from tests.stands.account_stand import AccountStand

pytestmark = pytest.mark.alone(Why.FIELDS_FOR_LISTS)

SETTINGS = {
    "destination": {"membership": "field"},
    "segments": [{"name": "Gold"}, {"name": "Churn", "list": "Win back"}],
    "mapping": {"Email": "EMail"},
    "permission": {"attribute": "Subscriber", "equals": "Yes"},
    "when_member_leaves": "remove",
}
PEOPLE = 150
"""More than a page of the account's contacts."""
STAFFS_OWN = "staff@example.org"
WITHDRAWN, ERASED, LEFT = "p1@example.com", "p2@example.com", "p3@example.com"


@pytest.fixture(params=["ledger", "staging"])
def repaired(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    stand: AccountStand,
    monkeypatch: pytest.MonkeyPatch,
    short_waits: None,
) -> tuple[RunningExport, RunResult]:
    """Lose what was known of 150 people; then one withdraws, one is erased, one leaves; then repair."""
    stand.staff.add_contact(STAFFS_OWN, custom={field_name("Gold"): True})
    export = RunningExport(tmp_path, stand, monkeypatch, SETTINGS)
    lake = LakeFolder(export.lake)
    lake.write(1, {"Gold": people(*range(PEOPLE)), "Churn": people(*range(5))})
    assert not export.run().red
    if request.param == "ledger":
        export.files(export.last_run).export.remove("ledger")
    else:
        shutil.rmtree(export.staging)
        export.staging.mkdir()
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    erase(Store.local(export.staging), hasher, emails=[ERASED], now=datetime.now(UTC))
    present = people(0, *range(4, PEOPLE))
    withdrawn = people(1, Subscriber="No")
    lake.write(2, {"Gold": [*present, *withdrawn], "Churn": [*people(0, 4), *withdrawn]})
    return export, export.run(full_resync=True, reconcile=True)


def test_who_withdrew_or_was_erased_is_on_no_list_and_staffs_own_contact_is_left_alone(
    repaired: tuple[RunningExport, RunResult], stand: AccountStand
) -> None:
    _, result = repaired

    assert not result.red, result.report.red_reasons
    everybody = {f"p{number}@example.com" for number in range(PEOPLE)}
    assert stand.listed("Gold") == everybody - {WITHDRAWN, ERASED} | {STAFFS_OWN}
    assert stand.listed("Win back") == {"p0@example.com", LEFT, "p4@example.com"}
    contact = stand.person(WITHDRAWN)
    assert contact is not None
    assert contact.custom == {field_name("Gold"): False, field_name("Win back"): False}


def test_who_left_and_whom_others_put_there_are_told(repaired: tuple[RunningExport, RunResult]) -> None:
    _, result = repaired

    assert result.report is not None
    told = "\n".join(result.report.warnings)
    assert "list Gold: 2 people were on it without giving permission or although erased" in told
    assert "list Gold: 2 people are on it whom, as far as is known, this export did not put there" in told
    assert "list Win back: 1 person is on it whom" in told


def test_nothing_is_left_to_do_for_the_next_run(repaired: tuple[RunningExport, RunResult]) -> None:
    export, _ = repaired

    result = export.run()

    assert (result.red, result.attempts) == (False, 0)
