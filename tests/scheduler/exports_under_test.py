"""The exports that the tests of the scheduler run, and their connections."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from segment_exports.destinations.agreement import signed_agreement

if TYPE_CHECKING:
    from pathlib import Path

    from segment_emulators.autopilot import AutopilotEmulator
    from segment_emulators.customer_insights import CustomerInsights
    from segment_emulators.customer_insights.serving import Addresses
    from segment_emulators.ortto import OrttoEmulator

# Each has lists of its own: one on whose lists another export has people is red until it has read them back.
DEFINITION = """\
name: {name}
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {{connection: autopilot_{name}, membership: field, requests_in_flight: {in_flight}}}
segments:
- {{name: HighValueSegment, list: High value of {name}}}
- {{name: ChurnProne, list: Churn prone of {name}}}
- {{name: NewsletterReaders, list: Readers of {name}}}
mapping: {{Email: EMail, FirstName: FirstName, MailingCity: City}}
permission: {{attribute: Email Subscriber, equals: "Yes"}}
when_member_leaves: remove
guards: {{stop_above_invalid: 1.0}}
"""
SCHEDULE = 'refresh: {timezone: UTC, times: ["05:00"]}\n'
IN_FLIGHT = 4
ASKED = """\
name: asked
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {{connection: autopilot_asked, membership: field}}
segments: [{{name: ChurnProne, list: Asked}}]
mapping: {{Email: EMail}}
guards: {{stop_above_added: 0, min_count: 0, when_tripped: ask}}
"""
REMOVED = """\
name: removed
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {{connection: autopilot_removed, membership: list}}
segments: [{{name: ChurnProne, list: Removed}}]
mapping: {{Email: EMail}}
"""
UNMEANT = """\
name: {name}
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {destination}
segments: [{{name: ChurnProne, list: Unmeant}}]
mapping: {{Email: EMail}}
guards: {{stop_above_invalid: 1.0}}
"""
TOLD = """\
name: {name}
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {{connection: autopilot_{name}, membership: field}}
segments: [{{name: ChurnProne, list: Told of {name}}}]
mapping: {{Email: EMail}}
guards: {{stop_above_invalid: 1.0}}
"""
BROKEN = """\
name: broken_file
source: {type: lake}
segments: [A, A]
mapping: {Email: EMail}
"""
FROM_API = """\
name: from_api
source: {type: api, connection: customer_insights_default, page_size: 500}
destination: {connection: autopilot_from_api}
segments: [HighValueSegment, ChurnProne]
mapping: {Email: EMail, FirstName: FirstName}
guards: {stop_above_invalid: 0.5}
first_run: deliver
wait_for_refresh: {poll_seconds: 1, timeout_minutes: 5}
"""
TIMED = """\
name: {name}
source: {{type: lake, path: nowhere}}
segments: [{segment}]
mapping: {{Email: EMail}}
refresh: {refresh}
"""
IN_SAO_PAULO = '{timezone: America/Sao_Paulo, times: ["05:00", "17:00"], days: [mon, tue, wed, thu, fri]}'
IN_BERLIN = '{timezone: Europe/Berlin, times: ["02:30"]}'
TIMED_ONLY = ("in_sao_paulo", "in_berlin")
"""Airflow would start their last missed time, were they unpaused."""
LEDGER_SECRET = "a ledger secret of the scheduler tests"
UNPOOLED = """\
name: unpooled
source: {{type: lake, path: {path}, unseen_snapshots: read}}
destination: {{connection: autopilot_unpooled, membership: field}}
segments: [{{name: ChurnProne, list: Unpooled}}]
mapping: {{Email: EMail}}
"""
NOBODY_MEANT = {
    "unmeant": "{connection: autopilot_unmeant, membership: field}",
    "unmeant_in_ortto": "{type: ortto, connection: ortto_unmeant, new_people: unsubscribed, "
    "create_fields: false}",
}
"""The destination of each export that nobody has meant yet to deliver; one of each type."""
PAUSED = (*TIMED_ONLY, *NOBODY_MEANT)


def write_definitions(folder: Path, path: Path) -> list[str]:
    """Write the exports of all tests and return their names: Airflow looks for new ones only now and then."""
    texts = {
        name: DEFINITION.format(name=name, path=path, in_flight=IN_FLIGHT) + schedule
        for name, schedule in (("killed", ""), ("ended", ""), ("missed", SCHEDULE))
    }
    for name, destination in NOBODY_MEANT.items():
        texts[name] = UNMEANT.format(name=name, path=path, destination=destination)
    texts |= {"asked": ASKED.format(path=path), "removed": REMOVED.format(path=path), "from_api": FROM_API}
    texts |= {name: TOLD.format(name=name, path=path) for name in ("agreed", "unagreed")}
    texts["broken_file"] = BROKEN
    texts["unpooled"] = UNPOOLED.format(path=path)
    for segment, name, refresh in zip("AB", TIMED_ONLY, (IN_SAO_PAULO, IN_BERLIN), strict=True):
        texts[name] = TIMED.format(name=name, segment=segment, refresh=refresh)
    folder.mkdir()
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    return list(texts)


def account(
    emulator: AutopilotEmulator | OrttoEmulator, *, rate: float, service: str = "Autopilot"
) -> dict[str, Any]:
    """Return the connection of an emulated account."""
    signed = signed_agreement("a test", receiver=service)
    return {
        "conn_type": service.lower(),
        "host": emulator.base_url,
        "password": emulator.api_key,
        "extra": {"requests_per_second": rate, "enabled": True, **signed},
    }


def api_connection(insights: CustomerInsights, addresses: Addresses) -> dict[str, Any]:
    """Return the connection of the emulated API of Customer Insights."""
    return {
        "conn_type": "customer_insights",
        "host": addresses.api_url,
        "login": insights.client_id,
        "password": insights.client_secret,
        "extra": {
            "tenant": insights.tenant_id,
            "authority": addresses.authority,
            "ca_bundle": addresses.ca_bundle,
            "instance_id": insights.instance_id,
            "subscription_api_key": insights.subscription_key,
        },
    }
