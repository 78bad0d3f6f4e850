"""What can go wrong on the way to an account and back, scripted per request."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from segment_emulators.account_api.access_log import Arrival


class FaultKind(StrEnum):
    """The faults. Where the work is done or not stands at each; ``work_done`` decides the others."""

    LATENCY = "latency"
    """Waits ``seconds``, then all goes well. The work is done, even if the client has gone."""
    DELAYED_ANSWER = "delayed_answer"
    """Does the work at once and answers after ``seconds``."""
    THROTTLED = "throttled"
    """429, whatever the rate. Nothing is done."""
    ERROR = "error"
    """``status`` (500) with the API's error body."""
    RESET = "reset"
    """The connection is reset (RST) without an answer."""
    CUT_BODY = "cut_body"
    """Does the work; the connection is reset in the middle of the answer's body. An answer without a body
    is not begun: it would be whole, and its client would send the next request into the reset."""
    TRUNCATED_JSON = "truncated_json"
    """Does the work; a complete 200 answer whose JSON ends in the middle."""
    HTML = "html"
    """A proxy's page with ``status`` (502; 200 is possible too)."""
    GATEWAY = "gateway"
    """What stands before the API answers in its own way: ``status``, ``body`` and ``content_type``."""
    KEY_REVOKED = "key_revoked"
    """From here on the key is not valid (401), until it is rotated."""


class Fault(BaseModel):
    """One rule: which requests it matches, which of those it hits, and what happens then.

    It hits the matching requests after the first ``skip``, at most ``times`` (None: always), each with
    ``probability``. So the third upsert only is ``skip=2, times=1``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: FaultKind
    method: str | None = None
    path: str = ""
    """Regular expression, searched in the decoded path below ``/v1``, such as ``^/contacts$``."""
    has_key: str | None = None
    """Matches only requests of which a contact has this key; see the log's ``body_keys``."""
    lacks_key: str | None = None
    """Matches only requests of which no contact has this key."""
    skip: int = Field(default=0, ge=0)
    times: int | None = Field(default=1, ge=1)
    probability: float = Field(default=1.0, gt=0.0, le=1.0)
    seed: int = 0
    seconds: float = Field(default=0.0, ge=0.0)
    status: int | None = Field(default=None, ge=200, le=599)
    work_done: bool = False
    """For ERROR, RESET, HTML and GATEWAY: whether the request is carried out first."""
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = {}
    """Those of a GATEWAY's answer, ``Retry-After`` for one."""

    @field_validator("path")
    @classmethod
    def _is_expression(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return value


@dataclass
class _Rule:
    fault: Fault
    matched: int = 0
    hit: int = 0
    draws: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draws = random.Random(self.fault.seed)  # noqa: S311 not for secrets
        self.path = re.compile(self.fault.path)

    def hits(self, entry: Arrival) -> bool:
        fault = self.fault
        if (fault.method and fault.method != entry.method) or not self.path.search(entry.path):
            return False
        if fault.has_key is not None and fault.has_key not in entry.body_keys:
            return False
        if fault.lacks_key in entry.body_keys:
            return False
        self.matched += 1
        if self.matched <= fault.skip or (fault.times is not None and self.hit >= fault.times):
            return False
        if fault.probability < 1.0 and self.draws.random() >= fault.probability:
            return False
        self.hit += 1
        return True


class FaultPlan:
    """The rules in force with their counts. The first rule that hits a request decides."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._rules: list[_Rule] = []
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put these rules in force, counting from nought, instead of those before."""
        self._rules = [_Rule(fault) for fault in faults]

    def add(self, *faults: Fault) -> None:
        """Put more rules in force, after those before."""
        self._rules = [*self._rules, *(_Rule(fault) for fault in faults)]

    def strike(self, entry: Arrival) -> Fault | None:
        """Return the fault that hits this request, and count it."""
        for rule in self._rules:
            if rule.hits(entry):
                return rule.fault
        return None

    def counts(self) -> list[tuple[Fault, int]]:
        """Return the rules with how often each has hit."""
        return [(rule.fault, rule.hit) for rule in self._rules]
