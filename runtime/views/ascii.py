"""A graph as an outline for a terminal, from which every edge can be read.

A step without `<-` comes after what stands above it: the step, or every end of the branches. With `<-` it comes after
exactly the steps named there. `->` closes a loop. An action other than `default` stands in brackets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import wrap

from runtime.graph import DEFAULT, Edge, Graph, NodeId
from runtime.views.drawing import longest_path, plain
from runtime.views.nesting import Group, Series, nested

WIDEST_COLUMN = 40


@dataclass(frozen=True, slots=True)
class _Line:
    """A step in the tree. `under` are the rails that go on below it."""

    step: NodeId
    rails: str
    under: str
    ties: str


def render(graph: Graph, *, width: int = 80, marks: Mapping[str, str] | None = None) -> str:
    """The outline and its legend; `*` is the critical path, `marks` puts a sign (one character) before an id.

    Only names and the tree itself make a line longer than `width`. Raises Cycle.
    """
    path = set(longest_path(graph))
    lines = list(_lines(nested(graph), _Ties(graph), "", "", frozenset()))
    names = [line.rails + _sign(line.step, marks) + plain(line.step) for line in lines]
    types = [plain(graph.nodes[line.step].type) for line in lines]
    column, column_of_types = (min(WIDEST_COLUMN, max(map(len, column), default=0)) for column in (names, types))
    shown = list[str]()
    for line, name, kind in zip(lines, names, types, strict=True):
        star = "*" if line.step in path else " "
        head = f"{star} {name:<{column}}  {kind:<{column_of_types}}"
        shown += _wrapped(head, f"  {line.under}    ", line.ties, width)
    return "\n".join([*shown, "", _legend(line.ties for line in lines)])


def _sign(step: NodeId, marks: Mapping[str, str] | None) -> str:
    return "" if marks is None else f"{plain(marks.get(step, ' '))} "


def _lines(series: Series, ties: _Ties, first: str, rails: str, above: frozenset[NodeId]) -> Iterator[_Line]:
    """The lines of a series: `first` are the rails of its first line, `above` the steps it comes after."""
    under_a_step = False
    for part in series:
        if isinstance(part, Group):
            for at, branch in enumerate(part.branches):
                last = at == len(part.branches) - 1
                corner = "└─ " if last else "├─ " if at or under_a_step else "┌─ "
                yield from _lines(branch, ties, first + corner, rails + ("   " if last else "│  "), above)
                first = rails
            above, under_a_step = part.ends, False
        else:
            yield _Line(part, first, rails, ties.of(part, above))
            above, under_a_step, first = frozenset({part}), True, rails


class _Ties:
    """What the tree does not say of a step's edges."""

    def __init__(self, graph: Graph) -> None:
        self.into: dict[NodeId, list[Edge]] = {step.id: [] for step in graph.steps}
        self.loops: dict[NodeId, list[Edge]] = {step.id: [] for step in graph.steps}
        for edge in graph.visible_edges:
            side = self.loops[edge.source] if edge.back else self.into[edge.target]
            side.append(edge)

    def of(self, step: NodeId, above: frozenset[NodeId]) -> str:
        into = self.into[step]
        implied = len(into) == len(above) and all(e.source in above and e.action == DEFAULT for e in into)
        back = "" if implied else "<- " + ", ".join(_named(edge.source, edge.action) for edge in into)
        loops = ", ".join(_named(edge.target, edge.action) for edge in self.loops[step])
        return " ".join(filter(None, (back, loops and f"-> {loops}")))


def _named(step: NodeId, action: str) -> str:
    if action == DEFAULT:
        return plain(step)
    said = action if re.fullmatch(r"[\w.:-]+", action) else plain(json.dumps(action, ensure_ascii=False))
    return f"{plain(step)} [{said}]"


def _wrapped(head: str, indent: str, ties: str, width: int) -> list[str]:
    """The ties behind the head, or below it where there is no place."""
    if len(head) + 2 + len(ties) <= width:
        return [f"{head}  {ties}".rstrip()]
    room = max(width - len(indent), 20)
    below = wrap(ties, room, break_long_words=False, break_on_hyphens=False)
    return [head.rstrip(), *(indent + line for line in below)]


def _legend(ties: Iterable[str]) -> str:
    said = " ".join(ties)
    signs = {"<- ": "<- after just these", "-> ": "-> loops back"}
    return "   ".join(["* critical path", *(text for sign, text in signs.items() if sign in said)])
