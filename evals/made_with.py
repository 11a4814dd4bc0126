"""What shapes the requests of a recording, as names and hashes: when one of them changes, the recording is stale. Pure
but for the prompt templates, which it reads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from evals.recordings import canonical_json
from planner import Budget, answer_schema, read_request, render_messages, show_messages
from runtime import LANGUAGE_VERSION, CompletionRequest, JsonValue, Registry

LENGTH = 12  # hex digits of a hash
BUDGET = Budget()
_KINDS = (".jinja", ".json")


def made_with(
    model: str,
    registry: Registry,
    *,
    prompts: Mapping[str, bytes] | None = None,
    budget: Budget = BUDGET,
    weights: str | None = None,
) -> dict[str, str]:
    """What a recording of plans with these node types is made with now.

    `prompts`: the templates by name, if not the planner's own. `weights`: a hash of the model's file, where it has one.
    """
    return {
        "model": f"{model}@{weights}" if weights else model,
        "temperature": f"{CompletionRequest(()).temperature:g}",
        "max_tokens": str(budget.answer_tokens),
        "language": LANGUAGE_VERSION,
        "schema": hashed(canonical_json(_json(answer_schema(registry))).encode()),
        **_of_prompts(registry, prompts),
    }


def _of_prompts(registry: Registry, prompts: Mapping[str, bytes] | None) -> dict[str, str]:
    if prompts is not None:
        return {name: hashed(text) for name, text in sorted(prompts.items())}
    shown = show_messages(render_messages(read_request("a request"), registry))
    return {
        "prompt": hashed(shown.encode()),
        **{name: hashed(text) for name, text in sorted(shipped_prompts().items())},
    }


def differences(then: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """What is not as it was, a phrase for each."""
    return [
        _difference(name, then.get(name), now.get(name))
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    ]


@cache
def shipped_prompts() -> dict[str, bytes]:
    """The planner's templates and examples by their names."""
    return dict(_found(files("prompts"), "prompts"))


def hashed(raw: bytes) -> str:
    """The beginning of a SHA-256."""
    return hashlib.sha256(raw).hexdigest()[:LENGTH]


def _found(folder: Traversable, name: str) -> Iterator[tuple[str, bytes]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _found(each, f"{name}/{each.name}")
        elif each.name.endswith(_KINDS):
            yield f"{name}/{each.name}", each.read_bytes()


def _json(schema: Mapping[str, JsonValue]) -> JsonValue:
    return dict(schema)


def _difference(name: str, then: str | None, now: str | None) -> str:
    if then is None:
        return f"it does not say which {name} it was made with"
    return f"{name} was {then} and is {now}" if now is not None else f"{name} is no longer there"
