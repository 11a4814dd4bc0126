"""Steps that do as they are told, for tests of how a run goes: which action a visit ends with, when, and with what."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

from runtime.issues import JsonValue
from runtime.node_types import Effect, NodeContext, NodeFailed, NodeType, Registry, Routed, node_type
from runtime.record import RunRecord
from runtime.running import Execution, prepare
from runtime.virtual_time import run_in_virtual_time
from tests.language import Document


def act(name: str, *does: str, seconds: float = 1, sees: object = None, **more: object) -> Document:
    """A step that ends its first visit with the first action, and so on, the last again and again; `!code` fails."""
    params: Document = {"does": list(does) or ["default"], "seconds": seconds, "sees": sees}
    return {"id": name, "type": "act", "params": params, **more}


def put(name: str, *does: str, seconds: float = 1, **more: object) -> Document:
    """The same with an effect, which an `undo` takes back and says so."""
    back: Document = {"type": "take_back", "params": {"visit": f"${{{name}.visit ?? null}}"}}
    made = act(name, *does, seconds=seconds)
    return {**made, "type": "put", "undo": back, **more}


@dataclass(slots=True)
class Play:
    """One run on virtual time. `undone` lists what was taken back, in order: the step, and its visit if it is known."""

    document: Document
    cancel_at: float | None = None
    undone: list[tuple[str, JsonValue]] = field(default_factory=list)
    visits: Counter[str] = field(default_factory=Counter)

    def registry(self) -> Registry:
        @node_type("act", outputs={"visit": "integer", "sees": "any"}, routes=True)
        async def act(does: list[str], seconds: float, context: NodeContext, sees: JsonValue = None) -> Routed:
            return await self._act(context, does, seconds, sees)

        @node_type("put", outputs={"visit": "integer", "sees": "any"}, routes=True, effects=_writes)
        async def put(does: list[str], seconds: float, context: NodeContext, sees: JsonValue = None) -> Routed:
            return await self._act(context, does, seconds, sees)

        @node_type("take_back")
        async def take_back(context: NodeContext, visit: JsonValue = None, fails: bool = False) -> None:
            await asyncio.sleep(1)
            if fails:
                raise NodeFailed("stuck", "it cannot be taken back")
            self.undone.append((context.node, visit))

        return Registry({}).with_types(act, put, take_back)

    async def _act(self, context: NodeContext, does: list[str], seconds: float, sees: JsonValue) -> Routed:
        self.visits[context.node] += 1
        visit = self.visits[context.node]
        await asyncio.sleep(seconds)
        outputs: dict[str, JsonValue] = {"visit": visit, "sees": sees}
        now = does[min(visit, len(does)) - 1]
        if now.startswith("!"):
            raise NodeFailed(now[1:], "it failed as it was told", outputs)
        return Routed(outputs, now)

    def run(self, *more: NodeType) -> RunRecord:
        """The record; `more` are further node types."""
        execution = Execution(prepare(self.document, registry=self.registry().with_types(*more)), jitter=lambda: 0.5)

        async def main() -> RunRecord:
            if self.cancel_at is not None:
                asyncio.get_running_loop().call_later(self.cancel_at, execution.cancel)
            record = await execution.result()
            assert asyncio.all_tasks() == {asyncio.current_task()}, "a task is left"
            return record

        return run_in_virtual_time(main())


def _writes(params: dict[str, JsonValue]) -> tuple[Effect, ...]:
    return (Effect("file", "x"),)


def perform(*entries: Document, **document: object) -> RunRecord:
    """A run of a pipeline."""
    return Play({"pipeline": list(entries), **document}).run()


def perform_graph(document: Document) -> RunRecord:
    return Play(document).run()


def statuses(record: RunRecord) -> dict[str, str]:
    return {name: node.status for name, node in record.nodes.items()}


def ran(record: RunRecord) -> str:
    """The steps that ran, in the order of their starts."""
    began = {name: node.started for name, node in record.nodes.items() if node.started is not None}
    return " ".join(sorted(began, key=lambda name: began[name] or 0.0))


def errors(record: RunRecord) -> list[tuple[str | None, str]]:
    return [(error.node, error.code) for error in record.errors]


def seen(record: RunRecord, name: str) -> JsonValue:
    """What a step got to see."""
    outputs: JsonValue = (record.nodes[name].outputs or {}).get("sees")
    return outputs
