"""The budget of bad requests by which an address keeps clear of Ortto's ban."""

from __future__ import annotations

from urllib.parse import urlsplit

from segment_exports.destinations.ortto.api import BAD_REQUEST_SECONDS, BASE_URLS, MOST_BAD_REQUESTS, NAME
from segment_exports.transport.bad_requests.budget import BadRequests

_HOSTS = frozenset(urlsplit(url).hostname for url in BASE_URLS.values())


def bad_requests_at(base_url: str) -> BadRequests:
    """Return the budget that all tasks of this machine share.

    All regions are one service: nobody knows whether they count together. What a base URL of one's own leads
    to counts for itself.
    """
    parts = urlsplit(base_url)
    return BadRequests(
        NAME if parts.hostname in _HOSTS else parts.netloc,
        most=MOST_BAD_REQUESTS,
        seconds=BAD_REQUEST_SECONDS,
    )
