"""Airflow's pages in headless Chromium, for pictures and for the tests of what a person clicks.

Chromium is the system's own (Debian: ``apt-get install chromium``); CHROMIUM names another one.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from local_airflow import USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Page

    from local_airflow import LocalAirflow

MISSING = "Chromium is missing: apt-get install chromium, or name it in CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_PATIENCE = 120_000
"""Milliseconds; on a busy machine Airflow's page takes its time."""


def chromium() -> str | None:
    """Return where Chromium is; None where there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


@contextmanager
def open_page(
    airflow: LocalAirflow, executable: str, *, width: int = 1280, height: int = 800
) -> Iterator[Page]:
    """Open a page of an Airflow, logged in as its one user; close it with the context."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(_PATIENCE)
        page.goto(airflow.url)
        page.get_by_label("Username").fill(USER)
        page.get_by_label("Password").fill(airflow.password)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_text("Dags", exact=True).first.wait_for()
        yield page
        browser.close()


def add_connection(page: Page, airflow: LocalAirflow, hook_name: str) -> None:
    """Open the form of a new connection of a type, by the name that the form gives it."""
    page.goto(f"{airflow.url}/connections")
    page.get_by_role("button", name="Add Connection").click()
    page.get_by_role("dialog").get_by_role("combobox").click()
    page.keyboard.type(hook_name)
    page.keyboard.press("Enter")


def press_test(page: Page, airflow: LocalAirflow, connection_id: str) -> tuple[str, str]:
    """Press *Test* in the row of a saved connection; return title and words of what the page then tells."""
    page.goto(f"{airflow.url}/connections")
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=connection_id, exact=True))
    row.get_by_role("button", name="Test Connection").click()
    toast = page.locator("[data-scope=toast][data-part=root]")
    title = toast.locator("[data-part=title]").inner_text()
    return title, toast.locator("[data-part=description]").inner_text()
