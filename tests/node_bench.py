"""Node types tested as the executor uses them: params rewritten, references resolved, then one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import cast

import pytest

from runtime.checks import check_params
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

    def run(
        self, kind: NodeType, params: Params, completions: CompletionClient | None = None, /, **scope: JsonValue
    ) -> Outputs:
        """The outputs; keyword arguments are what references find."""
        return asyncio.run(self.attempt(kind, params, completions, **scope))

    async def attempt(
        self, kind: NodeType, params: Params, completions: CompletionClient | None = None, /, **scope: JsonValue
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

    def problems(self, kind: NodeType, params: Params) -> list[tuple[str, str]]:
        """What the static checks say of params as written: the place inside them, and the code."""
        return [(issue.path, issue.code) for issue in check_params(kind, params, "")]
