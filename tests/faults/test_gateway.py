"""A gateway or a blocked account for one run: it is red and says why, and the next run mends all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.faults.lake_folder import Profile
from tests.stands.alone import Why

from segment_emulators.autopilot import Fault, FaultKind

if TYPE_CHECKING:
    from tests.faults.scenario import Scenario

pytestmark = pytest.mark.alone(Why.BODIES)

PEOPLE = [Profile(f"c{number}", f"p{number}@example.com", f"Nora{number}") for number in range(30)]
EVERYBODY = {one.EMail for one in PEOPLE}
PAGE = {"body": "<html>Sorry</html>", "content_type": "text/html"}


def answered(path: str, **answer: object) -> Fault:
    return Fault(kind=FaultKind.GATEWAY, path=path, times=None, **answer)


def members(scenario: Scenario, title: str) -> set[str]:
    return scenario.stand.members(title)


@pytest.fixture
def begun(scenario: Scenario, request: pytest.FixtureRequest) -> Scenario:
    scenario.begin(when_permission_withdrawn=getattr(request, "param", "remove"))
    return scenario


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            {"status": 402, "body": '{"error":"Payment Required","message":"Past due."}'},
            "402 (Payment Required)",
        ),
        ({"status": 407, **PAGE}, "407 (Proxy Authentication Required): an HTML page"),
        ({"status": 400, **PAGE}, "400: an HTML page"),
        ({"status": 423}, "423 (Locked): no body"),
        ({"body": '{"contact_ids":[],"email_contact_map":{}}'}, "took none of"),
        ({"status": 400, "body": '{"error":"Bad Request","message":"Limit exceeded."}'}, "Limit exceeded"),
    ],
)
def test_who_was_refused_for_what_is_nobodys_is_sent_by_the_next_run(begun, answer, words) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": PEOPLE[:5], "Readers": PEOPLE[:1]})
    begun.emulator.inject(answered("^/contacts$", **answer))
    first = begun.export.run()
    begun.emulator.inject()
    second = begun.export.run()

    assert first.red
    assert first.report.contacts.rejected == 0
    assert words in str(first.report.red_reasons)
    assert not second.red
    assert members(begun, "Gold") == EVERYBODY


@pytest.mark.parametrize("begun", ["remove", "unsubscribe"], indirect=True)
@pytest.mark.parametrize(
    "answer", [{}, PAGE, {"body": json.dumps({"message": "No route. Contact the network team."})}]
)
def test_a_404_of_a_gateway_takes_nobody_off_the_books(begun: Scenario, answer: dict) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": PEOPLE[:9], "Readers": PEOPLE[:1]})
    assert not begun.export.run().red
    second = [replace(one, Subscriber="No") if one.CustomerId in ("c20", "c21") else one for one in PEOPLE]
    begun.write_segments(2, {"Gold": second, "Churn": second[3:9], "Readers": second[:1]})

    struck = begun.export.run(
        before_upload=lambda: begun.emulator.inject(answered("^/(?!lists$)", status=404, **answer))
    )
    begun.emulator.inject()
    again = begun.export.run()

    assert struck.red
    assert "was answered 404" in str(struck.report.red_reasons)
    assert not again.red
    assert members(begun, "Gold") == EVERYBODY - {"p20@example.com", "p21@example.com"}
    assert members(begun, "Win-back") == {one.EMail for one in PEOPLE[3:9]}
    unsubscribes = begun.settings["when_permission_withdrawn"] == "unsubscribe"
    assert begun.stand.unsubscribed() == ({"p20@example.com", "p21@example.com"} if unsubscribes else set())


@pytest.mark.parametrize("answer", [{}, PAGE, {"body": '{"message":"No route. Contact the network team."}'}])
def test_planning_takes_it_for_no_emptied_account(begun: Scenario, answer: dict) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": [], "Readers": []})
    begun.export.run()
    begun.write_segments(2, {"Gold": PEOPLE[1:], "Churn": [], "Readers": []})
    begun.emulator.inject(answered("^/contact/", status=404, **answer))
    struck = begun.export.run()

    assert struck.red
    assert "GET /contact/{contact} was answered 404" in str(struck.report.red_reasons)
    assert "full_resync" not in str(struck.report.red_reasons)


def test_who_withdrew_is_on_no_list_because_a_gateway_said_so(begun: Scenario) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": PEOPLE[:1], "Readers": PEOPLE[:1]})
    assert not begun.export.run().red
    refusing = [*PEOPLE[:29], replace(PEOPLE[29], Subscriber="No")]
    begun.write_segments(2, {"Gold": refusing, "Churn": PEOPLE[:1], "Readers": PEOPLE[:1]})
    begun.emulator.inject(answered("^/list/", method="DELETE", body="{}"))
    struck = begun.export.run()
    begun.emulator.inject()
    again = begun.export.run()

    assert struck.red
    assert "shows the contact on the list still" in str(struck.errors)
    assert not again.red
    assert members(begun, "Gold") == EVERYBODY - {PEOPLE[29].EMail}


ANOTHER = '{"contact_id":"person_OTHER","Email":"zoe@example.com"}'


@pytest.mark.parametrize("begun", ["remove"], indirect=True)
def test_who_unsubscribed_is_not_joined_because_another_contact_was_shown(begun: Scenario) -> None:
    ann = Profile("c0", "ann@example.com", "Ann")
    begun.write_segments(1, {"Gold": [ann, *PEOPLE[1:]], "Churn": [], "Readers": []})
    assert not begun.export.run().red
    begun.stand.staff.unsubscribe(ann.EMail)
    moved = replace(ann, EMail="ann@new.example.com")
    begun.write_segments(2, {"Gold": [moved, *PEOPLE[1:]], "Churn": [], "Readers": []})
    struck = begun.export.run(
        before_upload=lambda: begun.emulator.inject(answered("^/contact/", method="GET", body=ANOTHER))
    )
    begun.emulator.inject()
    again = begun.export.run()

    assert struck.red
    assert "GET /contact/{contact} was answered 200 with another contact" in str(struck.errors)
    assert "zoe" not in str(struck.report.red_reasons) + str(struck.errors)
    assert not again.red
    assert moved.EMail not in members(begun, "Gold")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('{"contacts":[],"total_contacts":31}', "told 31 contacts and showed 0"),
        ('{"contacts":[]}', "was answered 200 without a usable"),
    ],
)
def test_an_empty_page_of_members_keeps_nobody_on_a_list(begun: Scenario, body: str, why: str) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": PEOPLE[:1], "Readers": PEOPLE[:1]})
    assert not begun.export.run().red
    refusing = [*PEOPLE[:29], replace(PEOPLE[29], Subscriber="No")]
    begun.write_segments(2, {"Gold": refusing, "Churn": PEOPLE[:1], "Readers": PEOPLE[:1]})
    begun.emulator.inject(answered("^/list/[^/]+/contacts", method="GET", body=body))
    struck = begun.export.run(reconcile=True)
    begun.emulator.inject()
    again = begun.export.run()

    assert struck.red
    assert f"GET /list/{{list}}/contacts {why}" in str(struck.report.red_reasons)
    assert not again.red
    assert members(begun, "Gold") == EVERYBODY - {PEOPLE[29].EMail}


@pytest.mark.parametrize(
    "answer", [{"status": 302}, {"status": 405, "body": '{"error":"Method Not Allowed","message":"No."}'}]
)
def test_a_gateway_that_lets_no_change_of_address_through_makes_nobody_a_second_contact(
    scenario: Scenario, answer: dict
) -> None:
    scenario.begin(when_email_changes="move")
    ann = Profile("c0", "ann@example.com", "Ann")
    scenario.write_segments(1, {"Gold": [ann, *PEOPLE[1:]], "Churn": [], "Readers": []})
    assert not scenario.export.run().red
    contact = scenario.stand.person(ann.EMail).id
    moved = replace(ann, EMail="ann@new.example.com")
    scenario.write_segments(2, {"Gold": [moved, *PEOPLE[1:]], "Churn": [], "Readers": []})
    struck = scenario.export.run(
        before_upload=lambda: scenario.emulator.inject(answered("^/contact$", **answer))
    )
    scenario.emulator.inject()
    again = scenario.export.run()

    assert struck.red
    assert "is not that of Autopilot's API" in str(struck.errors)
    assert not again.red
    assert members(scenario, "Gold") == EVERYBODY - {PEOPLE[0].EMail} | {moved.EMail}
    assert scenario.stand.person(moved.EMail).id == contact


def one_contact_for_all(times: int | None) -> Fault:
    body = json.dumps({"email_contact_map": dict.fromkeys(sorted(EVERYBODY), "person_ONE")})
    return Fault(kind=FaultKind.GATEWAY, path="^/contacts$", times=times, body=body)


def test_one_contact_for_several_addresses_is_asked_again(begun: Scenario) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": [], "Readers": []})
    begun.emulator.inject(one_contact_for_all(1))

    assert not begun.export.run().red
    assert members(begun, "Gold") == EVERYBODY


def test_nobody_is_lost_in_silence_where_one_contact_is_answered_for_all(begun: Scenario) -> None:
    begun.write_segments(1, {"Gold": PEOPLE, "Churn": [], "Readers": []})
    begun.emulator.inject(one_contact_for_all(None))
    struck = begun.export.run()
    begun.emulator.inject()
    again = begun.export.run()

    assert struck.red
    assert struck.report.contacts.rejected == 0
    assert "answered 200 with one contact for several addresses" in str(struck.errors)
    assert not again.red
    assert members(begun, "Gold") == EVERYBODY
