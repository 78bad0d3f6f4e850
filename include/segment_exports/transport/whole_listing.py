"""Whether a listing that comes in pages gets on, comes to its end, and was whole."""

from __future__ import annotations

from segment_exports.errors import OutcomeUnknownError
from segment_exports.settings import bounds


class WholeListing:
    """Takes what each page tells. Nothing of a listing that is refused may be believed.

    :param label: of the request.
    :param total: what the number of all is called in an answer.
    """

    def __init__(self, label: str, total: str) -> None:
        self._label = label
        self._total = total
        self._told: list[int | None] = []
        self._shown = 0
        self._empty = 0
        self._seen: set[str] = set()

    def add(self, shown: int, told: int | None, bookmark: str | None) -> None:
        """Take in a page.

        :param told: the number of all, where it is told.
        :param bookmark: what leads to the next page.
        :raises OutcomeUnknownError: the listing has no end.
        """
        self._told.append(told)
        self._shown += shown
        self._empty = 0 if shown else self._empty + 1
        if bookmark is None:
            return
        if bookmark in self._seen:
            raise self._without_end("a bookmark came twice")
        if self._empty >= bounds.EMPTY_PAGES:
            raise self._without_end(f"{self._empty} pages in a row are empty, each of which leads to another")
        if told is not None and self._shown > 2 * told + bounds.LISTED_BEYOND:
            raise self._without_end(f"it told {told:,} contacts and showed {self._shown:,}, and goes on")
        if len(self._told) >= bounds.LISTING_PAGES:
            raise self._without_end(f"{len(self._told):,} pages came, and there are more")
        self._seen.add(bookmark)

    def require_whole(self) -> None:
        """Make sure that so many came as the pages told; some more may have come about meanwhile.

        :raises OutcomeUnknownError: else, and where a page told fewer than the one before: who was taken away
            may have been on any of them.
        """
        totals = [total for total in self._told if total is not None]
        if len(totals) < len(self._told):
            raise OutcomeUnknownError(
                f"{self._label} was answered 200 without a usable {self._total!r}", status=200
            )
        if totals != sorted(totals) or not totals[0] <= self._shown <= totals[-1]:
            counts = " to ".join(str(total) for total in dict.fromkeys((min(totals), max(totals))))
            raise OutcomeUnknownError(
                f"{self._label} told {counts} contacts and showed {self._shown}: the answer is cut, or "
                f"changed while it was read, so nothing of it is believed",
                status=200,
            )

    def _without_end(self, why: str) -> OutcomeUnknownError:
        return OutcomeUnknownError(f"{self._label}: {why}, so the listing has no end")
