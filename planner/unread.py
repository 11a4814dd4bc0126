"""A file that a request names, that steps refer to, and that no step reads, is read first. Pure.

The other way round, a file that is read and that no step takes is pointed out. Small models like to write
`${brief.content}` for brief.txt as if files were there by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from planner.entries import ids_of, in_texts, is_plain, steps_of, uses_of, with_steps
from planner.mentions import files_in
from planner.request import Request
from runtime.issues import Issue, JsonValue
from runtime.node_types import Registry
from runtime.references import strings_in

_READ = "read_file"
_CONTENT = "content"


@dataclass(frozen=True, slots=True)
class Read:
    value: JsonValue
    notes: tuple[str, ...]


def with_reads(value: JsonValue, request: Request, registry: Registry) -> Read:
    """The workflow with a first step for each such file.

    A file belongs to a name that nothing has, if the name is its own without the ending, or if the name is that of the
    node type and there is one such file.
    """
    entries = value.get("pipeline") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(entries, list) or _READ not in registry:
        return Read(value, ())
    if not all(map(is_plain, entries)):
        return Read(value, ())
    ids = set[str]().union(*map(ids_of, entries))
    unknown = sorted(set[str]().union(*map(uses_of, entries)) - ids - set(request.inputs) - {"workflow", "secret"})
    names = {name: path for name in unknown if (path := _file_of(name, _untouched(request.text, entries)))}
    if not names:
        return Read(value, ())
    reads: list[JsonValue] = [{"id": name, "type": _READ, "params": {"path": path}} for name, path in names.items()]
    notes = tuple(f"put '{name}' first, which reads {path}" for name, path in names.items())
    return Read({**value, "pipeline": [*reads, *(_of_content(entry, names) for entry in entries)]}, notes)


def unused(candidate: JsonValue) -> list[Issue]:
    """A warning for each file that is read for nobody, where other steps do take something of each other."""
    entries = candidate.get("pipeline") if isinstance(candidate, dict) else None
    if not isinstance(entries, list) or not all(map(is_plain, entries)):
        return []
    used = set[str]().union(*map(uses_of, entries))
    reads = [str(step["id"]) for entry in entries for step in steps_of(entry) if step["type"] == _READ]
    ids = set[str]().union(*map(ids_of, entries))
    return [_unused(name) for name in reads if name not in used] if used & ids else []


def _unused(name: str) -> Issue:
    hint = f"put ${{{name}.{_CONTENT}}} into the step that works with it"
    return Issue("read_for_nobody", "", f"no step takes what '{name}' reads", hint)


def _untouched(text: str, entries: Sequence[JsonValue]) -> list[str]:
    """The files of a request that no step names outside a prompt."""
    held = " ".join(text for entry in entries for step in steps_of(entry) for text in _places(step))
    return [path for path in files_in(text) if path not in held]


def _places(step: dict[str, JsonValue]) -> list[str]:
    params = step.get("params")
    return [text for _, text in strings_in(params)] if step.get("type") != "llm" else []


def _file_of(name: str, files: Sequence[str]) -> str | None:
    own = [path for path in files if _stem(path) == name.casefold()]
    found = own or (list(files) if name == _READ else [])
    return found[0] if len(found) == 1 else None


def _stem(path: str) -> str:
    return re.sub(r"\W", "_", path.rpartition("/")[2].rpartition(".")[0]).casefold()


def _of_content(entry: JsonValue, names: dict[str, str]) -> JsonValue:
    """An entry that refers to the content of files, whatever it called that."""
    any_part = re.compile(rf"(?<!\$)\$\{{({'|'.join(map(re.escape, names))})(?:\.[A-Za-z_][A-Za-z0-9_]*){{0,2}}\}}")

    def change(step: dict[str, JsonValue]) -> dict[str, JsonValue]:
        params = step.get("params")
        return {**step, "params": in_texts(params, lambda text: any_part.sub(rf"${{\1.{_CONTENT}}}", text))}

    return with_steps(entry, change)
