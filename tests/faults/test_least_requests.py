"""100,000 contacts are held already: what a refresh costs then, counted at the account."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from tests.faults.export_run import RunningExport
from tests.stands.alone import Why

from segment_exports.records.keyed_hash import HASH_TYPE, KeyedHasher
from segment_exports.records.ledger import LedgerFolder, LedgerInfo
from segment_exports.records.plan import PlanState
from segment_exports.records.staging import RunFiles
from segment_exports.records.tables.schemas import CONTACTS, INVALID, LEDGER, WITHHELD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.stands.account_stand import AccountStand
    from tests.stands.parameters import ServedStands

pytestmark = [pytest.mark.xdist_group("held"), pytest.mark.alone(Why.SINGLE_CALLS)]
"""The tests follow each other."""

CONTACTS_HELD = 100_000
SETTINGS = {
    "destination": {"membership": "list"},
    "segments": ["Gold", "Silver"],
    "mapping": {"Email": "EMail", "FirstName": "FirstName"},
    "when_member_leaves": "remove",
    "limit": {"profiles": 200_000},
}


@dataclass
class Held:
    """An account and a ledger that agree on 100,000 contacts: all in Gold, the last 2,000 in Silver too."""

    export: RunningExport
    hasher: KeyedHasher
    emails: list[str]
    silver: set[str]

    def stage(self, run_id: str, *, changed: int = 0, joining: int = 0, leaving: int = 0) -> None:
        """Write what extract and map would: some changed, others joining or leaving Silver."""
        members = set(self.silver)
        members |= set(self.emails[:joining])
        members -= set(sorted(self.silver)[:leaving])
        names = ["Norah" if place < changed else "Nora" for place in range(len(self.emails))]
        self._contacts(run_id, names, members)

    def _contacts(self, run_id: str, names: list[str], silver: set[str]) -> None:
        files = self.export.files(run_id)
        emails = pa.array(self.emails)
        payloads = _payloads(self.emails, names)
        segments = [["Gold", "Silver"] if email in silver else ["Gold"] for email in self.emails]
        customers = pa.array([f"c{place}" for place in range(len(self.emails))])
        table = pa.table(
            {
                "email_hash": self.hasher.column(emails),
                "email": emails,
                "customer_id": customers,
                "customer_hash": self.hasher.column(customers),
                "previous_customer_hashes": pa.array([[]] * len(emails), pa.list_(HASH_TYPE)),
                "segments": segments,
                "payload": payloads,
                "payload_hash": self.hasher.column(payloads),
            },
            schema=CONTACTS,
        ).sort_by("email_hash")
        store = files.store
        with store.parquet_writer(files.CONTACTS, CONTACTS) as writer:
            writer.write_table(table, row_group_size=16_384)
        for name, schema in ((files.WITHHELD, WITHHELD), (files.INVALID, INVALID)):
            with store.parquet_writer(name, schema):
                pass
        counts = {"Gold": len(emails), "Silver": len(silver)}
        profiles = sum(counts.values())
        read = {
            name: {"read": n, "snapshot": "2026-03-02T05:00:00+00:00", "whole": True}
            for name, n in counts.items()
        }
        store.write_json(files.extract("all"), {"unit": "all", "segments": read, "seconds": 1.0})
        store.write_json(
            files.MAP,
            {
                "profiles": {
                    "read": profiles,
                    "invalid": 0,
                    "withheld": 0,
                    "merged": len(silver),
                    "merged_same_customer": len(silver),
                    "merged_same_address": 0,
                    "contacts": len(emails),
                },
                "segments": {name: {"read": n, "contacts": n} for name, n in counts.items()},
                "seconds": 1.0,
            },
        )


def _payloads(emails: list[str], names: list[str]) -> pa.StringArray:
    texts = (
        json.dumps({"Email": email, "FirstName": name}, separators=(",", ":"))
        for email, name in zip(emails, names, strict=True)
    )
    return pa.array(texts, pa.string())


@pytest.fixture(scope="module")
def stand(request: pytest.FixtureRequest, stands: ServedStands) -> AccountStand:
    """The account that all tests of the module use."""
    found = stands.of(request.param)
    found.reset()
    return found


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, stand: AccountStand) -> Iterator[Held]:
    folder: Path = tmp_path_factory.mktemp("held")
    with pytest.MonkeyPatch.context() as patch:
        export = RunningExport(folder, stand, patch, SETTINGS)
        hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
        emails = [f"p{number}@example.com" for number in range(CONTACTS_HELD)]
        made = Held(export, hasher, emails, set(emails[-2000:]))
        _fill(made, stand)
        yield made


def _fill(held: Held, stand: AccountStand) -> None:
    account = stand.emulator.account
    lists = {title: account.create_list(title) for title in ("Gold", "Silver")}
    ids = []
    for email in held.emails:
        contact = account.create(email)
        contact.fields["FirstName"] = "Nora"
        for title in ("Gold", "Silver") if email in held.silver else ("Gold",):
            account.join(contact, lists[title])
        ids.append(contact.contact_id)
    _write_ledger(held, ids, {title: item.list_id for title, item in lists.items()})


def _write_ledger(held: Held, ids: list[str], list_ids: dict[str, str]) -> None:
    held.stage("before")
    files = held.export.files("before")
    with files.store.parquet_file(RunFiles.CONTACTS) as file:
        contacts = file.read()
    by_email = pa.array(held.emails)
    place = pc.index_in(contacts["email"], by_email)
    nothing = pa.nulls(len(contacts))
    rows = {name: nothing.cast(LEDGER.field(name).type) for name in LEDGER.names}
    rows |= {name: contacts[name] for name in ("email_hash", "customer_hash", "payload_hash")}
    rows |= {
        "contact_id": pa.array(ids).take(place.combine_chunks()),
        "member_of": contacts["segments"],
        "uncertain_of": pa.array([[]] * len(contacts), pa.list_(pa.string())),
        "suppressed": pa.array([False] * len(contacts)),
    }
    definition = _definition(held)
    info = LedgerInfo(
        export=held.export.name,
        account=held.export.stand.connection_id,
        sequence=1,
        run_id="before",
        written_at="2026-03-01T06:00:00+00:00",
        secret_fingerprint=held.hasher.fingerprint,
        mapping_fingerprint=definition.mapping_fingerprint,
        membership="list",
        snapshots={"Gold": "2026-03-01T05:00:00+00:00", "Silver": "2026-03-01T05:00:00+00:00"},
        lists=list_ids,
        members={},
        addresses=0,
    )
    with LedgerFolder(files.export, held.export.name, info.account).writing(info) as ledger:
        ledger.write(pa.table(rows, schema=LEDGER))


def _definition(held: Held) -> object:
    from segment_exports_airflow.steps import definition_of

    return definition_of(held.export.name)


def _requests(stand: AccountStand, since: int) -> Counter[str]:
    return Counter(str(entry.endpoint) for entry in stand.emulator.log.writes(since))


@pytest.mark.parametrize(
    ("refresh", "writes"),
    [
        ({}, {}),
        ({"changed": 1000}, {"upsert_contacts": 10}),
        ({"changed": 1000, "joining": 500, "leaving": 300}, {"join_list": 500, "leave_list": 300}),
    ],
    ids=["nothing changed", "1 % changed", "500 joins and 300 leaves"],
)
def test_a_refresh_costs_the_least_number_of_requests(
    held: Held, stand: AccountStand, refresh: dict[str, int], writes: dict[str, int]
) -> None:
    """The runs follow each other, so the third finds the changes of the second delivered."""
    run_id, since, began = f"run {len(refresh)}", len(stand.emulator.log), time.monotonic()
    held.stage(run_id, **refresh)

    result = held.export.deliver_staged(run_id)

    counted = _requests(stand, since)
    print(f"{refresh}: {dict(counted)} in {time.monotonic() - began:.1f} s")
    assert counted == writes
    assert not result.red
    assert result.report.contacts.total == CONTACTS_HELD
    assert result.report.requests.least == sum(writes.values())
    plan = held.export.files(run_id).store.read_json(RunFiles.PLAN)
    assert (plan["state"] == PlanState.NOTHING_DUE) == (not writes)


def test_afterwards_the_account_is_what_it_must_be(held: Held, stand: AccountStand) -> None:
    joined, left = set(held.emails[:500]), set(sorted(held.silver)[:300])

    assert stand.members("Silver") == (held.silver | joined) - left
    assert len(stand.members("Gold")) == CONTACTS_HELD
    names = Counter(contact.fields["FirstName"] for contact in stand.people())
    assert names == {"Norah": 1000, "Nora": CONTACTS_HELD - 1000}
