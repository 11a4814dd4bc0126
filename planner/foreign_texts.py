"""Python, shell and prompts as models write them, in the words that node types want. Pure.

Only where it can mean one thing; each change is noted.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from planner.entries import Entry, asks_a_model, functions_of, in_texts, steps_of, with_steps
from planner.repetitions import without_repeated_lines
from runtime.issues import JsonValue
from runtime.node_types import Registry

_VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_][A-Z0-9_]*)\}")


def with_own_words(entries: list[JsonValue], registry: Registry, notes: list[str]) -> list[JsonValue]:
    """Entries whose texts are what their node types take."""
    ids = {str(step.get("id")) for entry in entries for step in steps_of(entry)}
    return [with_steps(entry, lambda step: _mended(step, ids, registry, notes)) for entry in entries]


def _mended(step: Entry, ids: Collection[str], registry: Registry, notes: list[str]) -> Entry:
    params, name = step.get("params"), step.get("id")
    if not isinstance(params, dict) or not isinstance(name, str):
        return step
    kind, said = step.get("type"), list[str]()
    changed = dict(params)
    if kind == "code" and isinstance(source := changed.get("source"), str):
        changed["source"] = _with_run(source, name, said)
    if kind == "shell" and isinstance(command := changed.get("command"), str):
        changed["command"] = _with_variables(command, ids, said)
    if asks_a_model(step, registry):  # elsewhere a line may stand there often, as in a file or in code
        changed = {key: _calm(value, name, said) for key, value in changed.items()}
        if "next" not in step:
            changed = {key: _without_itself(value, name, said) for key, value in changed.items()}
    notes += said
    return {**step, "params": changed} if said else step


def _calm(value: JsonValue, name: str, said: list[str]) -> JsonValue:
    """A prompt without the lines that a small model repeats until it is stopped."""
    calm = in_texts(value, without_repeated_lines)
    if calm != value:
        said.append(f"left out the lines that '{name}' says over and over")
    return calm


def _with_run(source: str, name: str, said: list[str]) -> str:
    """Python whose only function is called `run`."""
    functions = [each.name for each in functions_of(source)]
    if len(functions) != 1 or re.search(r"\brun\b", source):
        return source
    said.append(f"called the function '{functions[0]}' of '{name}' 'run'")
    return re.sub(rf"\b{re.escape(functions[0])}\b", "run", source)


def _with_variables(command: str, ids: Collection[str], said: list[str]) -> str:
    """A command whose own variables are no references."""
    found = dict.fromkeys(variable for variable in _VARIABLE.findall(command) if variable not in ids)
    said += [f"read ${{{variable}}} as a variable of the shell" for variable in found]
    return _VARIABLE.sub(lambda match: f"${match[0]}" if match[1] in found else match[0], command)


def _without_itself(value: JsonValue, name: str, said: list[str]) -> JsonValue:
    """A prompt without the place that it keeps for its own answer."""
    own = re.compile(rf"(?<!\$)\$\{{{re.escape(name)}\.[A-Za-z0-9_.]+\}}")

    def without(text: str) -> str:
        left = own.sub("", text)
        if left == text or not left.strip():
            return text
        said.append(f"left out of '{name}' what would be its own answer")
        return left.rstrip()

    return in_texts(value, without)
