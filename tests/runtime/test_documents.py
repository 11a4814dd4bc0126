"""Documents: what is read, what is refused, and where the refusal points to."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime import document_yaml
from runtime.documents import MAX_BYTES, Document, form_of, locate, read_document
from runtime.issues import InvalidWorkflow, Issue, JsonValue

CORPUS = Path(__file__).parents[3] / "shared/data/json_documents_dev.json"

VERDICTS = {
    "i_number_very_big_negative_int.json": "accepted",
    "i_string_1st_valid_surrogate_2nd_invalid.json": "document_limits",
    "i_string_incomplete_surrogate_and_escape_valid.json": "document_limits",
    "i_string_incomplete_surrogate_pair.json": "document_limits",
    "i_string_incomplete_surrogates_escape_valid.json": "document_limits",
    "i_string_invalid_lonely_surrogate.json": "document_limits",
    "i_string_inverted_surrogates_U+1D11E.json": "document_limits",
    "i_string_lone_utf8_continuation_byte.json": "json_syntax",
    "i_string_not_in_unicode_range.json": "json_syntax",
    "i_structure_500_nested_arrays.json": "document_limits",
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
torn = st.text(alphabet="[]{}:,\"'\\ \n\t-?&*!|>%#<~aduN18.e\u2028\ud800é", max_size=30)


class QuotingDumper(yaml.SafeDumper):
    """Writes every string in double quotes, since YAML 1.1 and 1.2 disagree on what plain text means."""

    def ignore_aliases(self, data: object) -> bool:
        return True


QuotingDumper.add_representer(str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, '"'))


def issues_of(data: bytes | str, filename: str = "x.json") -> list[Issue]:
    with pytest.raises(InvalidWorkflow) as caught:
        read_document(data, filename)
    return list(caught.value.issues)


def found(data: bytes | str, filename: str = "x.json") -> list[tuple[str, str, int | None]]:
    return [(issue.code, issue.path, issue.line) for issue in issues_of(data, filename)]


def value_of(data: bytes | str, filename: str = "x.yaml") -> JsonValue:
    return read_document(data, filename).value


def outcome(data: bytes | str, filename: str | None) -> Document | list[Issue]:
    try:
        return read_document(data, filename)
    except InvalidWorkflow as error:
        return list(error.issues)


def summary(outcome: Document | list[Issue]) -> JsonValue:
    return outcome.value if isinstance(outcome, Document) else [issue.code for issue in outcome]


def corpus(begin: str) -> list[tuple[str, bytes]]:
    if not CORPUS.exists():
        return []
    rows = json.loads(CORPUS.read_text())
    return [(row["name"], base64.b64decode(row["base64"])) for row in rows if row["name"].startswith(begin)]


# The form


@pytest.mark.parametrize(
    ("filename", "text", "form"),
    [
        ("a.json", "a: 1", "json"),
        ("a.JSON", "a: 1", "json"),
        ("a.yaml", "{}", "yaml"),
        ("a.yml", "[]", "yaml"),
        ("a.txt", " \n{", "json"),
        ("a", "[", "json"),
        (None, "a: 1", "yaml"),
        (None, "{}", "json"),
    ],
)
def test_the_suffix_decides_the_form_and_else_the_first_character(filename: str | None, text: str, form: str) -> None:
    assert form_of(filename, text) == form


def test_a_byte_order_mark_is_skipped() -> None:
    assert value_of(b'\xef\xbb\xbf{"a": 1}', "x.json") == value_of(b"\xef\xbb\xbfa: 1") == {"a": 1}


def test_a_byte_that_is_not_utf8_is_named_with_its_offset() -> None:
    [issue] = issues_of(b'{\n"a": "\xff"}')
    assert (issue.code, issue.line) == ("json_syntax", 2)
    assert "0xff at offset 8" in issue.message


@pytest.mark.parametrize("filename", ["x.json", "x.yaml"])
@pytest.mark.parametrize("data", [b"", b" \n\t", b"\xef\xbb\xbf"])
def test_an_empty_document_is_called_empty(data: bytes, filename: str) -> None:
    [issue] = issues_of(data, filename)
    assert (issue.code, issue.message) == ("json_syntax", "the document is empty")


def test_a_yaml_document_of_comments_is_empty_too() -> None:
    assert "empty" in issues_of("# nothing\n", "x.yaml")[0].message


# The limits


@pytest.mark.parametrize("filename", ["x.json", "x.yaml"])
def test_one_mebibyte_is_read_and_a_byte_more_is_not(filename: str) -> None:
    assert value_of(b'"' + b"x" * (MAX_BYTES - 2) + b'"', filename)
    assert found(b'"' + b"x" * (MAX_BYTES - 1) + b'"', filename) == [("document_limits", "", None)]


def test_the_limit_counts_bytes_and_not_characters() -> None:
    assert found('"' + "é" * (MAX_BYTES // 2) + '"') == [("document_limits", "", None)]


@pytest.mark.parametrize(("filename", "opening", "inner"), [("x.json", "[", ""), ("x.yaml", "- ", "x")])
def test_nesting_of_128_is_read_and_of_129_is_not(filename: str, opening: str, inner: str) -> None:
    closing = "]" if opening == "[" else ""
    assert value_of(opening * 128 + inner + closing * 128, filename)
    assert found(opening * 129 + inner + closing * 129, filename) == [("document_limits", "/0" * 128, 1)]


def test_brackets_inside_strings_are_not_nesting() -> None:
    assert value_of(json.dumps(["[" * 500 + '\\"' + "{" * 500]), "x.json")


@pytest.mark.parametrize("filename", ["x.json", "x.yaml"])
@pytest.mark.parametrize(
    "text", ["[", "{", "- ", "? ", '[{"":', "{a: ", "[? ", '"', "&a ", "a: ", "]", "%TAG !a! b\n", "---\n"]
)
def test_a_mebibyte_of_one_hostile_thing_is_refused_and_nothing_breaks(text: str, filename: str) -> None:
    assert issues_of((text * MAX_BYTES)[:MAX_BYTES], filename)


def test_every_duplicate_key_is_named_where_it_stands_again() -> None:
    text = '{"a": 1,\n "b": [{"c": 1,\n "c": 2}],\n "a": 3}'
    assert found(text) == [("document_limits", "/b/0/c", 3), ("document_limits", "/a", 4)]
    assert "'c' is there already, in line 2" in issues_of(text)[0].message


def test_a_duplicate_key_is_seen_through_its_escapes() -> None:
    assert found('{"a": 1, "\\u0061": 2}') == [("document_limits", "/a", 1)]


def test_yaml_has_no_duplicate_keys_either() -> None:
    assert found("a: 1\nb:\n  - c: 1\n    c: 2\na: 3\n", "x.yaml") == [
        ("document_limits", "/b/0/c", 4),
        ("document_limits", "/a", 5),
    ]


def test_the_same_key_in_two_objects_is_no_duplicate() -> None:
    assert value_of('[{"a": 1}, {"a": {"a": 2}}]') == [{"a": 1}, {"a": {"a": 2}}]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1E+999", "1" * 4301])
def test_a_number_that_is_not_finite_or_too_long_is_refused_in_json(number: str) -> None:
    assert found(f'{{"a":\n[0, {number}]}}') == [("document_limits", "/a/1", 2)]


@pytest.mark.parametrize("number", [".inf", "-.INF", "+.Inf", ".nan", ".NaN", "1e999", "1" * 4301, "0x" + "f" * 4000])
def test_a_number_that_is_not_finite_or_too_long_is_refused_in_yaml(number: str) -> None:
    assert found(f"a:\n- 0\n- {number}", "x.yaml") == [("document_limits", "/a/1", 3)]


def test_a_long_integer_is_exact() -> None:
    assert value_of("9" * 4300, "x.json") == value_of("9" * 4300) == 10**4300 - 1


def test_lone_surrogates_are_refused_in_values_and_keys() -> None:
    text = '["\\ud800", {"\\uDFFF": 1}, "\\ud83d\\ude00", "\\\\ud800"]'
    assert found(text) == [("document_limits", "/0", 1), ("document_limits", "/1/\\udfff", 1)]
    assert found('["\ud800"]') == [("document_limits", "/0", 1)]
    assert [code for code, _, _ in found('a: "\\ud800"', "x.yaml")] == ["document_limits"]
    assert [code for code, _, _ in found("a: \ud800", "x.yaml")] == ["document_limits"]


def test_a_surrogate_pair_is_one_character() -> None:
    assert value_of('["\\ud83d\\ude00"]', "x.json") == value_of('["\\ud83d\\ude00"]', "x.yaml") == ["😀"]


def test_limits_and_the_syntax_error_behind_them_are_reported_together() -> None:
    assert [code for code, _, _ in found('{"a": NaN, "a": 1,}')] == [
        "document_limits",
        "document_limits",
        "json_syntax",
    ]


def test_after_a_hundred_issues_only_their_number_is_told() -> None:
    issues = issues_of("[" + ",".join(["NaN"] * 250) + "]")
    assert len(issues) == 101
    assert issues[-1].message == "150 more issues are not listed"


# JSON


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(("name", "data"), corpus("y_"))
def test_a_valid_json_document_is_read_unless_it_has_a_duplicate_key(name: str, data: bytes) -> None:
    if "duplicated_key" in name:
        assert {code for code, _, _ in found(data)} == {"document_limits"}
    else:
        assert value_of(data, "x.json") == json.loads(data)


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(("name", "data"), corpus("n_"))
def test_an_invalid_json_document_is_refused(name: str, data: bytes) -> None:
    assert issues_of(data), name


@pytest.mark.skipif(not CORPUS.exists(), reason="the shared data is not here")
@pytest.mark.parametrize(("name", "data"), corpus("i_"))
def test_where_the_json_standard_leaves_a_choice_ours_is_written_down(name: str, data: bytes) -> None:
    if VERDICTS[name] == "accepted":
        assert value_of(data, "x.json") == json.loads(data)
    else:
        assert {code for code, _, _ in found(data)} == {VERDICTS[name]}


# YAML


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[true, True, TRUE, false, False, FALSE]", [True, True, True, False, False, False]),
        ("[yes, No, on, OFF, y, tRUE]", ["yes", "No", "on", "OFF", "y", "tRUE"]),
        ("[null, Null, NULL, ~, nULL]", [None, None, None, None, "nULL"]),
        ("a:\nb: ''", {"a": None, "b": ""}),
        ("[12, -3, +4, 012, 0o17, 0x1F, 1_000, 0b1, -0x1]", [12, -3, 4, 12, 15, 31, "1_000", "0b1", "-0x1"]),
        ("[1.5, .5, 5., 1e3, -1.5E-3, 1.e1, ., .e1]", [1.5, 0.5, 5.0, 1000.0, -0.0015, 10.0, ".", ".e1"]),
        ("[2001-01-01, 12:30:45, 1:30, 2001-01-01T00:00:00Z]", None),
        ("['1', \"true\", '~', '.inf', '<<']", ["1", "true", "~", ".inf", "<<"]),
        ("a: |\n  1\n", {"a": "1\n"}),
        ("a: <<\n'<<': &x b", {"a": "<<", "<<": "b"}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_yaml_means_what_the_core_schema_of_1_2_says(text: str, value: JsonValue) -> None:
    expected = value if value is not None else text.strip("[]").split(", ")
    assert json.dumps(value_of(text)) == json.dumps(expected)


@pytest.mark.parametrize(
    ("text", "code", "path", "line", "words"),
    [
        ("a: 1\n1: b", "json_syntax", "/1", 2, "a key must be a string, found '1', which is a number"),
        ("true: b", "json_syntax", "/true", 1, "which is true"),
        ("~: b", "json_syntax", "/~0", 1, "which is null"),
        ("? [a]\n: b\nc: 1", "json_syntax", "", 1, "found a list"),
        ("? {a: 1}\n: b", "json_syntax", "", 1, "found an object"),
        ("a: !foo b", "json_syntax", "/a", 1, "tags are refused, found '!foo'"),
        ("a: ! 12", "json_syntax", "/a", 1, "tags are refused, found '!'"),
        ("a: !!map {}", "json_syntax", "/a", 1, "tags are refused"),
        ("a: !x!foo b", "json_syntax", "/a", 1, "are refused"),
        ("%TAG !x! y\n---\na: 1", "json_syntax", "", 1, "tags are refused"),
        ("a: 1\n---\nb: 2", "json_syntax", "", 2, "a second document"),
        ("a: &x 1\nb: *x", "document_limits", "/b", 2, "aliases are refused, found *x"),
        ("b:\n  <<: {a: 1}", "document_limits", "/b/<<", 2, "merge keys are refused"),
        ("a: x\u2028y", "json_syntax", "", 1, "U+2028"),
        ("a: \x00", "json_syntax", "", 1, "U+0000"),
    ],
)
def test_what_yaml_has_and_json_has_not_is_refused(text: str, code: str, path: str, line: int, words: str) -> None:
    [issue] = issues_of(text, "x.yaml")
    assert (issue.code, issue.path, issue.line) == (code, path, line)
    assert words in issue.message
    assert issue.hint


def test_all_aliases_and_merge_keys_are_reported() -> None:
    paths = [path for _, path, _ in found("a: [*x, *y]\n*z : 1\n<<: *x\n", "x.yaml")]
    assert paths == ["/a/0", "/a/1", "/*z", "/<<", "/<<"]


@pytest.mark.parametrize(
    "text", ["a: [1, 0x1f, .5, yes, ~]\nb: 'x'\n", "1: a", "a: *x", "a: [1", "a: !t b", '"\\ud800"']
)
def test_yaml_is_read_alike_without_the_c_library(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with_library = outcome(text, "x.yaml")
    monkeypatch.setattr(document_yaml, "_YAML_LOADER", yaml.SafeLoader)
    without = outcome(text, "x.yaml")
    assert summary(without) == summary(with_library)


# Lines


@pytest.mark.parametrize(
    ("filename", "text"),
    [
        ("x.json", '\n{\n "a": [\n  1,\n  {"b/c":\n   {"~": "x\\n"}}],\n "d": {}}'),
        ("x.yaml", "# first\n\na:\n- 1\n- b/c:\n    '~': x\nd: {}\n"),
        ("x.yaml", '\n{\n "a": [\n  1,\n  {"b/c":\n   {"~": "x\\n"}}],\n "d": {}}'),
    ],
)
def test_a_pointer_leads_to_the_line_where_its_entry_begins(filename: str, text: str) -> None:
    document = read_document(text, filename)
    lines = {path: document.line_of(path) for path in ("/a", "/a/0", "/a/1", "/a/1/b~1c", "/a/1/b~1c/~0", "/d")}
    assert lines == {"/a": 3, "/a/0": 4, "/a/1": 5, "/a/1/b~1c": 5, "/a/1/b~1c/~0": 6, "/d": 7}


@pytest.mark.parametrize("path", ["/a/1", "/a/1/x", "/a/01", "/a/00", "/a/-", "/a/x", "/a/99999999999999999999"])
def test_a_pointer_to_nothing_leads_to_its_nearest_ancestor(path: str) -> None:
    assert read_document('{"b": 0,\n"a": [\n1]}').line_of(path) == 2


def test_the_root_begins_where_the_value_does() -> None:
    assert read_document("\n\n{}").line_of("") == 3
    assert read_document("\n\n{}").line_of("/nothing") == 3


def test_an_escaped_tilde_in_a_pointer_is_no_slash() -> None:
    assert read_document('{"~1": 1,\n"/": 2}').line_of("/~01") == 1


def test_what_is_no_pointer_has_no_line() -> None:
    assert read_document("{}").line_of("a") is None
    assert Document({"a": 1}).line_of("/a") is None


def test_locating_fills_the_lines_that_are_missing_and_keeps_the_others() -> None:
    document = read_document('{\n"a": 1}')
    located = locate([Issue("schema", "/a", "m"), Issue("schema", "/a", "m", line=9)], document)
    assert [issue.line for issue in located] == [2, 9]


def test_yaml_of_very_many_values_is_refused_with_its_line() -> None:
    text = "pipeline:\n" + "- {}\n" * (document_yaml.MAX_EVENTS // 2)
    [issue] = issues_of(text, "x.yaml")
    assert (issue.code, issue.line is not None and issue.line > 100_000) == ("document_limits", True)


def test_json_text_in_a_yaml_file_means_what_it_means_in_json() -> None:
    for text in ('"\x7f"', '"\\ud83d\\ude00"', '["\u2028"]', '{"%s": 1}' % ("k" * 2000), '{\n\t"a":\t1}'):
        assert value_of(text, "x.yaml") == value_of(text, "x.json")


# Properties


@settings(max_examples=80, deadline=None)
@given(values, st.booleans(), st.sampled_from([None, 1, "\t"]), st.sampled_from(["x.json", "x.yaml"]))
def test_any_json_value_comes_back_from_its_json_text(
    value: JsonValue, ascii_only: bool, indent: int | str | None, filename: str
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    assert json.dumps(value_of(text.encode(), filename)) == json.dumps(value)


@settings(max_examples=80, deadline=None)
@given(values, st.booleans())
def test_any_json_value_comes_back_from_yaml(value: JsonValue, flow: bool) -> None:
    text = yaml.dump(value, Dumper=QuotingDumper, sort_keys=False, default_flow_style=flow)
    assert json.dumps(value_of(text)) == json.dumps(value)


TRAPS = [
    "yes",
    "0o17",
    "2024-01-01",
    "1e3",
    "~",
    "<<",
    "null",
    "",
    " a\n b",
    "a\n\n",
    "\u2028",
    "- a",
    "${a.b}",
    "# no",
]


@settings(max_examples=300, deadline=None)
@given(values | st.dictionaries(torn | st.sampled_from(TRAPS), torn | st.sampled_from(TRAPS), max_size=4))
def test_any_json_value_comes_back_from_the_yaml_that_is_written_of_it(value: JsonValue) -> None:
    if r"\ud800" not in json.dumps(value):
        assert json.dumps(value_of(document_yaml.write_yaml(value))) == json.dumps(value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | torn, st.sampled_from(["x.json", "x.yaml", None]))
def test_whatever_comes_in_is_read_or_refused_with_printable_issues(data: bytes | str, filename: str | None) -> None:
    match outcome(data, filename):
        case Document() as document:
            assert json.dumps(document.value, allow_nan=False, ensure_ascii=False).encode()
            assert document.line_of("/0/a")
        case issues:
            assert issues
            assert {issue.code for issue in issues} <= {"json_syntax", "document_limits"}
            assert all(issue.line and issue.hint and str(issue).encode() for issue in issues)
