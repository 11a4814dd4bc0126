"""The conditions of `decide`: a part of CEL over typed values. No calls, no arithmetic, and a value is never text.

    ${a.code} == 200 && !(${a.kind} in ["draft", 'old']) || ${b.done ?? false}

From loosest to tightest: `||`, `&&`, comparisons and `in`, `!`; `&&` and `||` stop at the first side that settles them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

from runtime.expression_tokens import NO_ARITHMETIC, OPERATORS, BrokenExpression, Token, tokens
from runtime.issues import JsonValue
from runtime.references import Reference

MOST_CHARACTERS = 10_000
MOST_LEVELS = 64  # of parentheses, `!`, lists and objects

Values: TypeAlias = Sequence[JsonValue]
_Part = Callable[[Values], JsonValue]


class WrongType(Exception):
    """An operator was given what it cannot work on, or the result is no boolean. Types are named, values never."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed condition. `references` holds each reference once, in the order of the text."""

    references: tuple[Reference, ...]
    root: _Part

    def evaluate(self, values: Values) -> bool:
        """Whether it holds, given the values of `references` in their order. Raises WrongType.

        ValueError if there are not as many values as references.
        """
        if len(values) != len(self.references):
            raise ValueError(f"{len(self.references)} references and {len(values)} values")
        result = self.root(values)
        if not isinstance(result, bool):
            raise WrongType(f"it comes to {_kind(result)}, and a condition is true or false")
        return result


def parse_expression(text: str) -> Expression:
    """The condition that a text says; BrokenExpression if it says none, whatever the text is."""
    if len(text) > MOST_CHARACTERS:
        reason = f"it has {len(text)} characters, and {MOST_CHARACTERS} are the limit"
        raise BrokenExpression(MOST_CHARACTERS, reason, "compute it in a 'code' step")
    parser = _Parser(tokens(text))
    root = parser.whole()
    return Expression(tuple(parser.references.values()), root)


# --- grammar ---------------------------------------------------------------------------------------------------------

_Operation = Callable[[JsonValue, JsonValue], bool]
_ORDERS: Mapping[str, Callable[[int, int], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXAMPLE = 'for example ${step.output} == "done"'
_RELATIONS = frozenset({"==", "!=", "in", *_ORDERS})


class _Parser:
    """Recursive descent over the tokens; how deep it goes is bounded by MOST_LEVELS."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.references: dict[str, Reference] = {}
        self._number: dict[str, int] = {}
        self._tokens, self._at, self._level = tokens, 0, 0

    def whole(self) -> _Part:
        if len(self._tokens) == 1:
            raise BrokenExpression(0, "it is empty", _EXAMPLE)
        part = self._either()
        if self._next.kind != "end":
            raise _no_operator(self._next, self._tokens[self._at - 1])
        return part

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self, *marks: str) -> Token | None:
        token = self._next
        if token.kind != "mark" or token.text not in marks:
            return None
        self._at += 1
        return token

    def _close(self, opening: Token, mark: str) -> None:
        self._level -= 1
        if self._take(mark):
            return
        if self._next.kind == "end":
            reason = f"the '{opening.text}' of col {opening.start + 1} is not closed"
            raise BrokenExpression(self._next.start, reason, f"close it with '{mark}'")
        if opening.text == "(":
            raise _no_operator(self._next, self._tokens[self._at - 1])
        raise BrokenExpression(self._next.start, f"found {self._next.quoted}", f"',' or '{mark}' comes here")

    def _enter(self, token: Token) -> None:
        self._level += 1
        if self._level > MOST_LEVELS:
            raise BrokenExpression(token.start, f"it is nested deeper than {MOST_LEVELS}", "write it flatter")

    def _either(self) -> _Part:
        return self._joined("||", self._both, settled=True)

    def _both(self) -> _Part:
        return self._joined("&&", self._relation, settled=False)

    def _joined(self, mark: str, side: Callable[[], _Part], *, settled: bool) -> _Part:
        sides = [(self._next.start, side())]
        while self._take(mark):
            sides.append((self._next.start, side()))
        return sides[0][1] if len(sides) == 1 else _junction(mark, sides, settled)

    def _relation(self) -> _Part:
        first, others = self._unary(), list[tuple[_Operation, _Part]]()
        while sign := self._take(*_RELATIONS):
            if others and sign.text in _ORDERS:
                hint = "compare twice and join with &&"
                raise BrokenExpression(sign.start, f"'{sign.text}' after another comparison", hint)
            others.append((_operation(sign), self._unary()))
        return _chain(first, others) if others else first

    def _unary(self) -> _Part:
        sign = self._take("!")
        if sign is None:
            return self._operand()
        self._enter(sign)
        part = self._unary()
        self._level -= 1
        return _negation(part, sign)

    def _operand(self) -> _Part:
        if opening := self._take("("):
            self._enter(opening)
            part = self._either()
            self._close(opening, ")")
            return part
        if reference := self._next.reference:
            self._at += 1
            self.references[reference.text] = reference
            return operator.itemgetter(self._number.setdefault(reference.text, len(self._number)))
        return _constant(self._literal())

    def _literal(self) -> JsonValue:
        token = self._next
        if opening := self._take("[", "{"):
            self._enter(opening)
            return self._list(opening) if opening.text == "[" else self._object(opening)
        if token.kind != "value":
            raise _no_value(token, inside=self._at > 0 and self._tokens[self._at - 1].text in ("[", ",", ":"))
        self._at += 1
        return token.value

    def _list(self, opening: Token) -> JsonValue:
        items = [self._literal() for _ in self._entries("]")]
        self._close(opening, "]")
        return items

    def _object(self, opening: Token) -> JsonValue:
        fields: dict[str, JsonValue] = {}
        for token in self._entries("}"):
            if not isinstance(token.value, str):
                raise BrokenExpression(token.start, f"found {token.quoted}", "a key is a string in quotes")
            if token.value in fields:
                raise BrokenExpression(token.start, f"the key {token.text} is there twice", "keep one of them")
            self._at += 1
            if not self._take(":"):
                raise BrokenExpression(self._next.start, f"found {self._next.quoted}", "':' comes after a key")
            fields[token.value] = self._literal()
        self._close(opening, "}")
        return fields

    def _entries(self, closing: str) -> Iterator[Token]:
        """The first token of each entry up to the closing mark; the caller takes the entry."""
        if self._next.kind == "mark" and self._next.text == closing:
            return
        yield self._next
        while self._take(","):
            yield self._next


def _no_value(token: Token, *, inside: bool) -> BrokenExpression:
    if token.kind == "reference":
        hint = f"a list or object holds literals alone: bring all of it by one reference, or compare with {token.text}"
        return BrokenExpression(token.start, f"{token.text} stands inside a literal", hint)
    if token.kind == "end":
        return BrokenExpression(token.start, "a value is missing at the end", _EXAMPLE)
    here = "a literal" if inside else "a reference ${step.output}, a literal or '('"
    return BrokenExpression(token.start, f"found {token.quoted}", f"{here} comes here")


def _no_operator(token: Token, before: Token) -> BrokenExpression:
    found = token.quoted
    if token.kind == "value" and token.text.startswith("-"):
        return BrokenExpression(token.start, f"found {found} after a value", NO_ARITHMETIC)
    if token.text in (")", "]", "}"):
        return BrokenExpression(token.start, f"{found} closes nothing that is open", "remove it")
    if token.text == "[" and before.kind == "reference":
        hint = "a path stands inside the braces: ${step.output[0]}"
        return BrokenExpression(token.start, f"found '[' after {before.text}", hint)
    return BrokenExpression(token.start, f"an operator is missing before {found}", OPERATORS)


# --- meaning ---------------------------------------------------------------------------------------------------------


def _constant(value: JsonValue) -> _Part:
    return lambda values: value


def _boolean(value: JsonValue, mark: str, start: int) -> bool:
    if not isinstance(value, bool):
        raise WrongType(f"col {start + 1}: '{mark}' works on true and false; found {_kind(value)}")
    return value


def _negation(part: _Part, sign: Token) -> _Part:
    return lambda values: not _boolean(part(values), "!", sign.start)


def _junction(mark: str, sides: Sequence[tuple[int, _Part]], settled: bool) -> _Part:
    def evaluate(values: Values) -> JsonValue:
        for start, side in sides:
            if _boolean(side(values), mark, start) is settled:
                return settled
        return not settled

    return evaluate


def _chain(first: _Part, others: Sequence[tuple[_Operation, _Part]]) -> _Part:
    """Comparisons one after another, each of the result so far: `1 < 2 == true`."""

    def evaluate(values: Values) -> JsonValue:
        result = first(values)
        for compare, other in others:
            result = compare(result, other(values))
        return result

    return evaluate


def _operation(sign: Token) -> _Operation:
    match sign.text:
        case "==":
            return _equal
        case "!=":
            return lambda one, other: not _equal(one, other)
        case "in":
            return lambda one, other: _contains(one, other, sign)
        case _:
            return lambda one, other: _ordered(one, other, sign)


def _equal(one: JsonValue, other: JsonValue) -> bool:
    """Deep equality where unlike types are unequal, save that 1 is 1.0. Without recursion: values may be deep."""
    pairs = [(one, other)]
    while pairs:
        left, right = pairs.pop()
        if isinstance(left, list) and isinstance(right, list):
            if len(left) != len(right):
                return False
            pairs += zip(left, right, strict=True)
        elif isinstance(left, dict) and isinstance(right, dict):
            if left.keys() != right.keys():
                return False
            pairs += ((left[key], right[key]) for key in left)
        elif _kind(left) != _kind(right) or left != right:
            return False
    return True


def _contains(one: JsonValue, other: JsonValue, sign: Token) -> bool:
    if isinstance(other, list):
        return any(_equal(one, each) for each in other)
    if isinstance(other, dict):
        return isinstance(one, str) and one in other
    reason = f"'in' looks for an element of a list or a key of an object, and in nothing else; found {_kind(other)}"
    raise WrongType(f"col {sign.start + 1}: {reason}")


def _ordered(one: JsonValue, other: JsonValue, sign: Token) -> bool:
    order = _order(one, other)
    if order is None:
        reason = f"'{sign.text}' compares two numbers or two strings; found {_kind(one)} and {_kind(other)}"
        raise WrongType(f"col {sign.start + 1}: {reason}")
    return _ORDERS[sign.text](order, 0)


def _order(one: JsonValue, other: JsonValue) -> int | None:
    """-1, 0 or 1, strings by code points; None if there is no order between the two."""
    if isinstance(one, str) and isinstance(other, str):
        return (one > other) - (one < other)
    if _is_number(one) and _is_number(other):
        return (one > other) - (one < other)
    return None


def _is_number(value: JsonValue) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _kind(value: JsonValue) -> str:
    """The JSON type in words. A boolean is no number."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "an object"
