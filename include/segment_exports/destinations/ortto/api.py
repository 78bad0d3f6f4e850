"""Ortto's API in figures and names, for those who need no client. It costs nothing to import.

Sources are the vendor's pages and recorded answers; what nobody knows of it, the client is right on every
side of.
"""

from __future__ import annotations

from enum import StrEnum

NAME = "Ortto"
KEY_HEADER = "X-Api-Key"


class Region(StrEnum):
    """Where an account lives. A key works in its own region only."""

    DEFAULT = "default"
    AUSTRALIA = "australia"
    EUROPE = "europe"


BASE_URLS = {
    Region.DEFAULT: "https://api.ap3api.com/v1",
    Region.AUSTRALIA: "https://api.au.ap3api.com/v1",
    Region.EUROPE: "https://api.eu.ap3api.com/v1",
}
DEFAULT_BASE_URL = BASE_URLS[Region.DEFAULT]

DEFAULT_REQUESTS_PER_SECOND = 10.0
"""Of the smallest plan; the larger ones have 30."""

BATCH_LIMIT = 100
"""People of one request, documented."""

LARGEST_BODY = 1_990_000
"""Bytes of a request: documented are 2 MB, and whether that is 2,000,000 or 2,097,152 is not."""

MOST_IN_FLIGHT = 4
"""Synchronous merges at once: with many by key one "can end up hitting a concurrency limit" (the vendor)."""

MOST_BAD_REQUESTS = 9
"""Of all tasks of a machine in any ``BAD_REQUEST_SECONDS``: 15 are documented to have its address banned for
as long; which statuses count is not, nor is it known who else is behind that address."""
BAD_REQUEST_SECONDS = 15.0

PAGE = 500
"""People of one page; beyond it, the page has 50."""

ADDRESSES_OF_A_FILTER = 40
"""Of one question for people by address: a filter takes 50 conditions."""

EMAIL = "str::email"
PERSON_ID = "str::person_id"
PERMISSION = "bol::p"
UNSUBSCRIBE_REASON = "str::u-ctx"
TAG_IDS = "u4s::t"
