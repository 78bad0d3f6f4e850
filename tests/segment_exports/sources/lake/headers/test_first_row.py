"""A first row that may be a header in other words: refused where enough speaks for it, else doubted."""

from __future__ import annotations

import pytest

from segment_exports.errors import SourceError
from segment_exports.sources.lake.headers.first_row import judge_first_row

COLUMNS = ("CustomerId", "EMail", "Newsletter", "Subscriber", "City")
ROWS = [[f"c{one}", f"p{one}@mail.example", "Yes", "No", "Bonn"] for one in range(9)]


def judged(first: str, rows: list[list[str]] = ROWS) -> str | None:
    return judge_first_row(first.split(","), rows, COLUMNS, "lake/T_1.csv")


@pytest.mark.parametrize(
    "first",
    [
        "Kunde,E-Mail-Adresse,Subscriber,Newsletter,Ort",
        "Customer Number,Mail address,Subscriber,Newsletter,Town",
        "Kunde,Adresse,Subscriber,Brief,Ort",
        "ID,EMAIL ADDRESS,Subscriber?,Letters,Home",
        "KUNDE_ID,EMAIL_1,X,Y,Z",
    ],
)
def test_a_header_in_other_words_is_refused_with_what_to_do(first: str) -> None:
    with pytest.raises(SourceError) as refused:
        judged(first)
    told = str(refused.value)
    assert told.startswith("lake/T_1.csv: row 1 seems to be a header that isn't that of model.json: it holds")
    assert "export it without a header; if row 1 is a person, correct or empty the address" in told


def test_one_row_after_it_is_enough_to_tell() -> None:
    with pytest.raises(SourceError, match=r"names of columns \(Newsletter, Subscriber\)"):
        judged("Kunde,Adresse,Subscriber,Newsletter,Ort", ROWS[:1])


def test_without_a_row_after_it_names_alone_tell() -> None:
    with pytest.raises(SourceError, match="seems to be a header"):
        judged("Kunde,Adresse,Subscriber,Newsletter,Ort", [])
    assert judged("Kunde,Adresse,Abonnent,Brief,Ort", []) is None


@pytest.mark.parametrize(
    ("first", "told"),
    [
        (
            "Kunde,Adresse,Abonnent,Brief,Ort",
            "unlike the rows after it, and words where they have digits: it",
        ),
        ("c9,no email,Yes,No,Bonn", "unlike the rows after it, and names of columns (no email): it is read"),
        ("c9,unknown,Yes,Subscriber,Bonn", "names of columns (Subscriber): it is read as a person"),
    ],
)
def test_where_little_speaks_for_a_header_it_is_a_doubt(first: str, told: str) -> None:
    assert told in (judged(first) or "")


@pytest.mark.parametrize(
    "first",
    [
        "c9,ann@mail.example,Subscriber,Newsletter,Bonn",
        "c9,,Subscriber,Newsletter,Bonn",
        "c9,n/a,Yes,No,Bonn",
        "c9,ann at mail.example,Yes,No,Köln",
        "c9,unknown,,,",
        "abc,,Yes,No,Bonn",
    ],
)
def test_a_person_whose_address_is_wrong_or_empty_is_a_person(first: str) -> None:
    assert judged(first) is None


def test_a_value_that_others_have_there_too_names_no_column() -> None:
    rows = [[f"c{one}", f"p{one}@mail.example", "Newsletter", "Subscriber", "No email"] for one in range(9)]
    assert judged("c9,n/a,newsletter,Subscriber,no email", rows) is None


def test_rows_of_other_lengths_are_passed_over() -> None:
    assert judged("c9,n/a,Yes,No,Bonn", [["x"], *ROWS]) is None
