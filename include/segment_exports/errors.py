"""Errors a user can act on.

Every message says what was found, where, and what is allowed; none holds personal data or a key, so
that it may be logged, shown in Airflow's UI and written to the run report. What others said comes into one
through :mod:`.sieve` alone, and every text passes its last net; nothing is hidden in it, and it isn't longer
than is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from segment_exports.sieve.foreign import error_told, place_of
from segment_exports.sieve.telling import LONGEST_MESSAGE as LONGEST_MESSAGE
from segment_exports.sieve.telling import as_told


class SegmentExportError(Exception):
    """Base of every error of the core. Its text is meant for the user."""

    def __init__(self, message: str = "") -> None:
        super().__init__(as_told(message))


class UnforeseenError(SegmentExportError):
    """An error that nobody foresaw, of a library or of the code itself: what it is and where, not its words.

    Those may quote a server, a file or a row. The frames that led to it hold none, so they go along.
    """

    @classmethod
    def of(cls, error: BaseException) -> UnforeseenError:
        """Return what may be told of an error, with its frames; raise it ``from None``."""
        place = place_of(error)
        told = cls(
            f"{error_told(error)}{f' at {place}' if place else ''}; its own words may quote data or a key, "
            f"so they are not repeated. That is a fault of this program or of a library, or trouble of a "
            f"service that takes a form of its own"
        )
        return told.with_traceback(error.__traceback__)


def own_words(error: Exception) -> SegmentExportError:
    """Return an error as it may be told: ours without its frames, another's as :class:`UnforeseenError`."""
    return error.with_traceback(None) if isinstance(error, SegmentExportError) else UnforeseenError.of(error)


class DefinitionError(SegmentExportError):
    """An export definition is broken: the text names the file, the key and what is allowed."""


class SettingsError(SegmentExportError):
    """Settings can't be used as they are: the text has a line for each, with its name and what is allowed."""


class SourceError(SegmentExportError):
    """The source can't be read as it is: a missing table, a broken file, an unknown attribute."""


class SourceNotReadyError(SourceError):
    """The snapshot asked for is not there or not whole yet; it may be later."""


class RefreshMissedError(SourceError):
    """The refresh failed, or did not end within the run's patience: another look would not help."""


class StagingError(SegmentExportError):
    """A file between the steps is missing or does not hold what it must."""


class DamagedFileError(StagingError):
    """A file between the steps can't be believed: cut off, empty, or another's. The text says what to do."""


class LedgerError(SegmentExportError):
    """The ledger can't be trusted: lost, or written with another secret."""


class LeaseHeldError(SegmentExportError):
    """Another living run of this export delivers at the moment."""


class RunSupersededError(SegmentExportError):
    """A newer run of this export has planned since; this one must not send any more."""


class GuardTrippedError(SegmentExportError):
    """A guard of the definition stops the run; the text gives the figures."""


@dataclass(frozen=True)
class ServerWords:
    """What a server said of a request about people, as it was answered.

    It may quote anybody, so it is neither shown nor kept, but for what :mod:`.sieve.sifting` makes of it.
    """

    text: str = field(repr=False)


class DestinationError(SegmentExportError):
    """Base of what can go wrong at the destination.

    ``status`` is the HTTP status and ``answer`` the destination's own words where they may quote people.
    """

    def __init__(self, message: str, *, status: int | None = None, answer: ServerWords | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.answer = answer


class AgreementMissingError(DestinationError):
    """Nobody agreed to the transfer of data on the connection, or its text has changed since."""


class ConnectionDisabledError(DestinationError):
    """The connection is disabled: nothing may be sent."""


class ConnectionFieldError(DestinationError):
    """A field of the connection is malformed; the text names it and says what it may be."""


class CredentialsRefusedError(DestinationError):
    """The key is wrong or was revoked (401): the run stops at once; rotate the key and clear the task."""


class WrongRegionError(CredentialsRefusedError):
    """The key is good, but of an account in another region than the connection asks; the text names it."""


class RequestRefusedError(DestinationError):
    """The destination itself refuses this request, in its own words, for what is in it: never retried."""


class AccountRefusedError(DestinationError):
    """A refusal that says nothing of what is in the request: nobody may be called rejected for it.

    A status that concerns the account or the way to it (402, 403, 407, 423 …), or an answer that is not the
    destination's own: a gateway's page, an error inside a 200, a 2xx that took nobody.
    """


class WrongServerError(DestinationError):
    """A redirect or 405: this is not the destination's API, or not its base URL. It judges no request."""


class ListProblemError(DestinationError):
    """A list is missing, double or not ours; the text says what to do."""


class NotFoundError(DestinationError):
    """The contact or list does not exist (404). ``empty_body`` tells "not a member" from the rest."""

    def __init__(self, message: str, *, empty_body: bool = False, answer: ServerWords | None = None) -> None:
        super().__init__(message, status=404, answer=answer)
        self.empty_body = empty_body


class WithdrawnError(DestinationError):
    """The request was not sent (again): somebody whom it names was erased while it waited."""


class ThrottledError(DestinationError):
    """The account's rate was exceeded (429) until the deadline for waiting."""


class DestinationUnreachableError(DestinationError):
    """No connection could be made: the request was certainly not done."""


class OutcomeUnknownError(DestinationError):
    """Time-out, broken connection, 5xx or an unreadable answer after sending: it may have been done."""
