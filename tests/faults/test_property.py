"""Random people, random faults, random kills and retries: the account ends as the files say it must."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.faults.fault_kinds import KINDS, TOO_LATE
from tests.faults.lake_folder import Profile
from tests.faults.people import LISTS, Event
from tests.faults.scenario import Scenario
from tests.faults.simulated_kills import Kill, Killer, Moment
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault
from segment_exports.records.receipts import read_receipts

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stands.account_stand import AccountStand

SHARED = ["family@example.com"]
EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "12"))
"""A longer search: ``HYPOTHESIS_PROFILE=search FAULT_EXAMPLES=500 pytest tests/faults/test_property.py``
with ``--timeout 0``."""

CUSTOMERS = 14
HOSTS = ("example.com", "new.example.com")
IN_FLIGHT = 4

Snapshot = dict[str, list[Profile]]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """One refresh: customers who are in no, one or several segments, at one of three addresses.

    One person is in all segments, always: a guard stops a run whose segment is suddenly empty.
    """
    found: Snapshot = {segment: [Profile("anchor", "anchor@example.com")] for segment in LISTS}
    for number in range(CUSTOMERS):
        places = draw(st.sets(st.sampled_from(sorted(LISTS)), max_size=3))
        profile = Profile(
            CustomerId=f"c{number}",
            EMail=draw(
                st.sampled_from([f"p{number}@example.com"] * 5 + [f"P{number}@New.example.com"] * 2 + SHARED)
            ),
            FirstName=f"Nora{number}",
            Tier=draw(st.sampled_from(["gold", "silver"])),
            Subscriber=draw(st.sampled_from(["Yes"] * 5 + ["No", ""])),
        )
        for segment in sorted(places):
            found[segment].append(profile)
    return found


events = st.lists(
    st.tuples(
        st.sampled_from(["unsubscribe", "delete"]),
        st.sampled_from([f"p{number}@example.com" for number in range(CUSTOMERS)] + SHARED),
    ),
    max_size=3,
)
"""What happens at the destination before a refresh, to those who are there."""

deletions = st.sets(
    st.sampled_from([f"p{number}@{host}" for number in range(CUSTOMERS) for host in HOSTS]), max_size=4
)

kills = st.builds(Kill, st.sampled_from(Moment), st.integers(1, 12))
faults = st.builds(
    lambda name, seed, probability: {**KINDS[name], "seed": seed, "probability": probability},
    st.sampled_from([name for name in KINDS if name not in TOO_LATE | {"latency"}]),
    st.integers(0, 1000),
    st.sampled_from([0.05, 0.2, 0.5]),
)
attempts = st.lists(st.tuples(st.none() | kills, st.none() | faults), max_size=3)
"""What befalls each attempt at an upload; the one after the last is undisturbed."""

accounts = st.sampled_from(range(6))
"""Which of several accounts it is: see the stand's ``vary``."""


@pytest.fixture
def begin(tmp_path: Path, stand: AccountStand, monkeypatch: pytest.MonkeyPatch, short_waits: None) -> Any:
    killer = Killer(monkeypatch)

    def begin(account: int, leaving: str, moving: str = "add") -> tuple[Scenario, Killer]:
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        stand.reset()
        membership = stand.vary(account)
        scenario = Scenario(tmp_path, stand, monkeypatch)
        scenario.begin(
            membership=membership,
            when_member_leaves=leaving,
            when_email_changes=moving,
            destination={"membership": membership, "requests_in_flight": IN_FLIGHT},
        )
        scenario.may_repeat = True  # what was on the wire when the process died
        return scenario, killer

    return begin


def check_present(scenario: Scenario, leaving: str, deleted: set[str]) -> None:
    """Hold the account to the last refresh: who is in it, and who must be off the lists.

    :param deleted: those who may be missing, because nothing was due for them since; nobody is there in part.
    """
    stand, reading = scenario.stand, scenario.reading
    there = stand.addresses()
    on = {title: scenario.members(title) for title in LISTS.values()}
    for email, wanted in reading.contacts.items():
        contact = stand.person(email)
        if contact is None:
            assert email in deleted, f"{email} is missing"
            continue
        held = {**contact.fields, **contact.custom}
        assert {name: held.get(name) for name in wanted.payload} == wanted.payload
        lists = {title for title, members in on.items() if email in members}
        assert lists == set(wanted.lists) if leaving == "remove" else lists >= set(wanted.lists)
    moved = {email.replace("@", "@new.") for email in reading.contacts if "@new." not in email}
    moved |= {email.replace("@new.", "@") for email in reading.contacts if "@new." in email}
    for email in there - set(reading.contacts):
        if leaving == "remove" or email in reading.withheld or email in moved:
            assert not [title for title, members in on.items() if email in members], email
    assert all(len(stand.list_ids(title)) <= 1 for title in on)


class Watch:
    """Notes after every attempt what was acknowledged, and sees that none of it is sent again."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._known: dict[tuple[str, str, str | None], int] = {}

    def look(self) -> None:
        """Take note of the receipts of the present run."""
        log = self._scenario.emulator.log
        files = self._scenario.export.files(self._scenario.export.last_run)
        for name in files.store.names("chunks"):
            number = int(name.removesuffix(".parquet"))
            with files.store.parquet_file(files.chunk(number)) as file:
                emails = file.read(columns=["email"])["email"].to_pylist()
            for one in read_receipts(files.store, number).table.to_pylist():
                email = emails[one["row"]]
                if one["outcome"] == "delivered" and email is not None:
                    self._known.setdefault((email, one["operation"], one["list"]), len(log))

    def sent_again(self, *, but_for: set[str]) -> list[str]:
        """Return what was sent after it had been written down.

        :param but_for: deleted contacts: made anew, they are sent twice where membership is a field.
        """
        sent = self._scenario.stand.sent()
        found = []
        for (email, operation, title), noted in self._known.items():
            key = (email, operation, title)
            again = [one for one in sent if one.number > noted and (one.email, one.what, one.title) == key]
            found += [f"{operation} {email} {title}" for _ in again if email not in but_for]
        return found


class Disturbances:
    """Brings about what befalls each attempt; those after the last are undisturbed."""

    def __init__(self, scenario: Scenario, killer: Killer, planned: list[Any]) -> None:
        self.watch = Watch(scenario)
        self._scenario, self._killer, self._left = scenario, killer, list(planned)

    def __call__(self) -> None:
        self.watch.look()
        kill, fault = self._left.pop(0) if self._left else (None, None)
        self._killer.arm(kill)
        place = self._scenario.stand.at(Place.DELIVERY)
        self._scenario.emulator.inject(*([Fault(**fault, **place, times=None)] if fault else []))

    def end(self) -> None:
        self._killer.arm(None)
        self._scenario.emulator.inject()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    account=accounts,
    leaving=st.sampled_from(["keep", "remove"]),
    refreshes=st.lists(st.tuples(events, snapshots(), attempts, st.booleans()), min_size=2, max_size=3),
)
def test_in_the_end_the_account_is_what_the_files_say(
    begin: Any, account: int, leaving: str, refreshes: list[Any]
) -> None:
    scenario, killer = begin(account, leaving)
    deleted = set()
    for number, (happening, snapshot, disturbances, settled) in enumerate(refreshes, start=1):
        for what, email in happening:
            if email in scenario.expected.contacts:
                scenario.do(Event(what, email))
                deleted |= {email} if what == "delete" else set()
        scenario.write_segments(number, snapshot)
        disturb = Disturbances(scenario, killer, disturbances)
        is_last = number == len(refreshes)
        result = scenario.export.run(settle=False, before_upload=disturb, between_attempts=disturb)
        disturb.end()
        scenario.settle_down()
        if settled or is_last:
            report = scenario.export.settle(scenario.export.last_run)
            assert not report.red, (report.red_reasons, result.errors)
        scenario.check()
        way = scenario.membership
        if way not in ("auto", "bulk"):  # in bulk upserts an address is sent once per list
            assert disturb.watch.sent_again(but_for=set() if way == "list" else deleted) == []
    calm = scenario.export.run()
    assert not calm.red
    assert calm.report.operations["upsert"].planned == calm.report.operations["join"].planned == 0


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    account=accounts,
    leaving=st.sampled_from(["keep", "remove"]),
    moving=st.sampled_from(["add", "move"]),
    given_up=st.lists(st.tuples(deletions, snapshots(), attempts, st.booleans()), min_size=1, max_size=3),
    last=snapshots(),
)
def test_whatever_was_given_up_the_next_run_that_gets_through_makes_it_good(
    begin: Any, account: int, leaving: str, moving: str, given_up: list[Any], last: Snapshot
) -> None:
    """What is left behind at old addresses, or in doubt, is tidied by the run after."""
    scenario, killer = begin(account, leaving, moving)
    deleted = set()
    for number, (deleting, snapshot, disturbances, settled) in enumerate(given_up, start=1):
        for email in sorted(deleting & scenario.stand.addresses()):
            scenario.stand.staff.delete_contact(email)
            deleted.add(email)
        scenario.write_segments(number, snapshot)
        disturb = Disturbances(scenario, killer, disturbances)
        scenario.export.run(
            settle=settled,
            retries=max(0, len(disturbances) - 1),
            before_upload=disturb,
            between_attempts=disturb,
        )
        disturb.end()
        scenario.settle_down()
    scenario.write_segments(len(given_up) + 1, last)

    result = scenario.export.run()

    assert not result.red, (result.report.red_reasons, result.errors)
    if moving == "move":
        assert not scenario.export.run().red
    check_present(scenario, leaving, deleted)
    calm = scenario.export.run_until_calm()
    assert not calm.red
    assert calm.attempts == 0
    check_present(scenario, leaving, deleted)
