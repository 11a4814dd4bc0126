"""Node types tested as the executor uses them: params rewritten, references resolved, then one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from runtime.completion import CompletionClient
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed, NodeType
from runtime.references import compile_value

Params = dict[str, JsonValue]
Outputs = dict[str, JsonValue]


@dataclass(frozen=True)
class Bench:
    """Runs one attempt of a node type in a folder of its own."""

    context: NodeContext
    logged: list[str]

    def run(self, kind: NodeType, params: Params, *, completions: CompletionClient | None = None, **scope: JsonValue) -> Outputs:
        """The outputs; keyword arguments are what references find."""
        return asyncio.run(self.attempt(kind, params, completions, **scope))

    async def attempt(
        self, kind: NodeType, params: Params, completions: CompletionClient | None = None, **scope: JsonValue
    ) -> Outputs:
        rewritten = kind.rewrite(params)
        resolve = compile_value({key: value for key, value in rewritten.items() if key not in kind.verbatim})
        verbatim = {key: value for key, value in rewritten.items() if key in kind.verbatim}
        resolved = {**verbatim, **cast("Params", resolve(scope))} if resolve else rewritten
        called = kind.call(kind.params.model_validate(resolved), replace(self.context, completions=completions))
        return kind.read(await cast("Awaitable[object]", called) if kind.is_async else called)

    def failure(self, kind: NodeType, params: Params, **scope: JsonValue) -> NodeFailed:
        with pytest.raises(NodeFailed) as caught:
            self.run(kind, params, **scope)
        return caught.value


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    logged: list[str] = []
    return Bench(NodeContext("run", "step", 1, tmp_path, log=logged.append), logged)


@pytest.fixture
def folder(bench: Bench) -> Path:
    return bench.context.directory


Problems = Callable[[NodeType, Params], list[tuple[str, str, str]]]


@pytest.fixture
def problems() -> Problems:
    """What a type's own check says: keys joined by a slash, code, message."""

    def found(kind: NodeType, params: Params) -> list[tuple[str, str, str]]:
        return [("/".join(map(str, each.keys)), each.code, each.message) for each in kind.check(params)]

    return found
