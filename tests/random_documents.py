"""Random documents of both forms, and what their steps do, for the property tests of a whole run. Seeded.

All durations are distinct multiples of a power of two: sums of them are exact, and no two events meet by accident.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random

from runtime.checks import Examination, examine
from runtime.issues import JsonValue
from runtime.node_types import Effect, NodeContext, NodeFailed, Registry, Routed, node_type
from tests.language import Document
from tests.scripts import UNTOUCHED, Script, Try, Undoing

MODES = (None, None, "fail_fast", "continue", "rollback")
ACTIONS = ("default", "default", "default", "x", "y")
FORMS = ("${%s.visit}", "${%s.visit ?? 0}", "${%s.error.code ?? null}")


# --- what happens ----------------------------------------------------------------------------------------------------


def seconds(random: Random, at_most: float = 16.0) -> float:
    return random.randrange(1, int(at_most * 2**26)) / 2**26


def random_script(seed: str) -> Script:
    """What each attempt and each undo does follows from the seed and its number alone."""

    def attempt(node: str, visit: int, number: int) -> Try:
        random = Random(f"{seed} {node} {visit} {number}")
        code = random.choice(["boom", "boom", UNTOUCHED]) if random.random() < 0.15 else None
        answer = random.choices(["yields", "finishes", "fails"], [8, 1, 1])[0]
        drain = 0.0 if answer == "yields" and random.random() < 0.5 else seconds(random, 2.0)
        return Try(seconds(random), random.choice(ACTIONS), code, drain, answer)  # type: ignore[arg-type]  # as listed

    def undo(node: str, before: int) -> Undoing:
        random = Random(f"{seed} undo {node} {before}")
        return Undoing(seconds(random, 4.0), random.random() < 0.15)

    random = Random(f"{seed} cancel")
    return Script(attempt, undo, seconds(random, 60.0) if random.random() < 0.15 else None)


@dataclass(slots=True)
class Stage:
    """The script that is played now, and what came of the undos."""

    script: Script
    visits: Counter[str] = field(default_factory=Counter)
    undos: Counter[str] = field(default_factory=Counter)
    undone: list[tuple[str, JsonValue]] = field(default_factory=list)
    at_work: int = 0
    most_at_work: int = 0

    @contextmanager
    def work(self) -> Iterator[None]:
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        try:
            yield
        finally:
            self.at_work -= 1


class Theatre:
    """Node types that do what the script on stage says; one run at a time."""

    def __init__(self) -> None:
        self.stage = Stage(random_script(""))

        @node_type("play", outputs={"visit": "integer", "seen": "any"}, effects=_effects, routes=True)
        async def play(context: NodeContext, sees: JsonValue = None, touches: bool = False) -> Routed:
            with self.stage.work():
                return await self._play(context, sees)

        @node_type("unplay")
        async def unplay(context: NodeContext, visit: JsonValue = None) -> None:
            stage, node = self.stage, context.node
            does = stage.script.undo(node, stage.undos[node])
            stage.undos[node] += 1
            with stage.work():
                await asyncio.sleep(does.seconds)
            if does.fails:
                raise NodeFailed("stuck", "it cannot be taken back")
            stage.undone.append((node, visit))

        self.registry = Registry({}).with_types(play, unplay)

    async def _play(self, context: NodeContext, sees: JsonValue) -> Routed:
        stage, node = self.stage, context.node
        stage.visits[node] += context.attempt == 1
        outputs: dict[str, JsonValue] = {"visit": stage.visits[node], "seen": sees}
        does = stage.script.attempt(node, stage.visits[node], context.attempt)
        try:
            await asyncio.sleep(does.seconds)
        except asyncio.CancelledError:
            await _at_leisure(does.drain)
            if does.answer == "yields":
                raise
            if does.answer == "fails":
                raise NodeFailed("stubborn", "it would not be ended", outputs) from None
        else:
            if does.code is not None:
                raise NodeFailed(does.code, "it failed", outputs)
        return Routed(outputs, does.action)


def _effects(params: dict[str, JsonValue]) -> tuple[Effect, ...]:
    return (Effect("file", "x"),) if params.get("touches") else ()


async def _at_leisure(seconds: float) -> None:
    """Sleeps, whoever wants it to end."""
    clock = asyncio.get_running_loop().time
    until = clock() + seconds
    while (left := until - clock()) > 0:
        try:
            await asyncio.sleep(left)
        except asyncio.CancelledError:
            continue


# --- what is written -------------------------------------------------------------------------------------------------


def random_document(seed: int, registry: Registry) -> Examination:
    """A valid document; every other seed gives the graph form."""
    for attempt in count():
        random = Random(f"{seed} {attempt}")
        document = _Pen(random).graph() if seed % 2 else _Pen(random).pipeline_document()
        examined = _with_references(document, random, registry)
        if examined.valid:
            return examined
    raise AssertionError("unreachable")


def _with_references(document: Document, random: Random, registry: Registry) -> Examination:
    """The document with references between its steps, but for those that the language forbids."""
    steps = list(_steps(document))
    for step in steps:
        if len(steps) > 1 and random.random() < 0.5:
            step["params"]["sees"] = random.choice(FORMS) % random.choice(steps)["id"]
    while True:
        examined = examine(document, registry)
        wrong = {issue.path for issue in examined.issues if issue.path.endswith("/sees")}
        if not wrong or examined.graph is None:
            return examined
        paths = {node.path: node.id for node in examined.graph.steps}
        blamed = {paths[path.removesuffix("/params/sees")] for path in wrong}
        for step in steps:
            if step["id"] in blamed:
                del step["params"]["sees"]


def _steps(value: object) -> Iterator[Document]:
    if isinstance(value, dict):
        if "type" in value:
            yield value
        for key, inner in value.items():
            if key not in ("params", "undo"):
                yield from _steps(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _steps(inner)


class _Pen:
    """Writes one document."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.numbers = count()

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def name(self) -> str:
        return f"n{next(self.numbers)}"

    def settings(self) -> Document:
        said: Document = {"max_visits": 3}
        if mode := self.random.choice(MODES):
            said["on_error"] = mode
        if self.chance(0.15):
            said["timeout"] = seconds(self.random, 60.0)
        return said

    def limits(self) -> Document:
        said: Document = {}
        if mode := self.random.choice(MODES):
            said["on_error"] = mode
        if self.chance(0.15):
            said["timeout"] = seconds(self.random, 24.0)
        return said

    def step(self, name: str) -> Document:
        made: Document = {"id": name, "type": "play", "params": {"touches": self.chance(0.2)}}
        if self.chance(0.15):
            made["timeout"] = seconds(self.random, 12.0)
        if self.chance(0.2):
            wait = seconds(self.random, 2.0)
            made["retry"] = {"max_attempts": 2, "wait": wait, "on": self.random.choice([["boom"], ["timeout"]])}
        if self.chance(0.35):
            made["undo"] = {"type": "unplay", "params": {"visit": f"${{{name}.visit ?? null}}"}}
        return made

    # --- the pipeline form -------------------------------------------------------------------------------------------

    def pipeline_document(self) -> Document:
        return {"pipeline": self.pipeline(0, []), "settings": self.settings()}

    def pipeline(self, depth: int, beyond: list[str]) -> list[Document]:
        names = [self.name() for _ in range(self.random.randint(1, 4 - min(depth, 2)))]
        return [self.entry(at, names, depth, beyond) for at in range(len(names))]

    def entry(self, at: int, names: list[str], depth: int, beyond: list[str]) -> Document:
        if depth < 3 and self.chance(0.35):
            branches = [self.branch(depth + 1) for _ in range(self.random.randint(1, 3))]
            return {"id": names[at], "parallel": branches, **self.limits()}
        return {**self.step(names[at]), **self.routes(at, names, depth, beyond)}

    def branch(self, depth: int) -> Document:
        kind = self.random.random()
        if kind < 0.4:
            return self.step(self.name())
        if kind < 0.8 or depth > 2:
            return {"pipeline": self.pipeline(depth, [])}
        return {"parallel": [self.branch(depth + 1) for _ in range(self.random.randint(1, 2))], **self.limits()}

    def routes(self, at: int, names: list[str], depth: int, beyond: list[str]) -> Document:
        if self.chance(0.6):
            return {}
        later, earlier = [*names[at + 1 :], *beyond], names[: at + 1]
        actions = self.random.sample(["x", "y", "error", "default"], self.random.randint(1, 2))
        return {"next": {action: self.target(later, earlier, depth) for action in actions}}

    def target(self, later: list[str], earlier: list[str], depth: int) -> JsonValue:
        kind = self.random.random()
        if kind < 0.35 and later:
            return self.random.choice(later)
        if kind < 0.65:
            return self.random.choice(earlier)
        if kind < 0.85 and depth < 3:
            return [*self.pipeline(depth + 1, later)]
        return None

    # --- the graph form ----------------------------------------------------------------------------------------------

    def graph(self) -> Document:
        names = [self.name() for _ in range(self.random.randint(1, 9))]
        edges = [self.edge(a, b) for at, b in enumerate(names) for a in names[:at] if self.chance(0.25)]
        edges += [
            {"from": b, "to": a, "action": "x"} for at, b in enumerate(names) for a in names[:at] if self.chance(0.04)
        ]
        blocks = list(self.blocks(names))
        return {
            "nodes": [self.step(name) for name in names],
            "edges": edges,
            "blocks": blocks,
            "settings": self.settings(),
        }

    def edge(self, source: str, target: str) -> Document:
        action = self.random.choice(["default", "default", "default", "x", "error"])
        return {"from": source, "to": target} | ({} if action == "default" else {"action": action})

    def blocks(self, names: list[str]) -> Iterator[Document]:
        inside = names
        for at in range(self.random.randint(0, 3)):
            if len(inside) < 2:
                return
            inside = self.random.sample(inside, self.random.randint(1, len(inside) - 1))
            yield {"id": f"b{at}", "nodes": inside, **self.limits()}
