"""The node type `decide`: the first condition that holds names the action. A value is never part of its text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from runtime.expression_tokens import BrokenExpression
from runtime.expressions import Expression, WrongType, parse_expression
from runtime.graph import DEFAULT
from runtime.issues import JsonValue
from runtime.node_types import NodeFailed, ParamProblem, Routed, node_type
from runtime.nodes.params import Params
from runtime.references import BrokenReference, parse_template
from runtime.shape import show
from runtime.workflow import Json, JsonObject

_WANTED = 'true, false, or an expression in a string, for example "${fetch.status_code} == 200"'
_IN_WORDS: JsonObject = {"anyOf": [{"type": "boolean"}, {"type": "string"}]}


def _condition(when: JsonValue) -> JsonValue:
    """A boolean, an expression, or what `_rewrite` made of one: its text and the values of its references."""
    match when:
        case bool() | str() | {"expression": str(), "values": list()}:
            return when
        case _:
            raise PydanticCustomError("condition", _WANTED)


class Case(Params):
    when: Annotated[Json, AfterValidator(_condition), WithJsonSchema(_IN_WORDS)] = Field(
        description="true, false, or an expression: == != < <= > >= in && || ! over ${…} and JSON literals"
    )
    action: str = Field(min_length=1, description="action if it holds")


class DecideParams(Params):
    cases: list[Case] = Field(min_length=1, description="conditions, tried in order")
    otherwise: str = Field(DEFAULT, min_length=1, description="action if none holds")


# --- the params as written -------------------------------------------------------------------------------------------


def _check(params: JsonObject) -> Iterator[ParamProblem]:
    cases = params.get("cases")
    if isinstance(cases, str):
        yield _not_brought_in(("cases",), cases)
    for at, case in enumerate(cases if isinstance(cases, list) else ()):
        if isinstance(case, str):
            yield _not_brought_in(("cases", at), case)
        elif isinstance(case, dict) and "when" in case:
            yield from _when_problems(case["when"], ("cases", at, "when"))


def _not_brought_in(keys: tuple[str | int, ...], found: str) -> ParamProblem:
    """Conditions from elsewhere would be data that decides as if it were the workflow."""
    hint = 'write the cases out: [{"when": "${a.x} == 1", "action": "go"}]'
    return ParamProblem(keys, "param_type", f"found {show(found)}; cases are not brought in by a reference", hint)


def _when_problems(when: JsonValue, keys: tuple[str | int, ...]) -> Iterator[ParamProblem]:
    if not isinstance(when, str | bool):
        yield ParamProblem(keys, "param_type", f"found {show(when)}", f"must be {_WANTED}")
    if not isinstance(when, str) or any(isinstance(part, BrokenReference) for part in parse_template(when)):
        return
    try:
        expression = parse_expression(when)
        if not expression.references:
            expression.evaluate(())
    except BrokenExpression as broken:
        yield ParamProblem(keys, "param_type", f"col {broken.column}: {broken.reason}", broken.hint)
    except WrongType as wrong:
        yield ParamProblem(keys, "param_type", str(wrong), f"must be {_WANTED}")


def _rewrite(params: JsonObject) -> JsonObject:
    cases = params.get("cases")
    return {**params, "cases": [_typed(case) for case in cases]} if isinstance(cases, list) else params


def _typed(case: JsonValue) -> JsonValue:
    """The references of a condition as values of their own, so that resolving never makes them part of its text."""
    when = case.get("when") if isinstance(case, dict) else None
    if not isinstance(case, dict) or not isinstance(when, str) or "${" not in when:
        return case
    expression = _parsed(when)
    if expression is None:
        return case
    text = when.replace("${", "$${")  # it is read as a template once more
    return {**case, "when": {"expression": text, "values": [each.text for each in expression.references]}}


def _parsed(when: str) -> Expression | None:
    try:
        return parse_expression(when)
    except BrokenExpression:
        return None


# --- the choice ------------------------------------------------------------------------------------------------------


@node_type("decide", outputs={"action": "string"}, check=_check, rewrite=_rewrite, routes=True)
async def decide(params: DecideParams) -> Routed:
    """Chooses the next action by conditions."""
    holding = (case.action for at, case in enumerate(params.cases) if _holds(case.when, f"params/cases/{at}/when"))
    action = next(holding, params.otherwise)
    return Routed({"action": action}, action)


def _holds(when: Json, place: str) -> bool:
    if isinstance(when, bool):
        return when
    text, values = (when, ()) if isinstance(when, str) else (when["expression"], when["values"])
    try:
        return parse_expression(text).evaluate(values)
    except WrongType as wrong:
        raise NodeFailed("expression_type", f"{place}: {wrong} in {show(text)}") from None
