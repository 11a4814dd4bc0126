"""Mends that follow from what refers to what. Pure; a workflow with routing is left alone, as its order means more.

A step that uses another can only come after it, an id that nobody refers to is a mere name, and `result` is what people
call the main output of any step. Each change is noted; where there are two ways to mend, nothing is changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from runtime.graph import Cycle
from runtime.issues import JsonValue
from runtime.node_types import Registry
from runtime.references import references_in

Entry = dict[str, JsonValue]

_GENERIC = re.compile(
    r"(?<!\$)\$\{(?P<step>[A-Za-z_][A-Za-z0-9_-]*)\.(?P<word>result|output|response|stdout|content|text|body)"
    r"(?:\.(?P<part>[A-Za-z_][A-Za-z0-9_]*))?(?=[\s}.\[])"
)


@dataclass(frozen=True, slots=True)
class Untangled:
    entries: list[JsonValue]
    notes: tuple[str, ...]


def untangle(entries: list[JsonValue], registry: Registry) -> Untangled:
    """A pipeline whose steps have ids of their own, name outputs that exist, and come after what they use."""
    if not all(_is_plain(entry) for entry in entries):
        return Untangled(entries, ())
    notes: list[str] = []
    named = _rename_twins(entries, notes)
    real = _name_outputs(named, registry, notes)
    return Untangled(_Orderer(notes).pipeline(real), tuple(notes))


def _is_plain(entry: JsonValue) -> bool:
    """Whether an entry is well formed as far as order goes, and routes nowhere."""
    if not isinstance(entry, dict) or entry.keys() & {"next", "batch", "undo"}:
        return False
    if inner := inner_of(entry):
        return all(_is_plain(each) for each in inner[1])
    return isinstance(entry.get("id"), str) and isinstance(entry.get("type"), str)


def inner_of(entry: JsonValue) -> tuple[str, list[JsonValue]] | None:
    """The key of an entry that holds further ones, and those; None for a step."""
    for key in ("parallel", "pipeline") if isinstance(entry, dict) else ():
        if isinstance(entry, dict) and isinstance(inner := entry.get(key), list):
            return key, inner
    return None


def _steps(entry: JsonValue) -> Iterator[Entry]:
    if inner := inner_of(entry):
        for each in inner[1]:
            yield from _steps(each)
    elif isinstance(entry, dict):
        yield entry


def _with_steps(entry: JsonValue, change: Callable[[Entry], Entry]) -> JsonValue:
    if not isinstance(entry, dict):
        return entry
    if inner := inner_of(entry):
        key, entries = inner
        return {**entry, key: [_with_steps(each, change) for each in entries]}
    return change(entry)


def _uses(entry: JsonValue) -> set[str]:
    """The first names of all references in an entry."""
    return {
        path.head
        for step in _steps(entry)
        for reference in references_in(step.get("params"))
        for path in reference.paths
    }


def _ids(entry: JsonValue) -> set[str]:
    return {str(step["id"]) for step in _steps(entry)}


# --- names -----------------------------------------------------------------------------------------------------------


def _rename_twins(entries: list[JsonValue], notes: list[str]) -> list[JsonValue]:
    """Gives the second bearer of an id another, if no reference could mean either."""
    ids = [str(step["id"]) for entry in entries for step in _steps(entry)]
    used, taken = set[str]().union(*map(_uses, entries)), set(ids)
    seen = set[str]()

    def rename(step: Entry) -> Entry:
        name = str(step["id"])
        if name not in seen or name in used:
            seen.add(name)
            return step
        fresh = next(other for number in count(2) if (other := f"{name}_{number}") not in taken | used)
        taken.add(fresh)
        notes.append(f"called the other step '{name}' '{fresh}'")
        return {**step, "id": fresh}

    return [_with_steps(entry, rename) for entry in entries]


def _name_outputs(entries: list[JsonValue], registry: Registry, notes: list[str]) -> list[JsonValue]:
    """Reads `result`, or what other types call their main output, as the main output of a step whose type has no output
    of that name, or as the output that is named after it."""
    types = {str(step["id"]): registry.get(str(step["type"])) for entry in entries for step in _steps(entry)}

    def real(found: re.Match[str]) -> str:
        step, part = found["step"], found["part"]
        node_type = types.get(step)
        if node_type is None or not node_type.outputs or {*node_type.outputs, *node_type.aliases} & {found["word"]}:
            return found[0]
        place = part if part in node_type.outputs else ".".join(filter(None, [next(iter(node_type.outputs)), part]))
        notes.append(f"read ${{{step}.{found['word']}{f'.{part}' if part else ''}}} as ${{{step}.{place}}}")
        return f"${{{step}.{place}"

    def mend(step: Entry) -> Entry:
        node_type, params = registry.get(str(step["type"])), step.get("params")
        if node_type is None or not isinstance(params, dict):
            return step
        kept = {key: value if key in node_type.verbatim else _in_texts(value, real) for key, value in params.items()}
        return {**step, "params": kept}

    return [_with_steps(entry, mend) for entry in entries]


def _in_texts(value: JsonValue, change: Callable[[re.Match[str]], str]) -> JsonValue:
    if isinstance(value, str):
        return _GENERIC.sub(change, value)
    if isinstance(value, list):
        return [_in_texts(each, change) for each in value]
    if isinstance(value, dict):
        return {key: _in_texts(each, change) for key, each in value.items()}
    return value


# --- order -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Orderer:
    notes: list[str] = field(default_factory=list)

    def pipeline(self, entries: list[JsonValue]) -> list[JsonValue]:
        """Entries in an order in which each comes after those it uses; otherwise as they were."""
        flat = [each for entry in entries for each in self.entry(entry)]
        try:
            order = _in_order(_needs(flat))
        except Cycle:
            return flat
        for place, at in enumerate(order):
            if any(other < at for other in order[place + 1 :]):
                self.notes.append(f"put {_name(flat[at])} before what uses it")
        return [flat[at] for at in order]

    def entry(self, entry: JsonValue) -> list[JsonValue]:
        """An entry as one or several, without references between the branches of a block."""
        if not (isinstance(entry, dict) and isinstance(branches := entry.get("parallel"), list)):
            return [entry]
        inner = [self.branch(branch) for branch in branches]
        if len(entry) > 1 or not any(needs := _needs(inner)):
            return [{**entry, "parallel": inner}]
        try:
            _in_order(needs)
        except Cycle:
            return [entry]
        return self.apart(inner)

    def branch(self, branch: JsonValue) -> JsonValue:
        if isinstance(branch, dict) and isinstance(sequence := branch.get("pipeline"), list):
            return {**branch, "pipeline": self.pipeline(sequence)}
        return _as_branch(self.entry(branch))

    def apart(self, branches: list[JsonValue]) -> list[JsonValue]:
        """Branches that use one other go on in it; those that use several come after the block."""
        while True:
            needs = _needs(branches)
            follower = next((at for at, uses in enumerate(needs) if len(uses) == 1 and not needs[min(uses)]), None)
            if follower is None:
                break
            leader = min(needs[follower])
            self.notes.append(f"put {_name(branches[follower])} after {_name(branches[leader])}, which it uses")
            joined: JsonValue = {"pipeline": [*_sequence(branches[leader]), *_sequence(branches[follower])]}
            branches = [joined if at == leader else each for at, each in enumerate(branches) if at != follower]
        now = [branch for branch, uses in zip(branches, needs, strict=True) if not uses]
        later = [branch for branch, uses in zip(branches, needs, strict=True) if uses]
        self.notes += [f"put {_name(branch)} after the block, which it uses" for branch in later]
        return [*_block(now), *(self.apart(later) if later else ())]


def _needs(entries: list[JsonValue]) -> list[set[int]]:
    """For each entry, which of the others it uses."""
    home = {name: at for at, entry in enumerate(entries) for name in _ids(entry)}
    return [{home[name] for name in _uses(entry) if home.get(name, at) != at} for at, entry in enumerate(entries)]


def _in_order(needs: list[set[int]]) -> list[int]:
    """The entries as they stand, but each after those it needs. Raises Cycle."""
    order: list[int] = []
    while len(order) < len(needs):
        ready = [at for at, uses in enumerate(needs) if at not in order and uses <= set(order)]
        if not ready:
            raise Cycle([at for at in range(len(needs)) if at not in order])
        order.append(ready[0])
    return order


def _block(branches: list[JsonValue]) -> list[JsonValue]:
    return [{"parallel": branches}] if len(branches) > 1 else [each for one in branches for each in _sequence(one)]


def _as_branch(entries: list[JsonValue]) -> JsonValue:
    return entries[0] if len(entries) == 1 else {"pipeline": entries}


def _sequence(branch: JsonValue) -> list[JsonValue]:
    inner = inner_of(branch)
    return inner[1] if inner and inner[0] == "pipeline" else [branch]


def _name(entry: JsonValue) -> str:
    names = [str(step["id"]) for step in _steps(entry)]
    return f"'{names[0]}'" if len(names) == 1 else f"the steps {', '.join(names)}"
