"""The forms of this package's connection types, as Airflow's connection page shows them."""

from __future__ import annotations

from typing import Any

from segment_exports.destinations.agreement import AGREEMENT_TEXT, AGREEMENT_VERSION

_CA_BUNDLE: dict[str, Any] = {
    "ca_bundle": {
        "label": "CA bundle",
        "description": "File of CA certificates on the workers, for a proxy that opens TLS.",
        "schema": {"type": ["string", "null"]},
    },
}
_CLEAR_TEXT: dict[str, Any] = {
    "allow_clear_text": {
        "label": "Allow clear text",
        "description": "Lets the URL begin with http:// and lead to another machine, as for an emulator in "
        "another container: credentials and data can then be read on the way. Every run report says so.",
        "schema": {"type": "boolean", "default": False},
    },
}
_APP_REGISTRATION: dict[str, Any] = {
    "tenant": {
        "label": "Tenant",
        "description": "Directory (tenant) id of Microsoft Entra, or its domain.",
        "schema": {"type": ["string", "null"]},
    },
    "scope": {
        "label": "Token scope",
        "description": "Only where the default of this connection type doesn't fit.",
        "schema": {"type": ["string", "null"]},
    },
    "authority": {
        "label": "Authority",
        "description": "Where tokens are issued; another one for other clouds.",
        "schema": {"type": ["string", "null"], "default": "https://login.microsoftonline.com"},
    },
    **_CA_BUNDLE,
    **_CLEAR_TEXT,
}
_APP_LABELS = {"login": "Client ID", "password": "Client secret"}

AUTOPILOT: dict[str, Any] = {
    "connection-type": "autopilot",
    "hook-class-name": "segment_exports_airflow.hooks.autopilot.AutopilotHook",
    "hook-name": "Autopilot",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "port", "schema", "extra"],
        "relabeling": {"host": "Base URL", "password": "API key"},
        "placeholders": {"host": "https://api2.autopilothq.com/v1"},
    },
    "conn-fields": {
        "requests_per_second": {
            "label": "Requests per second",
            "description": "Rate of the whole account, all exports together. Autopilot documents 5; "
            "later clients were given 20.",
            "schema": {"type": ["number", "null"], "default": 5, "minimum": 0.1},
        },
        "enabled": {
            "label": "Enabled",
            "description": "Off stops every export to this account, a running one within seconds.",
            "schema": {"type": "boolean", "default": True},
        },
        **_CA_BUNDLE,
        **_CLEAR_TEXT,
        # Choosing it says which text was agreed to; a changed text has another version, and asks again.
        "agreed_text": {
            "label": "Data privacy and compliance",
            "description": AGREEMENT_TEXT,
            "schema": {
                "type": ["string", "null"],
                "enum": [AGREEMENT_VERSION],
                "values_display": {AGREEMENT_VERSION: f"I agree (text {AGREEMENT_VERSION})"},
            },
        },
        "agreed_by": {
            "label": "Agreed by",
            "description": "Your name. Every run report carries who agreed, when, and to which text.",
            "schema": {"type": ["string", "null"]},
        },
        "agreed_at": {
            "label": "Agreed on",
            "schema": {"type": ["string", "null"], "format": "date"},
        },
    },
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
            "label": "Instance ID",
            "description": "Customer Insights: Settings > System > General.",
            "schema": {"type": ["string", "null"]},
        },
        # Airflow shows extra fields in clear unless their name says that they are secret: "api_key" does.
        "subscription_api_key": {
            "label": "Subscription key",
            "description": "Customer Insights: Settings > Permissions > APIs.",
            "schema": {"type": ["string", "null"], "format": "password"},
        },
        **_APP_REGISTRATION,
    },
}

FORMS: dict[str, dict[str, Any]] = {
    one["connection-type"]: one for one in (AUTOPILOT, DATAVERSE, CUSTOMER_INSIGHTS)
}
"""Each form by its connection type."""

_OF_MICROSOFT = frozenset(DATAVERSE["conn-fields"]) | frozenset(CUSTOMER_INSIGHTS["conn-fields"])
KNOWN_FIELDS: dict[str, frozenset[str]] = {
    "autopilot": frozenset(AUTOPILOT["conn-fields"]),
    # One app registration may serve both, and be copied from one connection to the other.
    "dataverse": _OF_MICROSOFT,
    "customer_insights": _OF_MICROSOFT,
}
"""What the extra of a connection of each type may hold; anything else may be a switch that is mistyped."""
