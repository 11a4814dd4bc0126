"""The workflow language as JSON Schema (draft 2020-12), made from the models that read it and from a registry. Pure.

A param may always be a reference instead of a value, so that each of its places also takes a string that holds one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TypeAlias

from pydantic import TypeAdapter

from runtime.node_types import NodeType, Registry
from runtime.workflow import GraphWorkflow, JsonObject, PipelineWorkflow

Schema: TypeAlias = JsonObject

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ACTIONS = ("Step", "GraphNode", "Undo")  # the models that have a type and its params
REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}


def language_schema(registry: Registry) -> Schema:
    """The schema of a whole document in either form; params by the `type` of the step, for the registry's types."""
    schema = TypeAdapter(PipelineWorkflow | GraphWorkflow).json_schema(ref_template="#/$defs/{model}")
    definitions: Schema = schema["$defs"]
    _add_short_forms(definitions)
    types = [registry[name] for name in registry]
    for name in ACTIONS:
        definitions[name]["allOf"] = [_rule(node_type) for node_type in types]
        definitions[name]["properties"]["type"] = _type_name(definitions[name], types)
    for node_type in types:
        definitions.update(_definitions_of(node_type))
    return {"$schema": DIALECT, "title": "plait workflow", **schema}


def params_schema(node_type: NodeType) -> Schema:
    """The schema of a type's params as values, under the names that a document uses."""
    return node_type.params.model_json_schema(by_alias=True)


def _add_short_forms(definitions: Schema) -> None:
    """What the models read besides what they are: their validators see it first, and pydantic does not tell of them."""
    output = definitions["OutputSpec"]
    same = {key: value for key, value in output.items() if key != "required"}
    properties = {("source" if key == "from" else key): value for key, value in output["properties"].items()}
    source = {**same, "properties": properties, "required": ["source"]}
    definitions["OutputSpec"] = {"anyOf": [output, source, {"type": "string"}]}
    batch = definitions["Batch"]["properties"]
    batch["error_handling"] = batch["on_error"]


def _type_name(action: Schema, types: list[NodeType]) -> Schema:
    """The known names, for an editor to offer; another registry may know more."""
    return {"anyOf": [{"enum": [each.name for each in types]}, action["properties"]["type"]]}


def _rule(node_type: NodeType) -> Schema:
    name = re.sub("[-_]", "[-_]", re.escape(node_type.name).replace(r"\-", "-"))
    needed = {"required": ["params"]} if params_schema(node_type).get("required") else {}
    return {
        "if": {"properties": {"type": {"pattern": f"^{name}$"}}, "required": ["type"]},
        "then": {"properties": {"params": {"$ref": f"#/$defs/{_key(node_type)}"}}, **needed},
    }


def _definitions_of(node_type: NodeType) -> Iterator[tuple[str, Schema]]:
    """The params of a type, and the models inside them under names of their own."""
    key = _key(node_type)
    schema = node_type.params.model_json_schema(by_alias=True, ref_template=f"#/$defs/{key}.{{model}}")
    for name, part in schema.pop("$defs", {}).items():
        yield f"{key}.{name}", _with_references(part, node_type.verbatim)
    yield key, _with_references(schema, node_type.verbatim)


def _key(node_type: NodeType) -> str:
    return f"params.{node_type.name}"


def _with_references(schema: Schema, verbatim: frozenset[str] = frozenset()) -> Schema:
    """A schema whose parts also take a reference; itself it stays as it is."""
    found = dict(schema)
    if "properties" in schema:
        found["properties"] = {
            key: part if key in verbatim else _or_reference(part) for key, part in schema["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            found[key] = _or_reference(schema[key])
    if "anyOf" in schema:
        found["anyOf"] = [_with_references(part) for part in schema["anyOf"]]
    return found


def _or_reference(schema: Schema) -> Schema:
    about = {key: value for key, value in schema.items() if key in ("title", "description", "default")}
    rest = {key: value for key, value in schema.items() if key not in about}
    return {**about, "anyOf": [_with_references(rest), REFERENCE]} if rest else schema
