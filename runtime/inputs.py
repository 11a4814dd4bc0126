"""The inputs of a workflow: which there are, and whether the values given at the start fit them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from runtime.graph import Graph
from runtime.issues import Issue, JsonValue, nearest, pointer
from runtime.references import Path, references_in
from runtime.shape import show
from runtime.workflow import InputSpec

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


def declared_inputs(graph: Graph) -> Mapping[str, InputSpec]:
    """The inputs by name: those declared or, without an `inputs` key, a required string for each `${workflow.NAME}`."""
    if graph.inputs is not None:
        return graph.inputs
    return {str(path.keys[0]): InputSpec() for path in _paths(graph) if path.head == "workflow" and path.keys}


def _paths(graph: Graph) -> Iterator[Path]:
    for node in graph.steps:
        for part in node.parts:
            yield from (path for reference in references_in(part) for path in reference.paths)
    for output in (graph.outputs or {}).values():
        yield from (path for reference in references_in(output.from_) for path in reference.paths)


def bind_inputs(graph: Graph, given: Mapping[str, JsonValue]) -> tuple[dict[str, JsonValue], list[Issue]]:
    """The value of every input, and what is wrong with those given: missing, unknown, of another type, not allowed."""
    declared = declared_inputs(graph)
    issues = [
        Issue("unknown_input", f"/inputs{pointer(name)}", f"there is no input '{name}'", nearest(name, declared))
        for name in given
        if name not in declared
    ]
    values: dict[str, JsonValue] = {}
    for name, spec in declared.items():
        path = f"/inputs{pointer(name)}"
        if name in given:
            values[name] = given[name]
            issues += misfits(given[name], spec, path)
        elif spec.is_required:
            what = f" ({spec.description})" if spec.description else ""
            hint = f"give it, for example --input {name}=VALUE"
            issues.append(Issue("missing_input", path, f"the input '{name}'{what} is required and was not given", hint))
        else:
            values[name] = spec.default
    return values, issues


def misfits(value: JsonValue, spec: InputSpec, path: str) -> Iterator[Issue]:
    """What forbids a value for an input."""
    if not fits(value, spec.type):
        yield Issue("input_type", path, f"found {show(value)}", f"must be of the type {spec.type}")
    elif spec.enum is not None and not any(same(value, allowed) for allowed in spec.enum):
        yield Issue("input_enum", path, f"found {show(value)}", "one of " + ", ".join(show(each) for each in spec.enum))


def fits(value: JsonValue, kind: str) -> bool:
    """Whether a JSON value is of an input's type; 3.0 is an integer, true is no number."""
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, _TYPES[kind]) and not (kind == "integer" and isinstance(value, float) and value % 1)


def same(one: JsonValue, other: JsonValue) -> bool:
    """JSON equality: true is not 1, also further inside."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other and isinstance(one, bool) == isinstance(other, bool)
