"""The baseline: one short prompt, and the answer taken as it comes. Nothing is taught, constrained, mended or repaired.

Of the planner it shares the catalogue of node types, so that the comparison is of what is done, not of what is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import cast

from planner import Attempt, NotAccepted, Plan, catalogue
from runtime import (
    CompletionClient,
    CompletionRequest,
    InvalidWorkflow,
    Issue,
    JsonValue,
    Message,
    Registry,
    examine,
    read_document,
)

_FENCE = re.compile(r"```[a-zA-Z]*\n(.*?)```", re.DOTALL)


def plain_prompts() -> dict[str, bytes]:
    """What the prompt is made of, by its name."""
    return {"evals/prompts/plain.txt": (files("evals") / "prompts" / "plain.txt").read_bytes()}


def plain_messages(request: str, inputs: Mapping[str, str], registry: Registry) -> tuple[Message, ...]:
    """The one prompt: the format and the node types, then the request."""
    intro = (files("evals") / "prompts" / "plain.txt").read_text(encoding="utf-8")
    types = [
        f"{each.name}({each.params}): {each.description} -> {', '.join(each.outputs)}" for each in catalogue(registry)
    ]
    asked = [request, *(f"Input {name}: {about}" for name, about in sorted(inputs.items()))]
    return Message("system", intro + "\n".join(types)), Message("user", "\n".join(asked))


async def plain_plan(
    request: str, *, completions: CompletionClient, registry: Registry, inputs: Mapping[str, str], answer_tokens: int
) -> Plan:
    """As `plan`, asking once. Raises NotAccepted, and the CompletionError of a failed call."""
    messages = plain_messages(request, inputs, registry)
    completion = await completions.complete(CompletionRequest(messages, max_tokens=answer_tokens))
    candidate, issues = _judged(completion.text, inputs, registry)
    attempt = Attempt(
        number=1,
        text=completion.text,
        candidate=candidate,
        issues=issues,
        usage=completion.usage,
        cost_usd=completion.cost_usd,
        seconds=completion.seconds,
        finish_reason=completion.finish_reason,
        model=completion.model,
    )
    if not attempt.accepted:
        raise NotAccepted("the one answer is no valid workflow", [attempt])
    return Plan(
        workflow=cast("dict[str, JsonValue]", candidate),  # examined: an object
        accepted=attempt,
        attempts=(attempt,),
        usage=attempt.usage,
        cost_usd=attempt.cost_usd,
        model=attempt.model,
        seconds=attempt.seconds,
    )


def _judged(text: str, inputs: Mapping[str, str], registry: Registry) -> tuple[JsonValue, tuple[Issue, ...]]:
    """The JSON of an answer, out of its fence if it stands in one, and what is wrong with it."""
    fenced = _FENCE.search(text)
    try:
        value = read_document((fenced[1] if fenced else text).encode("utf-8", "replace"), "answer.json").value
    except InvalidWorkflow as invalid:
        return None, invalid.issues
    if inputs and isinstance(value, dict):  # their names are the caller's to give, as they are in the planner
        value = {**value, "inputs": {name: {} for name in inputs}}
    return value, examine(value, registry).issues
