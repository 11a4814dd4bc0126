"""The parts of a document, written from those of a graph: what both forms say alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from runtime.graph import Block, Edge, Graph, Node
from runtime.issues import InvalidWorkflow, Issue, JsonValue
from runtime.normalise import STOP
from runtime.workflow import Settings, Workflow

Written = dict[str, JsonValue]


def head_of(graph: Graph, form: type[Workflow]) -> Written:
    version = form.model_fields["ir_version"].default
    head: Written = {"ir_version": version, "name": graph.name, "description": graph.description}
    head = {key: value for key, value in head.items() if value}
    if graph.inputs is not None:
        head["inputs"] = {name: _dumped(spec) for name, spec in graph.inputs.items()}
    if graph.outputs is not None:
        head["outputs"] = {name: _short(_dumped(spec)) for name, spec in graph.outputs.items()}
    if graph.settings != Settings():
        head["settings"] = _in_numbers(_dumped(graph.settings))
    return head


def _dumped(model: BaseModel) -> Written:
    """A part of a document as it was written, by its own keys and without what was left out."""
    dumped: Written = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dumped


def _in_numbers(said: Written) -> Written:
    """Whole seconds without a point, and nothing for what is not said."""
    return {key: _number(value) for key, value in said.items() if value is not None}


def _short(output: Written) -> JsonValue:
    return output["from"] if output.keys() == {"from"} and isinstance(output["from"], str) else output


def _number(value: JsonValue) -> JsonValue:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def step_of(node: Node) -> Written:
    said: Written = {
        "id": node.id,
        "type": node.type,
        "purpose": node.purpose or None,
        "params": node.params or None,
        "batch": _dumped(node.batch) if node.batch else None,
        "timeout": node.timeout,
        "pool": node.pool,
        "idempotent": node.idempotent or None,
        "retry": _in_numbers(_dumped(node.retry)) if node.retry else None,
        "undo": _in_numbers(_dumped(node.undo)) if node.undo else None,
    }
    return _in_numbers(said)


def limits_of(block: Block) -> Written:
    return _in_numbers({"on_error": block.on_error, "max_concurrent": block.max_concurrent, "timeout": block.timeout})


def is_named(block: Block) -> bool:
    """Whether the block has an id of its own: one that a document did not name is called by its place."""
    return not block.id.startswith("#")


def edges_of(graph: Graph) -> Iterator[Edge]:
    """The edges between steps, and those that lead nowhere: to the end of the workflow."""
    yield from graph.between_steps(graph.edges)
    yield from (edge for edge in graph.edges if edge.target == STOP)


def not_convertible(path: str, message: str, hint: str = "the graph form says it exactly") -> InvalidWorkflow:
    return InvalidWorkflow([Issue("not_convertible", path, message, hint)])
