"""The node type `llm`: one question to a language model through the port that the run was given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from runtime.completion import (
    CassetteMiss,
    Completion,
    CompletionClient,
    CompletionError,
    CompletionRefused,
    CompletionRequest,
    ContextExceeded,
    Message,
    ModelUnreachable,
    NotAuthorised,
    RateLimited,
)
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed, Routed, node_type
from runtime.nodes.foreign_json import read_json
from runtime.nodes.params import Params, Prose, literal
from runtime.workflow import Json, JsonObject

_CODES: Mapping[type[CompletionError], str] = {
    ModelUnreachable: "model_unreachable",
    RateLimited: "rate_limited",
    NotAuthorised: "not_authorised",
    ContextExceeded: "context_exceeded",
    CompletionRefused: "completion_refused",
    CassetteMiss: "cassette_miss",
}
_PYTHON_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "null": type(None),
}


class LlmParams(Params):
    prompt: Prose = Field(description="what to ask")
    system: Prose | None = Field(None, description="how the model should behave")
    model: str | None = Field(None, description="model name; by default the one the run was started with")
    temperature: float = Field(0.0, ge=0, allow_inf_nan=False, description="0 is the least random")
    max_tokens: int | None = Field(None, ge=1, description="longest answer, in tokens")
    output_schema: dict[str, Json] | None = Field(None, description="JSON Schema of the answer; result is that value")


def _capabilities(params: JsonObject) -> Iterable[str]:
    if params.get("model") is None:
        return ("model",)
    name = literal(params["model"])
    return (f"model:{name}" if name else "model",)


@node_type(
    "llm",
    outputs={"result": "any", "model": "string", "usage": "object", "cost_usd": "any", "action": "string"},
    aliases={"response": "result"},
    capabilities=_capabilities,
    transient=frozenset({"rate_limited", "model_unreachable"}),
    rare={
        "system": r"\b(system|role|persona|act as)\b",
        "model": r"\b(gpt|claude|gemini|llama|mistral|qwen|deepseek)|\w/\w+-\d",
        "temperature": r"\b(temperature|random|creativ)",
        "max_tokens": r"\btokens?\b",
        "output_schema": r"\b(schema|structured)\b",
    },
    routes=True,
    schemas=lambda params: {"result": params.get("output_schema")},
)
async def llm(params: LlmParams, context: NodeContext) -> Routed:
    """Asks a language model."""
    if context.completions is None:
        raise NodeFailed("model_unavailable", "this run has no language model; name one with --model or PLAIT_MODEL")
    completion = await _ask(context.completions, _request(params, context.actions))
    outputs = _outputs(completion)
    if completion.finish_reason == "length":
        raise NodeFailed("output_cut", _cut(params, completion), outputs)
    if context.actions:
        outputs |= _choice(completion.text, params.output_schema, context.actions, outputs)
    elif params.output_schema is not None:
        outputs["result"] = _value(completion.text, params.output_schema, outputs)
    return Routed(outputs, str(outputs["action"]))


def _request(params: LlmParams, actions: tuple[str, ...]) -> CompletionRequest:
    system = () if params.system is None else (Message("system", params.system),)
    prompt, schema = params.prompt, params.output_schema
    if actions:
        prompt = f"{prompt}\n\n{_CHOOSE.format(actions=', '.join(actions))}"
        schema = _choice_schema(params.output_schema, actions)
    return CompletionRequest(
        messages=(*system, Message("user", prompt)),
        model=params.model,
        temperature=params.temperature,
        max_tokens=params.max_tokens,
        schema=schema,
    )


_CHOOSE = 'Answer as JSON: {{"result": your answer, "action": what comes next}}. The action is one of: {actions}.'


def _choice_schema(result: JsonObject | None, actions: tuple[str, ...]) -> JsonObject:
    """An answer and the action that follows from it, the answer first: what is chosen may then rest on it."""
    return {
        "type": "object",
        "properties": {"result": result or {"type": "string"}, "action": {"enum": list(actions)}},
        "required": ["result", "action"],
        "additionalProperties": False,
    }


def _choice(
    text: str, result: JsonObject | None, actions: tuple[str, ...], outputs: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    answer = _value(text, _choice_schema(result, actions), outputs)
    chosen = answer.get("action") if isinstance(answer, dict) else None
    if not isinstance(answer, dict) or chosen not in actions:
        message = f"the answer chose {chosen!r}, which is none of the actions {', '.join(actions)}"
        raise NodeFailed("output_invalid", message, outputs)
    return {"result": answer.get("result"), "action": chosen}


async def _ask(client: CompletionClient, request: CompletionRequest) -> Completion:
    try:
        return await client.complete(request)
    except CompletionError as error:
        code = next((code for kind, code in _CODES.items() if isinstance(error, kind)), "completion_failed")
        retry_after = error.retry_after if isinstance(error, RateLimited) else None
        raise NodeFailed(code, str(error), retry_after=retry_after, transient=error.transient) from error


def _outputs(completion: Completion) -> dict[str, JsonValue]:
    return {
        "result": completion.text,
        "model": completion.model,
        "usage": completion.usage.to_json(),
        "cost_usd": completion.cost_usd,
        "action": "default",
    }


def _cut(params: LlmParams, completion: Completion) -> str:
    bound = "its own limit" if params.max_tokens is None else f"max_tokens ({params.max_tokens})"
    return f"the answer of {completion.model} was cut off at {bound}; allow more tokens, or ask for less"


def _value(text: str, schema: Mapping[str, JsonValue], outputs: Mapping[str, JsonValue]) -> JsonValue:
    """The answer as JSON. Only its outermost type is compared with the schema."""
    try:
        value = read_json(text)
    except ValueError as error:
        message = f"the answer is no JSON, though output_schema asks for it: {error}"
        raise NodeFailed("output_invalid", message, outputs) from None
    wanted = schema.get("type")
    if isinstance(wanted, str) and not _is(value, wanted):
        message = f"the answer is no JSON {wanted}, though output_schema asks for one"
        raise NodeFailed("output_invalid", message, outputs)
    return value


def _is(value: JsonValue, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean" or kind not in _PYTHON_TYPES
    return isinstance(value, _PYTHON_TYPES.get(kind, object))
