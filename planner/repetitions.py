"""What small models write twice: the same lines of a text over and over, and a step that is there already. Pure.

A step is left out only where it would find the same as the first: it meets nothing that any step changes, asks no
model, and no step pauses. Each change is noted.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import count

from planner.entries import Entry, asks_a_model, inner_of, steps_of, with_heads, with_steps
from runtime.issues import JsonValue
from runtime.node_types import ANYTHING, Effect, Registry

LONGEST = 6  # lines that may take turns


# --- lines -----------------------------------------------------------------------------------------------------------


def without_repeated_lines(text: str) -> str:
    """The text in which no group of lines stands three times in a row: two are kept, as verses and tables have them."""
    lines = text.split("\n")
    for size in range(1, LONGEST + 1):
        lines = _twice_at_most(lines, size)
    return "\n".join(lines)


def _twice_at_most(lines: Sequence[str], size: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        kept.append(line)
        group = kept[-size:]
        if any(map(str.strip, group)) and kept[-3 * size :] == group * 3:
            del kept[-size:]
    return kept


# --- steps -----------------------------------------------------------------------------------------------------------


def without_repeats(entries: list[JsonValue], registry: Registry, notes: list[str]) -> list[JsonValue]:
    """A plain pipeline in which no step does what an earlier one has found out; what used it uses the earlier one."""
    while repeats := _repeats(steps := [step for entry in entries for step in steps_of(entry)], registry):
        pairs = [(str(steps[at]["id"]), str(steps[first]["id"])) for at, first in repeats.items()]
        notes += [f"left out '{again}', which is the same as '{first}'" for again, first in pairs]
        number = count()
        left = [each for entry in entries for each in _left(entry, repeats, number)]
        entries = _referring(left, dict(pairs))
    return entries


def _referring(entries: list[JsonValue], names: Mapping[str, str]) -> list[JsonValue]:
    return [with_steps(entry, lambda step: with_heads(step, lambda name: names.get(name, name))) for entry in entries]


def _repeats(steps: Sequence[Entry], registry: Registry) -> dict[int, int]:
    """The places of steps that another has made needless, each with the place of that."""
    types = [registry.get(str(step["type"])) for step in steps]
    if any(each is None or each.pause for each in types):
        return {}
    touched = [effect for step in steps for effect in _effects(step, registry)]
    does = {at: _does(step) for at, step in enumerate(steps) if _finds_the_same(step, registry, touched)}
    first = {what: at for at, what in reversed(does.items())}
    return {at: first[what] for at, what in does.items() if first[what] < at}


def _does(step: Entry) -> str:
    return json.dumps([step["type"], step.get("params", {})], sort_keys=True)


def _effects(step: Entry, registry: Registry) -> tuple[Effect, ...]:
    node_type, params = registry.get(str(step["type"])), step.get("params", {})
    return tuple(node_type.effects(params)) if node_type and isinstance(params, dict) else ANYTHING


def _finds_the_same(step: Entry, registry: Registry, touched: Iterable[Effect]) -> bool:
    node_type, params = registry.get(str(step["type"])), step.get("params", {})
    if node_type is None or not isinstance(params, dict) or step.keys() - {"id", "type", "params", "description"}:
        return False
    if asks_a_model(step, registry):
        return False
    own = _effects(step, registry)
    return not any(mine.meets(other) for mine in own for other in touched)


def _left(entry: JsonValue, gone: Container[int], number: Iterator[int]) -> list[JsonValue]:
    """An entry without steps; a block of which one branch is left is that branch, if it says nothing else."""
    if not isinstance(entry, dict) or (inner := inner_of(entry)) is None:
        return [] if next(number) in gone else [entry]
    key, parts = inner
    left = [each for part in parts for each in _left(part, gone, number)]
    if len(left) <= 1 and len(left) < len(parts) and len(entry) == 1:
        return left
    return [{**entry, key: left}] if left else []
