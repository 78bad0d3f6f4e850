"""The forms of this package's connection types, as Airflow's connection page shows them."""

from __future__ import annotations

from typing import Any

from segment_exports.destinations.agreement import agreement_choice, agreement_text, agreement_version
from segment_exports.settings.connection_fields import LABELS

_CA_BUNDLE: dict[str, Any] = {
    "ca_bundle": {
        "label": LABELS["ca_bundle"],
        "description": "File of CA certificates on the workers, for a proxy that opens TLS.",
        "schema": {"type": ["string", "null"]},
    },
}
_CLEAR_TEXT: dict[str, Any] = {
    "allow_clear_text": {
        "label": LABELS["allow_clear_text"],
        "description": "Lets the URL begin with http:// and lead to another machine, as for an emulator in "
        "another container: credentials and data can then be read on the way. Every run report says so.",
        "schema": {"type": "boolean", "default": False},
    },
}
_APP_REGISTRATION: dict[str, Any] = {
    "tenant": {
        "label": LABELS["tenant"],
        "description": "Directory (tenant) id of Microsoft Entra, or its domain.",
        "schema": {"type": ["string", "null"]},
    },
    "scope": {
        "label": LABELS["scope"],
        "description": "Only where the default of this connection type doesn't fit.",
        "schema": {"type": ["string", "null"]},
    },
    "authority": {
        "label": LABELS["authority"],
        "description": "Where tokens are issued; another one for other clouds.",
        "schema": {"type": ["string", "null"], "default": "https://login.microsoftonline.com"},
    },
    **_CA_BUNDLE,
    **_CLEAR_TEXT,
}
_APP_LABELS = {"login": "Client ID", "password": "Client secret"}


def _account_fields(service: str, **of_service: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an account of a destination."""
    version = agreement_version(service)
    return {
        **of_service,
        "enabled": {
            "label": LABELS["enabled"],
            "description": "Off stops every export to this account, a running one within seconds.",
            "schema": {"type": "boolean", "default": True},
        },
        **_CA_BUNDLE,
        **_CLEAR_TEXT,
        # Choosing it says which text was agreed to; a changed text has another version, and asks again.
        "agreed_text": {
            "label": LABELS["agreed_text"],
            "description": agreement_text(service),
            "schema": {
                "type": ["string", "null"],
                "enum": [version],
                "values_display": {version: agreement_choice(service)},
            },
        },
        "agreed_by": {
            "label": LABELS["agreed_by"],
            "description": "Your name. Every run report carries who agreed, when, and to which text.",
            "schema": {"type": ["string", "null"]},
        },
        "agreed_at": {
            "label": LABELS["agreed_at"],
            "schema": {"type": ["string", "null"], "format": "date"},
        },
    }


AUTOPILOT: dict[str, Any] = {
    "connection-type": "autopilot",
    "hook-class-name": "segment_exports_airflow.hooks.autopilot.AutopilotHook",
    "hook-name": "Autopilot",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "port", "schema", "extra"],
        "relabeling": {"host": "Base URL", "password": "API key"},
        "placeholders": {"host": "https://api2.autopilothq.com/v1"},
    },
    "conn-fields": _account_fields(
        "Autopilot",
        requests_per_second={
            "label": LABELS["requests_per_second"],
            "description": "Rate of the whole account, all exports together. Autopilot documents 5; "
            "later clients were given 20.",
            "schema": {"type": ["number", "null"], "default": 5, "minimum": 0.1},
        },
    ),
}

ORTTO: dict[str, Any] = {
    "connection-type": "ortto",
    "hook-class-name": "segment_exports_airflow.hooks.ortto.OrttoHook",
    "hook-name": "Ortto",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "port", "schema", "extra"],
        "relabeling": {"host": "Base URL", "password": "API key"},
        "placeholders": {"host": "Empty, but for an address of your own; choose the region below"},
    },
    "conn-fields": _account_fields(
        "Ortto",
        region={
            "label": LABELS["region"],
            "description": "Where the account lives, as its page Settings > Account says. A key works in its "
            "own region only; Test finds out which one that is.",
            "schema": {
                "type": ["string", "null"],
                "enum": ["default", "australia", "europe"],
                "values_display": {
                    "default": "Default (api.ap3api.com)",
                    "australia": "Australia (api.au.ap3api.com)",
                    "europe": "Europe (api.eu.ap3api.com)",
                },
                "default": "default",
            },
        },
        requests_per_second={
            "label": LABELS["requests_per_second"],
            "description": "Rate of the whole account, all exports together: 10 in the plan Professional, 30 "
            "in Business and Enterprise.",
            "schema": {"type": ["number", "null"], "default": 10, "minimum": 0.1},
        },
        requests_per_minute={
            "label": LABELS["requests_per_minute"],
            "description": "Only where the account has such a bound too, as older plans had: 300 beside 10 "
            "a second. Leave it empty otherwise.",
            "schema": {"type": ["number", "null"], "minimum": 6},
        },
    ),
}

DATAVERSE: dict[str, Any] = {
    "connection-type": "dataverse",
    "hook-class-name": "segment_exports_airflow.hooks.dataverse.DataverseHook",
    "hook-name": "Dataverse (Customer Insights)",
    "ui-field-behaviour": {
        "hidden-fields": ["port", "schema", "extra"],
        "relabeling": {"host": "Environment URL", **_APP_LABELS},
        "placeholders": {"host": "https://contoso.crm4.dynamics.com"},
    },
    "conn-fields": _APP_REGISTRATION,
}

CUSTOMER_INSIGHTS: dict[str, Any] = {
    "connection-type": "customer_insights",
    "hook-class-name": "segment_exports_airflow.hooks.customer_insights.CustomerInsightsHook",
    "hook-name": "Customer Insights API",
    "ui-field-behaviour": {
        "hidden-fields": ["port", "schema", "extra"],
        "relabeling": {"host": "Base URL", **_APP_LABELS},
        "placeholders": {"host": "https://api.ci.ai.dynamics.com/v1"},
    },
    "conn-fields": {
        "instance_id": {
            "label": LABELS["instance_id"],
            "description": "Customer Insights: Settings > System > General.",
            "schema": {"type": ["string", "null"]},
        },
        # Airflow shows extra fields in clear unless their name says that they are secret: "api_key" does.
        "subscription_api_key": {
            "label": LABELS["subscription_api_key"],
            "description": "Customer Insights: Settings > Permissions > APIs.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        **_APP_REGISTRATION,
    },
}

FORMS: dict[str, dict[str, Any]] = {
    one["connection-type"]: one for one in (AUTOPILOT, ORTTO, DATAVERSE, CUSTOMER_INSIGHTS)
}
"""Each form by its connection type."""

_OF_MICROSOFT = frozenset(DATAVERSE["conn-fields"]) | frozenset(CUSTOMER_INSIGHTS["conn-fields"])
KNOWN_FIELDS: dict[str, frozenset[str]] = {
    "autopilot": frozenset(AUTOPILOT["conn-fields"]),
    "ortto": frozenset(ORTTO["conn-fields"]),
    # One app registration may serve both, and be copied from one connection to the other.
    "dataverse": _OF_MICROSOFT,
    "customer_insights": _OF_MICROSOFT,
}
"""What the extra of a connection of each type may hold; anything else may be a switch that is mistyped."""
