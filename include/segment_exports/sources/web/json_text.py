"""The bodies of answers: JSON, what came in its place, and what a refusal says."""

from __future__ import annotations

import codecs
import json
from typing import TYPE_CHECKING, Any

import orjson

from segment_exports.settings import bounds
from segment_exports.sieve.sifting import sift
from segment_exports.sieve.signs import code_told, kind_told

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


_UNTOLD = "a message that is not repeated here: it may quote data"


def read_json(body: bytes) -> tuple[Any, bool]:
    """Return JSON, and whether it holds what JSON can't have in a value: one of them must not end a run.

    U+FFFD stands for characters that are none, as one half of an emoji that a length limit left, and for
    numbers that are none; a control character that is not escaped is itself. A byte order mark before it all
    doesn't count.

    :raises ValueError: it is no JSON, or cut off.
    """
    body = body.removeprefix(codecs.BOM_UTF8)
    try:
        return orjson.loads(body), False
    except orjson.JSONDecodeError:
        pass
    try:
        text = body.decode("utf-8", errors="replace")
        return _mended(json.loads(text, strict=False, parse_constant=lambda _: "\ufffd")), True
    except RecursionError:
        raise ValueError("lists or objects are nested too deep") from None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        return [_mended(one) for one in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(one) for key, one in value.items()}
    return value


def no_json_told(headers: Mapping[str, str], body: bytes) -> str:
    """Say what came where JSON was expected."""
    kind = kind_told(headers.get("Content-Type"))
    if body.lstrip()[:1] == b"<":
        return f"a page ({kind}) where JSON was expected: a proxy or a sign-in page stands in between"
    return f"{len(body)} bytes of {kind} that are not whole JSON"


def error_inside(answer: Any) -> str:
    """Return what an answer 200 says of a failure beside its rows, or "".

    OData puts the error there of which a service learns while it sends rows.
    """
    error = answer.get("error") if isinstance(answer, dict) else None
    if not error:
        return ""
    code = error.get("code") if isinstance(error, dict) else None
    return f"an error inside an answer 200 ({code_told(code)})"


def refusal_told(body: bytes, names: Collection[str] = ()) -> str:
    """Return the error code of a refusal and what may be told of its message.

    OData wraps them as ``{"error": {"code", "message"}}``; Customer Insights' ``ApiErrorResult`` has
    ``errorCode`` and ``message`` at the top.

    :param names: names that were asked for, which the message may repeat.
    """
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "no JSON in the answer"
    if not isinstance(answer, dict):
        return "an answer of another shape"
    wrapped = answer.get("error")
    inner = wrapped if isinstance(wrapped, dict) else answer
    code = code_told(inner.get("code") or inner.get("errorCode"))
    message = inner.get("message")
    if not isinstance(message, str) or not message.strip():
        return f"{code}: no message"
    known = frozenset(name.lower() for name in names)
    said = sift(message[: bounds.REASON_CHARACTERS], names=known, of_service=True)
    return f"{code}: {said or _UNTOLD}"
