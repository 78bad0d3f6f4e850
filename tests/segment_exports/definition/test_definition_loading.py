"""Definitions from files: messages that a user can act on, and one broken file that stays alone."""

from __future__ import annotations

import copy
import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segment_exports.definition import definitions_folder, load_definition, load_definitions
from segment_exports.errors import DefinitionError
from segment_exports.settings import bounds

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "include/exports/newsletter.yaml"
ORTTO = "{type: ortto, new_people: subscribed, create_fields: true, "


def refusal(path: Path) -> str:
    with pytest.raises(DefinitionError) as refused:
        load_definition(path)
    return str(refused.value)


def test_the_example_is_good() -> None:
    example = load_definition(EXAMPLE)
    assert example.list_of("ChurnProne") == "Win-back"
    assert example.permission
    assert example.permission.equals == ("Yes",)
    assert len(example.mapping.fields) == 9


def test_yes_without_quotes_means_yes(write: Callable[..., Path]) -> None:
    loaded = load_definition(write(more="permission: {attribute: Email Subscriber, equals: Yes}\n"))
    assert loaded.permission
    assert loaded.permission.equals == ("Yes",)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("colour: red\n", "newsletter.yaml, line 5, colour: isn't known. Allowed: name, display_name"),
        ("when_member_leave: keep\n", "Did you mean when_member_leaves?"),
        (
            "limit: {profiles: many}\n",
            "line 5, limit.profiles: is text of 4 characters; it must be a whole number",
        ),
        ("limit: {profiles: 0}\n", "line 5, limit.profiles: is 0; it must be at least 1"),
        ("limit: {when_over: truncat}\n", "allowed: fail, truncate. Did you mean truncate?"),
        ("limit: 5\n", "line 5, limit: is 5; it must be a mapping of keys"),
        ("guards:\n  min_count: true\n", "line 6, guards.min_count: is true; it must be a whole number"),
        ("permission: {attribute: A, equals: }\n", "permission.equals: is empty; write the value"),
        ("permission: {attribute: 5, equals: x}\n", "is 5; it must be text; put it in quotes"),
        (
            "refresh: {timezone: Mars, times: ['05:00']}\n",
            "refresh.timezone: isn't a time zone; write an IANA",
        ),
        ("refresh: {timezone: UTC, times: [5:00]}\n", 'refresh.times (item 1): must be a time from "00:00"'),
        ("refresh: {timezone: UTC}\n", "refresh.times: is missing; it is required"),
        ("description: [a, b]\n", "description: is a list of 2 items; it must be text"),
        ("retention_days: 3651\n", "retention_days: is 3651; it must be at most 3650"),
        ("history_days: 3651\n", "history_days: is 3651; it must be at most 3650"),
        ("limit: {profiles: 1000000001}\n", "limit.profiles: is 1000000001; it must be at most 1000000000"),
        (
            "guards: {min_count: 1000000001}\n",
            "guards.min_count: is 1000000001; it must be at most 1000000000",
        ),
    ],
)
def test_a_wrong_value_is_told_with_line_key_shape_and_what_is_allowed(
    write: Callable[..., Path], more: str, told: str
) -> None:
    assert told in refusal(write(more=more))


@pytest.mark.parametrize(
    ("source", "told"),
    [
        (
            "{type: lak, path: x}",
            "source.type: is text of 3 characters; allowed: lake, dataverse, api. Did you mean",
        ),
        ("{path: x}", "source.type: is missing; allowed: lake, dataverse, api"),
        ("{type: lake}", "source.path: is missing"),
        ("{type: lake, path: x, pth: y}", "source.pth: isn't known. Did you mean path? Allowed: type, path"),
        ("{type: api}", "source.connection: is missing"),
        ("lake", "source: is text of 4 characters"),
        (
            "{type: lake, connection: c, path: 'abfss://container@account.dfs.core.windows.net/x'}",
            "write abfss://<container>/<folders> and put the account into the Airflow connection",
        ),
        (
            "{type: lake, path: 'https://account.blob.core.windows.net/lake/CustomerInsights_1/Export?sig=s3cret'}",
            "source.path: is a web address; write abfss://lake/CustomerInsights_1/Export and put the account",
        ),
        (
            "{type: lake, connection: c, path: 'https://account.dfs.core.windows.net'}",
            "source.path: is a web address; write abfss://<container>/<folders> and put the account into",
        ),
        (
            "{type: lake, connection: c, path: 'http://lake.example.com/x'}",
            "source.path: is a web address; write abfss://<container>/<folders> and put the account into",
        ),
    ],
)
def test_a_wrong_source_is_told(write: Callable[..., Path], source: str, told: str) -> None:
    text = f"name: newsletter\nsource: {source}\nsegments: [A]\nmapping: {{Email: E}}\n"
    assert told in refusal(write(text))


@pytest.mark.parametrize(
    ("destination", "told"),
    [
        ("{type: elsewhere}", "destination.type: is text of 9 characters; allowed: autopilot, ortto"),
        ("{type: autopilto}", "allowed: autopilot, ortto. Did you mean autopilot?"),
        ("", "destination: is empty; it must be a mapping of keys"),
        (
            "{membership: bulky}",
            "destination.membership: is text of 5 characters; allowed: auto, bulk, list, field",
        ),
        (
            "{membership: tag}",
            "destination.membership: is text of 3 characters; allowed: auto, bulk, list, field",
        ),
        (
            "{new_people: subscribed}",
            "destination.new_people: is a key of `type: ortto` only; leave it out, or",
        ),
        (
            "{type: ortto, create_fields: true}",
            "destination.new_people: is missing; write subscribed (whomever",
        ),
        (
            "{type: ortto, new_people: subscribed}",
            "destination.create_fields: is missing; write true (custom",
        ),
        (ORTTO + "membership: list}", "destination.membership: is a key of `type: autopilot` only: in Ortto"),
        (ORTTO + "conection: x}", "destination.conection: isn't known. Did you mean connection?"),
        (
            ORTTO + "phone_country_code: +61}",
            "destination.phone_country_code: is 61; it must be text; put it in",
        ),
        (
            ORTTO + "phone_country_code: '0061'}",
            "destination.phone_country_code: must be a country code such as",
        ),
    ],
)
def test_a_wrong_destination_is_told(write: Callable[..., Path], destination: str, told: str) -> None:
    assert told in refusal(write(more=f"destination: {destination}\n"))


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        ("{Email: E, FirstNam: F}", "mapping.FirstNam: isn't known. Did you mean FirstName?"),
        ("{Email: E, email: F}", "mapping.email: isn't known. Did you mean Email?"),
        ("{Email: E, unsubscribed: U}", "mapping.unsubscribed: can't be mapped: it is never sent"),
        ("{Email: E, _NewEmail: U}", "mapping._NewEmail: can't be mapped: a changed address is followed by"),
        ("{FirstName: F}", "mapping.Email: is missing; it is required"),
        ("{Email: E, custom: {string--Loyalty Tier: T}}", "write each blank as two hyphens"),
        ("{Email: E, 'bol::p': U}", "mapping.bol::p: can't be mapped: it says who may be mailed"),
        (
            "{Email: E, custom: {string--Tier: {attribute: T, values: [a]}}}",
            "mapping.custom: gives string--Tier values; only select and multiselect have them",
        ),
        (
            "{Email: E, custom: {select--Size: {attribute: S, values: [a, b, a]}}}",
            "mapping.custom: gives select--Size the value a more than once",
        ),
        (
            "{Email: E, custom: {multiselect--Colors: {attribute: S, values: [a, 'b;c']}}}",
            "mapping.custom: gives multiselect--Colors a value with a semicolon",
        ),
        (
            "{Email: E, custom: {phone--Work: {attribute: T, format: '0061'}}}",
            "mapping.custom: gives phone--Work a format that must be a country code such as +61",
        ),
        (
            "{Email: E, custom: {string-Tier: T}}",
            "must be <type>--<Name>, where <type> is one of string, integer",
        ),
        (
            "{Email: E, custom: {integer--Points: }}",
            "mapping.custom.integer--Points: is empty; it must be an attribute's name, or a mapping of",
        ),
        (
            "{Email: E, custom: {date--Born: {attribute: B, format: dd.MM}}}",
            "mapping.custom: gives date--Born a format that must have year, month and day once each",
        ),
        (
            "{Email: E, custom: {float--Income: {attribute: I, format: de-DE}}}",
            "mapping.custom: gives float--Income a format that must be the number 1234.56",
        ),
        (
            "{Email: E, custom: {string--Tier: {attribute: T, format: dd.MM.yyyy}}}",
            "mapping.custom: gives string--Tier a format; only dates, numbers and phones have one",
        ),
    ],
)
def test_a_wrong_mapping_is_told(write: Callable[..., Path], mapping: str, told: str) -> None:
    text = f"name: newsletter\nsource: {{type: lake, path: x}}\nsegments: [A]\nmapping: {mapping}\n"
    message = refusal(write(text))
    assert told in message
    assert "errors" not in message


IN_FIELDS = """name: {name}
source: {{type: lake, path: x}}
destination: {{membership: field}}
segments: [{segments}]
mapping: {{Email: E, custom: {{{custom}}}}}
"""


def test_of_a_bad_item_of_a_list_is_not_said_that_the_list_is_too_short(write: Callable[..., Path]) -> None:
    text = IN_FIELDS.format(name="newsletter", segments="{name: A, list: ' B'}", custom="")
    assert refusal(write(text)) == (
        "newsletter.yaml, line 4, segments (item 1).list: has blanks at its start or end; take them away"
    )


def test_two_lists_of_one_custom_field_are_told_by_their_titles(write: Callable[..., Path]) -> None:
    segments = "{name: A, list: Win back}, {name: B, list: Win--back}"
    assert refusal(write(IN_FIELDS.format(name="newsletter", segments=segments, custom=""))) == (
        "newsletter.yaml, line 4, segments: gives the lists Win back and Win--back one custom field, "
        "boolean--List--Win--back, since a blank is written as two hyphens; give one of them another title, "
        "or don't set destination.membership to field"
    )


def test_a_mapping_into_the_custom_field_of_a_list_is_told(write: Callable[..., Path]) -> None:
    custom = "boolean--List--Gold: Flag"
    assert refusal(write(IN_FIELDS.format(name="newsletter", segments="Gold", custom=custom))) == (
        "newsletter.yaml, line 5, mapping: fills the custom field boolean--List--Gold, which holds who is on "
        "the list Gold; map another field, give the list another title, or don't set destination.membership "
        "to field"
    )


def test_all_errors_of_a_file_are_told_at_once_in_its_order(write: Callable[..., Path]) -> None:
    message = refusal(
        write(
            "name: other\nsource: {type: lake, path: x}\nsegments: []\n"
            "mapping: {FirstNam: F}\nguards: {min_count: -1}\n"
        )
    )
    lines = message.splitlines()
    assert lines[0] == "newsletter.yaml has 5 errors:"
    assert [line.split(":")[0] for line in lines[1:]] == [
        "- line 1, name",
        "- line 3, segments",
        "- line 4, mapping.Email",
        "- line 4, mapping.FirstNam",
        "- line 5, guards.min_count",
    ]


def test_the_name_is_the_name_of_the_file(write: Callable[..., Path]) -> None:
    path = write()
    other = path.rename(path.with_name("winback.yaml"))
    assert refusal(other) == "winback.yaml, line 1, name: must be winback, the name of the file without .yaml"


def test_a_file_name_that_no_dag_can_have_is_told(write: Callable[..., Path]) -> None:
    path = write()
    other = path.rename(path.with_name("News-Letter.yaml"))
    assert "its file name must be lower-case letters, digits and _" in refusal(other)


def test_a_name_that_is_too_long_for_a_dag_is_told_with_its_length(write: Callable[..., Path]) -> None:
    assert load_definition(write(file=f"{'a' * 243}.yaml")).name == "a" * 243
    told = refusal(write(file=f"{'a' * 244}.yaml"))
    assert "its file name has 244 characters; at most 243 can name a DAG" in told


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "newsletter.yaml is empty; it must be a mapping that begins with name: newsletter"),
        (b"- a\n- b\n", "newsletter.yaml is a list of 2 items"),
        (b"name: newsletter\nx: \xff\n", "newsletter.yaml, line 2: isn't UTF-8"),
        ("name: newsletter\n".encode("utf-16"), "newsletter.yaml, line 1: isn't UTF-8; save the file as"),
        ("name: newsletter\n".encode("utf-16-le"), "newsletter.yaml, line 1: isn't UTF-8; save the file as"),
        (b"name: newsletter\nx: !!python/name:os.system\n", "newsletter.yaml, line 2: uses a YAML tag"),
        (b"name: newsletter\nname: newsletter\n", "newsletter.yaml, line 2: has the key name twice"),
        (b"name: [newsletter\n", "newsletter.yaml, line 1: opens a bracket ([) that is never closed"),
    ],
)
def test_a_file_that_is_no_definition_is_told(write: Callable[..., Path], raw: bytes, told: str) -> None:
    path = write()
    path.write_bytes(raw)
    assert told in refusal(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert "can't be read: No such file" in refusal(tmp_path / "newsletter.yaml")


_SECRETS = ["jane.doe@example.com", "0123456789abcdef0123456789abcdef"]
_VALUES = st.sampled_from(
    [*_SECRETS, "ortto", 5, -1, 0.5, True, None, "", [], {}, [_SECRETS[0]], {"a": _SECRETS[1]}]
)
_PATHS = st.sampled_from(
    [
        ("source",),
        ("source", "type"),
        ("source", "path"),
        ("destination",),
        ("destination", "membership"),
        ("destination", "type"),
        ("destination", "new_people"),
        ("destination", "phone_country_code"),
        ("mapping", "custom", "select--Size"),
        ("segments",),
        ("mapping",),
        ("mapping", "Email"),
        ("mapping", "custom"),
        ("permission",),
        ("permission", "equals"),
        ("refresh",),
        ("refresh", "times"),
        ("refresh", "days"),
        ("limit",),
        ("guards", "min_count"),
        ("when_member_leaves",),
        ("wait_for_refresh",),
        ("max_age_hours",),
    ]
)


@settings(max_examples=150)
@given(st.dictionaries(_PATHS, _VALUES, min_size=1, max_size=4))
def test_no_message_repeats_a_value(tmp_path_factory: pytest.TempPathFactory, changes: dict) -> None:
    content: dict = {
        "name": "newsletter",
        "source": {"type": "lake", "path": "x"},
        "segments": ["A"],
        "mapping": {"Email": "E"},
    }
    for path, value in changes.items():
        inner = content
        for key in path[:-1]:
            if not isinstance(inner.get(key), dict):
                inner[key] = {}
            inner = inner[key]
        inner[path[-1]] = copy.deepcopy(value)
    file = tmp_path_factory.mktemp("definitions") / "newsletter.yaml"
    file.write_text(json.dumps(content))
    told = load_definitions(file.parent)[0].error
    assert told is None or told.startswith("newsletter.yaml")
    assert not any(secret in (told or "") for secret in _SECRETS)


def test_a_broken_file_leaves_the_others_alone(write: Callable[..., Path], tmp_path: Path) -> None:
    write(file="a.yaml")
    write("nonsense: [", file="b.yaml")
    write(file="c.yml", more="destination: {connection: other}\n")
    write(file="_draft.yaml")
    write(file="notes.txt")
    loaded = load_definitions(tmp_path)
    assert [one.stem for one in loaded] == ["a", "b", "c"]
    assert [one.definition is not None for one in loaded] == [True, False, True]
    assert loaded[1].error
    assert "b.yaml" in loaded[1].error


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="SEGMENT_EXPORTS_DEFINITIONS"):
        load_definitions(tmp_path / "missing")


def test_an_environment_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SEGMENT_EXPORTS_DEFINITIONS", str(tmp_path))
    assert definitions_folder() == tmp_path
    monkeypatch.delenv("SEGMENT_EXPORTS_DEFINITIONS")
    assert definitions_folder() == ROOT / "include/exports"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Run the package as ``pip install .`` leaves it, with ``include/exports`` in some folders."""
    monkeypatch.setattr(
        "segment_exports.definition.loading.__file__",
        str(tmp_path / "lib/site-packages/segment_exports/definition/loading.py"),
    )
    for name in ("SEGMENT_EXPORTS_DEFINITIONS", "AIRFLOW__CORE__DAGS_FOLDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path / "home"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def found(*projects: str) -> Path:
        for project in projects:
            (tmp_path / project / "include/exports").mkdir(parents=True)
        return definitions_folder().relative_to(tmp_path)

    return found


def test_an_installed_package_finds_the_definitions_beside_airflows_dags(
    installed: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(tmp_path / "project/dags"))
    assert installed("project", "home", "here") == Path("project/include/exports")


@pytest.mark.parametrize(
    ("projects", "taken"), [(("home", "here"), "home"), (("here",), "here"), ((), "home")]
)
def test_an_installed_package_looks_in_airflows_home_and_then_in_the_working_directory(
    installed: Callable[..., Path], projects: tuple[str, ...], taken: str
) -> None:
    assert installed(*projects) == Path(taken, "include/exports")


def test_fifty_definitions_load_in_the_time_that_a_dag_file_may_take(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    for number in range(50):
        mine = text.replace("name: newsletter", f"name: export_{number}", 1)
        mine = mine.replace("autopilot_default", f"account_{number}")
        (tmp_path / f"export_{number}.yaml").write_text(mine, encoding="utf-8")
    seconds = []
    for _ in range(3):
        started = time.process_time()
        loaded = load_definitions(tmp_path)
        seconds.append(time.process_time() - started)
        assert all(one.error is None for one in loaded)
    assert min(seconds) < 0.2


@pytest.mark.timeout(20)
def test_what_is_no_file_of_the_folder_is_told_and_leaves_the_others_alone(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    write()
    elsewhere = tmp_path.with_name(f"{tmp_path.name}-elsewhere")
    elsewhere.mkdir()
    (elsewhere / "outside.yaml").write_text("name: outside\n")
    (tmp_path / "outside.yaml").symlink_to(elsewhere / "outside.yaml")
    (tmp_path / "device.yaml").symlink_to("/dev/zero")
    (tmp_path / "circle.yaml").symlink_to("circle.yaml")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "huge.yaml").write_bytes(b"# " + b"x" * (1 << 22))
    os.mkfifo(tmp_path / "pipe.yaml")
    loaded = {one.stem: one for one in load_definitions(tmp_path)}
    assert loaded["newsletter"].definition
    told = {stem: one.error.removeprefix(f"{one.path} ") for stem, one in loaded.items() if one.error}
    assert told == {
        "circle": "is a link that leads round in a circle",
        "device": f"is a link that leads out of {tmp_path}",
        "folder": "is a folder, and no file",
        "huge": "has more than 1,048,576 bytes",
        "outside": f"is a link that leads out of {tmp_path}",
        "pipe": "is a pipe, and no file",
    }


def refusal_soon(path: Path) -> str:
    begun = time.perf_counter()
    told = refusal(path)
    assert time.perf_counter() - begun < 20
    return told


def test_an_export_has_so_many_segments_and_not_one_more(write: Callable[..., Path]) -> None:
    begin = "name: newsletter\nsource: {type: lake, path: lake}\nmapping: {Email: EMail}\nsegments:\n"
    most = [f"- S{number}\n" for number in range(bounds.DEFINITION_ITEMS)]
    assert len(load_definition(write(begin + "".join(most))).segments) == bounds.DEFINITION_ITEMS
    told = refusal_soon(write(begin + "".join([*most, "- More\n"])))
    assert (
        told == "newsletter.yaml, line 4, segments: is a list of 1001 items; it may have at most 1000 items"
    )


def test_a_mapping_has_so_many_custom_fields_and_not_one_more(write: Callable[..., Path]) -> None:
    begin = (
        "name: newsletter\nsource: {type: lake, path: lake}\nsegments: [A]\nmapping:\n  Email: E\n  custom:\n"
    )
    most = [f"    string--F{number}: A\n" for number in range(bounds.DEFINITION_ITEMS)]
    load_definition(write(begin + "".join(most)))
    told = refusal_soon(write(begin + "".join([*most, "    string--More: A\n"])))
    assert (
        told
        == "newsletter.yaml, line 6, mapping.custom: is a mapping of 1001 keys; it may have at most 1000 keys"
    )


def test_a_field_has_so_many_choices_and_not_one_more(write: Callable[..., Path]) -> None:
    text = (
        "name: newsletter\nsource: {{type: lake, path: lake}}\nsegments: [A]\n"
        "mapping: {{Email: E, custom: {{select--Size: {{attribute: S, values: [{0}]}}}}}}\n"
    )
    most = [f"size {number}" for number in range(bounds.DEFINITION_ITEMS)]
    load_definition(write(text.format(", ".join(most))))
    told = refusal_soon(write(text.format(", ".join([*most, "more"]))))
    assert "values: is a list of 1001 items; it may have at most 1000 items" in told


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("permission: {{attribute: {name}, equals: x}}\n", "permission.attribute"),
        ("destination: {{connection: {name}}}\n", "destination.connection"),
        ("display_name: {name}\n", "display_name"),
    ],
)
def test_a_name_has_so_many_characters_and_not_one_more(
    write: Callable[..., Path], written: str, key: str
) -> None:
    load_definition(write(more=written.format(name="n" * bounds.NAME_CHARACTERS)))
    told = refusal(write(more=written.format(name="n" * (bounds.NAME_CHARACTERS + 1))))
    assert (
        told
        == f"newsletter.yaml, line 5, {key}: is text of 201 characters; it may have at most 200 characters"
    )


@pytest.mark.parametrize("line", ["  - {name: 1}\n", "  - ''\n", "  - twice\n"])
def test_whatever_is_wrong_many_times_is_told_soon_and_briefly(write: Callable[..., Path], line: str) -> None:
    begin = "name: newsletter\nsource: {type: lake, path: lake}\nmapping: {Email: EMail}\nsegments:\n"
    told = refusal_soon(write(begin + line * (200_000 // len(line))))
    assert len(told) < 20_000


def test_unknown_keys_without_number_are_told_soon_and_briefly(write: Callable[..., Path]) -> None:
    told = refusal_soon(write(more="".join(f"retention{number}: 1\n" for number in range(12_000))))
    assert told.startswith("newsletter.yaml has 50 or more errors:\n")
    assert told.count("\n") == bounds.PROBLEMS_TOLD


def test_a_folder_has_so_many_definitions_and_not_one_more(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "DEFINITIONS", 3)
    for number in range(3):
        folder = write(file=f"e{number}.yaml").parent
    assert len(load_definitions(folder)) == 3
    write(file="more.yaml")
    with pytest.raises(DefinitionError, match="holds 4 definitions; at most 3 are read"):
        load_definitions(folder)


@pytest.mark.parametrize(
    "more",
    [
        f"{'k' * 200_000}: 1\n",
        "".join(f"k{number}: 1\n" for number in range(20_000)),
        f"permission: {{attribute: {'a' * 100_000}, equals: x}}\n",
        'recency: "\\x1b]0;owned\\a\\u202e"\n',
        '"k\\x1b[2J\\u2028": 1\n',
        "display_name: [" * 1000 + "\n",
    ],
    ids=["long key", "many keys", "long value", "hidden value", "hidden key", "nested"],
)
@pytest.mark.timeout(30)
def test_whatever_is_wrong_the_message_can_be_read(write: Callable[..., Path], more: str) -> None:
    told = refusal(write(more=more))
    assert len(told) <= bounds.MESSAGE_CHARACTERS
    assert all(line.isprintable() for line in told.split("\n"))
    assert max(map(len, told.split("\n"))) < 1_500
