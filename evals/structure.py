"""A workflow reduced to what can be compared: steps of a kind, their params, and which come before which. Pure.

`align` pairs the steps of an answer with those of a gold graph. Only steps of one type are paired; of all ways to pair
them it takes the one with the most right params, then the most waits in common, then the most ordered and the most
parallel pairs in common. So the names and the order of steps count for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, islice, permutations, product
from math import perm, prod

from evals.dataset import Gold
from runtime import Graph, JsonValue, Reference, ordered_pairs, parse_template

Params = Mapping[str, tuple[JsonValue, ...]]
"""Each param to the values it may have; "" among them where it may be left out."""

Pair = tuple[int, int]
"""Two steps of one structure, by their places."""

Pairing = Mapping[int, int]
"""A gold step to the step of the answer that stands for it, both by their places."""

MOST_WAYS = 3_000  # to pair the steps of two graphs, all of them looked at; of more, the best that swaps lead to
_LEFT_OUT = ""
_DROPPED = str.maketrans("", "", " \t\n,./-_*^'\"")


@dataclass(frozen=True)
class Structure:
    """Steps by their place, and the pairs of which the first always ends before the second starts."""

    kinds: tuple[str, ...]
    params: tuple[Params, ...]
    before: frozenset[Pair]

    @cached_property
    def waits(self) -> frozenset[Pair]:
        """The transitive reduction: the waits that no others imply."""
        after: dict[int, set[int]] = {}
        for a, b in self.before:
            after.setdefault(a, set()).add(b)
        return frozenset((a, b) for a, b in self.before if not any(b in after.get(c, ()) for c in after[a]))

    @cached_property
    def beside(self) -> frozenset[Pair]:
        """The pairs of which neither waits for the other, each both ways."""
        every = permutations(range(len(self.kinds)), 2)
        return frozenset((a, b) for a, b in every if (a, b) not in self.before and (b, a) not in self.before)

    @cached_property
    def levels(self) -> int:
        """How many steps the longest way has."""
        depth: dict[int, int] = {}
        for step in sorted(range(len(self.kinds)), key=lambda each: sum(1 for _, b in self.before if b == each)):
            depth[step] = 1 + max((depth[a] for a, b in self.before if b == step), default=0)
        return max(depth.values(), default=0)


def of_graph(graph: Graph) -> Structure:
    """The structure of a workflow's graph."""
    place = {node.id: at for at, node in enumerate(graph.steps)}
    kinds = {str(node.id): node.type for node in graph.steps}
    return Structure(
        tuple(node.type for node in graph.steps),
        tuple({name: (canonical(value, kinds),) for name, value in node.params.items()} for node in graph.steps),
        frozenset((place[a], place[b]) for a, b in ordered_pairs(graph)),
    )


def of_gold(gold: Gold) -> Structure:
    """The structure of a gold graph; what it leaves open about params is not in it."""
    place = {node.id: at for at, node in enumerate(gold.nodes)}
    kinds = {node.id: _kind(node.type) for node in gold.nodes}

    def known(params: Mapping[str, Sequence[JsonValue]]) -> Params:
        return {name: tuple(canonical(each, kinds) for each in values) for name, values in params.items()}

    return Structure(
        tuple(kinds.values()),
        tuple(
            known({**node.params_allowed, **{name: (value,) for name, value in node.params.items()}})
            for node in gold.nodes
        ),
        _closure(len(place), [(place[a], place[b]) for a, b in gold.edges]),
    )


def _kind(name: str) -> str:
    return name.replace("-", "_")


def _closure(size: int, edges: Iterable[Pair]) -> frozenset[Pair]:
    """All pairs that a way leads between. Warshall (1962)."""
    reach = [[False] * size for _ in range(size)]
    for a, b in edges:
        reach[a][b] = True
    for middle, a in product(range(size), repeat=2):
        if reach[a][middle]:
            reach[a] = [x or y for x, y in zip(reach[a], reach[middle], strict=True)]
    return frozenset((a, b) for a in range(size) for b in range(size) if reach[a][b])


# --- params ----------------------------------------------------------------------------------------------------------


def canonical(value: JsonValue, kinds: Mapping[str, str]) -> JsonValue:
    """A param without what is the author's choice: a reference to a step becomes the step's type."""
    if isinstance(value, dict):
        return {key: canonical(item, kinds) for key, item in value.items()}
    if isinstance(value, list):
        return [canonical(item, kinds) for item in value]
    if not isinstance(value, str):
        return value
    return "".join(part if isinstance(part, str) else _named(part, kinds) for part in parse_template(value))


def _named(part: object, kinds: Mapping[str, str]) -> str:
    if not isinstance(part, Reference) or not part.paths:
        return "${}"
    path = part.paths[0]
    if path.head in kinds:
        return f"${{{kinds[path.head]}}}"
    return f"${{workflow.{path.keys[0] if path.head == 'workflow' and path.keys else path.head}}}"


def is_right(name: str, allowed: Sequence[JsonValue], found: Params) -> bool:
    """Whether a param of an answer has one of the allowed values, or may be left out and is."""
    if name not in found:
        return _LEFT_OUT in allowed
    return any(_alike(found[name][0], each) for each in allowed)


def _alike(found: JsonValue, right: JsonValue) -> bool:
    """Equal but for case, blanks and punctuation inside texts, and for a number or a truth written as a text."""
    return _plain(found) == _plain(right)


def _plain(value: JsonValue) -> str:
    if isinstance(value, dict):
        return "{" + ";".join(f"{key}={_plain(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ";".join(map(_plain, value)) + "]"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _is_number(text) else text.translate(_DROPPED).casefold()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# --- pairing ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alignment:
    """Two structures, how their steps are paired, and what of the gold graph the answer has too."""

    found: Structure
    gold: Structure
    pairing: Pairing

    @cached_property
    def waits(self) -> set[Pair]:
        return self._common(self.gold.waits, self.found.waits)

    @cached_property
    def before(self) -> set[Pair]:
        return self._common(self.gold.before, self.found.before)

    @cached_property
    def beside(self) -> set[Pair]:
        return self._common(self.gold.beside, self.found.beside)

    def _common(self, gold: Iterable[Pair], found: frozenset[Pair]) -> set[Pair]:
        paired = self.pairing
        return {(a, b) for a, b in gold if a in paired and b in paired and (paired[a], paired[b]) in found}


def align(found: Structure, gold: Structure) -> Alignment:
    """The best pairing of the two; the first found of equals, which have the same in common."""
    groups = [(_places(gold, kind), _places(found, kind)) for kind in sorted(set(gold.kinds) & set(found.kinds))]
    pairs = [(a, b) for ones, others in groups for a in ones for b in others]
    right = {(a, b): right_params(gold.params[a], found.params[b]) for a, b in pairs}

    def worth(pairing: Pairing) -> tuple[int, ...]:
        tried = Alignment(found, gold, pairing)
        return sum(map(right.__getitem__, pairing.items())), len(tried.waits), len(tried.before), len(tried.beside)

    if prod(perm(max(len(a), len(b)), min(len(a), len(b))) for a, b in groups) <= MOST_WAYS:
        return Alignment(found, gold, max(_all_ways(groups), key=worth))
    return Alignment(found, gold, _improved(_by_level(groups, found, gold), groups, worth))


def right_params(gold: Params, found: Params) -> int:
    """How many of the gold params the answer has right."""
    return sum(is_right(name, allowed, found) for name, allowed in gold.items())


def _places(structure: Structure, kind: str) -> list[int]:
    return [at for at, each in enumerate(structure.kinds) if each == kind]


Groups = Sequence[tuple[list[int], list[int]]]


def _all_ways(groups: Groups) -> Iterator[Pairing]:
    return (dict(pair for group in way for pair in group) for way in product(*(_ways(*group) for group in groups)))


def _ways(gold: list[int], found: list[int]) -> list[list[Pair]]:
    if len(gold) <= len(found):
        return [list(zip(gold, chosen, strict=True)) for chosen in permutations(found, len(gold))]
    return [list(zip(chosen, found, strict=True)) for chosen in permutations(gold, len(found))]


def _by_level(groups: Groups, found: Structure, gold: Structure) -> Pairing:
    """Steps paired by how much comes before and after them: where the search begins."""

    def rank(structure: Structure) -> Callable[[int], tuple[int, int, str]]:
        def key(step: int) -> tuple[int, int, str]:
            earlier = sum(1 for _, b in structure.before if b == step)
            later = sum(1 for a, _ in structure.before if a == step)
            return earlier, -later, json.dumps(structure.params[step], sort_keys=True)

        return key

    return {
        a: b
        for first, second in groups
        for a, b in zip(sorted(first, key=rank(gold)), sorted(second, key=rank(found)), strict=False)
    }


def _improved(pairing: Pairing, groups: Groups, worth: Callable[[Pairing], tuple[int, ...]]) -> Pairing:
    """The pairing that swaps lead to, each better than the one before."""
    best, value, left = pairing, worth(pairing), MOST_WAYS
    while True:
        for other in islice(_swaps(best, groups), left):
            left -= 1
            if (reached := worth(other)) > value:
                best, value = other, reached
                break
        else:
            return best


def _swaps(pairing: Pairing, groups: Groups) -> Iterator[Pairing]:
    for gold, found in groups:
        for a, b in combinations(gold, 2):
            swapped = {**pairing, **{x: pairing[y] for x, y in ((a, b), (b, a)) if y in pairing}}
            yield {x: y for x, y in swapped.items() if not (x in (a, b) and (b if x == a else a) not in pairing)}
        for at in gold:
            unused = (each for each in found if each not in pairing.values())
            yield from ({**pairing, at: each} for each in unused if at in pairing)
