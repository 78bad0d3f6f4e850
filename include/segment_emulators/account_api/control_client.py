"""Talks to the control plane of an emulator in another process."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.parse import urlencode


class EmulatorControl:
    """The control plane at a URL such as ``http://127.0.0.1:8081``; every method is one request.

    :raises urllib.error.URLError: the emulator isn't there, or refuses (:class:`~urllib.error.HTTPError`).
    """

    def __init__(self, url: str, *, timeout: float = 60.0) -> None:
        self._url = f"{url.rstrip('/').removesuffix('/v1')}/_emulator"
        self._timeout = timeout

    def health(self) -> bool:
        """Tell whether the emulator is up."""
        try:
            return bool(self._call("GET", "/health")["status"] == "ok")
        except OSError:
            return False

    def state(self) -> dict[str, Any]:
        """Count contacts, lists with their members, unsubscribed, requests."""
        return dict(self._call("GET", "/state"))

    def contacts(self) -> dict[str, dict[str, Any]]:
        """Return every contact by address."""
        return dict(self._call("GET", "/contacts"))

    def members(self, title: str) -> set[str]:
        """Return the addresses on all lists of a title."""
        return {
            email
            for item in self._call("GET", "/lists")
            if item["title"] == title
            for email in item["members"]
        }

    def unsubscribed(self) -> set[str]:
        """Return the addresses of those who are unsubscribed."""
        return set(self._call("GET", "/unsubscribed"))

    def log(self, *endpoints: str, **filters: Any) -> list[dict[str, Any]]:
        """Return arrivals; filters are ``method, status, since, limit`` (10,000)."""
        query = urlencode([*(("endpoint", name) for name in endpoints), *filters.items()])
        return list(self._call("GET", f"/log?{query}"))

    def totals(self) -> dict[str, Any]:
        """Return ``{requests, by_endpoint: {endpoint: {status: count}}, busiest_second}``."""
        return dict(self._call("GET", "/log/totals"))

    def bans(self) -> dict[str, Any]:
        """Return ``{bans, bad_requests}`` of an emulator that bans."""
        return dict(self._call("GET", "/bans"))

    def clear_log(self) -> None:
        """Empty the log."""
        self._call("DELETE", "/log")

    def switch(self, **changes: Any) -> dict[str, Any]:
        """Set the named switches; return all."""
        return dict(self._call("PATCH", "/switches", changes))

    def inject(self, *faults: dict[str, Any]) -> None:
        """Put these faults in force (JSON of :class:`Fault`), instead of those before."""
        self._call("PUT", "/faults", list(faults))

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force as ``{fault, hit}``."""
        return list(self._call("GET", "/faults"))

    def rotate_key(self, key: str) -> None:
        """Make another key the valid one."""
        self._call("PUT", "/key", {"key": key})

    def revoke_key(self) -> None:
        """Make every key invalid."""
        self._call("DELETE", "/key")

    def reset(self) -> None:
        """Empty the account and the log; back to the first switches, faults and key."""
        self._call("POST", "/reset")

    def add_contact(self, email: str | None, **rest: Any) -> str:
        """Add a contact as staff; ``rest`` is ``lists, unsubscribed, custom, fields``. Return its id."""
        return str(self._call("POST", "/staff/contacts", {"email": email, **rest})["contact_id"])

    def staff(self, action: str, **arguments: Any) -> Any:
        """Do another thing that staff can do: a method of :class:`Staff` by name."""
        return self._call("POST", "/staff/actions", {"action": action, **arguments})["result"]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 the URL is the caller's own emulator
            self._url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
            content = response.read()
        return json.loads(content) if content else None
