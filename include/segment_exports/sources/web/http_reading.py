"""One JSON answer over HTTP: token, retries, throttling, and everything that is not JSON.

Reading only: every request is a GET, so a request of unknown fate may be sent again.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.records.outcomes import counted
from segment_exports.settings import bounds
from segment_exports.sieve.foreign import error_told
from segment_exports.sieve.secrets_in_use import keep_secret
from segment_exports.sources.web.answer_status import check_status
from segment_exports.sources.web.bounded_http import AnswerLimits, within_bounds
from segment_exports.sources.web.json_text import error_inside, no_json_told, read_json
from segment_exports.sources.web.patience import Patience, Pause, Waits
from segment_exports.sources.web.whole_reading import WholeReading
from segment_exports.transport.json_values import has_more_values
from segment_exports.transport.places import is_absolute
from segment_exports.transport.retrying import TRANSIENT_STATUSES
from segment_exports.transport.sessions import JudgedSession
from segment_exports.transport.unpacking import TooMuchError, UnusableBodyError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from segment_exports.sources.web.tokens import TokenSource

log = logging.getLogger(__name__)

SERVICE_PROTECTION = ("0x80072322", "0x80072321", "0x80072326")
"""Dataverse's codes for too many requests, too much execution time, too many at once (PowerApps docs,
"Service protection API limits"; the last one by the same page)."""


@dataclass
class Counts:
    """What a reader has sent so far."""

    requests: int = 0
    throttled: int = 0
    retried: int = 0
    broken: int = 0
    """Answers with what JSON can't have in a value."""

    def doubts(self, service: str) -> list[str]:
        """Return what was doubtful about the answers of a service."""
        if not self.broken:
            return []
        return [
            f"{counted(self.broken, 'answer')} of {service} had what JSON can't have in a value, as half of "
            f"an emoji; U+FFFD stands for characters and numbers that are none"
        ]


@dataclass
class JsonReader:
    """GETs below one service root, as JSON objects.

    :param service: name of the service for messages.
    :param root: every URL that is asked must lie on its scheme, host and port: the token goes along. A link
        without a host counts from it.
    :param hint: what to look at when the service refuses the token (401, 403).
    """

    service: str
    root: str
    tokens: TokenSource
    hint: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    verify: str | bool = True
    patience: Patience = field(default_factory=Patience)
    waits: Waits = field(default_factory=Waits)
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        keep_secret(*(value for name, value in self.headers.items() if "key" in name.lower()))
        self._whole = WholeReading(self.service, self.patience.longest_reading, self.waits.monotonic)

    @cached_property
    def _session(self) -> JudgedSession:
        ca_bundle = None if isinstance(self.verify, bool) else self.verify
        session = JudgedSession(
            self.root, self.service, "the token", "more rows", SourceError, ca_bundle=ca_bundle
        )
        return within_bounds(session, self._limits)

    def _limits(self) -> AnswerLimits:
        patience = self.patience
        return AnswerLimits(patience.largest_answer, patience.longest_answer, self.waits.monotonic)

    @property
    def warnings(self) -> list[str]:
        """What is to be told of the way to the service: that it is in clear text."""
        place = self._session.place
        return [place.clear_text_told] if place.is_clear_text else []

    def close(self) -> None:
        """Close the connections to the service."""
        self._session.close()

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        what: str = "",
    ) -> Any:
        """Return the JSON that a URL answers (a path is taken below the root).

        :param what: the answer for messages, where the path of the URL says too little.
        :raises NoSuchRouteError: 404.
        :raises RefusedError: 400 and other 4xx but those below.
        :raises SourceError: another place (nothing is sent there), 401 twice, 403, a redirect, an answer that
            isn't JSON.
        :raises SourceNotReadyError: throttled, unreachable or broken for longer than the patience.
        """
        target = url if is_absolute(url) else f"{self.root}/{url.lstrip('/')}"
        self._session.require_known(target)
        what = what or ("a page that it named" if is_absolute(url) else urlsplit(target).path)
        pause = Pause(self.patience, self.waits)
        signed_in_again = False
        while True:
            try:
                status, answer_headers, body = self._bounded(target, params, headers, what)
            except UnusableBodyError as error:
                self._trouble(pause, what, str(error))
                continue
            except (requests.RequestException, OSError) as error:
                self._trouble(pause, what, f"{error_told(error)} (no whole answer)")
                continue
            if _asks_to_wait(status, answer_headers, body):
                self.counts.throttled += 1
                pause.throttled(answer_headers, status, self.service)
            elif status == 401 and not signed_in_again:
                signed_in_again = True
                self.tokens.forget()
            elif status in TRANSIENT_STATUSES:
                self._trouble(pause, what, f"status {status}")
            else:
                check_status(self, status, answer_headers, body, what, params)
                try:
                    found, is_broken = read_json(body)
                except ValueError:
                    self._trouble(pause, what, no_json_told(answer_headers, body))
                    continue
                if failed := error_inside(found):
                    self._trouble(pause, what, failed)
                    continue
                self.counts.broken += is_broken
                return found

    def _bounded(
        self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None, what: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request. :raises SourceError: the answer is too large, or the reading takes too long."""
        self._whole.require_time()
        try:
            answer = self._send(url, params, headers)
        except TooMuchError as error:
            raise self._too_much(str(error), what) from None
        if has_more_values(answer[2], bounds.SOURCE_VALUES):
            raise self._too_much(f"more than {bounds.SOURCE_VALUES:,} values", what)
        self._whole.add(len(answer[2]))
        return answer

    def _too_much(self, found: str, what: str) -> SourceError:
        return SourceError(
            f"{self.service} sent an answer of {found} for {what}; ask for fewer rows at once or fewer "
            f"attributes"
        )

    def _send(
        self, url: str, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        token = self.tokens.token()
        keep_secret(token)
        self.counts.requests += 1
        with self._session.get(
            url,
            params=params,
            headers={"Accept": "application/json", **self.headers, **(headers or {})},
            auth=_Bearer(token),
            timeout=self.patience.timeout,
            allow_redirects=False,
        ) as response:
            return response.status_code, response.headers, response.content

    def _trouble(self, pause: Pause, what: str, found: str) -> None:
        self.counts.retried += 1
        log.info("%s: %s: %s; trying again", self.service, what, found)
        if not pause.failed():
            raise SourceNotReadyError(
                f"{self.service} at {urlsplit(self.root).netloc} gave no usable answer in "
                f"{self.patience.tries} tries for {what}; the last one: {found}"
            ) from None


@runtime_checkable
class AsksService(Protocol):
    """A source that asks a service over HTTP."""

    reader: JsonReader


class _Bearer(AuthBase):
    """Signs a request; as ``auth``, so that a ``.netrc`` on the worker can't replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _asks_to_wait(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    if status == 429 or (status == 503 and headers.get("Retry-After")):
        return True
    return status >= 400 and any(code.encode() in body[:4096] for code in SERVICE_PROTECTION)
