"""Rows of tool graphs, in JSON Lines, as a suite: each row a request, its tools, and the calls of a right answer.

A row is `{id, request, tools: [{name, description, params: [{name, type, description, required, enum}], returns,
writes}], gold: {nodes: [{id, tool, params | params_allowed}], edges: [[from, to]]}, structure}`. Names that the
language cannot write are mapped, the originals kept as labels. A row without tools is left out: nothing can be planned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from evals.dataset import Case, Expectation, Gold, GoldNode, ParamType, Suite, Tool, ToolParam
from evals.stage import MADE_UP
from evals.suite_checks import check_suite
from runtime import InvalidWorkflow, Issue, Registry, model_issues, read_document

MOST_WORDS = 200  # characters of a tool's description: the rest costs tokens and tells little
_VARIABLE = re.compile(r"\$(\w+)\.([^$]+)\$")  # how NESTFUL writes a reference
_KINDS: Mapping[str, Literal["chain", "parallel", "mixed"]] = {"chain": "chain", "parallel": "parallel", "dag": "mixed"}
_TYPES: Mapping[str, ParamType] = {
    **dict.fromkeys(("string", "str", "text"), "string"),
    **dict.fromkeys(("integer", "int"), "integer"),
    **dict.fromkeys(("number", "float", "double"), "number"),
    **dict.fromkeys(("boolean", "bool"), "boolean"),
    **dict.fromkeys(("array", "list", "tuple"), "array"),
    **dict.fromkeys(("object", "dict"), "object"),
}


_CLASSES: Mapping[ParamType, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Open(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class RowParam(Open):
    name: str
    type: str | None = None
    description: str | None = None
    required: bool = False
    enum: tuple[JsonValue, ...] | None = None


class RowReturn(Open):
    name: str


class RowTool(Open):
    name: str
    description: str | None = None
    params: tuple[RowParam, ...] | None = None
    returns: tuple[RowReturn, ...] | None = None
    writes: tuple[str, ...] = ()


class RowNode(Open):
    id: str
    tool: str
    params: Mapping[str, JsonValue] | None = None
    params_allowed: Mapping[str, tuple[JsonValue, ...]] | None = None


class RowGold(Open):
    nodes: tuple[RowNode, ...]
    edges: tuple[tuple[str, str], ...] = ()


class Row(Open):
    id: str
    request: str
    tools: tuple[RowTool, ...] = ()
    gold: RowGold
    structure: str | None = None
    refs: Mapping[str, str] = {}


def read_tool_graphs(data: bytes, name: str, registry: Registry) -> Suite:
    """The suite of the rows of a file, named `name`. InvalidWorkflow lists every issue, each with its line."""
    rows, lines, issues = list[Row](), list[int](), list[Issue]()
    for at, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            row = _row(line) if line.strip() else None
        except InvalidWorkflow as invalid:
            issues += (replace(issue, line=at) for issue in invalid.issues)
            continue
        if row is not None:
            rows.append(row)
            lines.append(at)
    suite = Suite(name=_safe(name), types=(), cases=tuple(map(_case, rows)))
    issues += (_relocated(issue, lines) for issue in check_suite(suite, registry))
    if issues:
        raise InvalidWorkflow(sorted(issues, key=lambda issue: issue.line or 0))
    return suite


def _row(line: bytes) -> Row | None:
    """The row of a line, None if it offers no tools."""
    value = read_document(line, "row.json").value
    if isinstance(value, dict) and value.get("tools") == []:
        return None
    try:
        return Row.model_validate(value)
    except ValidationError as error:
        raise InvalidWorkflow(model_issues(error, Row)) from None


def _relocated(issue: Issue, lines: list[int]) -> Issue:
    """An issue of the suite as one of the row that it came from."""
    _, _, at, *rest = [*issue.path.split("/"), "", ""]
    if not at.isdigit():
        return replace(issue, path="", line=1)
    path = "/".join(["", *filter(None, rest)]).removeprefix("/expect")
    return replace(issue, path=path.removesuffix("/"), line=lines[int(at)])


# --- one row ---------------------------------------------------------------------------------------------------------


def _case(row: Row) -> Case:
    names = _distinct([tool.name for tool in row.tools], _safe)
    ids = _distinct([node.id for node in row.gold.nodes], _safe)
    nodes = tuple(_gold_node(node, names, ids, row.refs) for node in row.gold.nodes)
    gold = Gold(nodes=nodes, edges=tuple((ids.get(a, a), ids.get(b, b)) for a, b in row.gold.edges))
    tools = tuple(_tool(tool, names[tool.name], nodes) for tool in row.tools)
    return Case(
        id=re.sub(r"[^A-Za-z0-9_.-]", "_", row.id).lstrip(".-")[:120] or "row",
        request=row.request,
        kind=_KINDS.get(row.structure or ""),
        types=(),
        tools=tools,
        scripted={tool.name: {"result": dict.fromkeys(tool.returns, MADE_UP)} for tool in tools if tool.returns},
        expect=Expectation(gold=gold),
    )


def _safe(name: str) -> str:
    """A name as the language writes it: dots, blanks and signs become underscores, a digit does not come first."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_") or "tool"
    return f"n{plain}" if plain[0].isdigit() else plain


def _distinct(names: Iterable[str], mapped: Callable[[str], str]) -> dict[str, str]:
    """Each name to its mapped one; of equal ones the later are numbered."""
    found, taken = dict[str, str](), set[str]()
    for name in dict.fromkeys(names):
        plain, number = mapped(name), 1
        while (numbered := plain if number == 1 else f"{plain}_{number}") in taken:
            number += 1
        taken.add(numbered)
        found[name] = numbered
    return found


def _tool(tool: RowTool, name: str, gold: Iterable[GoldNode]) -> Tool:
    used = [node for node in gold if node.type == name]
    params = {param.name: param for param in tool.params or ()}
    for each in (name for node in used for name in (*node.params, *node.params_allowed)):
        params.setdefault(each, RowParam(name=each))  # a right answer has it, though the tool does not list it
    return Tool(
        name=name,
        label=tool.name,
        description=_shortened(tool.description or ""),
        params=tuple(_param(param, used) for param in params.values()),
        returns=tuple(each.name for each in tool.returns or ()),
        writes=tool.writes,
    )


def _param(param: RowParam, used: Sequence[GoldNode]) -> ToolParam:
    """A param as stated, but for what would refuse a right answer: a type, an enum, that it must be there."""
    kind = _TYPES.get((param.type or "").lower(), "any")
    given = [value for node in used for value in _right(node, param.name)]
    fits = all(_is_of(kind, value) for value in given)
    enum = tuple(param.enum or ()) if all(value in (param.enum or ()) for value in given) else ()
    return ToolParam(
        name=param.name,
        type=kind if fits else "any",
        description=param.description or "",
        required=param.required and not any(_left_out(node, param.name) for node in used),
        enum=enum,
    )


def _left_out(node: GoldNode, param: str) -> bool:
    return param not in node.params and "" in node.params_allowed.get(param, ("",))


def _right(node: GoldNode, param: str) -> list[JsonValue]:
    allowed = [value for value in node.params_allowed.get(param, ()) if value != ""]
    values = [node.params[param], *allowed] if param in node.params else allowed
    return [value for value in values if not (isinstance(value, str) and "${" in value)]


def _is_of(kind: ParamType, value: JsonValue) -> bool:
    if kind == "any" or isinstance(value, bool):
        return kind in ("any", "boolean")
    return isinstance(value, _CLASSES[kind])


def _shortened(text: str) -> str:
    """The first sentences, as far as they are few words."""
    plain = " ".join(text.split())
    if len(plain) <= MOST_WORDS:
        return plain
    head = plain[:MOST_WORDS]
    end = max(head.rfind(". "), head.rfind("; "))
    return head[: end + 1] if end > 0 else head[: head.rfind(" ")] + " …"


def _gold_node(node: RowNode, names: Mapping[str, str], ids: Mapping[str, str], refs: Mapping[str, str]) -> GoldNode:
    def known(value: JsonValue) -> JsonValue:
        return _referring(value, ids, refs)

    return GoldNode(
        id=ids[node.id],
        type=names.get(node.tool) or _safe(node.tool),
        label=node.tool,
        params={name: known(value) for name, value in (node.params or {}).items()},
        params_allowed={name: tuple(map(known, values)) for name, values in (node.params_allowed or {}).items()},
    )


def _referring(value: JsonValue, ids: Mapping[str, str], refs: Mapping[str, str]) -> JsonValue:
    """A value with the row's own way of referring to another call written as a reference."""
    if isinstance(value, list):
        return [_referring(item, ids, refs) for item in value]
    if isinstance(value, dict):
        return {key: _referring(item, ids, refs) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if value in refs:
        node, _, place = refs[value].partition(".")
        return f"${{{ids.get(node, node)}.result.{place}}}"
    plain = value.replace("${", "$${")
    return _VARIABLE.sub(lambda match: f"${{{ids.get(match[1], match[1])}.result.{match[2]}}}", plain)
