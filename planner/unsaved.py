"""A file that a request has something saved in is saved: small models like to stop before it. Pure.

The step is added only where one step alone can be meant. What the file is called, and that it is saved, the request
says; who runs the workflow is asked before anything is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from planner.entries import Entry, is_plain, steps_of, uses_of
from planner.mentions import files_in
from planner.request import Request
from runtime.issues import JsonValue
from runtime.node_types import Registry
from runtime.references import strings_in

_WRITE = "write_file"
_SAVES = r"\b(?:sav|stor|export|speicher|enregistr|sauvegard|guard|almacen|salv|grava|opsla|bewaar)\w*\b"
_INTO = r"\b(?:in|into|to|as|at|unter|nach|als|dans|sous|en|como|em|su|come|op|naar)\s+(?:the\s+file\s+)?['\"`]?"


@dataclass(frozen=True, slots=True)
class Saved:
    value: JsonValue
    notes: tuple[str, ...]


def with_saves(value: JsonValue, request: Request, registry: Registry) -> Saved:
    """The workflow with a last step that saves what nobody takes, in the one file that the request saves in and no
    step names."""
    entries = value.get("pipeline") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(entries, list) or _WRITE not in registry:
        return Saved(value, ())
    if not all(map(is_plain, entries)):
        return Saved(value, ())
    steps = [step for entry in entries for step in steps_of(entry)]
    last, missing = _untaken(steps), _unsaved(request.text, steps)
    if len(last) != 1 or len(missing) != 1:
        return Saved(value, ())
    name, path = str(last[0]["id"]), missing[0]
    node_type = registry.get(str(last[0]["type"]))
    fresh = next(
        each for each in ("save", f"save_{name}", f"save_{name}_2") if each not in {step["id"] for step in steps}
    )
    if node_type is None or not node_type.outputs:
        return Saved(value, ())
    content = f"${{{name}.{next(iter(node_type.outputs))}}}"
    saving: Entry = {"id": fresh, "type": _WRITE, "params": {"path": path, "content": content}}
    return Saved({**value, "pipeline": [*entries, saving]}, (f"put '{fresh}' last, which saves '{name}' in {path}",))


def _untaken(steps: Iterable[Entry]) -> list[Entry]:
    """The steps whose outputs no step takes, but for those that save."""
    found = list(steps)
    used = set[str]().union(*map(uses_of, found))
    return [step for step in found if step["id"] not in used and step["type"] != _WRITE]


def _unsaved(text: str, steps: Iterable[Entry]) -> list[str]:
    """The files that a request has something saved in and no step names."""
    held = " ".join(part for step in steps for _, part in strings_in(step.get("params")))
    return [path for path in files_in(text) if path not in held and _is_saved_in(path, text)]


def _is_saved_in(path: str, text: str) -> bool:
    """Whether one sentence of the text says so."""
    return re.search(rf"{_SAVES}(?:(?![.!?]\s)[^;])*?{_INTO}{re.escape(path)}(?!\w)", text, re.IGNORECASE) is not None
