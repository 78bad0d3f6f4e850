"""``make screenshots``: pictures of a real Airflow for ``docs/images``, taken in headless Chromium."""

from __future__ import annotations

import json
import sys
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_home import ROOT
from browsing import MISSING, add_connection, chromium, open_page, press_test
from demo import demo_settings
from demo_accounts import AUTOPILOT, ORTTO, RATE, emulated_account, write_definition
from demo_tenant import write_lake
from local_airflow import LocalAirflow

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from demo_accounts import Emulator

IMAGES = ROOT / "docs" / "images"
DAG = "export_newsletter"
_SECOND = "newsletter_ortto"
_CUSTOMERS = 4_000
_MOMENT = 1500


def main() -> int:
    """Take all pictures; answer the exit code."""
    executable = chromium()
    if executable is None:
        print(MISSING, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_lake(folder / "lake", _CUSTOMERS)
        old, new = (stack.enter_context(emulated_account(folder, one)) for one in (AUTOPILOT, ORTTO))
        settings = demo_settings(folder, old) | {ORTTO.variable: new.connection(RATE)}
        write_definition(folder / "exports", ORTTO, name=_SECOND, title="Newsletter in Ortto")
        airflow = stack.enter_context(LocalAirflow(folder / "airflow", settings=settings))
        runs = {dag: _started(airflow, dag) for dag in (f"export_{_SECOND}", DAG)}
        for dag, run_id in runs.items():
            airflow.wait_for("the runs", partial(_has_ended, airflow, dag, run_id), seconds=600)
        with open_page(airflow, executable, height=1400) as page:
            take_pictures(page, airflow, runs[DAG], old)
    return 0


def _started(airflow: LocalAirflow, dag: str) -> str:
    airflow.wait_for_dag(dag)
    return airflow.trigger(dag)


def _has_ended(airflow: LocalAirflow, dag: str, run_id: str) -> bool:
    return airflow.run_state(dag, run_id) in {"success", "failed"}


def take_pictures(page: Page, airflow: LocalAirflow, run_id: str, account: Emulator) -> None:
    """Take all pictures of a running Airflow; at the end, the key of the account isn't valid any more."""
    connection_form(page, airflow)
    ortto_form(page, airflow)
    trigger_form(page, airflow)
    page.set_viewport_size({"width": 1280, "height": 640})
    run_page(page, airflow, run_id)
    exports_page(page, airflow)
    connection_test(page, airflow, account)
    red_log(page, airflow, account)


def connection_form(page: Page, airflow: LocalAirflow) -> None:
    """Picture both parts of the form of a new connection of type Autopilot."""
    add_connection(page, airflow, "Autopilot")
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill("autopilot_default")
    form.get_by_label("API key").fill("0123456789abcdef0123456789abcdef")
    _picture(page, form, "connection-key")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    page.wait_for_timeout(_MOMENT)
    form.get_by_role("combobox").nth(1).click()
    page.keyboard.press("Enter")
    form.locator("input[name='element_agreed_by']").fill("Maria Silva")
    form.locator("input[name='element_agreed_at']").fill("2026-03-02")
    _picture(page, form, "connection-form")


def ortto_form(page: Page, airflow: LocalAirflow) -> None:
    """Picture the fields of a new connection of type Ortto."""
    add_connection(page, airflow, "Ortto")
    form = page.get_by_role("dialog")
    form.get_by_label("Connection ID").fill("ortto_default")
    form.get_by_role("button", name="Extra Fields", exact=True).click()
    page.wait_for_timeout(_MOMENT)
    _picture(page, form, "connection-form-ortto")


def trigger_form(page: Page, airflow: LocalAirflow) -> None:
    """Picture the form of a manual run."""
    page.goto(f"{airflow.url}/dags/{DAG}")
    page.get_by_role("button", name="Trigger").first.click()
    form = page.get_by_role("dialog")
    form.get_by_role("button", name="What to send").click()
    page.wait_for_timeout(_MOMENT)
    form.get_by_role("combobox").first.click()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    _picture(page, form, "trigger-form")


def run_page(page: Page, airflow: LocalAirflow, run_id: str) -> None:
    """Picture a run that ended."""
    page.goto(f"{airflow.url}/dags/{DAG}/runs/{run_id}")
    page.wait_for_timeout(3 * _MOMENT)
    page.screenshot(path=IMAGES / "run.png")


def exports_page(page: Page, airflow: LocalAirflow) -> None:
    """Picture the list of the exports, one to each destination."""
    page.set_viewport_size({"width": 1280, "height": 570})
    page.goto(f"{airflow.url}/dags")
    page.wait_for_timeout(3 * _MOMENT)
    page.screenshot(path=IMAGES / "exports.png")


def connection_test(page: Page, airflow: LocalAirflow, account: Emulator) -> None:
    """Picture what *Test* says of a connection that nobody has agreed on yet."""
    fields = {"conn_type": account.of.type, "host": f"{account.url}/v1", "password": account.key}
    for name, extra in (("autopilot_default", account.agreed), ("autopilot_winback", {})):
        airflow.post("/connections", {"connection_id": name, "extra": json.dumps(extra), **fields})
    page.set_viewport_size({"width": 1280, "height": 520})
    press_test(page, airflow, "autopilot_winback")
    page.wait_for_timeout(_MOMENT)
    page.screenshot(path=IMAGES / "connection-test.png")
    print("docs/images/connection-test.png")


def red_log(page: Page, airflow: LocalAirflow, account: Emulator) -> None:
    """Picture the log of a task that failed, here because the key was revoked."""
    account.control.revoke_key()
    run_id = airflow.trigger(DAG)
    airflow.wait_for("the red run", partial(_has_ended, airflow, DAG, run_id), seconds=300)
    page.set_viewport_size({"width": 1280, "height": 700})
    page.goto(f"{airflow.url}/dags/{DAG}/runs/{run_id}/tasks/check_destination")
    page.wait_for_timeout(4 * _MOMENT)
    page.screenshot(path=IMAGES / "red-log.png")
    print("docs/images/red-log.png")


def _picture(page: Page, form: Locator, name: str) -> None:
    page.wait_for_timeout(_MOMENT)
    form.screenshot(path=IMAGES / f"{name}.png")
    print(f"docs/images/{name}.png")


if __name__ == "__main__":
    sys.exit(main())
