"""From what stands behind `--input` and in `--input-file` to the values of a workflow's inputs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import typer

from runtime.documents import read_document
from runtime.graph import Graph
from runtime.inputs import declared_inputs
from runtime.issues import InvalidWorkflow, Issue, JsonValue
from runtime.shape import show
from runtime.workflow import InputType

_SURROGATE = re.compile("[\ud800-\udfff]")
_KINDS: dict[type, InputType] = {bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def texts_of(given: Iterable[str], option: str = "--input") -> dict[str, str]:
    """`NAME=VALUE` by name, `@FILE` read; of equal names the last counts. A usage error, or an OSError of the file."""
    texts = {}
    for each in given:
        name, equals, value = each.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"found {show(each)}; write NAME=VALUE", param_hint=option)
        texts[name] = _checked(name, _text(value, option), option)
    return texts


def _text(value: str, option: str) -> str:
    if value.startswith("@@"):
        return value[1:]
    return _read(Path(value[1:]), option) if value.startswith("@") else value


def _read(path: Path, option: str) -> str:
    try:
        return path.read_bytes().decode("utf-8")  # by bytes: line ends stay as they are
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{path}: not UTF-8 text ({error.reason})", param_hint=option) from None


def _checked(name: str, text: str, option: str) -> str:
    if _SURROGATE.search(text):
        raise typer.BadParameter(f"the value of '{name}' holds bytes that are no UTF-8 text", param_hint=option)
    return text


def values_for(graph: Graph, texts: Mapping[str, str], file: Path | None) -> dict[str, JsonValue]:
    """The inputs given to a workflow. What is no JSON of its input's type stays a text, which the check refuses."""
    declared = declared_inputs(graph)
    values = {} if file is None else values_in(file)
    for name, text in texts.items():
        values[name] = value_of(text, declared[name].type if name in declared else "string")
    return values


def object_of(text: str) -> dict[str, JsonValue] | None:
    """The JSON object that a text is, None if it is none."""
    value = _json(text)
    return value if isinstance(value, dict) else None


def value_of(text: str, kind: InputType) -> JsonValue:
    """The value of an input that was given as a text; what is no JSON stays one."""
    return text if kind == "string" else _json(text)


def values_in(file: Path) -> dict[str, JsonValue]:
    """The object that a file of inputs holds. Raises InvalidWorkflow, and OSError as the file system says."""
    try:
        value = read_document(file.read_bytes(), file.name).value
    except InvalidWorkflow as invalid:
        raise InvalidWorkflow(
            Issue(each.code, "/inputs", f"{file}: {each.message}", each.hint) for each in invalid.issues
        ) from None
    if not isinstance(value, dict):
        found = f"{file}: found {show(value)}"
        raise InvalidWorkflow([Issue("input_type", "/inputs", found, "one object: a value for each name")])
    return value


def kind_of(text: str) -> InputType:
    """The type that a text has as an input of a workflow yet to be written: that of its JSON, else string."""
    return _KINDS.get(type(_json(text)), "string")


def _json(text: str) -> JsonValue:
    try:
        return read_document(text, "value.json").value
    except InvalidWorkflow:
        return text
