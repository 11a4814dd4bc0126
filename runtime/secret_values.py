"""The secrets that a workflow refers to: which there are, and their values, asked of a source before anything runs.

A value lives in the scope that references read, and in what a step makes of it; records, facts and errors are redacted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

from runtime.graph import Graph
from runtime.issues import Issue, JsonValue, pointer
from runtime.record import Fact, Failed, NodeRecord, RunRecord, Succeeded, UndoFailed
from runtime.redaction import SHORTEST, Redactor
from runtime.references import references_in
from runtime.workflow import JsonObject

SecretSource = Callable[[str], str | None]
"""The port to where secrets are kept: a name to its value, None where it has none. A dictionary's `get` is a double."""


def no_secrets(name: str) -> None:
    """The source of who has none."""
    return


def named_in(*parts: JsonValue) -> set[str]:
    """The secrets that are referred to."""
    return {
        str(path.keys[0])
        for part in parts
        for reference in references_in(part)
        for path in reference.paths
        if path.head == "secret" and path.keys
    }


def bind_secrets(graph: Graph, source: SecretSource) -> tuple[dict[str, str], list[Issue]]:
    """The value of every secret that is referred to, and which have none or are too short to be struck out."""
    values: dict[str, str] = {}
    issues: list[Issue] = []
    parts = [part for node in graph.steps for part in node.parts]
    for name in sorted(named_in(*parts, *(output.from_ for output in (graph.outputs or {}).values()))):
        value = source(name)
        where = f"/secrets{pointer(name)}"
        if value is None:
            hint = f"set the environment variable {name}, or write it into a file .env"
            issues.append(Issue("missing_secret", where, f"there is no secret '{name}'", hint))
        else:
            values[name] = value
            issues += _short(value, name, where)
    return values, issues


def _short(value: str, name: str, where: str) -> Iterator[Issue]:
    if len(value) < SHORTEST:
        what = f"the secret '{name}' has fewer than {SHORTEST} characters, so records and messages may show it"
        yield Issue("short_secret", where, what, "use a longer one")


def without_secrets(record: RunRecord, redactor: Redactor) -> RunRecord:
    """The record as it may be shown and kept."""
    return replace(
        record,
        outputs=_object(record.outputs, redactor),
        nodes={name: _node(node, redactor) for name, node in record.nodes.items()},
        errors=tuple(replace(error, message=redactor.text(error.message)) for error in record.errors),
        facts=tuple(redacted(fact, redactor) for fact in record.facts),
    )


def _node(node: NodeRecord, redactor: Redactor) -> NodeRecord:
    outputs, error = (None if each is None else _object(each, redactor) for each in (node.outputs, node.error))
    return node._replace(outputs=outputs, error=error)


def redacted(fact: Fact, redactor: Redactor) -> Fact:
    """The fact as it may be told."""
    match fact:
        case Succeeded(outputs=outputs, trouble=trouble):
            told = None if trouble is None else (trouble[0], redactor.text(trouble[1]))
            return fact._replace(outputs=_object(outputs, redactor), trouble=told)
        case Failed(message=message, outputs=outputs):
            return fact._replace(message=redactor.text(message), outputs=_object(outputs, redactor))
        case UndoFailed(message=message):
            return fact._replace(message=redactor.text(message))
        case _:
            return fact


def _object(value: JsonObject, redactor: Redactor) -> JsonObject:
    return cast("JsonObject", redactor.value(value))  # what is redacted keeps its shape
