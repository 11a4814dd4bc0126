"""Mends that follow from what refers to what. Pure; a workflow with routing is left alone, as its order means more.

A step that uses another can only come after it, an id that nobody refers to is a mere name, `result` is what people
call the main output of any step, and what a single open output is not called can only be a part of it. Each change is
noted; where there are two ways to mend, nothing is changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from planner.entries import (
    Entry,
    ids_of,
    in_texts,
    inner_of,
    is_plain,
    name_of,
    steps_of,
    uses_of,
    with_heads,
    with_steps,
)
from planner.needs import with_needs
from planner.repetitions import without_repeats
from runtime.graph import Cycle
from runtime.issues import JsonValue
from runtime.node_types import NodeType, Registry
from runtime.references import references_in

_GENERIC = frozenset({"result", "output", "response", "stdout", "content", "text", "body"})
_OUTPUT = re.compile(
    r"(?<!\$)\$\{(?P<step>[A-Za-z_][A-Za-z0-9_-]*)\.(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"(?:\.(?P<part>[A-Za-z_][A-Za-z0-9_]*))?(?=[\s}.\[])"
)

_QUOTED_KEY = re.compile(r"((?<!\$)\$\{[A-Za-z_][A-Za-z0-9_.-]*)\['([^'\"\\\]]*)'\]")


@dataclass(frozen=True, slots=True)
class Untangled:
    entries: list[JsonValue]
    notes: tuple[str, ...]


def untangle(entries: list[JsonValue], registry: Registry, description: JsonValue = None) -> Untangled:
    """A pipeline whose steps have ids of their own, name outputs that exist, and come after what they use."""
    if not all(is_plain(entry) for entry in entries):
        return Untangled(entries, ())
    notes: list[str] = []
    named = _rename_twins(without_repeats(entries, registry, notes), notes)
    real = _name_outputs(named, registry, notes)
    given = with_needs(real, description, registry, notes)
    return Untangled(_Orderer(notes).pipeline(given), tuple(notes))


# --- names -----------------------------------------------------------------------------------------------------------


def _rename_twins(entries: list[JsonValue], notes: list[str]) -> list[JsonValue]:
    """Gives the second bearer of an id another, if no reference can mean either.

    Where there are as many references to an id as bearers, the first means the first, and so on.
    """
    ids = Counter(str(step["id"]) for entry in entries for step in steps_of(entry))
    uses = Counter(name for entry in entries for step in steps_of(entry) for name in _heads(step))
    taken = {*ids, *uses}
    bearers = {name: [name] for name, number in ids.items() if uses[name] in (0, number)}
    for name, known in bearers.items():
        while len(known) < ids[name]:
            fresh = next(other for number in count(2) if (other := f"{name}_{number}") not in taken)
            taken.add(fresh)
            known.append(fresh)
    return _renamed(entries, {name: known for name, known in bearers.items() if len(known) > 1}, notes)


def _heads(step: Entry) -> list[str]:
    """The first names of all references in a step, as often as they stand there."""
    return [path.head for reference in references_in(step.get("params")) for path in reference.paths]


def _renamed(entries: list[JsonValue], bearers: Mapping[str, list[str]], notes: list[str]) -> list[JsonValue]:
    own, meant = ({name: iter(known) for name, known in bearers.items()} for _ in range(2))

    def rename(step: Entry) -> Entry:
        name = str(step["id"])
        fresh = next(own[name]) if name in own else name
        if fresh != name:
            notes.append(f"called the other step '{name}' '{fresh}'")
        return {**step, "id": fresh}

    def refer(step: Entry) -> Entry:
        return with_heads(step, lambda name: next(meant[name]) if name in meant else name)

    return [with_steps(with_steps(entry, refer), rename) for entry in entries] if bearers else entries


def _name_outputs(entries: list[JsonValue], registry: Registry, notes: list[str]) -> list[JsonValue]:
    steps = {str(step["id"]): step for entry in entries for step in steps_of(entry)}
    types = {name: registry.get(str(step["type"])) for name, step in steps.items()}
    givens = {name: step.get("params") for name, step in steps.items()}

    def real(found: re.Match[str]) -> str:
        step, word, part = found["step"], found["word"], found["part"]
        node_type = types.get(step)
        place = node_type and _real_output(node_type, givens.get(step), word, part)
        if not place:
            return found[0]
        notes.append(f"read ${{{step}.{word}{f'.{part}' if part else ''}}} as ${{{step}.{place}}}")
        return f"${{{step}.{place}"

    def mend(step: Entry) -> Entry:
        node_type, params = registry.get(str(step["type"])), step.get("params")
        if node_type is None or not isinstance(params, dict):
            return step
        texts = {key: value for key, value in params.items() if key not in node_type.verbatim}
        return {**step, "params": {**params, **{key: in_texts(each, reread) for key, each in texts.items()}}}

    def reread(text: str) -> str:
        return _OUTPUT.sub(real, _QUOTED_KEY.sub(doubly_quoted, text))

    def doubly_quoted(found: re.Match[str]) -> str:
        notes.append(f"put the key '{found[2]}' of a reference in double quotes")
        return f'{found[1]}["{found[2]}"]'

    return [with_steps(entry, mend) for entry in entries]


def _real_output(node_type: NodeType, params: JsonValue, word: str, part: str | None) -> str | None:
    """The place that a wrong name of an output stands for, if it can only be one.

    What other types call their main output is the main output, or the output that is named after it; so is what is
    called like the file that the step reads.
    """
    outputs = tuple(node_type.outputs)
    if not outputs or {*outputs, *node_type.aliases} & {word}:
        return None
    if word in _GENERIC or word == _file_name(params):
        return part if part in outputs else ".".join(filter(None, [outputs[0], part]))
    for output, schema in node_type.schemas(params).items() if isinstance(params, dict) else ():
        if isinstance(schema, dict) and isinstance(known := schema.get("properties"), dict) and word in known:
            return ".".join(filter(None, [output, word, part]))
    if node_type.outputs == {outputs[0]: "any"}:
        return ".".join(filter(None, [outputs[0], word, part]))
    return None


def _file_name(params: JsonValue) -> str:
    """The name of a step's file without folders and ending."""
    path = params.get("path") if isinstance(params, dict) else None
    return path.rpartition("/")[2].partition(".")[0] if isinstance(path, str) else ""


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
                self.notes.append(f"put {name_of(flat[at])} before what uses it")
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
            self.notes.append(f"put {name_of(branches[follower])} after {name_of(branches[leader])}, which it uses")
            joined: JsonValue = {"pipeline": [*_sequence(branches[leader]), *_sequence(branches[follower])]}
            branches = [joined if at == leader else each for at, each in enumerate(branches) if at != follower]
        now = [branch for branch, uses in zip(branches, needs, strict=True) if not uses]
        later = [branch for branch, uses in zip(branches, needs, strict=True) if uses]
        self.notes += [f"put {name_of(branch)} after the block, which it uses" for branch in later]
        return [*_block(now), *(self.apart(later) if later else ())]


def _needs(entries: list[JsonValue]) -> list[set[int]]:
    """For each entry, which of the others it uses."""
    home = {name: at for at, entry in enumerate(entries) for name in ids_of(entry)}
    return [{home[name] for name in uses_of(entry) if home.get(name, at) != at} for at, entry in enumerate(entries)]


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
