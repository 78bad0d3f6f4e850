from __future__ import annotations

from itertools import count

import pytest

from segment_exports.errors import OutcomeUnknownError
from segment_exports.settings import bounds
from segment_exports.transport.whole_listing import WholeListing

LABEL = "GET /list/{list}/contacts"
AFTER = count()


@pytest.fixture
def listing() -> WholeListing:
    return WholeListing(LABEL, "total_contacts")


def page(listing: WholeListing, shown: int, told: int | None) -> None:
    listing.add(shown, told, f"person_{next(AFTER)}")


def test_a_listing_that_shows_what_it_tells_is_whole(listing) -> None:
    page(listing, 100, 150)
    listing.add(50, 150, None)
    listing.require_whole()


def test_it_may_have_some_empty_pages_in_a_row_and_no_more(listing) -> None:
    for _ in range(2):
        for _ in range(bounds.EMPTY_PAGES - 1):
            page(listing, 0, 500)
        page(listing, 1, 500)
    for _ in range(bounds.EMPTY_PAGES - 1):
        page(listing, 0, 500)
    with pytest.raises(OutcomeUnknownError) as refused:
        page(listing, 0, 500)
    assert str(refused.value) == (
        f"{LABEL}: {bounds.EMPTY_PAGES} pages in a row are empty, each of which leads to another, so the "
        f"listing has no end"
    )


def test_it_may_show_more_than_it_tells_for_a_while_and_not_for_ever(listing) -> None:
    for _ in range(12):
        page(listing, 100, 100)
    with pytest.raises(OutcomeUnknownError, match="it told 100 contacts and showed 1,300, and goes on"):
        page(listing, 100, 100)


def test_it_ends_after_so_many_pages_whatever_it_tells(listing, monkeypatch) -> None:
    monkeypatch.setattr(bounds, "LISTING_PAGES", 30)
    for _ in range(29):
        page(listing, 1, 10**18)
    with pytest.raises(OutcomeUnknownError, match="30 pages came, and there are more, so the listing has no"):
        page(listing, 1, 10**18)


def test_the_last_of_so_many_pages_may_be_the_end(listing, monkeypatch) -> None:
    monkeypatch.setattr(bounds, "LISTING_PAGES", 30)
    for _ in range(29):
        page(listing, 1, 30)
    listing.add(1, 30, None)
    listing.require_whole()
