"""What Airflow learns of this package through the entry point ``apache_airflow_provider``.

Imported in every Airflow process, so it imports nothing but the text of the agreement. The forms are
declarative (Airflow 3.2+): Airflow shows them without importing a hook.
"""

from __future__ import annotations

from typing import Any

from segment_exports_airflow.connection_forms import FORMS


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata; ``package-name`` must be the distribution's name."""
    return {
        "package-name": "segment-exports",
        "name": "Segment exports",
        "description": "Segments of Customer Insights, delivered as contacts and list membership.",
        "connection-types": list(FORMS.values()),
    }
