"""A secret that this process holds is told in no form in which a server may quote it."""

from __future__ import annotations

import html
import json
from base64 import b64encode, urlsafe_b64encode
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from segment_exports.errors import SourceError
from segment_exports.sieve import secrets_in_use
from segment_exports.sieve.secrets_in_use import (
    MASK,
    keep_password_of,
    keep_passwords_of_proxies,
    keep_secret,
    without_secrets,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = 'Zq8~x/7+"ü=k4W&fR'
FORMS = {
    "as it is": str,
    "in capitals": str.upper,
    "in lower case": str.lower,
    "for a URL": lambda text: quote(text, safe=""),
    "for a path": quote,
    "for a form": quote_plus,
    "for a URL in lower case": lambda text: quote(text, safe="").lower(),
    "for a URL twice": lambda text: quote(quote(text, safe=""), safe=""),
    "for JSON": lambda text: json.dumps(text)[1:-1],
    "for JSON in UTF-8": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "for a page": html.escape,
    "in base64": lambda text: b64encode(text.encode()).decode(),
    "in base64 for URLs": lambda text: urlsafe_b64encode(text.encode()).decode(),
    "after a user, in base64": lambda text: b64encode(b"user:" + text.encode()).decode(),
    "after a longer user, in base64": lambda text: b64encode(b"user2:" + text.encode()).decode(),
    "after another user, in base64": lambda text: b64encode(b"us:" + text.encode() + b"@host").decode(),
    "in hexadecimal digits": lambda text: text.encode().hex(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_told_in_no_form(form: str) -> None:
    keep_secret(SECRET)
    told = without_secrets(f"the key {FORMS[form](SECRET)} is wrong")

    assert told.startswith("the key ")
    assert told.endswith(" is wrong")
    assert MASK in told
    assert len(told) <= len("the key  is wrong") + len(MASK) + 12  # base64 of what stands around it


@pytest.fixture(autouse=True)
def own_secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave the secrets of other tests alone."""
    monkeypatch.setattr(secrets_in_use, "_known", {})
    secrets_in_use._pattern.cache_clear()
    yield
    secrets_in_use._pattern.cache_clear()


SECRETS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), min_size=8, max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SECRETS, st.sampled_from(list(FORMS)))
def test_no_secret_survives_in_any_error_of_ours(secret: str, form: str) -> None:
    secrets_in_use._known.clear()
    keep_secret(secret)
    coded = FORMS[form](secret)

    assert coded not in str(SourceError(f"Quantz {coded} Quantz"))


def test_a_word_of_our_own_messages_is_no_secret_although_somebody_took_it_for_one() -> None:
    keep_secret("secret", "invalid", "short", "", None)

    assert without_secrets("an invalid secret, too short") == "an invalid secret, too short"


def test_the_password_of_a_proxy_is_a_secret_as_it_is_and_as_it_is_written(monkeypatch) -> None:
    keep_password_of("http://user:pa%2Fss-word-1@proxy.example:3128")
    monkeypatch.setenv("https_proxy", "http://user:pass-word-2@proxy.example")
    keep_passwords_of_proxies()
    keep_password_of("http://[no url")

    assert without_secrets("pa%2Fss-word-1 pa/ss-word-1 pass-word-2") == " ".join([MASK] * 3)
