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
from runtime.node_types import NodeContext, NodeFailed, node_type
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
)
async def llm(params: LlmParams, context: NodeContext) -> dict[str, JsonValue]:
    """Asks a language model."""
    if context.completions is None:
        raise NodeFailed("model_unavailable", "this run has no language model; name one with --model or PLAIT_MODEL")
    completion = await _ask(context.completions, _request(params))
    outputs = _outputs(completion)
    if completion.finish_reason == "length":
        raise NodeFailed("output_cut", _cut(params, completion), outputs)
    if params.output_schema is not None:
        outputs["result"] = _value(completion.text, params.output_schema, outputs)
    return outputs


def _request(params: LlmParams) -> CompletionRequest:
    system = () if params.system is None else (Message("system", params.system),)
    return CompletionRequest(
        messages=(*system, Message("user", params.prompt)),
        model=params.model,
        temperature=params.temperature,
        max_tokens=params.max_tokens,
        schema=params.output_schema,
    )


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
