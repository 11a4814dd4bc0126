from __future__ import annotations

from pathlib import Path

import pytest

from runtime.grants import Grants
from runtime.node_types import NodeContext
from tests.node_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    logged: list[str] = []
    grants = Grants(frozenset({"write:.", "network:127.0.0.1"}), tmp_path)
    return Bench(NodeContext("run", "step", 1, tmp_path, log=logged.append, grants=grants), logged)


@pytest.fixture
def folder(bench: Bench) -> Path:
    return bench.context.directory
