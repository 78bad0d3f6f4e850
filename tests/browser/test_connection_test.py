"""The button *Test* of a saved connection, pressed on Airflow's page in a browser.

A real API server, its page in Chromium, emulated services. No scheduler is needed.
"""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from tests.thief import listening_thief

from browsing import MISSING, add_connection, chromium, open_page, press_test
from local_airflow import LocalAirflow
from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot
from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.ortto import EmulatorConfig as OrttoConfig
from segment_emulators.ortto import Switches as OrttoSwitches
from segment_emulators.ortto import serve_ortto
from segment_emulators.serving import serve_in_thread
from segment_emulators.tenant import Tenant
from segment_exports.destinations.agreement import signed_agreement
from segment_exports_airflow.connection_forms import FORMS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

ACCOUNTS = {"autopilot": "Autopilot", "ortto": "Ortto"}
SOURCES = {"dataverse": "Dataverse", "customer_insights": "Customer Insights"}
WRONG_KEY = "0f" * 16
WELL, FAILED = "Test Connection Successful", "Test Connection Failed"


@dataclass
class Desk:
    """An Airflow, a browser that shows it, and a good connection of each type."""

    airflow: LocalAirflow
    page: Page
    good: dict[str, dict[str, Any]]
    accounts: dict[str, Any]
    page_of_another: str
    nobody: str
    saved: set[str] = field(default_factory=set)

    def save(
        self, kind: str, /, host: str | None = None, *, password: str | None = None, **extra: Any
    ) -> str:
        """Save a connection as the form does, good but for what is given, and return its id."""
        good = self.good[kind]
        fields = good | {"host": host or good["host"], "password": password or good["password"]}
        fields["extra"] = json.dumps({**self._shown(kind), **good["extra"], **extra})
        name = f"{kind}_{len(self.saved)}"
        self.airflow.post("/connections", {"connection_id": name, "conn_type": kind, **fields})
        self.saved.add(name)
        return name

    @staticmethod
    def _shown(kind: str) -> dict[str, Any]:
        """What the form saves of a field that nobody touched."""
        return {name: one["schema"].get("default") for name, one in FORMS[kind]["conn-fields"].items()}

    def press_test(self, connection_id: str) -> tuple[str, str]:
        """Press the button; return title and words of the page's answer."""
        return press_test(self.page, self.airflow, connection_id)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    executable = chromium()
    if executable is None:
        pytest.skip(MISSING)
    folder = tmp_path_factory.mktemp("browser")
    insights = CustomerInsights(Tenant(200, seed=5))
    with ExitStack() as stack:
        autopilot = stack.enter_context(serve_autopilot(EmulatorConfig(switches=Switches(rate=None))))
        switches = OrttoSwitches(rate=None, ban_after=None)
        ortto = stack.enter_context(serve_ortto(OrttoConfig(switches=switches)))
        addresses = stack.enter_context(serve(insights, folder))
        page_of_another = stack.enter_context(
            serve_in_thread(Starlette(exception_handlers={404: lambda *_: HTMLResponse("<h1>Hello</h1>")}))
        )
        app = {
            "tenant": insights.tenant_id,
            "authority": addresses.authority,
            "ca_bundle": addresses.ca_bundle,
        }
        client = {"login": insights.client_id, "password": insights.client_secret}
        key = {"instance_id": insights.instance_id, "subscription_api_key": insights.subscription_key}
        good = {
            kind: {
                "host": one.base_url,
                "password": one.api_key,
                "extra": signed_agreement("Maria", receiver=name),
            }
            for (kind, name), one in zip(ACCOUNTS.items(), (autopilot, ortto), strict=True)
        } | {
            "dataverse": {"host": addresses.environment_url, **client, "extra": app},
            "customer_insights": {"host": addresses.api_url, **client, "extra": {**app, **key}},
        }
        airflow = stack.enter_context(LocalAirflow(folder / "airflow", components=("api-server",)))
        page = stack.enter_context(open_page(airflow, executable))
        # A port that is held, so that no other process listens there, and on which nobody does.
        held = stack.enter_context(socket.socket())
        held.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{held.getsockname()[1]}"
        yield Desk(airflow, page, good, {"autopilot": autopilot, "ortto": ortto}, page_of_another, nobody)


@pytest.mark.parametrize("kind", ACCOUNTS)
class TestAccount:
    """Of a connection to a destination: the six things that a person has to tell apart."""

    def test_all_is_right(self, desk: Desk, kind: str) -> None:
        title, told = desk.press_test(desk.save(kind))

        assert title == WELL
        assert told.startswith(f"{ACCOUNTS[kind]} answered in ")

    def test_the_key_is_wrong(self, desk: Desk, kind: str) -> None:
        connection = desk.save(kind, password=WRONG_KEY)

        title, told = desk.press_test(connection)

        assert title == FAILED
        assert told.startswith("Wrong key: ")
        assert f"The API key of connection {connection} is wrong" in told
        assert WRONG_KEY not in told

    def test_nobody_agreed(self, desk: Desk, kind: str) -> None:
        nothing = {"agreed_text": None, "agreed_by": None, "agreed_at": None}
        connection = desk.save(kind, **nothing)

        title, told = desk.press_test(connection)

        assert title == FAILED
        assert told.startswith(f"Nobody has agreed on connection {connection} to the transfer of data")
        assert told.endswith("and fill in Agreed by and Agreed on")

    def test_it_is_disabled(self, desk: Desk, kind: str) -> None:
        connection = desk.save(kind, enabled=False)

        title, told = desk.press_test(connection)

        assert title == FAILED
        assert told.startswith(f"Connection {connection} is disabled (Enabled is off)")

    def test_the_host_cannot_be_reached(self, desk: Desk, kind: str) -> None:
        title, told = desk.press_test(desk.save(kind, desk.nobody))

        assert title == FAILED
        assert told.startswith("Unreachable: ")
        assert desk.nobody.removeprefix("http://") in told

    def test_something_else_answers_there(self, desk: Desk, kind: str) -> None:
        connection = desk.save(kind, desk.page_of_another)

        title, told = desk.press_test(connection)

        assert title == FAILED
        assert told.startswith(
            f"What answers at the Base URL of connection {connection} is not {ACCOUNTS[kind]}'s API: "
        )


@pytest.mark.parametrize("kind", SOURCES)
class TestSource:
    """Of a connection to a source; it has no agreement, and no switch."""

    def test_all_is_right(self, desk: Desk, kind: str) -> None:
        title, told = desk.press_test(desk.save(kind))

        assert title == WELL
        assert told.startswith(f"{SOURCES[kind]} answers")

    def test_the_client_secret_is_wrong(self, desk: Desk, kind: str) -> None:
        title, told = desk.press_test(desk.save(kind, password=WRONG_KEY))

        assert title == FAILED
        assert "the Client secret is wrong or has ended" in told

    def test_the_host_cannot_be_reached(self, desk: Desk, kind: str) -> None:
        scope = desk.good[kind]["host"] + "/.default" if kind == "dataverse" else None

        title, told = desk.press_test(desk.save(kind, desk.nobody, scope=scope))

        assert title == FAILED
        assert f"{SOURCES[kind]} at {desk.nobody.removeprefix('http://')} gave no usable answer" in told

    def test_something_else_answers_there(self, desk: Desk, kind: str) -> None:
        scope = desk.good[kind]["host"] + "/.default" if kind == "dataverse" else None

        title, told = desk.press_test(desk.save(kind, desk.page_of_another, scope=scope))

        assert title == FAILED
        assert "a page (text/html) where JSON was expected" in told


def test_a_field_that_is_missing_is_told_by_the_connections_name(desk: Desk) -> None:
    connection = desk.save("customer_insights", instance_id=None)

    assert desk.press_test(connection) == (
        FAILED,
        f"Connection {connection} of type customer_insights: The Instance ID of the connection is empty; it "
        "must be the GUID that Customer Insights shows under Settings > System > General",
    )


def test_a_connection_made_and_then_changed_in_the_form(desk: Desk) -> None:
    """Every field typed by hand, as somebody does who has only the page."""
    page, account = desk.page, desk.accounts["autopilot"]
    add_connection(page, desk.airflow, "Autopilot")
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill("by_hand")
    form.get_by_label("Base URL").fill(account.base_url)
    form.get_by_label("API key").fill(account.api_key)
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")
    before = desk.press_test("by_hand")

    row = page.get_by_role("row").filter(has_text="by_hand")
    row.get_by_role("button", name="Edit Connection").click()
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    form.get_by_role("combobox").nth(1).click()
    page.keyboard.press("Enter")
    form.locator("input[name='element_agreed_by']").fill("Maria Silva")
    form.locator("input[name='element_agreed_at']").fill("2026-03-02")
    form.get_by_role("button", name="Save").click()
    form.wait_for(state="hidden")

    assert before[1].startswith("Nobody has agreed on connection by_hand")
    assert desk.press_test("by_hand")[0] == WELL


def test_a_test_changes_nothing_of_what_is_saved(desk: Desk) -> None:
    connection = desk.save("ortto")
    saved = desk.airflow.get(f"/connections/{connection}")

    desk.press_test(connection)

    assert desk.airflow.get(f"/connections/{connection}") == saved


@pytest.mark.parametrize("kind", FORMS)
def test_a_stored_key_still_goes_nowhere_but_to_the_stored_address(desk: Desk, kind: str) -> None:
    connection = desk.save(kind)
    shown = desk.airflow.get(f"/connections/{connection}")
    with listening_thief() as thief:
        sent = {name: value or "" for name, value in shown.items() if name != "team_name"}
        sent |= {"host": f"http://{thief.address}", "port": 0}

        answer = desk.airflow.post("/connections/test", sent)

        assert answer["status"] is False
        assert answer["message"].startswith(f"Not tried: the connection {connection} leads elsewhere")
        assert not thief.was_asked
