"""A small suite and its recordings, made from a server of the test's own: some answers are refused and repaired."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

from runtime.issues import JsonValue
from tests.command_line import llm, pipeline, value
from tests.model_server import Asked, Reply, says

MODEL = "openai/tiny"
ASKS: dict[str, JsonValue] = {
    "id": "asks-for-real",
    "workflow": pipeline(llm("one", "What?"), llm("two", "What?")),
    "real": ["llm"],
}
PLANNED: list[dict[str, JsonValue]] = [
    {"id": f"case-{at}", "request": f"Give the value {at}.", "run": True, "expect": {"uses": {"transform": 1}}}
    for at in range(5)
]
SUITE: dict[str, JsonValue] = {"name": "small", "cases": [ASKS, *PLANNED]}


def answer(asked: Asked) -> Reply:
    """The same request has the same answer: no JSON, one value, or two at the same time."""
    drawn = Random(json.dumps(asked.body["messages"])).randrange(3)
    if drawn == 0:
        return says("a poem {")
    steps: list[JsonValue] = [value(f"step_{at}", "x") for at in range(drawn)]
    return says(json.dumps(pipeline({"parallel": steps} if drawn > 1 else steps[0])))


def written(folder: Path) -> Path:
    """The suite's file."""
    path = folder / "small.json"
    path.write_text(json.dumps(SUITE), encoding="utf-8")
    return path
