"""What a parser's complaint about JSON or YAML means to the writer of the document: a message and a hint.

Pure text in, text out; the parsers' own words never leave this file.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from runtime.document_walk import shown

Explanation: TypeAlias = tuple[str, str]

_NUMBER_HINT = "a number is written like 12, -0.5 or 1e6: no plus, no leading zero, digits on both sides of the dot"
_FENCE = ("a Markdown fence (```) stands here", "leave the document alone in the file, without fences and prose")

# What stands where JSON cannot go on, whatever the parser expected there.
_JSON_FOUND = tuple(
    (re.compile(pattern), message, hint)
    for pattern, message, hint in (
        (r"```", *_FENCE),
        (r"//|/\*|#", "a comment stands here", "JSON has no comments: remove it, or use YAML"),
        (r"['‘’“”`]", "a string or key is in the wrong quotes", 'use straight double quotes: "text"'),  # noqa: RUF001 meant
        (r"(?:True|False|None)\b", "a word of Python stands here", "JSON writes true, false and null"),
        (r"(?:undefined|nan|inf)\b", "this word is no JSON value", "write null"),
    )
)
_NUMBER_BEGIN = re.compile(r"[-+.0-9]")
_NUMBER_REST = re.compile(r"[-+.\w]")

_JSON_EXPECTED = {
    "Expecting value": ("a value should stand here", "values are strings, numbers, true, false, null, [...] and {...}"),
    "Expecting property name": ("a key should stand here", 'write "key": value, the key in double quotes'),
    "Expecting ':'": ("a colon should stand here", 'write "key": value'),
    "Expecting ','": (
        "a comma or a closing bracket should stand here",
        "put commas between entries; check the brackets",
    ),
    "Extra data": ("the document has ended before this", "a document is one value: remove what follows it"),
}

# Complaints about the inside of a string, where what stands there says nothing.
_JSON_STRINGS = {
    "Unterminated string": ("a string begins here and never ends", 'close it with "; a quote inside is written \\"'),
    "Invalid control character": (
        "a string holds a line break, a tab or another control character",
        "write \\n for a line break and \\t for a tab; check that the string is closed",
    ),
    "Invalid \\u": ("\\u needs four hexadecimal digits", "write it like \\u00e9, or the character itself"),
    "Invalid \\": (
        "a backslash stands before a character that it cannot escape",
        'write \\\\ for a backslash; the others are \\" \\/ \\b \\f \\n \\r \\t \\u',
    ),
}


def explain_json(problem: str, text: str, position: int, closers: str) -> Explanation:
    """Explains a `JSONDecodeError`; `closers` are the brackets still missing at its position."""
    for begin, explanation in _JSON_STRINGS.items():
        if problem.startswith(begin):
            return explanation
    before, rest = text[:position], text[position:].lstrip(" \t\r\n,")
    if not text[position:].strip():
        return "the document ends too early", f"still open, to be closed with {closers}" if closers else "complete it"
    if rest[:1] in ("]", "}") and (before.rstrip().endswith(",") or text[position] == ","):
        return f"a comma stands before {shown(rest[0])}", "remove the comma after the last entry"
    return _explain_found(problem, before, text[position : position + 60])


def _explain_found(problem: str, before: str, found: str) -> Explanation:
    for pattern, message, hint in _JSON_FOUND:
        if pattern.match(found):
            return f"{message}, found {_first_word(found)}", hint
    if _is_torn_number(problem, before, found):
        return f"JSON has no such number, found {_first_word(found)}", _NUMBER_HINT
    for begin, (message, hint) in _JSON_EXPECTED.items():
        if problem.startswith(begin):
            return f"{message}, found {_first_word(found)}", hint
    return f"this is no JSON, found {_first_word(found)}", "a document begins with { and ends with }"


def _is_torn_number(problem: str, before: str, found: str) -> bool:
    if problem.startswith("Expecting value"):
        return bool(_NUMBER_BEGIN.match(found))
    goes_on = problem.startswith(("Expecting ','", "Extra data")) and before[-1:].isdigit()
    return goes_on and bool(_NUMBER_REST.match(found))


def _first_word(found: str) -> str:
    word = re.match(r"[\w$.+-]+|.", found, re.DOTALL)
    return shown(word[0] if word else found)


_YAML = tuple(
    (re.compile(pattern), message, hint)
    for pattern, message, hint in (
        (r"cannot start any token\n\t", "a tab stands in the indentation", "indent with spaces"),
        (r"tab character", "a tab stands in the indentation", "indent with spaces"),
        (r"cannot start any token\n```", *_FENCE),
        (r"cannot start any token", "text without quotes cannot begin with this character", "put the text in quotes"),
        (
            r"mapping values are not allowed",
            "a ':' stands where no key can be",
            "put text that holds ': ' in quotes, and begin keys of one object in the same column",
        ),
        (
            r"simple key|expected ':'",
            "this line is neither a key nor part of a value",
            "write key: value; check the indentation",
        ),
        (r"unexpected (?:end of stream|document)", "a quoted string is never closed", "close it with the same quote"),
        (
            r"',' or '[\]}]'",
            "a list or object in brackets is not closed, or lacks a comma",
            "put , between its entries and close it",
        ),
        (r"node content", "a value should stand here", "write one, or remove the comma"),
        (r"document start", "the document has ended before this", "keep one document, its keys all in one column"),
        (
            r"unknown escape",
            "a backslash stands before a character that it cannot escape",
            "write \\\\, or use single quotes",
        ),
        (
            r"hexdecimal|hexadecimal|Unicode character escape",
            "this escape is no character",
            "write the character itself",
        ),
        (r"tag.*\n", "tags (!...) are refused", "remove the tag, or put text that begins with ! in quotes"),
        (r"alphabetic or numeric", "text without quotes cannot begin with * or &", "put the text in quotes"),
        (r"mapping keys are not allowed", "a '? ' stands where no key can be", "write key: value, without the '?'"),
        (r"block sequence entries|sequence entries", "a '- ' cannot stand here", "begin the list in a line of its own"),
        (
            r"'-' indicator|expected <?block end|expected key",
            "this does not continue the list or object above",
            "check the indentation and the quotes",
        ),
        (r"directive|incompatible YAML|%YAML", "this directive is not known", "remove the line that begins with %"),
        (
            r"block scalar|comment or line break|indentation indicator",
            "after | or > only the line's end can stand",
            "begin the text in the next line",
        ),
    )
)


def explain_yaml(problem: str, found: str, began: int | None) -> Explanation:
    """Explains a YAML parser's `problem` at the text `found`; `began` is the line where the broken part began."""
    since = f", begun in line {began}" if began is not None else ""
    for pattern, message, hint in _YAML:
        if pattern.search(f"{problem}\n{found[:3]}"):
            return f"{message}, found {_end_or_word(found)}{since}", hint
    return f"this is no YAML, found {_end_or_word(found)}{since}", "check the indentation, and quote special characters"


def _end_or_word(found: str) -> str:
    return _first_word(found) if found.strip() else "the end of the document"
