"""What shapes the requests of a recording, as names and hashes: when one of them changes, the recording is stale. Pure
but for the prompt templates and plait's own code, which it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path

from evals.recordings import canonical_json
from planner import SHIPPED, Budget, Prompts, answer_schema, read_request, render_messages, show_messages
from runtime import LANGUAGE_VERSION, CompletionRequest, JsonValue, Registry

LENGTH = 12  # hex digits of a hash
BUDGET = Budget()
PACKAGES = ("evals", "planner", "prompts", "runtime")


def made_with(
    model: str,
    registry: Registry,
    *,
    prompts: Prompts | Mapping[str, bytes] = SHIPPED,
    budget: Budget = BUDGET,
    weights: str | None = None,
) -> dict[str, str]:
    """What a recording of plans with these node types is made with now.

    `prompts`: the planner's; or, where it is not the planner that asks, the texts that it is asked with, by name.
    `weights`: a hash of the model's file, where it has one.
    """
    return {
        "model": f"{model}@{weights}" if weights else model,
        "temperature": f"{CompletionRequest(()).temperature:g}",
        "max_tokens": str(budget.answer_tokens),
        "language": LANGUAGE_VERSION,
        "schema": hashed(canonical_json(_json(answer_schema(registry))).encode()),
        **_of_prompts(registry, prompts),
    }


def _of_prompts(registry: Registry, prompts: Prompts | Mapping[str, bytes]) -> dict[str, str]:
    if not isinstance(prompts, Prompts):
        return {name: hashed(text) for name, text in sorted(prompts.items())}
    shown = show_messages(render_messages(read_request("a request"), registry, prompts=prompts))
    return {"prompt": hashed(shown.encode()), **_of_prompts(registry, templates(prompts))}


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is not as it was, a phrase for each."""
    return [
        _difference(name, then.get(name), now.get(name))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


@cache
def templates(prompts: Prompts = SHIPPED) -> dict[str, bytes]:
    """The planner's templates and examples by their names, each as these prompts have it."""
    named = [each.name for each in files("prompts").iterdir() if each.name.endswith(".jinja")]
    texts = {name: prompts.template(name) for name in named}
    texts |= {f"examples/{name}": text for name, text in prompts.examples().items()}
    return {f"prompts/{name}": text.encode() for name, text in texts.items()}


@cache
def code() -> str:
    """A hash of what an outcome depends on besides its case and its recordings: plait's own code and prompts."""
    root, digest = Path(__file__).parents[1], hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in (".py", ".jinja", ".json", ".txt") and "cassettes" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()


def hashed(raw: bytes) -> str:
    """The beginning of a SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:LENGTH]


def _json(schema: Mapping[str, JsonValue]) -> JsonValue:
    return dict(schema)


def _difference(name: str, then: str | None, now: str | None) -> str:
    if then is None:
        return f"it does not say which {name} it was made with"
    return f"{name} was {then} and is {now}" if now is not None else f"{name} is no longer there"
