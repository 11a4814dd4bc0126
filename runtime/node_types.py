"""What a node can do: NodeType, the registry that finds it by name, and `@node_type`, the door for all of them.

The built-in types come through the same entry points (group `plait.node_types`) as anyone else's.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, is_dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, TypeAlias, get_type_hints, is_typeddict

from pydantic import BaseModel, ConfigDict, PydanticUserError, TypeAdapter, create_model

from runtime.completion import CompletionClient
from runtime.grants import Grants
from runtime.issues import Code, JsonValue, PlaitError
from runtime.sandbox import DEFAULT_LIMITS, ProcessLimits, Sandbox
from runtime.workflow import JsonObject

GROUP = "plait.node_types"
Outputs = Mapping[str, JsonValue]
Loader = Callable[[], "NodeType"]
Returned: TypeAlias = Any  # by a node's function; `NodeType.read` knows what it is
Function = Callable[..., Returned]


# Failures that come before a node touches anything, so that there is nothing to undo.
BEFORE_EFFECTS = frozenset({"missing_value", "param_type", "capability_denied", "value_not_passable", "batch_items"})


def _forget(value: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class NodeContext:
    """What one attempt may know of the run around it.

    `directory` is where relative paths begin; `actions` are those that the workflow routes. `keep` stores a note for
    the type's undo, before the effect that it takes back. `grants` are those of the run. A process of the step runs in
    `sandbox`, if there is one, and within `limits`.
    """

    run_id: str
    node: str
    attempt: int
    directory: Path
    completions: CompletionClient | None = None
    actions: tuple[str, ...] = ()
    keep: Callable[[JsonValue], None] = _forget
    log: Callable[[str], None] = _forget
    grants: Grants = field(default_factory=Grants)
    sandbox: Sandbox | None = None
    limits: ProcessLimits = DEFAULT_LIMITS


@dataclass(frozen=True, slots=True)
class Routed:
    """What a node's function returns to end with an action of its choice."""

    outputs: Outputs
    action: str


class NodeFailed(PlaitError):
    """A node ended badly, and says how.

    `outputs` stay readable; `retry_after` is in seconds; `transient` None means: as the type says of the code.
    `touched`: whether the node had begun to touch anything outside; None: as the code says.
    """

    def __init__(
        self,
        code: str,
        message: str,
        outputs: Outputs | None = None,
        *,
        retry_after: float | None = None,
        transient: bool | None = None,
        touched: bool | None = None,
    ) -> None:
        self.code, self.message, self.outputs = code, message, outputs or {}
        self.touched = code not in BEFORE_EFFECTS if touched is None else touched
        self.retry_after, self.transient = retry_after, transient
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Effect:
    """A place outside the run that a node reads or writes: a file, a host, anything. `place` None: any such place."""

    kind: str
    place: str | None = None
    writes: bool = True

    def meets(self, other: Effect) -> bool:
        """Whether the order of the two can be seen from outside."""
        if not (self.writes or other.writes):
            return False
        if "anything" in (self.kind, other.kind):
            return True
        return self.kind == other.kind and (self.place is None or other.place is None or self.place == other.place)


ANYTHING = (Effect("anything"),)


@dataclass(frozen=True, slots=True)
class ParamProblem:
    """What a type's own check found: the keys that lead to the place inside the params, and the rest of an issue."""

    keys: tuple[str | int, ...]
    code: Code
    message: str
    hint: str = ""


def _nothing(params: JsonObject) -> tuple[()]:
    return ()


def _no_schemas(params: JsonObject) -> Mapping[str, JsonValue]:
    return {}


def _as_written(params: JsonObject) -> JsonObject:
    return params


def _named(returned: Returned) -> JsonObject:
    return dict(returned.outputs if isinstance(returned, Routed) else returned)


def _single(returned: Returned) -> JsonObject:
    return {"result": returned}


def _none(returned: Returned) -> JsonObject:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeType:
    """One kind of node.

    `outputs` maps each output to its JSON type (`any` where it is open), `aliases` second names to them.
    `capabilities`, `effects`, `check` and `schemas` (a JSON Schema for an output) read params as written, references
    included. `rewrite` moves references out of a text where none may be pasted; `verbatim` params are never searched
    for any. `call` takes params and context, `read` turns what it returned into outputs. `limit` names the places an
    attempt takes. `routes`: it chooses its action itself. `pause`: its point is when it ends, so that no step passes
    it by where order is made anew. `rare` are params that a planner is not told of, unless the request has words that
    their regular expression finds. `undo` takes back what a kept note tells of, may be called
    more than once for it, and runs in a thread.
    """

    name: str
    function: Function
    params: type[BaseModel]
    call: Callable[[BaseModel, NodeContext], Returned]
    outputs: Mapping[str, str]
    read: Callable[[Returned], JsonObject] = _named
    description: str = ""
    aliases: Mapping[str, str] = field(default_factory=dict)
    capabilities: Callable[[JsonObject], Iterable[str]] = _nothing
    effects: Callable[[JsonObject], Iterable[Effect]] = _nothing
    check: Callable[[JsonObject], Iterable[ParamProblem]] = _nothing
    schemas: Callable[[JsonObject], Mapping[str, JsonValue]] = _no_schemas
    rewrite: Callable[[JsonObject], JsonObject] = _as_written
    verbatim: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()
    rare: Mapping[str, str] = field(default_factory=dict)
    routes: bool = False
    pause: bool = False
    limit: str | None = None
    undo: Callable[[JsonValue], None] | None = None
    is_async: bool = True

    def __call__(self, *args: object, **named: object) -> Returned:
        """A decorated function can be called as before."""
        return self.function(*args, **named)


def node_type(
    name: str | None = None, *, outputs: Mapping[str, str] | None = None, **details: Any
) -> Callable[[Function], NodeType]:
    """Makes a typed function a node type; `details` are the other fields of NodeType.

    Its parameters become the params (or one parameter annotated with a pydantic model is all of them; one annotated
    NodeContext receives the context). Its return annotation gives the outputs: the fields of a TypedDict, dataclass or
    model, else one output `result`. A `def` runs in a thread, an `async def` on the event loop. TypeError for a
    parameter without an annotation, re.error for words of a rare param that are no regular expression.
    """
    for words in details.get("rare", {}).values():
        re.compile(words)

    def wrap(function: Function) -> NodeType:
        label = name or function.__name__
        signature = _Signature.of(function, label)
        fields, read = (outputs, _named) if outputs is not None else signature.outputs()
        return NodeType(
            name=label,
            function=function,
            params=signature.model,
            call=signature.caller(function),
            outputs=fields,
            read=read,
            is_async=inspect.iscoroutinefunction(function),
            **{"description": (inspect.getdoc(function) or "").partition("\n")[0], **details},
        )

    return wrap


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True, slots=True)
class _Signature:
    """How a function takes its params and context."""

    model: type[BaseModel]
    whole: str | None
    context: str | None
    returns: object

    @classmethod
    def of(cls, function: Function, label: str) -> _Signature:
        hints = get_type_hints(function, include_extras=True)
        returns = hints.pop("return", JsonValue)
        parameters = inspect.signature(function).parameters
        if bare := [each for each in parameters if each not in hints]:
            raise TypeError(f"node type '{label}': the parameter '{bare[0]}' has no annotation; add its type")
        context = next((each for each, hint in hints.items() if hint is NodeContext), None)
        if unlike := [each for each in parameters.values() if each.kind not in _BY_NAME]:
            raise TypeError(f"node type '{label}': the parameter '{unlike[0]}' cannot be given by name")
        own = [each for each in parameters if each != context]
        if len(own) == 1 and _is_model(hints[own[0]]):
            return cls(hints[own[0]], own[0], context, returns)
        fields: dict[str, Any] = {
            each: (hints[each], ... if parameter.default is parameter.empty else parameter.default)
            for each, parameter in parameters.items()
            if each in own
        }
        model = create_model(f"{label}_params", __config__=ConfigDict(extra="forbid"), **fields)
        return cls(model, None, context, returns)

    def caller(self, function: Function) -> Callable[[BaseModel, NodeContext], object]:
        whole, context_name = self.whole, self.context
        names = tuple(self.model.model_fields)

        def call(params: BaseModel, context: NodeContext) -> object:
            given = {whole: params} if whole else {name: getattr(params, name) for name in names}
            return function(**given) if context_name is None else function(**given, **{context_name: context})

        return call

    def outputs(self) -> tuple[Mapping[str, str], Callable[[Returned], JsonObject]]:
        if _is_model(self.returns):
            return _fields(self.returns), lambda returned: returned.model_dump(mode="json")
        if is_dataclass(self.returns):
            return _fields(self.returns), asdict
        if is_typeddict(self.returns):
            return _fields(self.returns), _named
        return ({}, _none) if self.returns is type(None) else ({"result": _json_type(self.returns)}, _single)


def _fields(record: object) -> Mapping[str, str]:
    return {each: _json_type(hint) for each, hint in get_type_hints(record).items()}


def _is_model(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _json_type(hint: Any) -> str:
    """The JSON type of an annotation; `any` where it has none or several."""
    try:
        kind = TypeAdapter(hint).json_schema().get("type", "any")
    except (PydanticUserError, NameError):  # it has no schema, or one that JSON Schema cannot say; both are legal here
        return "any"
    return kind if isinstance(kind, str) else "any"


def _key(name: str) -> str:
    return name.replace("-", "_")


def _itself(node_type: NodeType) -> NodeType:
    return node_type


class Registry:
    """Node types by name, each loaded when first asked for. Hyphens and underscores in names are alike."""

    def __init__(self, loaders: Mapping[str, Loader]) -> None:
        self._loaders = {_key(name): loader for name, loader in loaders.items()}
        self._loaded: dict[str, NodeType] = {}

    def get(self, name: str) -> NodeType | None:
        key = _key(name)
        if key not in self._loaded and key in self._loaders:
            self._loaded[key] = self._loaders[key]()
        return self._loaded.get(key)

    def __getitem__(self, name: str) -> NodeType:
        found = self.get(name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._loaders))

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._loaders

    def with_types(self, *types: NodeType) -> Registry:
        """A registry that also knows the given types; of equal names the given one counts."""
        return Registry({**self._loaders, **{_key(each.name): partial(_itself, each) for each in types}})

    def only(self, names: Iterable[str]) -> Registry:
        """A registry of the named types alone."""
        kept = {_key(name) for name in names}
        return Registry({name: loader for name, loader in self._loaders.items() if name in kept})


def installed_types() -> Registry:
    """The node types of every installed package that offers some, the built-in ones among them."""
    return Registry({point.name: point.load for point in entry_points(group=GROUP)})
