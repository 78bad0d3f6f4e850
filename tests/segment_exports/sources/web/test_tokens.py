from __future__ import annotations

import gzip
import time
from itertools import repeat
from typing import TYPE_CHECKING

import pytest
import time_machine
from tests.segment_exports.sources.web.raw_service import RawService, raw_service

from segment_emulators.customer_insights.serving import write_certificate
from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.settings import bounds
from segment_exports.sources.web.connections import AppRegistration
from segment_exports.sources.web.tokens import EntraTokens

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.segment_exports.sources.conftest import Insights

START = "2026-03-01T12:00:00+00:00"


def tokens(insights: Insights, scope: str | None = None, **app: str) -> EntraTokens:
    wanted = scope or f"{insights.addresses.environment_url}/.default"
    return EntraTokens(insights.app(**app), wanted)


def test_a_token_is_asked_for_once_and_kept(insights: Insights) -> None:
    source = tokens(insights)

    assert source.token() == source.token()
    assert insights.state.tokens_given == 1


def test_a_token_is_renewed_before_it_ends(insights: Insights) -> None:
    source = tokens(insights)
    with time_machine.travel(START, tick=True) as clock:
        first = source.token()
        clock.shift(50 * 60)
        assert source.token() == first
        clock.shift(6 * 60)  # four minutes before its end

        assert source.token() != first


def test_a_forgotten_token_is_asked_for_again(insights: Insights) -> None:
    source = tokens(insights)
    first = source.token()
    source.forget()

    assert source.token() != first


@pytest.mark.parametrize(
    ("changes", "scope", "told"),
    [
        ({"client_secret": "old"}, None, "invalid_client AADSTS7000215: the Client secret is wrong"),
        ({"client_id": "99999999-0000-0000-0000-000000000000"}, None, "unauthorized_client AADSTS700016"),
        ({}, "https://elsewhere/.default", "invalid_resource AADSTS500011"),
        ({"tenant": "nobody.example"}, None, "doesn't know the tenant nobody.example"),
    ],
)
def test_a_refusal_says_what_to_look_at(
    insights: Insights, changes: dict[str, str], scope: str | None, told: str
) -> None:
    with pytest.raises(SourceError, match=told) as caught:
        tokens(insights, scope, **changes).token()

    assert insights.state.client_secret not in str(caught.value)
    assert "old" not in str(caught.value)


def test_an_authority_that_nobody_listens_on_may_come_back(insights: Insights) -> None:
    with pytest.raises(SourceNotReadyError, match=r"The authority 127\.0\.0\.1:9 can't be reached"):
        tokens(insights, authority="https://127.0.0.1:9").token()


def test_an_authority_with_an_unknown_certificate_is_not_believed(insights: Insights) -> None:
    app = insights.app()
    object.__setattr__(app, "ca_bundle", None)

    with pytest.raises(SourceError, match=r"certificate of the authority 127\.0\.0\.1:[0-9]+ is not trusted"):
        EntraTokens(app, "scope/.default").token()

    assert insights.state.arrivals == []


class Authority:
    """Something that stands where Entra is expected, and what asks it for a token."""

    def __init__(self, service: RawService, certificate: Path) -> None:
        self.service = service
        origin = service.url.removesuffix("/api")
        self._tokens = EntraTokens(
            AppRegistration("t.example", "client", "secret", origin, str(certificate)), "s"
        )

    def refusal(self, kind: type[SourceError]) -> str:
        begun = time.perf_counter()
        with pytest.raises(kind) as refused:
            self._tokens.token()
        assert time.perf_counter() - begun < 30
        return str(refused.value)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    certificate, key = write_certificate(tmp_path)
    with raw_service((certificate, key)) as service:
        yield Authority(service, certificate)


@pytest.mark.parametrize("status", [200, 400])
def test_an_authority_whose_answer_has_no_end_is_not_listened_to(authority: Authority, status: int) -> None:
    authority.service.answer(*repeat(b" " * 65536, 1000), status=status)
    assert "answered with more than 262,144 bytes; what" in authority.refusal(SourceError)
    authority.service.answer(gzip.compress(bytes(10 << 20)), headers="Content-Encoding: gzip\r\n")
    assert "answered with more than 262,144 bytes; what" in authority.refusal(SourceError)


def test_an_authority_that_drips_is_not_waited_for(authority: Authority, monkeypatch) -> None:
    monkeypatch.setattr(bounds, "TOKEN_SECONDS", 0.5)

    def drops() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b" "
            time.sleep(0.02)

    authority.service.pieces = drops
    told = authority.refusal(SourceNotReadyError)
    assert "answered with no whole answer in 0.5 s" in told or "can't be reached" in told


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"9" * 100_000, b"[]", b"1", b'"text"', b"null", b"{}", b"<html>"]
)
def test_what_is_no_answer_of_entra_is_told_as_such(authority: Authority, body: bytes) -> None:
    authority.service.answer(body)
    assert "or what answers there is not Entra" in authority.refusal(SourceError)
