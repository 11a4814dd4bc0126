"""Reads JSON that a server, a model or a user's function wrote: what comes out is a JSON value the runtime can hold."""

from __future__ import annotations

import json
from math import isfinite

from runtime.issues import JsonValue

MAX_DEPTH = 128


def read_json(text: str) -> JsonValue:
    """The value of a JSON text; ValueError, with a reason, for broken JSON, NaN, lone surrogates and deep nesting."""
    try:
        value: JsonValue = json.loads(text, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if "\\ud" in text.lower():
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError is a ValueError
    _refuse_deep(value)
    return value


_TOO_DEEP = f"it is nested deeper than {MAX_DEPTH}"


def _finite(text: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError(f"{text} is no finite number")
    return number


def _refuse_deep(value: JsonValue) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for each in level for child in _inside(each)]
        if not level:
            return
    raise ValueError(_TOO_DEEP)


def _inside(value: JsonValue) -> list[JsonValue]:
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in children if isinstance(each, dict | list)]
