"""The text of a condition to tokens: references, literals, marks. It says what each wrong character was meant to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isinf
from typing import Literal

from runtime.issues import JsonValue
from runtime.references import BrokenReference, Reference, parse_template


class BrokenExpression(Exception):
    """A text that is no expression: the column (from 1), what was found there, and what would be right."""

    def __init__(self, start: int, reason: str, hint: str) -> None:
        self.column, self.reason, self.hint = start + 1, reason, hint
        super().__init__(f"col {self.column}: {reason}; {hint}")


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text. A `value` has one, a `reference` its reference; a `mark` is known by its text."""

    kind: Literal["value", "reference", "mark", "end"]
    text: str
    start: int
    value: JsonValue = None
    reference: Reference | None = None

    @property
    def quoted(self) -> str:
        """For a message: the text, shortened."""
        return f"'{_short(self.text)}'" if self.text else "the end"


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


_WRONG_MARKS = {"===": "==", "!==": "!=", "<>": "!=", "=>": ">=", "=<": "<=", "=": "==", "&": "&&", "|": "||"}
_WRONG_WORDS = {"and": "&&", "or": "||", "not": "!", "is": "==", "true": "true", "false": "false", "null": "null"}
_WRONG_WORDS |= {"none": "null", "in": "in"}
_CONSTANTS: dict[str, JsonValue] = {"true": True, "false": False, "null": None}
_ESCAPES = {'"': '"', "'": "'", "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

_TOKEN = re.compile(
    r"""
    (?P<wrong>===|!==|<>|=>|=<)
    |(?P<mark>==|!=|<=|>=|&&|\|\||[<>!()\[\]{},:])
    |(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<string>"(?:[^"\\\r\n]|\\.)*"|'(?:[^'\\\r\n]|\\.)*')
    |(?P<word>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)
    """,
    re.VERBOSE,
)
_SPACE = re.compile(r"[ \t\r\n]*")
_SPECIAL = re.compile(r"(?P<dollar>\$\$\{)|(?P<hole>\$\{)|\\(?:u(?P<code>[0-9a-fA-F]{4})|(?P<escape>.))")

OPERATORS = "operators are == != < <= > >= in && || !"
NO_ARITHMETIC = "there is no arithmetic here: compute it in a 'code' step"
_HINTS = {
    **dict.fromkeys("+-*/%^", NO_ARITHMETIC),
    **dict.fromkeys("\u201c\u201d\u2018\u2019", "a string stands in straight quotes"),
    ".": "a path stands inside the braces, ${step.output.key}, and there are no functions",
    "$": "a reference is written ${step.output}",
    "?": "one case holds one condition: write a case for each outcome",
    ";": "one case holds one condition",
}


def tokens(text: str) -> list[Token]:
    """The tokens, the last of the kind `end`; BrokenExpression at the first piece that is none."""
    references, found, position = _references(text), list[Token](), 0
    while True:
        space = _SPACE.match(text, position)
        position = space.end() if space else position
        if position == len(text):
            return [*found, Token("end", "", position)]
        found.append(_token(text, position, references.get(position)))
        position += len(found[-1].text)


def _references(text: str) -> Mapping[int, Reference]:
    """Where the references begin, as a template sees them."""
    found: dict[int, Reference] = {}
    position = 0
    for part in parse_template(text):
        if isinstance(part, BrokenReference):
            raise BrokenExpression(position, f"{part.text}: {part.reason}", part.hint)
        if isinstance(part, Reference):
            found[position] = part
        position += len(part.text if isinstance(part, Reference) else part.replace("${", "$${"))
    return found


def _token(text: str, start: int, reference: Reference | None) -> Token:
    if reference is not None:
        return Token("reference", reference.text, start, reference=reference)
    found = _TOKEN.match(text, start)
    if found is None:
        raise _odd(text[start], start)
    match found.lastgroup:
        case "number":
            return Token("value", found[0], start, _number(found[0], start))
        case "string":
            return Token("value", found[0], start, _string(found[0][1:-1], start + 1))
        case "word":
            return _word(found[0], start, called=text.startswith("(", found.end()))
        case "wrong":
            raise _odd(found[0], start)
        case _:
            return Token("mark", found[0], start)


def _odd(found: str, start: int) -> BrokenExpression:
    if right := _WRONG_MARKS.get(found):
        return BrokenExpression(start, f"'{found}' is not an operator", f"did you mean '{right}'?")
    if found in ('"', "'"):
        return BrokenExpression(start, "the string is not closed", f"end it with {found} on the same line")
    return BrokenExpression(start, f"'{found}' is not part of an expression", _HINTS.get(found, OPERATORS))


def _word(word: str, start: int, *, called: bool) -> Token:
    if word in _CONSTANTS:
        return Token("value", word, start, _CONSTANTS[word])
    if word == "in":
        return Token("mark", word, start)
    if right := _WRONG_WORDS.get(word.lower()):
        raise BrokenExpression(start, f"'{word}' is not an operator or a value", f"did you mean '{right}'?")
    if called:
        raise BrokenExpression(start, f"'{_short(word)}(': there are no functions", "compute it in a 'code' step")
    name = _short(word)
    raise BrokenExpression(start, f"'{name}' stands alone", f'write ${{{name}}} for a value, "{name}" for the text')


def _number(digits: str, start: int) -> JsonValue:
    try:
        number = float(digits) if any(each in digits for each in ".eE") else int(digits)
    except ValueError:
        number = float("inf")
    if isinstance(number, float) and isinf(number):
        raise BrokenExpression(start, "the number is too large", "write a number below 1.8e308")
    return number


def _string(body: str, start: int) -> str:
    def replaced(special: re.Match[str]) -> str:
        if special["dollar"]:
            return "${"
        if special["code"]:
            return chr(int(special["code"], 16))
        if special["escape"] in _ESCAPES:
            return _ESCAPES[special["escape"]]
        if special["hole"]:
            hint = "take the quotes away: it stands for the value with its type; $${ is a plain ${"
            raise BrokenExpression(start + special.start(), "a reference inside quotes", hint)
        hint = "write \\\\ for a backslash; escapes are \\\" \\' \\/ \\b \\f \\n \\r \\t \\u00e9"
        raise BrokenExpression(start + special.start(), f"'{special[0]}' is no escape", hint)

    try:  # both halves of a pair become one character
        return _SPECIAL.sub(replaced, body).encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        hint = "write the character itself, or both halves of its pair"
        raise BrokenExpression(start, "the string holds half a character", hint) from None
