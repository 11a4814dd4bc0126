"""Places for the nodes of an acyclic graph, in layers, so that no line crosses a box. Knows no page. Pure.

After Sugiyama, Tagawa and Toda (1981): layers by the longest way, a bend in each layer that a long edge passes, orders
by barycentres. In its layer a place then stands as near to its neighbours as the order allows (least squares).
"""

from __future__ import annotations

from bisect import bisect, insort
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, TypeAlias, TypeVar

from runtime.graph import generations

T = TypeVar("T", bound=Hashable)
SWEEPS = 12
BEND = 8.0  # the width of a bend
GAP = 24.0  # between two boxes; lines come twice as near
YIELDING = 0.001  # the weight of a place that nothing pulls


@dataclass(frozen=True, slots=True)
class Bend(Generic[T]):
    """Where the edge between two nodes passes a layer."""

    source: T
    target: T
    layer: int


Place: TypeAlias = T | Bend[T]
Pulls: TypeAlias = list[tuple[float, float]]  # where to, and how strongly


@dataclass(frozen=True, slots=True)
class Layout(Generic[T]):
    """The layers in order, the middle of each place across its layer, and the places along each edge."""

    layers: list[list[Place[T]]]
    across: dict[Place[T], float]
    ways: dict[tuple[T, T], list[Place[T]]]


def lay_out(successors: Mapping[T, Sequence[T]], width: Callable[[T], float], gap: float = GAP) -> Layout[T]:
    """A layout of the graph; `width` is the size of a node across its layer. Raises Cycle."""
    layers: list[list[Place[T]]] = [list(nodes) for nodes in generations(successors)]
    level = {place: at for at, layer in enumerate(layers) for place in layer}
    ways: dict[tuple[T, T], list[Place[T]]] = {}
    for source, targets in successors.items():
        for target in targets:
            bends = [Bend(source, target, at) for at in range(level[source] + 1, level[target])]
            for bend in bends:
                layers[bend.layer].append(bend)
            ways[source, target] = [source, *bends, target]
    links = _Links(layers, ways.values())
    layers = _untangled(layers, links)
    return Layout(layers, _Across(links, width, gap).positions(layers), ways)


class _Links(Generic[T]):
    """Each place's neighbours in the layer above and the one below."""

    def __init__(self, layers: Iterable[Iterable[Place[T]]], ways: Iterable[Sequence[Place[T]]]) -> None:
        self.up: dict[Place[T], list[Place[T]]] = {place: [] for layer in layers for place in layer}
        self.down: dict[Place[T], list[Place[T]]] = {place: [] for place in self.up}
        for way in ways:
            for above, below in pairwise(way):
                self.down[above].append(below)
                self.up[below].append(above)


# --- the order in a layer --------------------------------------------------------------------------------------------


def _untangled(layers: list[list[Place[T]]], links: _Links[T]) -> list[list[Place[T]]]:
    """The layers in the best order that sweeps downwards and upwards find."""
    best, fewest = layers, _crossings(layers, links)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        layers = _swept(layers, links.up) if sweep % 2 == 0 else _swept(layers[::-1], links.down)[::-1]
        if (count := _crossings(layers, links)) < fewest:
            best, fewest = layers, count
    return best


def _swept(layers: list[list[Place[T]]], neighbours: Mapping[Place[T], list[Place[T]]]) -> list[list[Place[T]]]:
    """Each layer ordered by the middle of its neighbours in the layer before; who has none keeps its place."""
    done = layers[:1]
    for layer in layers[1:]:
        before = {place: at for at, place in enumerate(done[-1])}
        scale = len(before) / len(layer)
        middle = {
            place: _mean([before[each] for each in neighbours[place]] or [at * scale]) for at, place in enumerate(layer)
        }
        done.append(sorted(layer, key=middle.__getitem__))
    return done


def _crossings(layers: list[list[Place[T]]], links: _Links[T]) -> int:
    return sum(_crossings_between(above, below, links) for above, below in pairwise(layers))


def _crossings_between(above: list[Place[T]], below: list[Place[T]], links: _Links[T]) -> int:
    """Pairs of edges of which one begins to the left and ends to the right of the other."""
    position = {place: at for at, place in enumerate(below)}
    seen, count = list[int](), 0
    for place in above:
        ends = sorted(position[each] for each in links.down[place])
        count += sum(len(seen) - bisect(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


# --- the place in a layer --------------------------------------------------------------------------------------------


class _Across(Generic[T]):
    def __init__(self, links: _Links[T], width: Callable[[T], float], gap: float) -> None:
        self.gap = gap
        self.up, self.down = links.up, links.down
        self.both = {place: [*links.up[place], *links.down[place]] for place in links.up}
        self.width: dict[Place[T], float] = {
            place: BEND if isinstance(place, Bend) else width(place) for place in links.up
        }

    def positions(self, layers: list[list[Place[T]]]) -> dict[Place[T], float]:
        at: dict[Place[T], float] = {}
        for layer in layers:
            offsets = self.offsets(layer)
            at.update((place, offset - offsets[-1] / 2) for place, offset in zip(layer, offsets, strict=True))
        for near, order in [(self.up, layers), (self.down, layers[::-1])] * SWEEPS + [(self.both, layers)] * SWEEPS:
            for layer in order:
                self.settle(layer, at, near, _weighted_mean)
        self.straighten(layers, at)
        return at

    def straighten(self, layers: list[list[Place[T]]], at: dict[Place[T], float]) -> None:
        """Outwards from the widest layer, which stays: at a median one line is straight, at a mean perhaps none."""
        widest = max(range(len(layers)), key=lambda n: self.offsets(layers[n])[-1], default=0)
        for layer in layers[widest + 1 :]:
            self.settle(layer, at, self.up, _median)
        for layer in layers[:widest][::-1]:
            self.settle(layer, at, self.down, _median)

    def offsets(self, layer: list[Place[T]]) -> list[float]:
        """How far each place is from the first, where they stand as close as they may."""
        steps = ((self.width[one] + self.width[other]) / 2 + self.between(one, other) for one, other in pairwise(layer))
        return list(accumulate(steps, initial=0.0))

    def between(self, one: Place[T], other: Place[T]) -> float:
        return self.gap / 2 if isinstance(one, Bend) or isinstance(other, Bend) else self.gap

    def settle(
        self,
        layer: list[Place[T]],
        at: dict[Place[T], float],
        near: Mapping[Place[T], list[Place[T]]],
        middle: Callable[[Pulls], float],
    ) -> None:
        """Moves each place of a layer towards its neighbours; one that has none there gives way to the others."""
        offsets = self.offsets(layer)
        wanted, weights = list[float](), list[float]()
        for n, (place, offset) in enumerate(zip(layer, offsets, strict=True)):
            pulls = [(at[other], _pull(place, other)) for other in near[place]]
            rest = at[place if self.both[place] else layer[n - 1]]
            wanted.append(middle(pulls or [(rest, YIELDING)]) - offset)
            weights.append(sum(pull for _, pull in pulls) or YIELDING)
        moved = _rising(wanted, weights)
        at.update((place, base + offset) for place, base, offset in zip(layer, moved, offsets, strict=True))


def _pull(one: object, other: object) -> float:
    """Bends of one edge hold on to each other, so that long edges are straight."""
    return 8.0 if isinstance(one, Bend) and isinstance(other, Bend) else 1.0


def _weighted_mean(pulls: Pulls) -> float:
    return sum(number * weight for number, weight in pulls) / sum(weight for _, weight in pulls)


def _median(pulls: Pulls) -> float:
    """The weighted median; between two, their middle."""
    pulls = sorted(pulls)
    half, passed = sum(weight for _, weight in pulls) / 2, 0.0
    for (number, weight), (onward, _) in pairwise([*pulls, pulls[-1]]):
        passed += weight
        if passed >= half:
            return (number + onward) / 2 if passed == half else number
    return pulls[-1][0]


def _rising(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The never falling numbers nearest to those wanted, by weighted squares. Pool adjacent violators (Ayer 1955)."""
    pools = list[tuple[float, float, int]]()  # mean, weight, size
    for want, weight in zip(wanted, weights, strict=True):
        pool = (want, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            mean, heavy, size = pools.pop()
            both = heavy + pool[1]
            pool = ((mean * heavy + pool[0] * pool[1]) / both, both, size + pool[2])
        pools.append(pool)
    return [mean for mean, _, size in pools for _ in range(size)]


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
