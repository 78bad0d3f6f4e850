"""Autopilot's API in figures and names, for those who need no client. It costs nothing to import."""

from __future__ import annotations

NAME = "Autopilot"
DEFAULT_BASE_URL = "https://api2.autopilothq.com/v1"
KEY_HEADER = "autopilotapikey"

DEFAULT_REQUESTS_PER_SECOND = 5.0
"""Documented for every account (2015); more on request. Later clients were given 20."""

BATCH_LIMIT = 100
"""Contacts that a bulk upsert takes; more are answered 400."""

LARGEST_BODY = 2_000_000
"""Bytes of a bulk upsert at most. No limit is documented; that of Autopilot's successor is 2 MB."""
