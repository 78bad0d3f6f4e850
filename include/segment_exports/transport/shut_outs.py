"""Whether a service takes nothing of this machine just now, because of its bad requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from segment_exports.errors import DestinationUnreachableError, OutcomeUnknownError
from segment_exports.settings import bounds
from segment_exports.transport.bad_requests.budget import is_bad
from segment_exports.transport.json_answers import no_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from segment_exports.errors import DestinationError
    from segment_exports.transport.bad_requests.budget import Place, Uncounted
    from segment_exports.transport.call import Answer, Call, Request

_ENOUGH = 3
"""Broken connections in a row, in all calls of a client, that are no chance any more after bad requests."""


class ShutOuts:
    """Recognises, for one client, that it is shut out.

    One broken connection is no sign of that, nor is a gateway's 5xx: some in a row are, with no answer of the
    service's own between them. An answer with another status that the service never gives is one at once.

    :param budget: tells whether there were bad requests, and has all others wait too.
    :param is_from_service: tells whether an answer other than 2xx has a form that the service gives.
    """

    def __init__(self, budget: Uncounted, is_from_service: Callable[[Answer], bool]) -> None:
        self._budget, self._is_from_service = budget, is_from_service
        self._signs = 0

    def note(self, place: Place, answer: Answer) -> None:
        """Take note of an answer; one that isn't the service's leaves open whether the request was bad."""
        if not is_bad(answer.status) or self._is_from_service(answer):
            place.answered(answer.status)

    def is_waited_out(
        self,
        request: Request,
        call: Call,
        answer: Answer | None,
        error: DestinationError,
        is_late: Callable[[float], bool],
    ) -> bool:
        """Tell whether an attempt failed for it and is made again. All that come next wait until it is over.

        Not for ever, nor beyond a deadline, nor for a request that may have been done and is not repeated.

        :param is_late: tells whether waiting so many seconds would outlast the deadline.
        """
        if not self._is_sign(answer, error):
            self._signs = 0 if answer is not None else self._signs
            return False
        self._signs += 1 if answer is None or answer.status >= 500 else _ENOUGH
        if self._signs < _ENOUGH or call.shut_outs >= bounds.SHUT_OUTS or not self._budget.happened_lately():
            return False
        self._signs = 0
        wait = self._budget.shut_out()
        if (request.once and call.in_doubt) or is_late(wait):
            return False
        call.shut_outs += 1
        return True

    def _is_sign(self, answer: Answer | None, error: DestinationError) -> bool:
        if answer is None:
            is_broken = isinstance(error, OutcomeUnknownError | DestinationUnreachableError)
            return is_broken and error.status is None
        if answer.status >= 300:
            return not self._is_from_service(answer)
        return no_json(answer.headers, answer.body) is not None
