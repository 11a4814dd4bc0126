"""What an HTTP answer says: its value, and how long the server asks to be left alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from runtime.issues import JsonValue
from runtime.nodes.foreign_json import read_json


def value_of(body: bytes, content_type: str, charset: str | None) -> JsonValue:
    """Parsed JSON where the type says JSON or the text looks like it, else text; broken or monstrous JSON is text."""
    kind = content_type.partition(";")[0].strip().lower()
    text = _decoded(body, charset)
    if kind == "application/json" or kind.endswith("+json") or text.lstrip()[:1] in ("{", "["):
        try:
            return read_json(text)
        except ValueError:
            return text
    return text


def _decoded(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8-sig", "replace")
    except (LookupError, UnicodeError):  # a charset that does not exist, or is none of text
        return body.decode("utf-8-sig", "replace")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header, which may also be a date; None without a legible one."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    known = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (known - datetime.now(UTC)).total_seconds())
