from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.sources.lake.cultures import culture_of

SPANISH_WITH_A_POINT = (
    "es-PE",
    "es-PA",
    "es-GT",
    "es-HN",
    "es-NI",
    "es-SV",
    "es-DO",
    "es-MX",
    "es-US",
    "es-CU",
)


def rewritten(culture: str, kind: str, *texts: str | None) -> list[str | None]:
    found = culture_of(culture)
    assert found is not None
    batch = pa.RecordBatch.from_arrays([pa.array(texts, pa.string())], names=["value"])
    return found.rewrite(batch, {"value": kind}).column(0).to_pylist()


@pytest.mark.parametrize(
    ("culture", "text", "date"),
    [
        ("en-US", "11/20/2026 2:33:00 PM", "2026-11-20T14:33:00"),
        ("en-US", "11/20/2026", "2026-11-20T00:00:00"),
        ("en-us", "1/2/2026 14:05", "2026-01-02T14:05:00"),
        ("en-GB", "05/11/2026 08:30:15", "2026-11-05T08:30:15"),
        ("de-DE", "5.11.2026 08:30", "2026-11-05T08:30:00"),
        ("cs-CZ", "5. 11. 2026", "2026-11-05T00:00:00"),
        ("nl", "05-11-2026", "2026-11-05T00:00:00"),
        ("pt-BR", "05/11/2026", "2026-11-05T00:00:00"),
        ("es-PA", "11/05/2026", "2026-11-05T00:00:00"),
        ("es-PE", "05/11/2026", "2026-11-05T00:00:00"),
        ("sv-FI", "5.11.2026", "2026-11-05T00:00:00"),
        ("eu-ES", "2026/11/05", "2026-11-05T00:00:00"),
        ("ja-JP", "2026/11/05 8:30:15.25", "2026-11-05T08:30:15.25"),
    ],
)
def test_dates_are_read_as_their_culture_orders_them(culture: str, text: str, date: str) -> None:
    iso = "2026-11-05T08:30:15.123Z"
    assert rewritten(culture, "datetime", text, iso, None, "n/a") == [date, iso, None, "n/a"]


@pytest.mark.parametrize("culture", ["en-US", "en-PH", "es-PA"])
def test_points_are_no_sign_of_a_month_that_comes_first(culture: str) -> None:
    german = ["3.1.2026", "03.01.2026 14:33", "20.11.2026"]
    assert rewritten(culture, "date", *german, "3/1/2026") == [*german, "2026-03-01T00:00:00"]


@pytest.mark.parametrize(
    ("culture", "text"), [("de-DE", "11/20/2026"), ("en-US", "20/11/2026 08:30"), ("en-GB", "00/11/2026")]
)
def test_a_date_of_another_order_becomes_no_date_that_nobody_has(culture: str, text: str) -> None:
    assert rewritten(culture, "datetime", text) == [text]


@pytest.mark.parametrize("culture", ["en", "tlh", "", "iv", "es-US"])
def test_the_order_of_dates_is_not_guessed(culture: str) -> None:
    found = culture_of(culture)
    assert found is None or found.dates is None


@pytest.mark.parametrize(
    ("culture", "text", "number"),
    [
        ("de-DE", "1.234,5", "1234.5"),
        ("de-DE", "12,5", "12.5"),
        ("fr-FR", "1\u202f234,5", "1234.5"),
        ("pl", "1 234,5", "1234.5"),
        ("en-US", "1,234.5", "1234.5"),
        ("en-US", "1,234", "1234"),
        ("de-CH", "1'234.5", "1234.5"),
        ("de-LI", "1'234.5", "1234.5"),
        ("pt-PT", "1\u00a0234,5", "1234.5"),
        ("pt-PT", "1.234,5", "1234.5"),
        ("es-CR", "1\u00a0234,5", "1234.5"),
        ("en-ZA", "1,5", "1.5"),
        ("en-DE", "1.234,5", "1234.5"),
        ("es-ES", "5.678,9", "5678.9"),
        ("es-419", "5,678.9", "5678.9"),
    ],
)
def test_numbers_are_read_where_they_can_mean_one_thing_alone(culture: str, text: str, number: str) -> None:
    assert rewritten(culture, "double", text, "1.234", "-7", None) == [number, "1.234", "-7", None]


@pytest.mark.parametrize("culture", SPANISH_WITH_A_POINT)
def test_a_comma_groups_where_spanish_has_a_decimal_point(culture: str) -> None:
    assert rewritten(culture, "double", "1,234", "5,678.9", "1.5") == ["1234", "5678.9", "1.5"]


@pytest.mark.parametrize("culture", ["en-ZA", "en-NL", "en-FI"])
def test_a_comma_does_not_group_where_english_has_a_decimal_comma(culture: str) -> None:
    assert rewritten(culture, "double", "1,234") == ["1.234"]


@pytest.mark.parametrize("culture", ["de-DE", "fr-FR", "es-ES", "pt-BR"])
@pytest.mark.parametrize("kind", ["int64", "integer"])
def test_a_point_groups_whole_numbers_where_the_comma_is_decimal(culture: str, kind: str) -> None:
    texts = ["1.000", "-12.345.678", "7", "1.0", "1.50", None]
    assert rewritten(culture, kind, *texts) == ["1000", "-12345678", "7", "1.0", "1.50", None]


@pytest.mark.parametrize("culture", ["en-US", "de-CH", "es-MX"])
def test_a_point_groups_nothing_where_it_is_decimal(culture: str) -> None:
    assert rewritten(culture, "int64", "1.000") == ["1.000"]


@pytest.mark.parametrize("culture", ["en-US", "de-DE"])
def test_text_is_not_looked_at(culture: str) -> None:
    texts = ["1.234,5", "1,234.5", "11/10/2026", "5.11.2026"]
    assert rewritten(culture, "string", *texts) == texts


@given(
    st.sampled_from(["en-US", "en-GB", "de-DE", "fr", "ja", "sv-SE"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.datetimes(),
)
def test_what_is_plain_already_stays(culture: str, number: float, moment: object) -> None:
    assert rewritten(culture, "double", repr(number)) == [repr(number)]
    told = moment.isoformat()  # type: ignore[attr-defined]
    assert rewritten(culture, "datetime", told) == [told]
