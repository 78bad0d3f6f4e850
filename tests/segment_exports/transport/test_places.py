"""A URL leads to one place, whoever reads it: those who send credentials read it as it is judged."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st
from urllib3.util import parse_url
from yarl import URL

from segment_exports.settings import bounds
from segment_exports.transport.places import Place, UrlError, is_host, place_of_url, service_url

EXAMPLE = "https://api.example.com/v1"
RIGHT = "org.crm4.example"

ELSEWHERE_FOR_SOME_READER = [
    rf"https://thief.example\@{RIGHT}/next",
    rf"https://{RIGHT}\@thief.example/next",
    rf"https://{RIGHT}\.thief.example/next",
    rf"https:\\{RIGHT}/next",
    rf"https:/\{RIGHT}/next",
    f"https://user:pw@{RIGHT}/next",
    f"https://@{RIGHT}/next",
    f"https://{RIGHT}@thief.example/next",
    f"https://{RIGHT}%40thief.example/next",
    f"https://{RIGHT}%2f@thief.example/next",
    f"https://{RIGHT} .thief.example/next",
    f"https://{RIGHT}\t.thief.example/next",
    f"https://{RIGHT}\n/next",
    f"https://{RIGHT}\r\nHost: thief.example/next",
    f"https://{RIGHT}\x00.thief.example/next",
    f"https://{RIGHT}\u00a0/next",
    f"https://{RIGHT}\u200b/next",
    f"https://{RIGHT}\u3002thief.example/next",
    f"https://{RIGHT}\uff0fthief.example/next",
    f"https://{RIGHT}\uff03@thief.example/next",
    "https://\uff4frg.crm4.example/next",
    "https://b\u00fccher.example/next",
    "https://fa\u00df.example/next",
    "https://\u212bbc.example/next",
    f"https://{RIGHT}./next",
    f"https://{RIGHT}../next",
    "https://o%72g.crm4.example/next",
    "https:///next",
    "https:/next",
    "https:next",
    f"//{RIGHT}/next",
    f"ftp://{RIGHT}/next",
    "file:///etc/passwd",
    "javascript:alert(1)",
    f"https://{RIGHT}:/next",
    f"https://{RIGHT}:0/next",
    f"https://{RIGHT}:65536/next",
    f"https://{RIGHT}:+443/next",
    f"https://{RIGHT}:4_43/next",
    f"https://{RIGHT}:\u0664\u0664\u0663/next",
    f"https://{RIGHT}:443:443/next",
    "https://2130706433/next",
    "https://0x7f.1/next",
    "https://0x7f000001/next",
    "https://0177.0.0.1/next",
    "https://127.1/next",
    "https://127.0.0.1.1/next",
    "https://256.0.0.1/next",
    "https://[fe80::1%25eth0]/next",
    "https://[::1]thief.example/next",
    "https://[127.0.0.1]/next",
    "https://[::1/next",
    "https://::1/next",
    f"https://{RIGHT}/next#fragment",
    f"https://{RIGHT}/api/../../other",
    f"https://{RIGHT}/api/%2e%2e/other",
    f"https://{RIGHT}/api/..%2fother",
    f"https://{RIGHT}/api/%2E",
    "",
]


@pytest.mark.parametrize("url", ELSEWHERE_FOR_SOME_READER)
def test_what_readers_may_differ_about_leads_nowhere(url: str) -> None:
    with pytest.raises(UrlError) as refused:
        place_of_url(url)
    assert "pw" not in str(refused.value)
    assert "thief" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://org.crm4.example/next", "https://org.crm4.example:443"),
        ("HTTPS://ORG.crm4.Example:443", "https://org.crm4.example:443"),
        ("http://org.crm4.example:8080?x=a@b", "http://org.crm4.example:8080"),
        ("https://org.crm4.example/a@b?c=\u00e9&d=https://other.example/..", "https://org.crm4.example:443"),
        ("http://a_b:8025/v1", "http://a_b:8025"),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:1"),
        ("https://[2001:DB8:0::1]/x", "https://[2001:db8::1]:443"),
        ("https://xn--bcher-kva.example/x", "https://xn--bcher-kva.example:443"),
    ],
)
def test_where_a_plain_url_leads(url: str, place: str) -> None:
    assert str(place_of_url(url)) == place


@given(
    st.text(alphabet="ab1.:@/[]%?#\\ -\u00fc\uff0f\u3002\t\n0xX_", max_size=24).map("https://{}".format)
    | st.text(max_size=40)
)
@example(r"https://a\@b/")
def test_requests_and_aiohttp_ask_where_it_was_judged_to_lead(url: str) -> None:
    with suppress(UrlError):
        place = place_of_url(url)
        prepared = str(requests.Request("GET", url).prepare().url)
        assert place_of_url(prepared) == place
        asked = parse_url(prepared)
        assert _place(str(asked.scheme), str(asked.host), asked.port) == place
        for_aiohttp = URL(url, encoded=True)
        assert _place(for_aiohttp.scheme, f"{for_aiohttp.raw_host}", for_aiohttp.port) == place
        for_python = urlsplit(url)
        assert _place(for_python.scheme, str(for_python.hostname), for_python.port) == place


def _place(scheme: str, host: str, port: int | None) -> Place:
    bare = host.strip("[]")
    return Place(scheme, f"[{bare}]" if ":" in bare else bare, port or {"http": 80, "https": 443}[scheme])


@given(st.text(max_size=80) | st.text(alphabet="ab0.-_:%x", max_size=70))
def test_a_host_is_one_for_every_reader(name: str) -> None:
    if is_host(name):
        assert name.isascii()
        assert name.encode("idna").decode() == name


# What goes in clear text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "[::1]", "[0:0::1]"])
def test_clear_text_may_stay_on_this_machine(host: str) -> None:
    assert (
        service_url(f"http://{host}:8025/v1", "the connection's Base URL", EXAMPLE)
        == f"http://{host}:8025/v1"
    )


@pytest.mark.parametrize(
    "host",
    [
        "api.example.com",
        "127.0.0.1.nip.io",
        "localhost.example.com",
        "a.localhost",
        "0.0.0.0",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "10.0.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "autopilot-emulator",
    ],
)
def test_clear_text_to_another_machine_has_to_be_allowed(host: str) -> None:
    with pytest.raises(UrlError, match=r"it must start with https://.*Allow clear text"):
        service_url(f"http://{host}/v1", "the connection's Base URL", EXAMPLE)
    assert service_url(f"http://{host}/v1", "the connection's Base URL", EXAMPLE, allow_clear_text=True)
    assert service_url(f"https://{host}/v1", "the connection's Base URL", EXAMPLE)


# What a connection may name


@pytest.mark.parametrize("url", ELSEWHERE_FOR_SOME_READER)
def test_no_connection_names_what_readers_may_differ_about(url: str) -> None:
    with pytest.raises(UrlError, match="the connection's Base URL"):
        service_url(url.replace("/next", "/v1") if url.strip() else url, "the connection's Base URL", EXAMPLE)


@pytest.mark.parametrize(
    "url", ["https://:s3cret@x.example/v1", "https://u:s3cret@x.example", "u:s3cret@x.example"]
)
def test_a_password_in_the_address_is_refused_and_not_told(url: str) -> None:
    with pytest.raises(UrlError, match="holds a user or a password") as error:
        service_url(url, "the connection's Base URL", EXAMPLE)
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "host",
    [
        "api2..example.com",
        ".example.com",
        f"{'a' * 64}.example.com",
        ".".join(["a" * 60] * 5),
        "-a.example.com",
    ],
)
def test_a_host_that_cannot_be_one_is_refused_with_its_own_message(host: str) -> None:
    with pytest.raises(UrlError, match="names a host that can't be one"):
        service_url(f"https://{host}/v1", "the connection's Base URL", EXAMPLE)


def test_an_address_whose_scheme_lacks_a_slash_is_refused() -> None:
    """Airflow puts a scheme before what has none that it knows."""
    with pytest.raises(UrlError, match="must be http"):
        service_url("https://https:/api.example.com/v1", "the connection's Base URL", EXAMPLE)


@pytest.mark.parametrize("host", ["example.com", "127.0.0.1", "[::1]:8080", "localhost:81", "a_b"])
def test_a_host_that_can_be_one_is_taken(host: str) -> None:
    assert service_url(f" https://{host}/v1/ ", "the connection's Base URL", EXAMPLE) == f"https://{host}/v1"


@given(st.text(alphabet="ab.:@/[]%?#\\ -\u00fc", max_size=30))
def test_an_address_is_taken_or_refused(rest: str) -> None:
    with suppress(UrlError):
        assert service_url(f"https://{rest}", "the connection's Base URL", EXAMPLE)


def test_a_host_has_so_many_characters_and_not_one_more() -> None:
    longest = ".".join(["a" * 63] * 3 + ["a" * 61])
    assert len(longest) == bounds.HOST_CHARACTERS
    assert (
        service_url(f"https://{longest}/v1", "the connection's Base URL", EXAMPLE) == f"https://{longest}/v1"
    )
    with pytest.raises(UrlError, match=r"names a host that can't be one: .* all of them 253 at most"):
        service_url(f"https://{longest}a/v1", "the connection's Base URL", EXAMPLE)
