"""Servers that speak the outside services' protocols over a socket, and a generated tenant.

account_api        what the emulators of marketing accounts share
autopilot          Autopilot's API, and an account that can be looked into
ortto              Ortto's API, and an account that can be looked into
customer_insights  Dataverse, Customer Insights' API and Entra's token endpoint
lake_writer        the tenant as a lake export
tenant             a generated tenant: the same customers for all
tenant_columns     their attributes, and the dirt in them
tenant_history     what happens to them from snapshot to snapshot
tenant_names       the names they are made of
counter_random     random numbers that are a pure function
serving            an application on a socket
quoting            one that quotes back what it was sent in every refusal
"""

from __future__ import annotations

from importlib.util import find_spec

if not (find_spec("fastapi") and find_spec("uvicorn")):
    raise ImportError(
        "the emulators need fastapi and uvicorn, which aren't installed here: "
        "pip install 'segment-exports[emulators]'"
    )
