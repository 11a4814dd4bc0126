"""What one output must be: equal, containing, matching, of a schema. What it is not, in words.

A regular expression cannot hang a check: its counted repeats are bounded before it is compiled, the text that it is
tried on is cut, and each try ends after a second. A JSON Schema reaches no other document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import cast

import regex
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import SchemaError
from jsonschema.validators import extend
from referencing import Registry
from referencing.exceptions import Unresolvable

from evals.dataset import OutputCheck
from runtime import JsonValue, as_text, show

MOST_SECONDS = 1.0
MOST_CHARACTERS = 100_000  # of the text that a regular expression is tried on
MOST_REPEATS = 10_000  # what the counts of a pattern come to when multiplied: compiling takes as much memory

_COUNT = re.compile(r"\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")


def misses(check: OutputCheck, value: JsonValue) -> Iterator[str]:
    """Each part of a check that a value does not meet."""
    text = as_text(value)
    if "equals" in check.model_fields_set and not same(value, check.equals):
        yield f"is {show(value)} instead of {show(check.equals)}"
    yield from (f"does not contain {show(part)}" for part in check.contains if part not in text)
    yield from (f"contains {show(part)}" for part in check.lacks if part in text)
    if check.matches is not None:
        yield from _not_matching(check.matches, text)
    if check.json_schema is not None:
        yield from _against(check.json_schema, value)


def same(one: JsonValue, other: JsonValue) -> bool:
    """Equality of JSON: a truth is no number, and 1.0 is 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


# --- regular expressions ---------------------------------------------------------------------------------------------


def pattern_problem(pattern: str) -> str | None:
    """Why a regular expression cannot be used, if so."""
    counts = (max((int(each) for each in match.groups() if each), default=1) for match in _COUNT.finditer(pattern))
    if prod(max(count, 1) for count in counts) > MOST_REPEATS:
        return f"its repeats multiply to more than {MOST_REPEATS}"
    try:
        regex.compile(pattern)
    except (regex.error, RecursionError) as error:
        return str(error)
    return None


def found_in(pattern: str, text: str) -> bool:
    """Whether a pattern without a problem is found. Raises TimeoutError after a second."""
    return regex.search(pattern, text[:MOST_CHARACTERS], timeout=MOST_SECONDS) is not None


def _not_matching(pattern: str, text: str) -> Iterator[str]:
    try:
        if not found_in(pattern, text):
            yield f"does not match {pattern}: {show(text)}"
    except TimeoutError:
        yield f"was tried against {pattern} for {MOST_SECONDS:g} s without an end"


# --- JSON Schema -----------------------------------------------------------------------------------------------------


def schema_problem(schema: JsonValue) -> str | None:
    """Why a value is no JSON Schema that can be used, if so."""
    if not isinstance(schema, dict | bool):
        return f"found {show(schema)}; a JSON Schema is an object, true or false"
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        return f"{error.json_path}: {error.message}"
    return next((f"{pattern}: {why}" for pattern in _patterns(schema) if (why := pattern_problem(pattern))), None)


def _patterns(schema: JsonValue) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(pattern := schema.get("pattern"), str):
            yield pattern
        if isinstance(named := schema.get("patternProperties"), dict):
            yield from named
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _patterns(part)


def _pattern(validator: object, pattern: str, value: object, schema: object) -> Iterator[ValidationError]:
    if isinstance(value, str):
        yield from (ValidationError(missed) for missed in _not_matching(pattern, value))


def _pattern_properties(
    validator: Draft202012Validator, named: dict[str, JsonValue], value: object, schema: object
) -> Iterator[ValidationError]:
    for pattern, part in named.items():
        for key, item in value.items() if isinstance(value, dict) else ():
            try:
                matches = found_in(pattern, key)
            except TimeoutError:
                yield ValidationError(f"the key {show(key)} was tried against {pattern} without an end")
                continue
            if matches:
                yield from validator.descend(item, part, path=key, schema_path=pattern)


_Validator = extend(Draft202012Validator, {"pattern": _pattern, "patternProperties": _pattern_properties})


def _against(schema: JsonValue, value: JsonValue) -> Iterator[str]:
    validator = _Validator(cast("dict[str, JsonValue] | bool", schema), registry=Registry())
    try:
        yield from (f"at {error.json_path}: {error.message}" for error in validator.iter_errors(value))
    except Unresolvable as error:
        yield f"cannot be checked: {error} is outside of the schema"
    except RecursionError:
        yield "is nested too deep to be checked"
