"""The registry as a model sees it: one line for each node type, and the JSON Schema of an answer.

Pure and sorted: equal registries give equal bytes. The schema keeps to what grammar converters of model servers know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import cast

from pydantic import BaseModel, ValidationError

from planner.relevance import chosen, tokens_of
from planner.request import Request
from runtime.issues import JsonValue
from runtime.node_types import NodeType, Registry
from runtime.references import strings_in

Schema = dict[str, JsonValue]

# Bounds that a sensible answer does not meet, so that a small model cannot go on forever.
MAX_ENTRIES, MAX_BRANCHES, MAX_SEQUENCE, MAX_WORDS = 12, 10, 8, 300
MAX_TEXT = 1500  # characters of a text in params, unless the request itself is longer
CANNOT = "cannot"  # the key of an entry that says what no node type can do
MAX_BRIEF = 160  # characters that a prompt shows of a description
CATALOGUE_TOKENS = 2000
FRAME_TOKENS = 8  # of a line, besides what it says
MAX_DEPTH = 3  # of what is said about a param; deeper parts are any JSON

_PLAIN: Schema = {"type": "string"}
_REFERENCE: Schema = {"$ref": "#/$defs/reference"}


@dataclass(frozen=True, slots=True)
class Listed:
    """What the prompt says of one node type: `params` is a signature, `?` marks what may be left out."""

    name: str
    description: str
    params: str
    outputs: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """What its line takes in a prompt, estimated from above."""
        return tokens_of(" ".join([self.name, self.params, self.description, *self.outputs])) + FRAME_TOKENS


def catalogue(registry: Registry) -> tuple[Listed, ...]:
    """Every node type that can run, by name."""
    return tuple(map(_listed, _usable(registry)))


def _listed(node_type: NodeType) -> Listed:
    return Listed(node_type.name, _brief(node_type.description), _signature(node_type), tuple(node_type.outputs))


def _brief(description: str) -> str:
    """The first sentence on one line: a tool's description may be a page."""
    words = " ".join(description.split())
    sentence = re.split(r"(?<=[.!?])\s(?=[A-Z])", words, maxsplit=1)[0]
    return sentence if len(sentence) <= MAX_BRIEF else f"{sentence[: MAX_BRIEF - 1].rstrip()}…"


def offered(registry: Registry, request: Request, room: int = CATALOGUE_TOKENS) -> Registry:
    """The node types that the prompt of a request shows and its answer may use; `room` is in tokens.

    Their rare params are left out unless the request has words for them. A workflow that is to be changed may have any.
    """
    fitting = registry.with_types(*(_fitting(registry[name], request) for name in registry))
    return fitting.only(chosen({each.name: each.tokens for each in catalogue(fitting)}, fitting, request.text, room))


def _fitting(node_type: NodeType, request: Request) -> NodeType:
    if request.workflow is not None:
        return replace(node_type, rare={})
    text = request.text
    uncalled = {name: words for name, words in node_type.rare.items() if not re.search(words, text, re.IGNORECASE)}
    return replace(node_type, rare=uncalled)


def longest_text(request: Request) -> int:
    """Characters that a text of an answer may have: more than any that it could copy has, so that one which reaches it
    was cut."""
    said = [text for _, text in strings_in(dict(request.workflow))] if request.workflow is not None else []
    return max(MAX_TEXT, *(len(text) + 1 for text in (request.text, *said)))


def answer_schema(registry: Registry, longest: int = MAX_TEXT) -> Schema:
    """The JSON Schema of a workflow in the small language that models are asked for: steps, blocks, sequences.

    No text in it is longer than `longest` characters: a small model may write the same lines for ever.
    """
    types = _usable(registry)
    steps = {f"step_{each.name}": _step(each, longest) for each in types}
    entry: Schema = {"$ref": "#/$defs/entry"}
    branch: Schema = {"$ref": "#/$defs/branch"}
    any_step: list[JsonValue] = [{"$ref": f"#/$defs/{name}"} for name in steps]
    block = _object({"parallel": _list(branch, 2, MAX_BRANCHES)})
    sequence = _object({"pipeline": _list(entry, 1, MAX_SEQUENCE)})
    return {
        **_object({"description": {**_PLAIN, "maxLength": MAX_WORDS}, "pipeline": _list(entry, 1, MAX_ENTRIES)}),
        "$defs": {
            **steps,
            "block": block,
            "sequence": sequence,
            "cannot": _object({CANNOT: {**_PLAIN, "maxLength": MAX_WORDS}, "nearest": {"enum": [*map(_name, types)]}}),
            "entry": {"anyOf": [*any_step, {"$ref": "#/$defs/block"}, {"$ref": "#/$defs/cannot"}]},
            "branch": {"anyOf": [*any_step, {"$ref": "#/$defs/sequence"}]},
            "reference": {**_PLAIN, "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_.-]*\}$"},
        },
    }


def _usable(registry: Registry) -> list[NodeType]:
    """The types of use in an answer: one that only chooses an action is of none where there is no `next`."""
    types = [registry[name] for name in registry]
    return [each for each in types if set(each.outputs) != {"action"}]


def _name(node_type: NodeType) -> str:
    return node_type.name


# --- signatures ------------------------------------------------------------------------------------------------------


def _signature(node_type: NodeType) -> str:
    required = _required(node_type)
    params = _params(node_type)
    return ", ".join(
        f"{name}{'' if name in required else '?'}: {_word(params[name])}"
        for name in sorted(params, key=lambda name: name not in required)
    )


def _word(schema: Schema) -> str:
    """A param's type in one word, or the values it may have."""
    match schema:
        case {"enum": [*values]}:
            return "|".join(map(str, values))
        case {"const": value}:
            return str(value)
        case {"anyOf": [*kinds]}:
            return "|".join(dict.fromkeys(_word(cast("Schema", kind)) for kind in kinds))
        case {"type": "array"}:
            return "list"
        case {"type": str(kind)}:
            return kind
        case _:
            return "any"


# --- the schema of an answer -----------------------------------------------------------------------------------------


def _step(node_type: NodeType, longest: int) -> Schema:
    required = _required(node_type)
    params = {name: _bounded(_or_reference(schema), longest) for name, schema in _params(node_type).items()}
    ordered = {name: params[name] for name in sorted(params, key=lambda name: name not in required)}
    return _object(
        {
            "id": {**_PLAIN, "pattern": "^[a-z][a-z0-9_]{0,23}$"},
            "type": {"const": node_type.name},
            "params": _object(ordered, required),
        }
    )


def _or_reference(schema: Schema) -> Schema:
    """What is no text may also come from another step."""
    if schema.get("type") == "string" or not schema:
        return schema
    kinds = cast("list[JsonValue]", schema.get("anyOf", [schema]))
    return schema if _PLAIN in kinds else {"anyOf": [*kinds, _REFERENCE]}


def _bounded(schema: JsonValue, longest: int) -> JsonValue:
    """The schema with a bound to every text in it that has no pattern."""
    if isinstance(schema, list):
        return [_bounded(part, longest) for part in schema]
    if not isinstance(schema, dict):
        return schema
    if schema == _PLAIN:
        return {**schema, "maxLength": longest}
    return {key: _bounded(part, longest) for key, part in schema.items()}


def _object(properties: Mapping[str, JsonValue], required: Iterator[str] | list[str] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties if required is None else required),
        "additionalProperties": False,
    }


def _list(items: JsonValue, at_least: int, at_most: int) -> Schema:
    return {"type": "array", "items": items, "minItems": at_least, "maxItems": at_most}


# --- what a params model says ----------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _described(params: type[BaseModel]) -> Schema:
    return params.model_json_schema(by_alias=True)


def _params(node_type: NodeType) -> dict[str, Schema]:
    described = _described(node_type.params)
    definitions = cast("Mapping[str, Schema]", _part(described, "$defs"))
    parts = cast("Mapping[str, Schema]", _part(described, "properties"))
    return {name: _simple(part, definitions, MAX_DEPTH) for name, part in parts.items() if name not in node_type.rare}


def _required(node_type: NodeType) -> list[str]:
    """The params a step must have. Of a type that marks none and still refuses to have none, the first."""
    described = _described(node_type.params)
    marked = cast("list[str]", described.get("required", []))
    properties = _part(described, "properties")
    if marked or not properties:
        return marked
    return [next(iter(properties))] if _refuses_nothing(node_type) else []


def _refuses_nothing(node_type: NodeType) -> bool:
    try:
        node_type.params.model_validate({})
    except ValidationError:
        return True
    return any(True for _ in node_type.check({}))


def _simple(schema: Schema, definitions: Mapping[str, Schema], depth: int) -> Schema:
    """A schema reduced to types, values and parts: no titles, defaults or bounds, references put in their place."""
    if depth == 0:
        return {}
    match schema:
        case {"$ref": str(name)}:
            return _simple(definitions.get(name.rpartition("/")[2], {}), definitions, depth - 1)
        case {"anyOf": [*kinds]} | {"oneOf": [*kinds]}:
            return _either([_simple(cast("Schema", kind), definitions, depth) for kind in kinds])
        case {"enum": values}:
            return {"enum": values}
        case {"const": value}:
            return {"const": value}
        case {"type": "array"}:
            return {"type": "array", "items": _simple(_part(schema, "items"), definitions, depth - 1)}
        case {"type": "object", "properties": dict(properties)}:
            parts = {key: _simple(cast("Schema", part), definitions, depth - 1) for key, part in properties.items()}
            return _object(parts, cast("list[str]", schema.get("required", [])))
        case {"type": "object"}:
            return {"type": "object", "additionalProperties": _values(schema, definitions, depth)}
        case {"type": kind}:
            return {"type": kind}
        case _:
            return {}


def _either(kinds: list[Schema]) -> Schema:
    """One of several; null is left out, since a param without a value is not written at all."""
    kept = [kind for kind in kinds if kind != {"type": "null"}]
    if {} in kept or not kept:
        return {}
    return kept[0] if len(kept) == 1 else {"anyOf": cast("list[JsonValue]", kept)}


def _part(schema: Schema, key: str) -> Schema:
    part = schema.get(key)
    return part if isinstance(part, dict) else {}


def _values(schema: Schema, definitions: Mapping[str, Schema], depth: int) -> JsonValue:
    """What the values of an open object may be; true where they may be anything."""
    return _simple(_part(schema, "additionalProperties"), definitions, depth - 1) or True
