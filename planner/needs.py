"""What a step needs and was not given, where the answer itself says from whom. Pure.

The prompt asks for the order in words first, as "report needs disk and log". A small model then likes to write a prompt
or a function to which nothing is given. Each addition is noted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from planner.entries import Entry, functions_of, steps_of, uses_of, with_steps
from runtime.issues import JsonValue
from runtime.node_types import Registry

_CLAUSE = re.compile(r"[;:.]")
_NEEDS = re.compile(r"\s*(?P<who>.+?)\s+needs?\s+(?P<what>.+)")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def with_needs(
    entries: list[JsonValue], description: JsonValue, registry: Registry, notes: list[str]
) -> list[JsonValue]:
    """A plain pipeline with unlike ids in which prompts and functions are given what they need.

    A prompt that takes nothing of any step is given what the description says that its step needs. A function that
    lacks one argument is given the one input that has another name, or what the one step before it gives to nobody.
    """
    steps = {str(step["id"]): step for entry in entries for step in steps_of(entry)}
    needs = stated_needs(description, steps)
    used = set[str]().union(*map(uses_of, steps.values()))
    place = {name: at for at, name in enumerate(steps)}

    def given(step: Entry) -> Entry:
        params, name = step.get("params"), str(step["id"])
        if not isinstance(params, dict):
            return step
        if step["type"] == "llm" and not uses_of(step):
            return _prompted(step, params, [_output(each, steps, registry) for each in needs.get(name, ())], notes)
        if step["type"] == "code":
            before = [each for each in steps if each not in used and place[each] < place[name]]
            return _called(step, params, [_output(each, steps, registry) for each in before], notes)
        return step

    return [with_steps(entry, given) for entry in entries]


def _prompted(step: Entry, params: Mapping[str, JsonValue], outputs: list[str], notes: list[str]) -> Entry:
    prompt = params.get("prompt")
    if not outputs or not isinstance(prompt, str):
        return step
    notes.append(f"gave '{step['id']}' {', '.join(outputs)}, which it is said to need")
    return {**step, "params": {**params, "prompt": "\n".join([prompt.rstrip(), *outputs])}}


def _output(name: str, steps: Mapping[str, Entry], registry: Registry) -> str:
    node_type = registry.get(str(steps[name]["type"]))
    return f"${{{name}.{next(iter(node_type.outputs), 'result') if node_type else 'result'}}}"


# --- what is said ----------------------------------------------------------------------------------------------------


def stated_needs(description: JsonValue, names: Collection[str]) -> dict[str, list[str]]:
    """Of the steps called by `names`, which needs which others, as a description says it.

    A name that was given to several steps, `fetch` beside `fetch_2`, means all of them.
    """
    found: dict[str, list[str]] = {}
    for clause in _CLAUSE.split(description) if isinstance(description, str) else ():
        if said := _NEEDS.match(clause):
            what = list(_named(said["what"], names))
            for who in _named(said["who"], names):
                found[who] = list(dict.fromkeys([*found.get(who, ()), *(name for name in what if name != who)]))
    return {who: what for who, what in found.items() if what}


def _named(text: str, names: Collection[str]) -> Iterator[str]:
    for word in _WORD.findall(text):
        if word in names:
            yield from (name for name in names if re.fullmatch(rf"{word}(_\d+)?", name))


# --- functions -------------------------------------------------------------------------------------------------------


def _called(step: Entry, params: Mapping[str, JsonValue], outputs: list[str], notes: list[str]) -> Entry:
    source, inputs = params.get("source"), params.get("inputs", {})
    taken = _arguments(source) if isinstance(source, str) else None
    if taken is None or not isinstance(inputs, dict):
        return step
    missing = [name for name, needed in taken.items() if needed and name not in inputs]
    odd = [name for name in inputs if name not in taken]
    if len(missing) != 1:
        return step
    if len(odd) == 1:
        notes.append(f"called the input '{odd[0]}' of '{step['id']}' '{missing[0]}', as its function does")
        renamed = {missing[0] if name == odd[0] else name: value for name, value in inputs.items()}
        return {**step, "params": {**params, "inputs": renamed}}
    if inputs or len(outputs) != 1:
        return step
    notes.append(f"gave '{step['id']}' {outputs[0]}, which nothing takes")
    return {**step, "params": {**params, "inputs": {missing[0]: outputs[0]}}}


def _arguments(source: str) -> dict[str, bool] | None:
    """The arguments of the one function `run`, each with whether it must be given; None if that cannot be told."""
    runs = [each for each in functions_of(source) if each.name == "run"]
    if len(runs) != 1 or runs[0].args.kwarg or runs[0].args.posonlyargs or runs[0].args.kwonlyargs:
        return None
    names = [each.arg for each in runs[0].args.args]
    optional = len(runs[0].args.defaults)
    return {name: at < len(names) - optional for at, name in enumerate(names)}
