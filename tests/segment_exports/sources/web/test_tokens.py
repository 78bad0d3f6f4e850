from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import time_machine

from segment_exports.errors import SourceError, SourceNotReadyError
from segment_exports.sources.web.tokens import EntraTokens

if TYPE_CHECKING:
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
        ({"client_secret": "old"}, None, "invalid_client AADSTS7000215: the client secret is wrong"),
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
