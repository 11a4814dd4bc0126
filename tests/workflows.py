"""Small workflows for the tests of the command line."""

from __future__ import annotations

from runtime.issues import JsonValue

Document = dict[str, JsonValue]


def pipeline(*entries: JsonValue, **keys: JsonValue) -> Document:
    return {"pipeline": list(entries), **keys}


def shell(name: str, command: str) -> Document:
    return {"id": name, "type": "shell", "params": {"command": command}}


def value(name: str, what: JsonValue) -> Document:
    return {"id": name, "type": "transform", "params": {"value": what}}


def llm(name: str, prompt: str) -> Document:
    return {"id": name, "type": "llm", "params": {"prompt": prompt}}


SHELL_ONLY = pipeline(
    {"parallel": [shell("one", "echo 1"), shell("two", "echo 2")]},
    shell("both", 'printf "%s" "${one.stdout}${two.stdout}"'),
)
WITH_INPUTS = pipeline(
    value("all", "${workflow.text}"),
    inputs={"text": {}, "count": {"type": "integer", "default": 0}, "data": {"type": "object", "default": {}}},
    outputs={"text": "${workflow.text}", "count": "${workflow.count}", "data": "${workflow.data}"},
)
