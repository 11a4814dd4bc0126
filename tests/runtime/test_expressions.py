from __future__ import annotations

import json
import operator
from collections.abc import Callable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.expression_tokens import BrokenExpression
from runtime.expressions import MOST_CHARACTERS, MOST_LEVELS, WrongType, parse_expression
from runtime.issues import JsonValue
from runtime.references import compile_value

SCOPE: dict[str, JsonValue] = {
    "a": {"one": 1, "text": "hi", "none": None, "yes": True, "list": [1, "x", [True]], "map": {"k": {"n": 1.0}}},
    "trap": {"code": '" == "" || true', "holds": "true", "reference": "${a.yes}"},
}


def value_of(text: str) -> bool:
    expression = parse_expression(text)
    resolvers = [compile_value(each.text) for each in expression.references]
    return expression.evaluate([resolve(SCOPE) for resolve in resolvers if resolve])


def broken(text: str) -> BrokenExpression:
    with pytest.raises(BrokenExpression) as caught:
        parse_expression(text)
    return caught.value


def mistyped(text: str) -> str:
    with pytest.raises(WrongType) as caught:
        value_of(text)
    return str(caught.value)


# --- what holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "!!true",
        "${a.yes}",
        " \t\r\n${ a.one } == 1\n",
        "${a.one}==1.0&&1e0==1",
        "-0.0 == 0 && -1 < 0",
        "1 <= 1 && 2 > 1.5 && 2 >= 2 && 1 != 2",
        '"B" < "a" && "" < "a"',
        "${a.text} == \"hi\" && ${a.text} == 'hi'",
        """'it\\'s' == "it's" && '"' == "\\"" """,
        '"\\u00e9\\ud83d\\ude00\\n\\/" == "é😀\\u000a/"',
        "${a.none} == null",
        "${a.gone ?? a.none ?? 3} == 3",
        '${a.gone ?? "}"} == "}"',
        "1 in ${a.list} && 1.0 in ${a.list} && [true] in ${a.list}",
        '"k" in ${a.map} && "x" in {"x": null}',
        "${a.map} == {\"k\": {'n': 1}} && [] == [ ] && {} == {}",
        "1 < 2 == true",
        "true || false && false",
        "(false || true) && true",
        "!(1 == 2 || false)",
    ],
)
def test_a_condition_holds(text: str) -> None:
    assert value_of(text) is True


@pytest.mark.parametrize(
    "text",
    [
        '1 == "1"',
        "1 == true",
        "0 == false",
        "[1] == [true]",
        '{"a": 1} == {"a": true}',
        "[] == {}",
        "[1] == [1, 2]",
        "[] == [1]",
        '{"a": 1} == {"b": 1}',
        "null == false",
        "true in ${a.list}",
        "2 in []",
        '"n" in ${a.map}',
        '1 in {"1": 1}',
        "9007199254740993 == 9007199254740992.0",
        "(true || false) && false",
        "!true == true",
    ],
)
def test_a_condition_does_not_hold(text: str) -> None:
    assert value_of(text) is False


def test_what_a_value_says_is_never_read_as_part_of_the_condition() -> None:
    assert not value_of('${trap.code} == ""')
    assert not value_of("${trap.reference} == true")
    assert "found a string" in mistyped("${trap.holds} && true")


def test_two_dollars_in_a_string_are_a_plain_opening() -> None:
    assert parse_expression('"$${a.x}" == ${a}').evaluate(["${a.x}"])
    assert parse_expression("'$$${' == ${a}").evaluate(["$${"])


@pytest.mark.parametrize(("text", "holds"), [("true || ${a} < 1", True), ("false && 3", False), ("true || !3", True)])
def test_what_the_left_side_settles_is_not_looked_at_on_the_right(text: str, holds: bool) -> None:
    expression = parse_expression(text)
    assert expression.evaluate(["x"] * len(expression.references)) is holds


def test_references_are_listed_once_in_the_order_of_the_text() -> None:
    expression = parse_expression("${b.x} == 1 || ${a ?? 2} == ${b.x}")
    assert [each.text for each in expression.references] == ["${b.x}", "${a ?? 2}"]
    assert expression.evaluate([3, 3])


def test_as_many_values_are_wanted_as_there_are_references() -> None:
    with pytest.raises(ValueError, match="1 references and 0 values"):
        parse_expression("${a} == 1").evaluate([])


def test_values_of_any_depth_can_be_compared() -> None:
    assert parse_expression("${a} == ${b}").evaluate([nested(50_000), nested(50_000)])


def nested(levels: int) -> JsonValue:
    value: JsonValue = []
    for _ in range(levels):
        value = [value]
    return value


# --- what fails ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('1 < "a"', "col 3: '<' compares two numbers or two strings; found a number and a string"),
        ("${a.yes} >= 0", "col 10: '>=' compares two numbers or two strings; found a boolean and a number"),
        ("null < null", "found null and null"),
        ("[1] < [2]", "found a list and a list"),
        ("!1", "col 1: '!' works on true and false; found a number"),
        ("1 || true", "col 1: '||' works on true and false; found a number"),
        ("true && null", "col 9: '&&' works on true and false; found null"),
        ('"i" in ${a.text}', "col 5: 'in' looks for an element of a list or a key of an object, and in nothing else"),
        ("${a.map}", "it comes to an object, and a condition is true or false"),
        ('"true"', "it comes to a string"),
        ("1", "it comes to a number"),
        ("!1 == 2", "'!' works on true and false"),
    ],
)
def test_an_operator_fails_on_types_it_has_no_meaning_for(text: str, message: str) -> None:
    assert message in mistyped(text)


def test_the_message_of_a_wrong_type_does_not_tell_the_value() -> None:
    with pytest.raises(WrongType) as caught:
        parse_expression("${secret.KEY} < 3").evaluate(["hunter2"])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${a} = 1", "col 6: '=' is not an operator; did you mean '=='?"),
        ("1 === 1", "col 3: '===' is not an operator; did you mean '=='?"),
        ("1 <> 1", "did you mean '!='?"),
        ("true & false", "did you mean '&&'?"),
        ("true and false", "col 6: 'and' is not an operator or a value; did you mean '&&'?"),
        ("not true", "did you mean '!'?"),
        ("True", "did you mean 'true'?"),
        ("", 'col 1: it is empty; for example ${step.output} == "done"'),
        (" \n", "col 1: it is empty"),
        ("1 ==", "col 5: a value is missing at the end"),
        ("== 1", "col 1: found '=='; a reference ${step.output}, a literal or '(' comes here"),
        ("a.b == 1", "col 1: 'a.b' stands alone; write ${a.b} for a value, \"a.b\" for the text"),
        ("size(${a}) > 0", "'size(': there are no functions"),
        ('${a}.contains("x")', "col 5: '.' is not part of an expression; a path stands inside the braces"),
        ("${a}[0] == 1", "col 5: found '[' after ${a}; a path stands inside the braces"),
        ("${a} - 1 == 2", "col 6: '-' is not part of an expression; there is no arithmetic here"),
        ("${a} -1 == 2", "col 6: found '-1' after a value; there is no arithmetic here"),
        ('"${a}" == "x"', "col 2: a reference inside quotes; take the quotes away"),
        ("${a} in [1, ${b}]", "col 13: ${b} stands inside a literal; a list or object holds literals alone"),
        ("${a", "col 1: ${a: it is not closed"),
        ("1 == ${HOME:-x}", "col 6: ${HOME:-x}: ':' is not part of the reference language"),
        ("$1 == 2", "a reference is written ${step.output}"),
        ("1 < 2 < 3", "col 7: '<' after another comparison; compare twice and join with &&"),
        ("true true", "col 6: an operator is missing before 'true'"),
        ("01 == 1", "col 2: an operator is missing before '1'"),
        ("(1 2)", "col 4: an operator is missing before '2'"),
        ("(true", "col 6: the '(' of col 1 is not closed; close it with ')'"),
        ("true)", "col 5: ')' closes nothing that is open"),
        ("[1", "col 3: the '[' of col 1 is not closed"),
        ("[1 2]", "col 4: found '2'; ',' or ']' comes here"),
        ("[1,]", "col 4: found ']'; a literal comes here"),
        ('{"a" 1}', "col 6: found '1'; ':' comes after a key"),
        ("{1: 2}", "col 2: found '1'; a key is a string in quotes"),
        ('{"a": 1, "a": 2}', 'col 10: the key "a" is there twice'),
        ('"abc', 'col 1: the string is not closed; end it with " on the same line'),
        ("'a\nb' == 1", "the string is not closed"),
        ('"\\q" == 1', "col 2: '\\q' is no escape"),
        ('"\\u12" == 1', "is no escape"),
        ('"\\ud800" == 1', "the string holds half a character"),
        ("1e999 == 1", "the number is too large"),
        ("9" * 5000, "the number is too large"),
        ("\u201ca\u201d == 1", "a string stands in straight quotes"),
        ("true ? 1 : 2", "write a case for each outcome"),
    ],
)
def test_what_is_no_expression_is_told_where_and_what_would_be_right(text: str, message: str) -> None:
    assert message in str(broken(text))


def test_a_column_counts_the_text_as_it_is_written() -> None:
    assert broken('"$${" == ${a.x ?? "}"} = 1').column == 24


# --- bounds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("opening", "closing"), [("(", ")"), ("!", ""), ("!(", ")")])
def test_nesting_is_bounded(opening: str, closing: str) -> None:
    levels = MOST_LEVELS // len(opening)
    assert value_of(opening * levels + "true" + closing * levels)
    assert "nested deeper than 64" in str(broken(opening * levels + "(true"))
    assert "nested deeper than 64" in str(broken(opening * (MOST_CHARACTERS // len(opening))))


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_nesting_of_a_literal_is_bounded(opening: str, closing: str) -> None:
    levels = MOST_LEVELS // len(opening.replace('"a":', ""))
    assert value_of(f"1 != {opening * levels}1{closing * levels}")
    assert "nested deeper than 64" in str(broken(f"1 != {opening * levels}[1"))
    assert "nested deeper than 64" in str(broken(opening * (MOST_CHARACTERS // len(opening))))


@pytest.mark.parametrize("part", ["(true)", "!false", "[1] == [1]", '{"a": 1} == {"a": 1}'])
def test_what_is_closed_again_does_not_count(part: str) -> None:
    assert value_of(" && ".join([part] * (MOST_LEVELS + 1)))


@pytest.mark.parametrize("more", ["||false", "&&true", "==true", "!=null"])
def test_a_long_row_of_operators_needs_no_depth(more: str) -> None:
    assert value_of("true" + more * ((MOST_CHARACTERS - 4) // len(more)))


def test_a_text_that_is_too_long_is_not_read() -> None:
    assert value_of("true".ljust(MOST_CHARACTERS))
    assert broken("true".ljust(MOST_CHARACTERS + 1)).column == MOST_CHARACTERS + 1


PIECES = [
    *("${a}", "${a.x ?? 1}", "${", "$${", "$", "}", "{", "[", "]", "(", ")", ",", ":", " ", "\n", "\\", "\\u", "??"),
    *("==", "!=", "<", "<=", ">", ">=", "=", "&&", "||", "&", "!", "in", "not", "true", "null", "x", "-", "."),
    *('"', "'", '"s"', "'s'", "0", "1e9", "-1", "1e999", "\ud800", "\x00", "é", '{"k": 1}', "[1, 'a']"),
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join)))
def test_no_text_raises_anything_but_the_errors_of_the_module(text: str) -> None:
    said = outcome(text)
    if isinstance(said, BrokenExpression):
        assert 1 <= said.column <= len(text) + 1
        assert said.reason
        assert said.hint
    else:
        assert str(said)


def outcome(text: str) -> bool | BrokenExpression | WrongType:
    try:
        expression = parse_expression(text)
        return expression.evaluate([1] * len(expression.references))
    except (BrokenExpression, WrongType) as error:
        return error


# --- against the meaning ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tree:
    """An expression as data: an operator over parts; without one a literal, or a reference to it."""

    sign: str
    parts: tuple[Tree, ...] = ()
    value: JsonValue = None


TIGHTNESS = {"||": 0, "&&": 1, "==": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, "in": 2, "!": 3}
ORDERS: dict[str, Callable[[object, object], bool]] = {
    "<": operator.lt,  # type: ignore[dict-item]  # asked of two numbers or two strings alone
    "<=": operator.le,  # type: ignore[dict-item]  # as above
    ">": operator.gt,  # type: ignore[dict-item]  # as above
    ">=": operator.ge,  # type: ignore[dict-item]  # as above
}

ATOMS: st.SearchStrategy[JsonValue] = st.sampled_from(
    [None, True, False, 0, 1, 1.0, -2.5, "", "a", "B", "${a}", '"', "'", "é\n"]
)
JSON: st.SearchStrategy[JsonValue] = st.recursive(
    ATOMS | st.text(max_size=3) | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


def leaf(values: st.SearchStrategy[JsonValue]) -> st.SearchStrategy[Tree]:
    return st.builds(Tree, st.sampled_from(["literal", "reference"]), value=values)


def joined(signs: str, parts: st.SearchStrategy[tuple[Tree, ...]]) -> st.SearchStrategy[Tree]:
    return st.builds(Tree, st.sampled_from(signs.split()), parts)


NUMBERS, TEXTS, ANY = (
    leaf(st.sampled_from([0, 1, 1.0, -2.5, 10**20])),
    leaf(st.text("aB", max_size=2)),
    leaf(ATOMS | JSON),
)
HOLDERS = leaf(st.lists(ATOMS, max_size=4) | st.dictionaries(st.sampled_from(["", "a", "B"]), ATOMS))
RELATIONS = st.one_of(
    joined("== != < <= > >=", st.tuples(NUMBERS, NUMBERS) | st.tuples(TEXTS, TEXTS)),
    joined("in", st.tuples(leaf(ATOMS), HOLDERS)),
    joined("== != < in", st.tuples(ANY, ANY)),
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    leaf(st.booleans()) | RELATIONS,
    lambda inner: st.one_of(
        joined("|| && == !=", st.tuples(inner, inner)),
        joined("!", st.tuples(inner)),
        joined("|| && == != <", st.tuples(inner | ANY, inner | ANY)),
    ),
    max_leaves=8,
)


class Mistyped(Exception):
    pass


def meaning(tree: Tree) -> JsonValue:
    """What the language page says, over Python values."""
    match tree.sign, tree.parts:
        case ("!", (part,)):
            return not boolean(meaning(part))
        case ("||", (one, other)):
            return boolean(meaning(one)) or boolean(meaning(other))
        case ("&&", (one, other)):
            return boolean(meaning(one)) and boolean(meaning(other))
        case (sign, (one, other)):
            return related(sign, meaning(one), meaning(other))
        case _:
            return tree.value


def boolean(value: JsonValue) -> bool:
    if not isinstance(value, bool):
        raise Mistyped
    return value


def related(sign: str, one: JsonValue, other: JsonValue) -> bool:
    if sign in ("==", "!="):
        return (marked(one) == marked(other)) is (sign == "==")
    if sign == "in" and isinstance(other, list | dict):
        return marked(one) in [marked(each) for each in other]
    if sign == "in" or not (numeric(one, other) or textual(one, other)):
        raise Mistyped
    return ORDERS[sign](one, other)


def numeric(*values: JsonValue) -> bool:
    return all(type(value) in (int, float) for value in values)


def textual(*values: JsonValue) -> bool:
    return all(isinstance(value, str) for value in values)


def marked(value: JsonValue) -> object:
    """The value such that Python's own equality tells true from 1."""
    if isinstance(value, list):
        return [marked(each) for each in value]
    if isinstance(value, dict):
        return {key: marked(each) for key, each in value.items()}
    return (isinstance(value, bool), value)


def printed(tree: Tree, values: list[JsonValue], room: int = 0) -> str:
    """The tree with no more parentheses than it needs; what its references stand for is added to the values."""
    if tree.sign == "reference":
        values.append(tree.value)
        return f"${{v{len(values)}}}"
    if tree.sign == "literal":
        return json.dumps(tree.value, ensure_ascii=False).replace("${", "$${")
    own = TIGHTNESS[tree.sign]
    if tree.sign == "!":
        text = "!" + printed(tree.parts[0], values, own)
    else:
        left_room = own + (tree.sign in ORDERS)  # an order does not follow another comparison
        left = printed(tree.parts[0], values, left_room)
        text = f"{left} {tree.sign} {printed(tree.parts[1], values, own + 1)}"
    return f"({text})" if own < room else text


@given(TREES)
def test_an_expression_means_what_its_tree_means(tree: Tree) -> None:
    values: list[JsonValue] = []
    expression = parse_expression(printed(tree, values))
    try:
        expected = boolean(meaning(tree))
    except Mistyped:
        with pytest.raises(WrongType):
            expression.evaluate(values)
    else:
        assert expression.evaluate(values) is expected
