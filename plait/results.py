"""A run record as people and machines get it: outputs as data, what went wrong as messages, and an exit code."""

from __future__ import annotations

from collections.abc import Mapping

from plait.display import harmless, pretty, put, put_json, say
from plait.progress import summary
from runtime.graph import Graph
from runtime.issues import JsonValue
from runtime.node_types import Registry
from runtime.record import RunRecord

SUCCEEDED, FAILED, WITH_ERRORS, REFUSED, UNAVAILABLE, INTERRUPTED = 0, 1, 3, 4, 6, 130
OF_THE_MODEL = frozenset(
    {"model_unavailable", "model_unreachable", "rate_limited", "not_authorised", "cassette_miss", "completion_failed"}
)


def exit_code(record: RunRecord) -> int:
    """By status; a failure has its cause's code: 4 for a refused capability, 6 where only the model was to blame."""
    match record.status:
        case "succeeded":
            return SUCCEEDED
        case "completed_with_errors":
            return WITH_ERRORS
        case "cancelled":
            return INTERRUPTED
        case _:
            return _of_a_failure(record)


def _of_a_failure(record: RunRecord) -> int:
    codes = [error.code for error in record.errors]
    if codes[:1] == ["capability_denied"]:
        return REFUSED
    return UNAVAILABLE if codes and OF_THE_MODEL.issuperset(codes) else FAILED


def show(record: RunRecord, graph: Graph, registry: Registry, *, json: bool) -> None:
    """Prints a finished run."""
    if json:
        put_json(record.to_json())
        return
    for error in record.errors:
        say(f"{error.node or 'the run'}: {error.code}: {error.message}")
    say(summary(record))
    for text in _texts(_main_outputs(record, graph, registry)):
        put(text)


def _main_outputs(record: RunRecord, graph: Graph, registry: Registry) -> dict[str, JsonValue]:
    """The declared outputs; of a workflow that declares none, the main output of each final step that has some."""
    if graph.outputs is not None:
        return dict(record.outputs)
    types = {node.id: registry[node.type] for node in graph.steps}
    found: dict[str, JsonValue] = {}
    for node, outputs in record.outputs.items():
        main = next(iter(types[node].outputs), "")  # type: ignore[index]  # a node's id is a str
        if isinstance(outputs, Mapping):
            found[node] = outputs[main] if main in outputs else dict(outputs)
    return found


def _texts(outputs: Mapping[str, JsonValue]) -> list[str]:
    if len(outputs) == 1:
        return [_text(value) for value in outputs.values()]
    return [f"== {harmless(name)} ==\n{_text(value)}" for name, value in outputs.items()]


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else pretty(value)
