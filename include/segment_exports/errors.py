"""Errors a user can act on.

Every message says what was found, where, and what is allowed; none holds personal data or a key, so
that it may be logged, shown in Airflow's UI and written to the run report. What others said comes into one
through :mod:`.sieve` alone, and every text passes its last net; nothing is hidden in it, and it isn't longer
than is read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar, Self

from segment_exports.sieve.foreign import error_told, place_of
from segment_exports.sieve.telling import LONGEST_MESSAGE as LONGEST_MESSAGE
from segment_exports.sieve.telling import as_told


class Advice(StrEnum):
    """What a person does about one kind of reason, beside the reason. README's runbook has each of them."""

    AS_SAID = "Do what the reason says, then clear the failed task with what follows."
    DEFINITION = "Correct the definition, then clear the failed task with what follows."
    SETTINGS = "Correct the settings that the reason names, start Airflow again, and clear the failed task."
    CONNECTION = (
        "Correct the connection under Admin > Connections (or in its AIRFLOW_CONN_… variable, and start "
        "Airflow again), then clear the failed task with what follows."
    )
    AGREEMENT = (
        "Open the connection under Admin > Connections, read Data privacy and compliance and choose it, fill "
        "in Agreed by and Agreed on, and save (or write all three into its AIRFLOW_CONN_… variable, and "
        "start Airflow again). Then clear the failed task with what follows."
    )
    KEY = (
        "Put the account's API key into the connection under Admin > Connections (or into its AIRFLOW_CONN_… "
        "variable, and start Airflow again), then clear the failed task with what follows."
    )
    ACCOUNT = (
        "Look at the account, and at what stands before it (gateway, proxy): the reason says what was "
        "answered. Nobody counts as rejected for it. Once it is mended, clear the failed task with what "
        "follows, or let the next run send."
    )
    WAY = (
        "Mend what stands on the way to the account, or wait until it is back. Then clear the failed task "
        "with what follows, or let the next run send."
    )
    LISTS = "Choose the list with list_id in the definition, then clear plan_changes with what follows."
    REFRESH = (
        "Look at the refresh in Customer Insights (Settings > System > Status). When it has ended after all, "
        "clear wait_for_refresh with what follows; else the next run delivers."
    )
    SOURCE = (
        "Correct what the reason names: at the source, in its connection or in the definition. Then clear "
        "the failed task with what follows."
    )
    STAGING = (
        "Mend the folder that the reason names (space, rights, mount), then clear the failed task with what "
        "follows."
    )
    LEDGER = (
        "Restore the newest ledger, or its key. Where that is lost, trigger a run with Full resync and "
        "Reconcile, of all segments."
    )
    GUARD = (
        "Look at the source. If the figures are right, raise the guard in the definition and clear "
        "plan_changes with what follows."
    )
    NOT_APPROVED = (
        "Nothing, if it was meant so. Else clear ask_a_person with what follows, and approve it under "
        "Required Actions."
    )
    REJECTED = "Mend what refused.csv says of them; all others were delivered."
    PERMISSION = (
        "Look at the attribute of the permission in the source and at the rule in the definition, then clear "
        "map_profiles with what follows."
    )
    LIMIT = (
        "Export fewer segments, raise limit.profiles, or set when_over: truncate; then clear plan_changes "
        "with what follows."
    )
    REPEATED = (
        "Nothing: the next run does what is left. Sooner: clear the failed upload with what follows, and it "
        "goes on from where it stopped."
    )
    CONTINUED = "Clear the failed task with what follows: it goes on from where it stopped."
    NEWER_RUN = "Nothing: a newer run of the export has taken over."
    RECONCILE = (
        "Do what the reason says; mostly that is one run with Reconcile, of all segments. Runs stay red "
        "until then."
    )
    FAULT = (
        "Clear the failed task once with what follows. If it fails again, tell whoever looks after this "
        "Airflow, with the frames that its log has above."
    )


class SegmentExportError(Exception):
    """Base of every error of the core. Its text is meant for the user.

    ``advice`` says what a person does about it.
    """

    advice: ClassVar[Advice] = Advice.AS_SAID

    def __init__(self, message: str = "") -> None:
        super().__init__(as_told(message))


class UnforeseenError(SegmentExportError):
    """An error that nobody foresaw, of a library or of the code itself: what it is and where, not its words.

    Those may quote a server, a file or a row. The frames that led to it hold none, so they go along.
    """

    advice = Advice.FAULT

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

    advice = Advice.DEFINITION


class SettingsError(SegmentExportError):
    """Settings can't be used as they are: the text has a line for each, with its name and what is allowed."""

    advice = Advice.SETTINGS


class SourceError(SegmentExportError):
    """The source can't be read as it is: a missing table, a broken file, an unknown attribute."""

    advice = Advice.SOURCE


class SourceNotReadyError(SourceError):
    """The snapshot asked for is not there or not whole yet; it may be later."""

    advice = Advice.REFRESH


class RefreshMissedError(SourceError):
    """The refresh failed, or did not end within the run's patience: another look would not help."""

    advice = Advice.REFRESH


class StagingError(SegmentExportError):
    """A file between the steps is missing or does not hold what it must."""

    advice = Advice.STAGING


class DamagedFileError(StagingError):
    """A file between the steps can't be believed: cut off, empty, or another's. The text says what to do."""

    advice = Advice.AS_SAID


class LedgerError(SegmentExportError):
    """The ledger can't be trusted: lost, or written with another secret."""

    advice = Advice.LEDGER


class LeaseHeldError(SegmentExportError):
    """Another living run of this export delivers at the moment."""

    advice = Advice.REPEATED


class RunSupersededError(SegmentExportError):
    """A newer run of this export has planned since; this one must not send any more."""

    advice = Advice.NEWER_RUN


class UploadEndedError(SegmentExportError):
    """Airflow, or a person in it, ended an upload; what it had done is written down."""

    advice = Advice.CONTINUED


class GuardTrippedError(SegmentExportError):
    """A guard of the definition stops the run; the text gives the figures."""

    advice = Advice.GUARD


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

    advice = Advice.ACCOUNT

    def __init__(self, message: str, *, status: int | None = None, answer: ServerWords | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.answer = answer

    def of_connection(self, connection_id: str) -> Self:
        """Return the error with a text that names the connection of the account, for who sees only that."""
        if connection_id not in str(self):
            self.args = (f"connection {connection_id}: {self}", *self.args[1:])
        return self


class AgreementMissingError(DestinationError):
    """Nobody agreed to the transfer of data on the connection, or its text has changed since."""

    advice = Advice.AGREEMENT


class ConnectionDisabledError(DestinationError):
    """The connection is disabled: nothing may be sent."""

    advice = Advice.CONNECTION


class ConnectionFieldError(DestinationError):
    """A field of the connection is malformed; the text names it and says what it may be."""

    advice = Advice.CONNECTION


class CredentialsRefusedError(DestinationError):
    """The key is wrong or was revoked (401): the run stops at once; rotate the key and clear the task."""

    advice = Advice.KEY


class WrongRegionError(CredentialsRefusedError):
    """The key is good, but of an account in another region than the connection asks; the text names it."""

    advice = Advice.CONNECTION


class RequestRefusedError(DestinationError):
    """The destination itself refuses this request, in its own words, for what is in it: never retried."""


class AccountRefusedError(DestinationError):
    """A refusal that says nothing of what is in the request: nobody may be called rejected for it.

    A status that concerns the account or the way to it (402, 403, 407, 423 …), or an answer that is not the
    destination's own: a gateway's page, an error inside a 200, a 2xx that took nobody.
    """


class WrongServerError(DestinationError):
    """A redirect or 405: this is not the destination's API, or not its base URL. It judges no request."""

    advice = Advice.CONNECTION


class ListProblemError(DestinationError):
    """A list is missing, double or not ours; the text says what to do."""

    advice = Advice.LISTS


class NotFoundError(DestinationError):
    """The contact or list does not exist (404). ``empty_body`` tells "not a member" from the rest."""

    def __init__(self, message: str, *, empty_body: bool = False, answer: ServerWords | None = None) -> None:
        super().__init__(message, status=404, answer=answer)
        self.empty_body = empty_body


class WithdrawnError(DestinationError):
    """The request was not sent (again): somebody whom it names was erased while it waited."""

    advice = Advice.REPEATED


class ThrottledError(DestinationError):
    """The account's rate was exceeded (429) until the deadline for waiting."""

    advice = Advice.REPEATED


class DestinationUnreachableError(DestinationError):
    """No connection could be made: the request was certainly not done."""

    advice = Advice.WAY


class OutcomeUnknownError(DestinationError):
    """Time-out, broken connection, 5xx or an unreadable answer after sending: it may have been done."""

    advice = Advice.REPEATED
