"""Who withdrew or has a new address leaves our lists, whatever the source says and whatever is in the way."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile
from tests.faults.people import Event
from tests.faults.test_unjudged_permission import erase_one
from tests.stands.account_stand import Place

from segment_emulators.autopilot import Fault, FaultKind
from segment_exports.records.keyed_hash import KeyedHasher

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

ANCHOR = Profile("anchor", "anchor@example.com")
C1 = Profile("c1", "p1@example.com", "Nora")
C2 = Profile("c2", "p2@example.com", "Omar")
FAMILY = "family@example.com"


def refresh(*gold: Profile, readers: tuple[Profile, ...] = ()) -> dict[str, list[Profile]]:
    return {"Gold": [ANCHOR, *gold], "Churn": [ANCHOR], "Readers": [ANCHOR, *readers]}


def on_gold(scenario: Scenario) -> set[str]:
    return scenario.stand.members("Gold")


@pytest.fixture(params=["keep", "remove"])
def delivered(scenario: Scenario, request: pytest.FixtureRequest) -> Scenario:
    """Both customers were delivered, each under an address of their own."""
    scenario.begin(when_member_leaves=request.param)
    scenario.write_segments(1, refresh(C1, C2))
    assert not scenario.export.run().red
    assert on_gold(scenario) == {"anchor@example.com", C1.EMail, C2.EMail}
    return scenario


def test_who_withdrew_and_shares_an_address_now(delivered: Scenario) -> None:
    """The other customer's row comes first; the one that says No counts all the same."""
    people = replace(C1, EMail=FAMILY), replace(C2, EMail=FAMILY, Subscriber="No")
    delivered.write_segments(2, refresh(*people))
    assert not delivered.export.run().red
    assert on_gold(delivered) == {"anchor@example.com"}


def test_who_merged_into_somebody_who_says_no(delivered: Scenario) -> None:
    merged = Profile("c3", "new@example.com", "Omar", Subscriber="No", PreviousCustomerId="c2")
    delivered.write_segments(2, refresh(C1, merged))
    assert not delivered.export.run().red
    assert on_gold(delivered) == {"anchor@example.com", C1.EMail}


@pytest.mark.parametrize(
    "written",
    [
        "{}/x@y.com",
        "mailto:{}?subject=no",
        '="{}"',
        "\u2018{}\u2019",
        "{}!",
        "{}\x00.",
        "E-Mail={}",
        "'{}",
    ],
)
def test_who_withdrew_under_a_text_that_only_means_the_address(delivered: Scenario, written: str) -> None:
    """Another customer's row of the same address says Yes still."""
    refusal = Profile("c9", written.format(C2.EMail), Subscriber="No")
    delivered.write_segments(2, refresh(C1, C2, readers=(refusal,)))
    assert not delivered.export.run().red
    assert on_gold(delivered) == {"anchor@example.com", C1.EMail}


def test_who_withdrew_where_a_segment_has_no_addresses_any_more(delivered: Scenario) -> None:
    """A guard holds all else back."""
    new = Profile("c3", "p3@example.com", "Pia")
    segments = refresh(C1, new, replace(C2, Subscriber="No"))
    delivered.write_segments(2, segments | {"Readers": [replace(ANCHOR, EMail="")]})
    result = delivered.export.run()
    assert result.red
    assert result.report.red_reasons[0].startswith("guard: EMail (mapping.Email) has no value in any row of ")
    assert on_gold(delivered) == {"anchor@example.com", C1.EMail}


def test_whose_new_address_is_shared(delivered: Scenario) -> None:
    delivered.write_segments(2, refresh(replace(C1, EMail=FAMILY), replace(C2, EMail=FAMILY)))
    assert not delivered.export.run().red
    assert on_gold(delivered) == {"anchor@example.com", FAMILY}


@pytest.mark.parametrize("broken", [{"EMail": ""}, {"EMail": "p2 at example.com"}, {"Points": "many"}])
def test_who_withdrew_and_whose_profile_is_invalid_now(delivered: Scenario, broken: dict[str, str]) -> None:
    delivered.write_segments(2, refresh(C1, replace(C2, Subscriber="No", **broken)))
    assert not delivered.export.run().red
    assert C2.EMail not in on_gold(delivered)


@pytest.mark.parametrize("broken", [{"EMail": ""}, {"EMail": "new@"}, {"Points": "many"}])
@pytest.mark.parametrize(("says", "stays"), [("No", False), ("Yes", True)])
def test_who_merged_into_somebody_whose_profile_is_invalid(
    delivered: Scenario, broken: dict[str, str], says: str, stays: bool
) -> None:
    """Refused is not left: they stay where they are, unless they say No."""
    merged = Profile("c3", "new@example.com", "Omar", Subscriber=says, PreviousCustomerId="c2")
    delivered.write_segments(2, refresh(C1, replace(merged, **broken)))
    assert not delivered.export.run().red
    assert (C2.EMail in on_gold(delivered)) is stays


@pytest.mark.parametrize(
    ("status", "told"), [(400, "1 leave was refused"), (403, "was answered 403")], ids=["400", "403"]
)
def test_a_refused_leave_is_red_until_it_is_done(delivered: Scenario, status: int, told: str) -> None:
    """A 403 is the account's or a gateway's trouble: it is booked on nobody, and red all the same."""
    delivered.write_segments(2, refresh(C1, replace(C2, Subscriber="No")))
    refusal = Fault(kind=FaultKind.ERROR, status=status, times=None, **delivered.stand.at(Place.LEAVE))
    delivered.emulator.inject(refusal)

    refused = delivered.export.run()

    assert C2.EMail in on_gold(delivered)
    assert refused.red
    assert told in " ".join(refused.report.red_reasons)
    delivered.emulator.inject()
    assert not delivered.export.run().red
    assert C2.EMail not in on_gold(delivered)


@pytest.mark.parametrize("way", [{}, {"full_resync": True}, {"reconcile": True}])
def test_a_list_that_was_dropped_and_deleted_is_in_nobodys_way(
    scenario: Scenario, way: dict[str, bool]
) -> None:
    """The segment is gone from the definition, the list from the account, and then somebody withdraws."""
    scenario.begin()
    scenario.write_segments(1, refresh(C1, C2, readers=(C2,)))
    assert not scenario.export.run().red
    left = [one for one in scenario.settings["segments"] if one["name"] != "Readers"]
    scenario.export.define({**scenario.settings, "segments": left})
    for list_id in scenario.stand.list_ids("Readers"):
        scenario.stand.delete_list(list_id)
    scenario.write_segments(2, refresh(C1, replace(C2, Subscriber="No")))

    result = scenario.export.run(**way)

    assert not result.red, result.report.red_reasons
    assert C2.EMail not in on_gold(scenario)
    assert scenario.export.run().attempts == 0


def test_contacts_that_left_and_were_deleted_are_no_sign_of_another_account(scenario: Scenario) -> None:
    """A handful of contacts is looked for before every run: not those whom staff may well have deleted."""
    hasher = KeyedHasher(os.environ["AIRFLOW_VAR_AUTOPILOT_LEDGER_SECRET"])
    people = [Profile(f"c{one}", f"p{one}@example.com") for one in range(40)]
    people.sort(key=lambda one: hasher.text(one.EMail))
    first = [one for one in people if hasher.text(one.EMail) < hasher.text(ANCHOR.EMail)][:2]
    rest = [one for one in people if hasher.text(one.EMail) > hasher.text(ANCHOR.EMail)][:4]
    kept = rest.pop()
    scenario.begin()
    scenario.write_segments(1, refresh(*first, *rest, kept))
    assert not scenario.export.run().red
    scenario.write_segments(2, refresh(kept))
    assert not scenario.export.run().red
    for one in (*first, *rest):
        scenario.do(Event("delete", one.EMail))

    scenario.write_segments(3, refresh(kept))

    assert not scenario.export.run().red
    scenario.check()


def test_an_upload_that_was_cleared_and_never_settled_is_known_to_the_next_run(scenario: Scenario) -> None:
    scenario.begin()
    scenario.write_segments(1, refresh(C1, C2))
    scenario.emulator.inject(Fault(kind=FaultKind.ERROR, times=None, **scenario.stand.at(Place.WRITES)))
    assert scenario.export.run(retries=0).red
    scenario.emulator.inject()
    scenario.export.clear_upload(scenario.export.last_run, settle=False)
    assert scenario.differences() == [], "the cleared task has delivered all"

    scenario.write_segments(2, refresh(C1))

    assert not scenario.export.run().red
    scenario.check()


@pytest.mark.ways("list", "field")
@pytest.mark.parametrize("withdrawn", ["remove", "unsubscribe"])
@pytest.mark.parametrize("how", ["refused", "erased"])
def test_whose_contact_was_merged_there_and_who_stands_in_the_source(
    scenario: Scenario, way: str, withdrawn: str, how: str
) -> None:
    """Another contact has the address and the lists: it is found by the address."""
    merged_there(scenario, way, when_permission_withdrawn=withdrawn)
    if how == "erased":
        erase_one(scenario, C2)
    scenario.write_segments(2, refresh(C1, replace(C2, Subscriber="No") if how == "refused" else C2))

    result = scenario.export.run()

    assert not result.red
    assert scenario.members("Gold") == {ANCHOR.EMail, C1.EMail}
    assert "not found" not in str(result.report.warnings)
    unsubscribed = {C2.EMail} if withdrawn == "unsubscribe" else set()
    assert scenario.stand.unsubscribed() == unsubscribed


@pytest.mark.parametrize("how", ["erased", "left"])
def test_whose_contact_was_merged_there_and_who_is_nowhere_in_the_source_is_told(
    scenario: Scenario, how: str
) -> None:
    merged_there(scenario)
    if how == "erased":
        erase_one(scenario, C2)
    scenario.write_segments(2, refresh(C1))
    told = str(scenario.export.run().report.warnings)
    again = scenario.export.run(reconcile=True)

    duties = 1 if how == "erased" else 0
    assert f"1 person who had to leave lists (refused or erased: {duties}) not found" in told
    assert (C2.EMail in on_gold(scenario)) is (how == "left")
    assert ("1 person is on it" in str(again.report.warnings)) is (how == "left")


def merged_there(scenario: Scenario, way: str | None = None, **settings: str) -> None:
    """Deliver both customers; then staff merge the second one's contact into another."""
    scenario.begin(membership=way, **settings)
    scenario.write_segments(1, refresh(C1, C2))
    assert not scenario.export.run().red
    scenario.stand.staff.delete_contact(C2.EMail)
    scenario.stand.staff.add_contact(C2.EMail)
    scenario.stand.put_on("Gold", C2.EMail, scenario.membership)
    assert scenario.members("Gold") == {ANCHOR.EMail, C1.EMail, C2.EMail}
