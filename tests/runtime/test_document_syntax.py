"""What a syntax error says: where it stands, what was found there, and what would be right."""

from __future__ import annotations

import pytest

from runtime.document_syntax import explain_json, explain_yaml
from runtime.documents import read_document
from runtime.issues import InvalidWorkflow, Issue


def only_issue(text: str, filename: str) -> Issue:
    with pytest.raises(InvalidWorkflow) as caught:
        read_document(text, filename)
    [issue] = caught.value.issues
    return issue


@pytest.mark.parametrize(
    ("text", "path", "line", "words"),
    [
        ('{"a": 1,\n}', "", 2, "a comma stands before '}'"),
        ("[1,\n]", "/1", 2, "a comma stands before ']'"),
        ("{'a': 1}", "", 1, "wrong quotes"),
        ("{“a”: 1}", "", 1, "wrong quotes"),
        ("{a: 1}", "", 1, "a key should stand here, found 'a'"),
        ('{"a": 1 // one\n}', "", 1, "a comment"),
        ("# one\n{}", "", 1, "a comment"),
        ('{"a": ["b]}', "/a/0", 1, "begins here and never ends"),
        ('{"a": "b\nc"}', "/a", 1, "line break"),
        ('["\\x"]', "/0", 1, "backslash"),
        ('["\\u12"]', "/0", 1, "four hexadecimal digits"),
        ('{"a": [1', "/a/1", 1, "ends too early"),
        ("{} {}", "", 1, "has ended before this"),
        ('{"a" 1}', "/a", 1, "a colon should stand here"),
        ('["a" "b"]', "/1", 1, "a comma or a closing bracket"),
        ("[tru]", "/0", 1, "a value should stand here, found 'tru'"),
        ("[True]", "/0", 1, "a word of Python"),
        ("[012]", "/1", 1, "no such number"),
        ("[.5]", "/0", 1, "no such number"),
        ("```json\n{}\n```", "", 1, "Markdown fence"),
    ],
)
def test_a_json_syntax_error_says_what_was_found_and_where(text: str, path: str, line: int, words: str) -> None:
    issue = only_issue(text, "x.json")
    assert (issue.code, issue.path, issue.line) == ("json_syntax", path, line)
    assert words in issue.message
    assert issue.hint


def test_an_unclosed_document_is_told_which_brackets_are_missing() -> None:
    assert only_issue('{"a": [{"b": 1', "x.json").hint.endswith("}]}")


@pytest.mark.parametrize(
    ("text", "path", "line", "words"),
    [
        ("a:\n\t- b", "/a", 2, "a tab"),
        ("a: b: c", "", 1, "a ':' stands where no key can be"),
        ("a: 1\nb\nc: 2\n", "", 2, "neither a key nor part of a value, found 'b'"),
        ("a: [1, 2\nb: 3\n", "/a/2", 2, "not closed"),
        ("a: 'x\nb: y\n", "/a", 2, "never closed"),
        ("a: @x", "/a", 1, "cannot begin with this character, found '@'"),
        ("a: *.py", "/a", 1, "cannot begin with * or &"),
        ('a: "\\q"', "/a", 1, "backslash"),
        ("```yaml\na: 1", "", 1, "Markdown fence"),
        ('a: "x" tag', "", 1, "does not continue the list or object above, found 'tag'"),
        ("a: !{x}", "/a", 1, "tags (!...) are refused"),
        ("- a\nb: 1", "/1", 2, "does not continue"),
    ],
)
def test_a_yaml_syntax_error_says_what_was_found_and_where(text: str, path: str, line: int, words: str) -> None:
    issue = only_issue(text, "x.yaml")
    assert (issue.code, issue.path, issue.line) == ("json_syntax", path, line)
    assert words in issue.message
    assert issue.hint


def test_a_complaint_that_is_not_known_still_says_what_was_found() -> None:
    assert explain_json("Something else", "[x]", 1, "]")[0] == "this is no JSON, found 'x'"
    assert explain_yaml("something else", "x: y", 3)[0] == "this is no YAML, found 'x', begun in line 3"


def test_what_was_found_is_shown_printable_and_short() -> None:
    assert explain_json("Expecting value", "[\ud800]", 1, "]")[0].endswith("found '\\ud800'")
    assert len(explain_json("Expecting value", "x" * 1000, 0, "")[0]) < 100
