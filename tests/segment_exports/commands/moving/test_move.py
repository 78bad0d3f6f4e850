"""``make move`` between emulated accounts: whoever refused at the one is not mailed by the other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.segment_exports.commands_given import look_up, open_staging
from tests.segment_exports.staged_run import HASHER, LEDGERS_SECRET, Person, Stage, definition_of

from segment_emulators.autopilot import EmulatorConfig as AutopilotConfig
from segment_emulators.autopilot import Fault, FaultKind, serve_autopilot
from segment_emulators.autopilot import Switches as AutopilotSwitches
from segment_emulators.ortto import Case, EmulatorConfig, MixedPeople, Order, Switches, serve_ortto
from segment_exports.commands.erasing.erasure import erase
from segment_exports.commands.moving import command
from segment_exports.commands.moving.marker import moved
from segment_exports.destinations.agreement import Agreement, signed_agreement
from segment_exports.destinations.check_destination import AccountConnection
from segment_exports.destinations.list_registry import ListRegistry
from segment_exports.destinations.opening import open_destination
from segment_exports.destinations.ortto.refusals import OrttoRefusals
from segment_exports.errors import ConnectionDisabledError
from segment_exports.records.staging import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator
    from segment_emulators.ortto import OrttoEmulator
    from segment_exports.destinations.moving import Untaken
    from segment_exports.destinations.opening import Destination

OLD, NEW = "autopilot_default", "ortto_default"
PERMISSION, REASON = "bol::p", "str::u-ctx"


@pytest.fixture(scope="module")
def served_both() -> Iterator[tuple[AutopilotEmulator, OrttoEmulator]]:
    old = AutopilotConfig(switches=AutopilotSwitches(rate=None))
    new = EmulatorConfig(switches=Switches(rate=None))
    with serve_autopilot(old) as autopilot, serve_ortto(new) as ortto:
        yield autopilot, ortto


@dataclass
class Mover:
    """The two accounts, and the command."""

    folder: Path
    autopilot: AutopilotEmulator
    ortto: OrttoEmulator
    capsys: pytest.CaptureFixture[str]
    waited: list[float] = field(default_factory=list)
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    when_waiting: Callable[[], object] = lambda: None

    def open_account(self, connection_id: str) -> tuple[Destination, AccountConnection]:
        types = {OLD: ("autopilot", self.autopilot), NEW: ("ortto", self.ortto)}
        if connection_id not in types:
            raise ConnectionDisabledError(f"there is no connection {connection_id}")
        destination_type, emulator = types[connection_id]
        destination = open_destination(destination_type)
        agreement = Agreement.of(signed_agreement("the tests", receiver=destination.name))
        given = {
            "service": destination.name,
            "base_url": emulator.base_url,
            "api_key": emulator.api_key,
            "requests_per_second": 1e6,
            "agreement": agreement,
        }
        given |= self.changes.get(connection_id, {})
        return destination, AccountConnection(connection_id, **given)

    def move(self, *options: str, code: int = 0, to: str = NEW) -> str:
        """Move the newsletter and return what was told; no address of anybody is."""

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)
            self.when_waiting()

        arguments = ["--staging", str(self.folder), "newsletter", to, *options]
        found = command.main(arguments, **GIVEN, open_account=self.open_account, sleep=sleep)
        told = self.capsys.readouterr()
        text = told.out + told.err
        assert found == code, text
        assert "@example.com" not in text
        assert "Traceback" not in text
        return text

    @property
    def may_not_be_mailed(self) -> set[str]:
        return {
            email
            for email, one in self.ortto.account.contacts_by_email().items()
            if one["fields"].get(PERMISSION) is False
        }

    @property
    def is_noted(self) -> bool:
        return moved(Store.local(self.folder), NEW, "newsletter") is not None

    def writes(self) -> list[str]:
        """What was asked of Ortto that may change something."""
        reads = ("/get", "/get-by-ids")
        return [one.path for one in self.ortto.log.entries if not one.path.endswith(reads)]


GIVEN: Any = {"open_staging": open_staging, "look_up": look_up}


@pytest.fixture
def mover(
    served_both: tuple[AutopilotEmulator, OrttoEmulator],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Mover:
    for emulator in served_both:
        emulator.reset()
    definitions = tmp_path / "exports"
    definitions.mkdir()
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(definitions))
    monkeypatch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", LEDGERS_SECRET)
    define(definitions, {"type": "autopilot", "connection": OLD})
    (tmp_path / "staging").mkdir()
    return Mover(tmp_path / "staging", *served_both, capsys)


def define(folder: Path, destination: dict[str, Any]) -> None:
    whole = {
        "name": "newsletter",
        "source": {"type": "lake", "path": "lake"},
        "destination": destination,
        "segments": ["A"],
        "mapping": {"Email": "EMail"},
    }
    (folder / "newsletter.yaml").write_text(yaml.safe_dump(whole))


def fill(autopilot: AutopilotEmulator, refused: int = 250, readers: int = 30) -> set[str]:
    """Fill the old account and return who is unsubscribed."""
    for number in range(readers):
        autopilot.staff.add_contact(f"reader{number}@example.com")
    for number in range(refused):
        autopilot.staff.add_contact(f"Refused{number}@example.com", unsubscribed=True)
    return {f"refused{number}@example.com" for number in range(refused)}


def test_a_dry_run_tells_what_would_be_written_and_writes_nothing(mover: Mover) -> None:
    fill(mover.autopilot)
    mover.autopilot.staff.add_contact("back@example.com", mail_hardbounced={"0001": 1_600_000_000_000})
    mover.ortto.staff.add_contact("refused1@example.com")
    mover.ortto.staff.add_contact("refused2@example.com", unsubscribed=True)

    told = mover.move()

    assert "Autopilot (autopilot_default): 281 contacts were read. 250 are unsubscribed" in told
    assert "from 1 mail comes back" in told
    assert "1 stand there with permission off already, 248 aren't there, 1 may be mailed there" in told
    assert "such as r***" in told or "such as re" in told
    assert "this is a dry run. APPLY=yes makes 248 people in Ortto (ortto_default)" in told
    assert "puts 1 address on its suppression list: some 4 requests" in told
    assert mover.writes() == []
    assert not mover.is_noted
    assert not list(mover.folder.rglob("*"))


def test_everybody_unsubscribed_there_is_unsubscribed_here_and_nobody_else(mover: Mover) -> None:
    refused = fill(mover.autopilot)
    mover.ortto.staff.add_contact("refused1@example.com")
    mover.ortto.staff.add_contact("somebody@example.com")
    before = mover.autopilot.account.contacts_by_email()

    told = mover.move("--apply")

    assert mover.may_not_be_mailed == refused
    people = mover.ortto.account.contacts_by_email()
    assert people["somebody@example.com"]["fields"][PERMISSION] is True
    assert set(people) == refused | {"somebody@example.com"}, "nobody else was made"
    assert people["refused3@example.com"]["fields"][REASON] == (
        "Unsubscribed in Autopilot, from where newsletter moved"
    )
    assert "Read back, all 250 stand there so" in told
    assert mover.writes() == ["/person/merge"] * 3
    assert mover.autopilot.account.contacts_by_email() == before, "nothing is changed at Autopilot"
    assert {one.method for one in mover.autopilot.log.entries} == {"GET"}
    note = moved(Store.local(mover.folder), NEW, "newsletter")
    assert note is not None
    assert (note.from_connection, note.to_connection, note.scope) == (OLD, NEW, "account")
    assert (note.contacts, note.unsubscribed, note.undeliverable) == (280, 250, 0)
    assert "@" not in (mover.folder / "_accounts" / NEW / "moved" / "newsletter.json").read_text()


def test_doing_it_again_writes_nobody_twice(mover: Mover) -> None:
    refused = fill(mover.autopilot)
    mover.move("--apply")
    mover.ortto.log.clear()
    mover.autopilot.staff.add_contact("late@example.com", unsubscribed=True)

    told = mover.move("--apply")

    assert "1 were written with permission off. Read back, all 251 stand there so" in told
    assert mover.writes() == ["/person/merge"]
    assert mover.may_not_be_mailed == refused | {"late@example.com"}


def test_to_whom_mail_comes_back_is_suppressed_and_who_complained_is_unsubscribed_too(mover: Mover) -> None:
    mover.autopilot.staff.add_contact("back@example.com", mail_hardbounced={"0001": 1_600_000_000_000})
    mover.autopilot.staff.add_contact("spam@example.com", mail_complained={"0001": 1_600_000_000_000})
    mover.autopilot.staff.add_contact("soft@example.com", mail_bounced={"0001": 1_600_000_000_000})
    mover.autopilot.staff.add_contact("never@example.com", mail_hardbounced={})

    told = mover.move("--apply")

    assert set(mover.ortto.account.suppressed) == {"back@example.com", "spam@example.com"}
    assert mover.may_not_be_mailed == {"spam@example.com"}
    assert "2 addresses were put on the suppression list, 2 of them seen on it" in told


def test_contacts_that_share_an_address_are_one_who_refused_if_any_did(mover: Mover) -> None:
    for unsubscribed in (None, True, False):
        mover.autopilot.staff.add_contact("twice@example.com", unsubscribed=unsubscribed)

    assert "1 are unsubscribed" in mover.move("--apply")
    assert mover.may_not_be_mailed == {"twice@example.com"}


def test_people_without_a_usable_address_and_erased_ones_are_left_alone_and_told(mover: Mover) -> None:
    stage = Stage(mover.folder, definition_of(name="newsletter"))
    stage.run(1).whole([Person("gone@example.com", "1")])
    erase(stage.staging, HASHER, emails=["gone@example.com"], now=datetime.now(UTC))
    for email in (None, "ann at example.com", "gone@example.com", "stays@example.com"):
        mover.autopilot.staff.add_contact(email, unsubscribed=True)

    told = mover.move("--apply")

    assert (
        "Left alone: 1 without an address, 1 with an address that no export sends, 1 erased, of whom nothing"
    ) in told
    assert set(mover.ortto.account.contacts_by_email()) == {"stays@example.com"}


def test_who_is_erased_meanwhile_is_not_sent_any_more(mover: Mover, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = fill(mover.autopilot, 450)
    stage = Stage(mover.folder, definition_of(name="newsletter"))
    stage.run(1).whole([Person("somebody@example.com", "1")])
    erased = {f"refused{number}@example.com" for number in range(0, 450, 50)}
    unsubscribe = OrttoRefusals.unsubscribe

    async def meanwhile(self: OrttoRefusals, emails: Sequence[str], why: str) -> Untaken:
        found = await unsubscribe(self, emails, why)
        erase(stage.staging, HASHER, emails=sorted(erased), now=datetime.now(UTC))
        return found

    monkeypatch.setattr(OrttoRefusals, "unsubscribe", meanwhile)
    monkeypatch.setattr(OrttoRefusals, "at_once", 1)

    told = mover.move("--apply")

    there = set(mover.ortto.account.contacts_by_email())
    assert refused - erased <= there
    assert len(there & erased) < len(erased), "but for those of the first request"
    assert f"all {450 - len(erased)} stand there so" in told


def test_of_our_lists_alone_where_that_is_asked_for(mover: Mover) -> None:
    ours = mover.autopilot.staff.add_list("A")
    other = mover.autopilot.staff.add_list("B")
    mover.autopilot.staff.add_contact("ours@example.com", lists=(ours,), unsubscribed=True)
    mover.autopilot.staff.add_contact("reader@example.com", lists=(ours,))
    mover.autopilot.staff.add_contact("theirs@example.com", lists=(other,), unsubscribed=True)
    told = mover.move("--scope", "lists", code=1)
    assert "no list of newsletter is known in Autopilot (autopilot_default)" in told
    ListRegistry(Store.local(mover.folder).sub(f"_accounts/{OLD}")).made("A", ours, datetime.now(UTC))

    assert "2 contacts on our lists were read. 1 are unsubscribed;" in mover.move(
        "--apply", "--scope", "lists"
    )
    assert mover.may_not_be_mailed == {"ours@example.com"}
    note = moved(Store.local(mover.folder), NEW, "newsletter")
    assert note is not None
    assert note.scope == "lists"
    assert "2 are unsubscribed, 1 of these on lists of newsletter;" in mover.move()


FAULTS = {
    "storm": [
        Fault(kind=FaultKind.ERROR, status=503, probability=0.2, seed=1, times=None),
        Fault(kind=FaultKind.RESET, probability=0.1, seed=2, times=None, work_done=True),
        Fault(kind=FaultKind.TRUNCATED_JSON, probability=0.1, seed=3, times=None),
    ],
    "cut": [Fault(kind=FaultKind.CUT_BODY, path="merge|contacts", times=2)],
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_on_both_sides_change_nothing_in_the_end(mover: Mover, name: str) -> None:
    refused = fill(mover.autopilot, 420)
    for emulator in (mover.autopilot, mover.ortto):
        emulator.inject(*FAULTS[name])

    for _ in range(20):  # a storm may be longer than the patience of a request: the command says so
        if (
            command.main(
                ["--staging", str(mover.folder), "newsletter", NEW, "--apply"],
                **GIVEN,
                open_account=mover.open_account,
                sleep=_no_time,
            )
            == 0
        ):
            break

    assert mover.is_noted
    assert mover.may_not_be_mailed == refused
    assert set(mover.ortto.account.contacts_by_email()) == refused
    assert mover.ortto.bans == []


async def _no_time(seconds: float) -> None:
    """Waiting that takes none."""


def test_an_account_that_changes_while_it_is_read_is_read_again(mover: Mover) -> None:
    refused = fill(mover.autopilot, 150)
    mover.autopilot.inject(
        Fault(
            kind=FaultKind.GATEWAY, status=200, path="^/contacts$", times=1,
            body=json.dumps({"contacts": [], "total_contacts": 180}),
        )
    )  # fmt: skip

    mover.move("--apply")

    assert mover.may_not_be_mailed == refused


def test_an_account_that_never_shows_all_is_not_moved(mover: Mover) -> None:
    fill(mover.autopilot, 150)
    cut = json.dumps({"contacts": [], "total_contacts": 180})
    mover.autopilot.inject(
        Fault(kind=FaultKind.GATEWAY, status=200, path="^/contacts$", times=None, body=cut)
    )

    told = mover.move("--apply", code=1)

    assert "changed while it was read, so nothing of it is believed" in told
    assert mover.writes() == []
    assert not mover.is_noted


def test_nobody_at_all_is_taken_for_another_account(mover: Mover) -> None:
    assert "shows nobody at all" in mover.move("--apply", code=1)
    assert not mover.is_noted


@pytest.mark.parametrize("mixed", MixedPeople)
def test_who_is_not_taken_stops_the_move_and_is_told_with_the_reason(
    mover: Mover, mixed: MixedPeople
) -> None:
    """Ortto alone refuses one address: all others are written, and nothing is noted."""
    refused = fill(mover.autopilot, 150)
    mover.ortto.switch(mixed=mixed, bad_emails=frozenset({"refused5@example.com"}))

    told = mover.move("--apply", code=1)

    assert "newsletter is not moved: of those who are unsubscribed in Autopilot (autopilot_default), " in told
    assert "1 person is not to be seen there, such as r***@e***.com. Ortto (ortto_default) says: " in told
    assert mover.may_not_be_mailed == refused - {"refused5@example.com"}
    assert mover.ortto.bans == []
    assert not mover.is_noted
    mover.ortto.switch(bad_emails=frozenset())
    mover.move("--apply")
    assert mover.may_not_be_mailed == refused
    assert mover.is_noted


def test_somebody_who_is_subscribed_again_by_another_hand_is_a_doubt(mover: Mover) -> None:
    fill(mover.autopilot, 5)
    mover.ortto.staff.add_contact("refused1@example.com")
    mover.ortto.inject(
        Fault(kind=FaultKind.GATEWAY, status=200, path="/person/merge", times=None, body='{"people":[]}')
    )
    for number in (0, 2, 3, 4):
        mover.ortto.staff.add_contact(f"refused{number}@example.com", unsubscribed=True)

    told = mover.move("--apply", code=1)

    assert "1 person may be mailed there still, such as" in told
    assert not mover.is_noted
    assert mover.waited == [5.0, 10.0, 20.0, 40.0]


def test_what_is_seen_late_is_waited_for(mover: Mover) -> None:
    refused = fill(mover.autopilot, 120)
    mover.ortto.switch(seen_after=3600.0)
    mover.when_waiting = lambda: mover.ortto.switch(seen_after=0.0)

    mover.move("--apply")

    assert mover.waited == [5.0]
    assert mover.may_not_be_mailed == refused
    assert mover.is_noted


def test_interrupted_it_says_that_it_goes_on_the_next_time(mover: Mover) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    refused = fill(mover.autopilot, 120)
    mover.ortto.switch(seen_after=3600.0)
    mover.when_waiting = interrupt

    assert "Run the same command again: it goes on" in mover.move("--apply", code=130)

    assert not mover.is_noted
    mover.ortto.switch(seen_after=0.0)
    mover.move("--apply")
    assert mover.may_not_be_mailed == refused


@pytest.mark.parametrize("order", Order)
@pytest.mark.parametrize("case", Case)
def test_on_every_side_of_what_is_not_known(mover: Mover, case: Case, order: Order) -> None:
    refused = fill(mover.autopilot, 130)
    mover.ortto.switch(email_case=case, order=order)
    mover.ortto.staff.suppress("refused5@example.com")
    mover.ortto.staff.add_contact("refused6@example.com")

    mover.move("--apply")

    assert mover.may_not_be_mailed == refused
    assert mover.ortto.bans == []


SWITCHES: dict[str, dict[str, Any]] = {
    "merges at once": {"many_merges": "error", "merges_at_once": 4},
    "empty text": {"empty_text": "clears"},
    "subscribed if omitted": {"permission_omitted": "subscribes"},
    "ignored": {"ignored": "no_item", "skipped": "refused_if_nobody"},
    "restored": {"archived": "restored"},
    "two records": {"same_person": "two_records"},
    "any bad request": {"ban_after": 2},
}


@pytest.mark.parametrize("name", SWITCHES)
def test_whatever_else_the_account_does(mover: Mover, name: str) -> None:
    refused = fill(mover.autopilot, 450)
    for number in (1, 2):
        mover.ortto.staff.archive(mover.ortto.staff.add_contact(f"refused{number}@example.com"))
    mover.ortto.switch(**SWITCHES[name])

    mover.move("--apply")

    assert mover.may_not_be_mailed == refused == set(mover.ortto.account.contacts_by_email())
    assert mover.ortto.bans == []
    mover.ortto.log.clear()
    mover.move("--apply")
    assert mover.writes() == []


def test_an_account_that_is_full_is_told_and_the_rest_is_written_once_there_is_room(mover: Mover) -> None:
    refused = fill(mover.autopilot, 250)
    mover.ortto.switch(contact_limit=120)

    told = mover.move("--apply", code=1)

    assert "The account has reached the number of contacts of its plan" in told
    assert not mover.is_noted
    assert mover.may_not_be_mailed <= refused
    mover.ortto.switch(contact_limit=None)
    mover.move("--apply")
    assert mover.may_not_be_mailed == refused


REFUSED = {
    "disabled": ({NEW: {"enabled": False}}, NEW, [], "is disabled"),
    "no agreement": (
        {OLD: {"agreement": None}},
        NEW,
        [],
        "nobody has agreed on connection autopilot_default",
    ),
    "wrong key": (
        {NEW: {"api_key": "PRV-other-key"}},
        NEW,
        [],
        "The API key of connection ortto_default is wrong",
    ),
    "the same": ({}, OLD, ["--from", OLD], "is what newsletter is to leave"),
    "to where it is": ({}, OLD, [], "isn't clear: it has no ledger of another account"),
    "backwards": ({}, OLD, ["--from", NEW], "is an account of Ortto, from which nothing is moved"),
    "unknown": ({}, "ortto_other", [], "there is no connection ortto_other"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_moved_is_told_and_nothing_is_written(mover: Mover, name: str) -> None:
    fill(mover.autopilot, 3)
    changes, to, options, why = REFUSED[name]
    mover.changes = changes

    assert why in mover.move("--apply", *options, to=to, code=1)
    assert mover.writes() == []


def test_a_definition_that_goes_to_the_new_account_already_leaves_the_account_of_its_ledger(
    mover: Mover, tmp_path: Path
) -> None:
    new = {"type": "ortto", "connection": NEW, "new_people": "subscribed", "create_fields": True}
    define(tmp_path / "exports", new)
    refused = fill(mover.autopilot, 3)
    told = mover.move(code=1)
    assert (
        "which account newsletter leaves for ortto_default isn't clear: it has no ledger of another" in told
    )
    Stage(mover.folder, definition_of(name="newsletter")).run(1).whole([Person("reader1@example.com", "1")])

    mover.move("--apply")

    assert mover.may_not_be_mailed == refused


def test_an_unknown_or_broken_export_is_told(mover: Mover, tmp_path: Path) -> None:
    (tmp_path / "exports" / "newsletter.yaml").write_text("name: newsletter\n")
    assert "newsletter.yaml" in mover.move(code=1)
    (tmp_path / "exports" / "newsletter.yaml").unlink()
    assert "there is no export newsletter in" in mover.move(code=1)


@settings(max_examples=15)
@given(data=st.data())
def test_whatever_is_there_before_and_whatever_is_cut_off_nobody_is_mailed_who_refused(
    served_both: tuple[AutopilotEmulator, OrttoEmulator],
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
) -> None:
    """Once it is noted, all who refused at the one are there at the other, with permission off."""
    autopilot, ortto = served_both
    for emulator in served_both:
        emulator.reset()
    people = data.draw(
        st.dictionaries(
            st.sampled_from([f"p{number}@example.com" for number in range(12)]),
            st.tuples(st.booleans(), st.sampled_from(["nobody", "subscribed", "off", "capitals"])),
        )
    )
    autopilot.staff.add_contact("reader@example.com")
    for email, (unsubscribed, there) in people.items():
        autopilot.staff.add_contact(email, unsubscribed=unsubscribed or None)
        if there != "nobody":
            person = ortto.staff.add_contact(email, unsubscribed=there == "off")
            if there == "capitals":
                ortto.staff.set_field(person, "str::email", email.upper())
    ortto.switch(email_case=data.draw(st.sampled_from(["folded", "exact"])))
    before = ortto.account.contacts_by_email()
    subscribed = {email for email, one in before.items() if one["fields"][PERMISSION] is True}
    folder = tmp_path_factory.mktemp("staging")
    exports = tmp_path_factory.mktemp("exports")
    define(exports, {"type": "autopilot", "connection": OLD})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(exports))
        patch.setenv("AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET", LEDGERS_SECRET)
        mover = Mover(folder, autopilot, ortto, None)  # type: ignore[arg-type]
        code = command.main(
            ["--staging", str(folder), "newsletter", NEW, "--apply"],
            **GIVEN,
            open_account=mover.open_account,
            sleep=_no_time,
        )
    after = ortto.account.contacts_by_email()
    refused = {email for email, (unsubscribed, _) in people.items() if unsubscribed}
    mailed = {email.lower() for email, one in after.items() if one["fields"][PERMISSION] is not False}
    assert mover.is_noted == (code == 0)
    if code == 0:
        assert not refused & mailed
        assert refused <= {email.lower() for email in after}
    assert mailed <= {email.lower() for email in subscribed}, "nobody is given permission"
