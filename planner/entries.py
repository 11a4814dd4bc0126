"""The entries of a pipeline as a model wrote them: JSON values, walked without asking whether they are right. Pure."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from typing import TypeAlias

from runtime.issues import JsonValue
from runtime.node_types import Registry
from runtime.references import references_in

Entry: TypeAlias = dict[str, JsonValue]

_HEAD = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_-]*)")


def is_plain(entry: JsonValue) -> bool:
    """Whether an entry is well formed as far as order goes, and routes nowhere."""
    if not isinstance(entry, dict) or entry.keys() & {"next", "batch", "undo"}:
        return False
    if inner := inner_of(entry):
        return all(is_plain(each) for each in inner[1])
    return isinstance(entry.get("id"), str) and isinstance(entry.get("type"), str)


def inner_of(entry: JsonValue) -> tuple[str, list[JsonValue]] | None:
    """The key of an entry that holds further ones, and those; None for a step."""
    for key in ("parallel", "pipeline") if isinstance(entry, dict) else ():
        if isinstance(entry, dict) and isinstance(inner := entry.get(key), list):
            return key, inner
    return None


def steps_of(entry: JsonValue) -> Iterator[Entry]:
    """The steps in an entry, at whatever depth, in their order."""
    if inner := inner_of(entry):
        for each in inner[1]:
            yield from steps_of(each)
    elif isinstance(entry, dict):
        yield entry


def with_steps(entry: JsonValue, change: Callable[[Entry], Entry]) -> JsonValue:
    """An entry with each of its steps changed."""
    if not isinstance(entry, dict):
        return entry
    if inner := inner_of(entry):
        key, entries = inner
        return {**entry, key: [with_steps(each, change) for each in entries]}
    return change(entry)


def uses_of(entry: JsonValue) -> set[str]:
    """The first names of all references in an entry."""
    return {
        path.head
        for step in steps_of(entry)
        for reference in references_in(step.get("params"))
        for path in reference.paths
    }


def ids_of(entry: JsonValue) -> set[str]:
    """The ids of all steps in an entry."""
    return {str(step["id"]) for step in steps_of(entry)}


def in_texts(value: JsonValue, change: Callable[[str], str]) -> JsonValue:
    """A JSON value with each of its texts changed, its keys left as they are."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [in_texts(each, change) for each in value]
    if isinstance(value, dict):
        return {key: in_texts(each, change) for key, each in value.items()}
    return value


def name_of(entry: JsonValue) -> str:
    """What people are told of an entry: the ids in it."""
    names = [str(step["id"]) for step in steps_of(entry)]
    return f"'{names[0]}'" if len(names) == 1 else f"the steps {', '.join(names)}"


def with_heads(step: Entry, other: Callable[[str], str]) -> Entry:
    """A step each of whose references begins with the name that `other` gives for the one it has."""
    if "params" not in step:
        return step
    params = in_texts(step["params"], lambda text: _HEAD.sub(lambda found: f"${{{other(found[1])}", text))
    return {**step, "params": params}


def asks_a_model(step: Entry, registry: Registry) -> bool:
    """Whether a step's type, with these params, needs a language model."""
    kind, params = step.get("type"), step.get("params")
    node_type = registry.get(kind) if isinstance(kind, str) else None
    if node_type is None or not isinstance(params, dict):
        return False
    return any(each.split(":")[0] == "model" for each in node_type.capabilities(params))


def functions_of(source: str) -> list[ast.FunctionDef]:
    """The functions of a Python text, outermost ones only; none of a text that is no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an odd escape in a string, say
            tree = ast.parse(source, "<source>")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]
