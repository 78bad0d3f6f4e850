"""The key of an account, as it travels in a header."""

from __future__ import annotations

from segment_exports.errors import CredentialsRefusedError


def checked_key(key: str, whose: str) -> str:
    """Return a key as it is sent, without white space around it.

    :param whose: what messages call its connection.
    :raises CredentialsRefusedError: it is empty or can't be sent in a header.
    """
    key = key.strip()
    if not key:
        raise CredentialsRefusedError(f"{whose} has no API key")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CredentialsRefusedError(
            f"the API key of {whose} ({len(key)} characters) holds characters that no key has; "
            f"it must be printable ASCII without spaces"
        )
    return key
