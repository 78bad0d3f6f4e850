from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.exceptions import ParamValidationError

from segment_exports.definition import ExportDefinition
from segment_exports.errors import DefinitionError
from segment_exports.settings import bounds
from segment_exports_airflow.run_form import form_fields, read_form


@pytest.fixture
def definition() -> ExportDefinition:
    return ExportDefinition.model_validate(
        {
            "name": "newsletter",
            "source": {"type": "lake", "path": "lake"},
            "segments": ["Gold", "Silver"],
            "mapping": {"Email": "EMail"},
        }
    )


def filled_in(definition: ExportDefinition, **answers: Any) -> dict[str, Any]:
    form = ParamsDict(form_fields(definition))
    form.update(answers)
    return form.validate()


def test_an_empty_form_asks_for_everything(definition: ExportDefinition) -> None:
    request = read_form(definition, filled_in(definition))

    assert request.segments == ("Gold", "Silver")
    assert request.sample is None
    assert request.as_of is None
    assert not request.options.dry_run
    assert not request.options.full_resync


def test_a_choice_that_was_cleared_asks_for_all_segments(definition: ExportDefinition) -> None:
    assert read_form(definition, filled_in(definition, segments=None)).segments == ("Gold", "Silver")


def test_a_subset_keeps_the_order_of_the_definition(definition: ExportDefinition) -> None:
    request = read_form(definition, filled_in(definition, segments=["Silver", "Gold"]))

    assert request.segments == ("Gold", "Silver")


@pytest.mark.parametrize(
    "answers",
    [{"segments": ["Bronze"]}, {"segments": "Gold"}, {"sample": 0}, {"sample": "ten"}, {"dry_run": "yes"}],
)
def test_the_form_refuses_what_it_does_not_offer(
    definition: ExportDefinition, answers: dict[str, Any]
) -> None:
    with pytest.raises(ParamValidationError):
        filled_in(definition, **answers)


def test_a_sample_has_so_many_profiles_and_not_one_more(definition: ExportDefinition) -> None:
    most = bounds.SAMPLE_ROWS
    assert read_form(definition, filled_in(definition, sample=most)).sample == most
    with pytest.raises(ParamValidationError):
        filled_in(definition, sample=most + 1)
    with pytest.raises(DefinitionError) as refused:
        read_form(definition, filled_in(definition) | {"sample": most + 1})
    assert str(refused.value) == "sample: it must be from 1 to 1,000,000,000, or empty for all profiles"


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        (
            {"dryrun": True},
            r"dryrun isn't known\. Did you mean dry_run\? Allowed: segments, sample, snapshot,",
        ),
        ({"Dry_Run": True, "full_resync": True}, r"Dry_Run isn't known\. Did you mean dry_run\? Allowed"),
        ({"colour": "red"}, r"configuration: colour isn't known\. Allowed: segments"),
        ({"forse": True, "Sample": 1}, r"Sample isn't .* mean sample\? forse isn't .* mean force\? Allowed"),
    ],
)
def test_a_mistyped_key_is_refused_and_not_passed_over(
    definition: ExportDefinition, answers: dict[str, Any], told: str
) -> None:
    with pytest.raises(DefinitionError, match=told):
        read_form(definition, filled_in(definition, **answers))


def test_a_key_of_airflows_own_is_none_of_ours(definition: ExportDefinition) -> None:
    request = read_form(definition, filled_in(definition, **{"airflow/task_span_detail_level": 2}))

    assert request.segments == ("Gold", "Silver")


def test_a_segment_that_left_the_definition_since_is_refused(definition: ExportDefinition) -> None:
    with pytest.raises(DefinitionError, match="Bronze not in this export; it has Gold, Silver"):
        read_form(definition, {"segments": ["Bronze"]})


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-31T05:00:00", datetime(2026, 5, 31, 5, tzinfo=UTC)),
        ("2026-05-31T05:00:00-03:00", datetime(2026, 5, 31, 8, tzinfo=UTC)),
        ("2026-05-31T05:00:00Z", datetime(2026, 5, 31, 5, tzinfo=UTC)),
    ],
)
def test_a_snapshot_time_without_a_zone_is_utc(
    definition: ExportDefinition, text: str, time: datetime
) -> None:
    assert read_form(definition, {"snapshot": text}).as_of == time


@pytest.mark.parametrize("text", ["last Tuesday", "0001-01-01T00:00:00+14:00"])
def test_a_time_that_cannot_be_read_is_refused_with_its_form(definition: ExportDefinition, text: str) -> None:
    with pytest.raises(DefinitionError, match="write it as 2026-05-31T05:00:00"):
        read_form(definition, {"snapshot": text})


def test_every_field_is_explained(definition: ExportDefinition) -> None:
    for name, param in form_fields(definition).items():
        assert param.schema["title"], name
        assert param.description, name
        assert param.schema["section"], name


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"segments": "Gold"}, "segments: is text of 4 characters; it must be a list of names, or null"),
        ({"segments": [1]}, "segments: is a list of 1 item; it must be a list of names, or null"),
        ({"sample": "5"}, "sample: is text of 1 character; it must be a whole number, or null"),
        ({"sample": True}, "sample: is true; it must be a whole number, or null"),
        ({"snapshot": 5}, "snapshot: is 5; it must be text such as 2026-05-31T05:00:00+00:00, or null"),
        ({"dry_run": None}, "dry_run: is empty; it must be true or false"),
        ({"force": "no"}, "force: is text of 2 characters; it must be true or false"),
    ],
)
def test_a_value_of_another_type_is_refused_where_airflow_does_not_look(
    definition: ExportDefinition, answers: dict[str, Any], words: str
) -> None:
    """As where the schema of the form was another one when the run was triggered."""
    with pytest.raises(DefinitionError) as refused:
        read_form(definition, filled_in(definition) | answers)

    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"segments": ["x" * 1_000_000]}, "segments: xxx"),
        ({"segments": [f"s{number}" for number in range(100_000)]}, "segments: s0, "),
        ({"y" * 1_000_000: True}, "the run's configuration: yyy"),
        ({f"k{number}": 1 for number in range(10_000)}, "the run's configuration: k0 isn't known"),
        ({"snapshot": "../" * 100_000}, "snapshot: can't be read as a time"),
        ({"sample": 10**30}, "sample: it must be from 1 to 1,000,000,000"),
        ({"segments": ["\x1b[2J\u202e"]}, "segments: [2J not in this export"),
    ],
)
@pytest.mark.timeout(10)
def test_whatever_a_run_was_asked_for_is_refused_in_a_message_that_can_be_read(
    definition: ExportDefinition, params: dict[str, Any], told: str
) -> None:
    with pytest.raises(DefinitionError) as refused:
        read_form(definition, params)
    assert str(refused.value).startswith(told)
    assert len(str(refused.value)) < 3_000
