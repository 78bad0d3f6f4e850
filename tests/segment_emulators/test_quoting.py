"""A server quotes back what it was sent: in message, code and headers of every refusal, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from segment_emulators.autopilot import EmulatorConfig, Switches, serve_autopilot
from segment_emulators.customer_insights import CustomerInsights
from segment_emulators.customer_insights.serving import serve
from segment_emulators.ortto import serve_ortto
from segment_emulators.tenant import Tenant

if TYPE_CHECKING:
    from pathlib import Path

KNOWN = ("ann@planted.example",)


def test_the_account_quotes_key_body_and_what_it_knows() -> None:
    with serve_autopilot(EmulatorConfig(switches=Switches(rate=None, quotes=KNOWN))) as emulator:
        headers = {"autopilotapikey": "the-wrong-key"}
        body = {"contact": {"Email": "eva@example.com"}}
        refused = requests.post(f"{emulator.base_url}/contact", json=body, headers=headers, timeout=10)
        lists = requests.get(
            f"{emulator.base_url}/lists", headers={"autopilotapikey": emulator.api_key}, timeout=10
        )

    assert refused.status_code == 401
    for quoted in ("the-wrong-key", "eva@example.com", *KNOWN):
        assert quoted in refused.json()["message"]
        assert quoted in refused.json()["error"]
    assert "ann@planted.example" in refused.headers["Location"]
    assert "ann@planted.example" in refused.headers["Content-Type"]
    assert (lists.status_code, "Location" in lists.headers) == (200, False)


def test_an_ortto_account_quotes_in_errors_details_and_the_items_of_a_good_answer() -> None:
    people = [{"fields": {"str::email": one, "str::no": "Zoe"}} for one in ("eva@example.com",)]
    good = {"fields": {"str::email": "ben@example.com"}}
    with serve_ortto() as emulator:
        emulator.switch(quotes=KNOWN)
        headers, url = {"X-Api-Key": emulator.api_key}, f"{emulator.base_url}/person/merge"
        refused = requests.post(url, json={"people": people}, headers=headers, timeout=10)
        mixed = requests.post(url, json={"people": [*people, good]}, headers=headers, timeout=10)

    assert (refused.status_code, mixed.status_code) == (400, 200)
    (detail,) = refused.json()["details"]
    bad, made = mixed.json()["people"]
    for quoted in ("eva@example.com", "Zoe", *KNOWN):
        for told in (refused.json()["error"], detail["error"], bad["error"]):
            assert quoted in told
    assert set(made) == {"person_id", "status"}


def test_the_services_quote_token_and_secret(tmp_path: Path) -> None:
    insights = CustomerInsights(Tenant(50))
    insights.faults.quotes = KNOWN
    with serve(insights, tmp_path) as addresses:
        form = {"grant_type": "client_credentials", "client_id": insights.client_id, "client_secret": "wrong"}
        token = requests.post(
            f"{addresses.authority}/{insights.tenant_id}/oauth2/v2.0/token",
            data=form,
            verify=addresses.ca_bundle,
            timeout=10,
        )
        rows = requests.get(
            f"{addresses.environment_url}/api/data/v9.2/x",
            headers={"Authorization": "Bearer abc"},
            timeout=10,
        )

    assert "client_secret=wrong" in token.json()["error_description"]
    assert token.json()["error"].startswith("invalid_client ann@planted.example")
    assert rows.status_code >= 400
    assert "Bearer abc" in rows.text
