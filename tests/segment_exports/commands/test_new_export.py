"""Listing a source and writing a first definition that is good as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segment_exports.commands import new_export
from segment_exports.commands.exportable import Exportable, exportable, table
from segment_exports.commands.taken_names import Taken
from segment_exports.definition import OrttoSettings, load_definition, load_definitions
from segment_exports.definition.yaml_text import read_yaml
from segment_exports.errors import SourceError
from segment_exports.sources import Attribute, SegmentInfo
from segment_exports.sources.refresh_evidence import SegmentState

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
ATTRIBUTES = (
    Attribute("CustomerId", "string"),
    Attribute("Email Subscriber", "string"),
    Attribute("EMail_Loyalty", "string"),
    Attribute("EMail", "string"),
    Attribute("FirstName", "string"),
    Attribute("Surname", "string"),
    Attribute("Where", "string", "Location.City"),
)


class Tables:
    def __init__(self, *infos: SegmentInfo) -> None:
        self._infos = list(infos)

    def segments(self) -> list[SegmentInfo]:
        return self._infos


def segment(name: str, attributes: tuple[Attribute, ...] = ATTRIBUTES, **more: Any) -> SegmentInfo:
    return SegmentInfo(name, attributes, **more)


TWO = Tables(
    segment("Customer"),
    segment("Churn"),
    segment("Orders", (Attribute("OrderId", "string"),)),
    segment("Big"),
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path))
    return tmp_path


def run(command: str, *arguments: str, source: Any = TWO) -> int:
    main = {"segments": new_export.segments, "new-export": new_export.main}[command]
    return main(arguments, opener=lambda _definition: source)


def addresses(*attributes: Attribute) -> tuple[str, ...]:
    return Exportable((), attributes).addresses


def test_segments_are_the_tables_of_customers_but_the_whole_one() -> None:
    assert [info.name for info in exportable(TWO).segments] == ["Churn", "Big"]  # type: ignore[arg-type]


def test_only_attributes_that_every_segment_has_can_be_mapped() -> None:
    found = exportable(Tables(segment("A"), segment("B", ATTRIBUTES[:2])))  # type: ignore[arg-type]

    assert [one.name for one in found.attributes] == ["CustomerId", "Email Subscriber"]


def test_the_address_is_guessed_by_its_meaning_and_then_by_its_name() -> None:
    semantic = Attribute("Contact", "string", "Identity.Service.Email")

    assert addresses(*ATTRIBUTES, semantic) == ("Contact", "EMail", "EMail_Loyalty")
    assert addresses(*ATTRIBUTES) == ("EMail", "EMail_Loyalty")
    assert addresses(Attribute("doNotEmail", "boolean"), Attribute("Mailing", "string")) == ()


def test_the_list_shows_state_size_age_and_guesses() -> None:
    seen = Tables(
        segment("Churn", state=SegmentState.INACTIVE, members=12_345, evaluated_at=NOW - timedelta(days=9)),
        segment("Big", size_bytes=2_500_000, evaluated_at=NOW - timedelta(hours=5)),
    )

    lines = table(exportable(seen), NOW).splitlines()  # type: ignore[arg-type]

    assert lines[:3] == [
        "segment  state     members  size    evaluated (UTC)   age",
        "Churn    inactive  12,345   -       2026-02-21 06:00  9 days",
        "Big      -         -        2.5 MB  2026-03-02 01:00  5 h",
    ]
    assert "EMail             string                 the email address?" in lines
    assert "Email Subscriber  string                 a permission?" in lines


def test_what_is_written_is_a_good_definition(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new-export", "winback", "--source", "lake", "--path", "lake/Export") == 0

    definition = load_definition(folder / "winback.yaml")
    assert definition.segment_names == ("Churn", "Big")
    assert {field.target: field.attribute for field in definition.mapping.fields} == {
        "Email": "EMail", "FirstName": "FirstName", "LastName": "Surname", "MailingCity": "Where",
    }  # fmt: skip
    text = (folder / "winback.yaml").read_text()
    assert "Email: EMail # guessed" in text
    assert '# permission: {attribute: Email Subscriber, equals: "Yes"}' in text
    assert "make check" in capsys.readouterr().out


def test_what_stands_in_comments_is_good_too(folder: Path) -> None:
    run("new-export", "winback", "--source", "lake", "--path", "lake/Export")
    path = folder / "winback.yaml"
    lines = path.read_text().splitlines()
    path.write_text(
        "\n".join(
            line.replace("# ", "", 1) if line.startswith(("# perm", "# refr")) else line for line in lines
        )
    )

    definition = load_definition(path)

    assert definition.permission is not None
    assert definition.refresh is not None


def test_the_source_of_another_export_is_taken_over(folder: Path) -> None:
    run("new-export", "first", "--source", "api", "--connection", "ci")

    assert run("new-export", "second", "--like", "first", "--segment", "Big", "--email", "EMail_Loyalty") == 0

    second = load_definition(folder / "second.yaml")
    assert second.source == load_definition(folder / "first.yaml").source
    assert second.segment_names == ("Big",)
    assert second.mapping.Email == "EMail_Loyalty"


def test_names_that_yaml_would_misread_are_quoted(folder: Path) -> None:
    odd = ("true", "No: yes", "Müller & Söhne", "#1", "a #b", "-x", "0 1", "Yes")

    assert run("new-export", "odd", "--source", "lake", "--path", "x", source=Tables(*map(segment, odd))) == 0
    assert load_definition(folder / "odd.yaml").segment_names == odd


class TestBesideOtherExports:
    """Two exports never write one list of an account, nor fill one field from two attributes."""

    LAKE = ("--source", "lake", "--path", "x")

    def test_lists_that_are_taken_get_other_titles_in_words(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("new-export", "newsletter", *self.LAKE, "--segment", "Churn")

        assert run("new-export", "win_back", "--like", "newsletter") == 0

        lists = {one.name: one.list for one in load_definition(folder / "win_back.yaml").segments}
        assert lists == {"Churn": "Win back - Churn", "Big": "Big"}
        assert "so they got others: Churn → Win back - Churn\n" in capsys.readouterr().out
        assert "# Other exports write lists of these names" in (folder / "win_back.yaml").read_text()

    def test_however_many_are_written_all_of_them_are_good(self, folder: Path) -> None:
        for name in ("newsletter", "winback", "third"):
            assert run("new-export", name, *self.LAKE) == 0

        assert [one.error for one in load_definitions(folder)] == [None, None, None]

    def test_a_title_that_is_taken_too_gets_a_number(self, folder: Path) -> None:
        odd = Tables(segment("Churn"), segment("Winback - Churn"))
        run("new-export", "newsletter", *self.LAKE, "--segment", "Churn")

        assert run("new-export", "winback", *self.LAKE, source=odd) == 0

        lists = [one.list for one in load_definition(folder / "winback.yaml").segments]
        assert lists == ["Winback - Churn 2", "Winback - Churn"]

    def test_an_export_that_is_refused_for_another_is_heeded_too(self, folder: Path) -> None:
        run("new-export", "newsletter", *self.LAKE)
        text = (folder / "newsletter.yaml").read_text()
        (folder / "copy.yaml").write_text(text.replace("name: newsletter", "name: copy"))

        assert run("new-export", "winback", *self.LAKE) == 0

        refused = [one.stem for one in load_definitions(folder) if one.error]
        assert len(refused) == 1
        assert "winback" not in refused

    def test_lists_of_another_account_are_free(self, folder: Path) -> None:
        run("new-export", "newsletter", *self.LAKE)
        path = folder / "newsletter.yaml"
        path.write_text(path.read_text() + "destination: {connection: autopilot_brazil}\n")

        run("new-export", "winback", *self.LAKE)

        assert [one.list for one in load_definition(folder / "winback.yaml").segments] == ["Churn", "Big"]

    def test_a_tag_in_another_case_may_be_the_same_in_ortto(self, folder: Path) -> None:
        to_ortto = ("--to", "ortto", "--new-people", "unsubscribed", "--create-fields", "yes")
        run("new-export", "newsletter", *self.LAKE, *to_ortto)
        path = folder / "newsletter.yaml"
        path.write_text(path.read_text().replace("- Churn\n", "- {name: Churn, list: CHURN}\n"))

        run("new-export", "winback", *self.LAKE)
        run("new-export", "winback_there", *self.LAKE, *to_ortto)

        assert [one.list for one in load_definition(folder / "winback.yaml").segments] == ["Churn", "Big"]
        lists = [one.list for one in load_definition(folder / "winback_there.yaml").segments]
        assert lists == ["Winback there - Churn", "Winback there - Big"]
        assert [one.error for one in load_definitions(folder)] == [None, None, None]

    def test_fields_are_filled_as_in_the_other_export(self, folder: Path) -> None:
        run("new-export", "newsletter", *self.LAKE)
        path = folder / "newsletter.yaml"
        path.write_text(path.read_text().replace("FirstName: FirstName", "FirstName: Surname"))

        assert run("new-export", "winback", *self.LAKE) == 0

        assert load_definition(folder / "winback.yaml").mapping.FirstName == "Surname"
        assert [one.error for one in load_definitions(folder)] == [None, None]

    def test_a_field_that_can_not_be_filled_alike_is_left_to_a_person(self, folder: Path) -> None:
        run("new-export", "newsletter", *self.LAKE)
        other = Tables(segment("Else", (*ATTRIBUTES[:4], Attribute("firstname", "string"))))

        assert run("new-export", "winback", *self.LAKE, source=other) == 0

        assert load_definition(folder / "winback.yaml").mapping.FirstName is None
        text = (folder / "winback.yaml").read_text()
        assert "  # FirstName: firstname # another export fills it from FirstName; choose one" in text
        assert [one.error for one in load_definitions(folder)] == [None, None]


def test_a_definition_for_ortto_says_what_nobody_can_take_back(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = ("--source", "lake", "--path", "x", "--to", "ortto")
    assert run("new-export", "winback", *source) == 1
    told = capsys.readouterr().err
    assert "destination.new_people: is missing; write subscribed" in told
    assert "destination.create_fields: is missing; write true" in told

    assert run("new-export", "winback", *source, "--new-people", "unsubscribed", "--create-fields", "no") == 0
    there = load_definition(folder / "winback.yaml").destination
    assert isinstance(there, OrttoSettings)
    assert (there.new_people, there.create_fields) == ("unsubscribed", False)


def test_editors_find_the_schema_from_wherever_the_definition_is(folder: Path) -> None:
    run("new-export", "winback", "--source", "lake", "--path", "x")

    first = (folder / "winback.yaml").read_text().splitlines()[0]

    way = first.removeprefix("# yaml-language-server: $schema=")
    assert (folder / way).resolve().name == "export-definition.schema.json"
    assert (folder / way).is_file()


def test_no_schema_is_named_where_there_is_none_or_editors_could_not_read_its_path(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = folder / "a clone" / "schema.json"
    for name, schema in (("first", folder / "nowhere.json"), ("second", blank)):
        monkeypatch.setattr(new_export, "_SCHEMA", schema)
        assert run("new-export", name, "--source", "lake", "--path", "x") == 0
        assert (folder / f"{name}.yaml").read_text().startswith(f"name: {name}")
        blank.parent.mkdir(exist_ok=True)
        blank.touch()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("new-export", "../winback", "--source", "lake", "--path", "x"), "can't name an export"),
        (
            ("new-export", "winback", "--source", "lake", "--path", "x", "--segment", "Nope"),
            "no segment Nope; it has: Churn",
        ),
        (
            ("new-export", "winback", "--source", "lake", "--path", "x", "--email", "Nope"),
            "no attribute Nope; they have: ",
        ),
        (("new-export", "", "--source", "lake", "--path", "x"), "Name the export (with make: NAME=…)"),
        (("new-export", "winback"), "--like <export>, or --source"),
        (("new-export", "winback", "--source", "lake"), "--path <folder or URL> (with make: SOURCE_PATH=…)"),
        (("segments", "--source", "dataverse"), "--connection <id> (with make: CONNECTION=…)"),
        (("segments", "--source", "lake", "--path", "abfss://c/x"), "source: needs a connection"),
        (("segments", "--like", "nobody"), "nobody.yaml can't be read"),
    ],
)
def test_what_can_not_be_done_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], told: str
) -> None:
    assert run(*arguments) == 1
    assert told in capsys.readouterr().err
    assert list(folder.rglob("*.yaml")) == []


def test_a_definition_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "winback.yaml").write_text("mine")

    assert run("new-export", "winback", "--source", "lake", "--path", "x") == 1
    assert "is there already" in capsys.readouterr().err
    assert (folder / "winback.yaml").read_text() == "mine"


def test_a_source_without_address_asks_for_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bare = Tables(segment("A", ATTRIBUTES[:1]))

    assert run("new-export", "winback", "--source", "lake", "--path", "x", source=bare) == 1
    assert "name it with --email. There are: CustomerId" in capsys.readouterr().err


def test_settings_that_are_wrong_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_LAKE", "s3://bucket")
    assert run("segments", "--source", "dataverse", "--connection", "ci") == 1
    assert capsys.readouterr().err.startswith("SEGMENT_EXPORTS_LAKE is a URL; it must be a folder")


def test_a_source_that_can_not_be_read_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Broken:
        def segments(self) -> list[SegmentInfo]:
            raise SourceError("no model.json there")

    assert run("segments", "--source", "lake", "--path", "x", source=Broken()) == 1
    assert capsys.readouterr().err == "no model.json there\n"


NAMES = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from('\u2028\u2029\x85\r\n:#"'), min_size=1
)


@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), NAMES, NAMES, st.dictionaries(NAMES, NAMES))
def test_whatever_the_names_of_a_source_are_the_file_says_them_and_no_more(
    names: list[str], address: str, consent: str, others: dict[str, str]
) -> None:
    attributes = (Attribute(address, "string"), Attribute(f"{consent} consent", "string"), *ATTRIBUTES)
    infos = tuple(SegmentInfo(name, attributes) for name in names)
    taken = Taken(frozenset(names[:1]), {"FirstName": consent, **others})
    source = {"type": "lake", "path": consent, "checks": {"when_stale": "warn", "note": address}}
    text = new_export.draft("x", source, Exportable(infos, attributes), email=address, taken=taken)
    told = read_yaml(text).value
    assert list(told) == ["name", "source", "segments", "mapping"]
    assert told["source"] == source
    first = {"name": names[0], "list": f"X - {names[0]}"}
    assert told["segments"] == [first, *names[1:]]
    assert told["mapping"]["Email"] == address
    assert set(told["mapping"]) <= {"Email", "FirstName", "LastName", "MailingCity"}
