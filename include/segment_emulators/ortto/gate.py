"""Ortto's way in: bans, its key, its rate, its words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from segment_emulators.account_api.answers import Answer, Reset, page_of_a_proxy
from segment_emulators.account_api.gate import Gate
from segment_emulators.account_api.rate_limit import RollingLimit
from segment_emulators.ortto import operations as _operations  # noqa: F401 registers the routes
from segment_emulators.ortto import routing
from segment_emulators.ortto.config import AccountState, BadRequests, BanAnswer, ManyMerges
from segment_emulators.ortto.fields import PERSON_ID

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from segment_emulators.account_api.access_log import Arrival
    from segment_emulators.ortto.emulator import OrttoEmulator

    Scope = MutableMapping[str, Any]

KEY_HEADER = b"x-api-key"
_TEN_SECONDS, _MINUTE = 10.0, 60.0
_MOST_OF_ADDRESS = (2000, 6000)
"""Requests from one network address in each of these."""
_FORBIDDEN = {
    AccountState.EXPIRED: "Account has expired",
    AccountState.MAKER_LEFT: "The user who created this API key is no longer active",
}


class OrttoGate(Gate):
    """ASGI application of everything below ``/v1``."""

    emulator: OrttoEmulator

    def request(self, entry: Arrival, raw_path: str, body: bytes, resets: int) -> routing.Request:
        """Read a request that has arrived, and write down what it names."""
        return routing.Request(self.emulator.account, self.emulator.config, entry, raw_path, body, resets)

    def key(self, scope: Scope) -> bytes | None:
        """Return the key that came with a request."""
        return next((value for name, value in scope["headers"] if name == KEY_HEADER), None)

    def refuse(self, entry: Arrival, scope: Scope) -> Answer | Reset | None:
        """Refuse a request for its address, its key, the account's state, or one of the account's limits."""
        entry.address = scope["client"][0]
        ban = self.emulator.banned.in_force(entry.address, self.emulator.monotonic())
        if ban is not None:
            ban.refused += 1
            entry.banned = True
            return self._banned()
        return self._of_key(entry, self.key(scope)) or self._of_rate(entry) or self._of_merges(entry)

    def _banned(self) -> Answer | Reset:
        match self.emulator.switches.ban_answer:
            case BanAnswer.THROTTLED:
                return page_of_a_proxy(429, "Too Many Requests")
            case BanAnswer.FORBIDDEN:
                return page_of_a_proxy(403, "Forbidden")
            case _:
                return Reset()

    def _of_key(self, entry: Arrival, key: bytes | None) -> Answer | None:
        switches = self.emulator.switches
        if switches.wrong_region == 404:
            entry.malformed = True
            return routing.error(404, "unknown endpoint or method")
        if key is None:
            entry.malformed = True
            return routing.error(400, "Missing API key")
        if switches.wrong_region or key.decode("latin-1") != self.emulator.account.api_key:
            return self.bad_key()
        if switches.state is not AccountState.ACTIVE:
            return routing.error(403, _FORBIDDEN[switches.state])
        return None

    def _of_rate(self, entry: Arrival) -> Answer | None:
        emulator, switches = self.emulator, self.emulator.switches
        limits = [(emulator.rate_limit, switches.rate), (emulator.minute_limit, switches.rate_per_minute)]
        if switches.rate is not None:
            both = emulator.address_limits.setdefault(
                entry.address, (RollingLimit(_TEN_SECONDS), RollingLimit(_MINUTE))
            )
            limits += zip(both, _MOST_OF_ADDRESS, strict=True)
        waits = [
            limit.wait(entry.arrived, rate)
            for limit, rate in limits
            if not limit.admits(entry.arrived, rate, count_refused=switches.throttled_count)
        ]
        return self.throttled(max(waits)) if waits else None

    def _of_merges(self, entry: Arrival) -> Answer | None:
        """Refuse a merge by key where too many are under way."""
        switches = self.emulator.switches
        if switches.many_merges is ManyMerges.TAKEN or not _merges_by_key(entry):
            return None
        others = sum(_merges_by_key(one) and one.finished is None for one in self.emulator.log.entries)
        if others <= switches.merges_at_once:
            return None
        if switches.many_merges is ManyMerges.THROTTLED:
            return self.throttled()
        return routing.error(500, "concurrency limit")

    def throttled(self, wait: float = 1.0) -> Answer:
        """Return the answer to a request beyond the rate."""
        said = self.emulator.switches.try_in_seconds
        return routing.throttled(max(math.ceil(wait), 1) if said is None else said)

    def error(self, status: int, message: str) -> Answer:
        """Return an answer in Ortto's shape for errors."""
        return routing.error(status, message)

    def bad_key(self) -> Answer:
        """Return the answer to a wrong key."""
        return routing.error(401, "Invalid API key")

    def answering(self, entry: Arrival, answer: Answer) -> None:
        """Count a bad request before its client can send the next one."""
        super().answering(entry, answer)
        if entry.banned or not 400 <= answer.status < 500 or answer.status == 429:
            return
        switches = self.emulator.switches
        if switches.bad_requests is BadRequests.ALL_4XX or entry.malformed or answer.status in {401, 403}:
            self.emulator.banned.count(entry.address, entry, self.emulator.monotonic(), switches)


def _merges_by_key(entry: Arrival) -> bool:
    return entry.endpoint == "merge_people" and entry.options.get("merge_by") != [PERSON_ID]
