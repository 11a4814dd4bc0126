from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.issues import JsonValue
from runtime.references import (
    BrokenReference,
    Constant,
    MissingValue,
    Path,
    Reference,
    as_text,
    compile_value,
    copy_json,
    keys_in,
    parse_template,
    references_in,
    strings_in,
)

SCOPE: dict[str, JsonValue] = {
    "a": {"text": "hi", "none": None, "list": [1, {"x": True}], "any key": 1, "br}ace": 2, "é": "ü", "float": 1.5},
    "workflow": {"name": "Ada", "template": "${a.text}"},
}


def resolve(value: JsonValue) -> JsonValue:
    resolver = compile_value(value)
    return value if resolver is None else resolver(SCOPE)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a.text}", "hi"),
        ("${a.none}", None),
        ("${a.list[1].x}", True),
        ("${ a.list[ 0 ] }", 1),
        ('${a["any key"]}', 1),
        ('${a["br}ace"]}', 2),
        ('${a["\\u00e9"]}', "ü"),
        ("${workflow.name}", "Ada"),
        ("${a.list}", [1, {"x": True}]),
    ],
)
def test_a_string_that_is_one_reference_keeps_the_type(text: str, value: JsonValue) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("say ${a.text}!", "say hi!"),
        ("${a.list}\n", '[1,{"x":true}]\n'),
        ("${a.none} ${a.float}", "null 1.5"),
        (" ${a.text}", " hi"),
        ("${a}", SCOPE["a"]),
        ('${a["é"]}${a.text}', "ühi"),
    ],
)
def test_inside_a_longer_string_a_value_stands_as_compact_json(text: str, value: JsonValue) -> None:
    assert resolve(text) == value


def test_compact_json_has_no_ascii_escapes() -> None:
    assert as_text({"ü": ["é", '"']}) == '{"ü":["é","\\""]}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$${", "${"),
        ("$${a.text}", "${a.text}"),
        ("$$${x}", "$${x}"),
        ("$$$${x}", "$$${x}"),
        ("$${${a.text}}", "${hi}"),
        ("$ { $a {}", "$ { $a {}"),
    ],
)
def test_an_escape_stands_for_the_text_and_the_first_from_the_left_wins(text: str, value: str) -> None:
    assert resolve(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${a.nope ?? a.text}", "hi"),
        ("${a.none ?? a.text}", "hi"),
        ("${nobody.x ?? a.text}", "hi"),
        ("${a.list[7] ?? a.text.deeper ?? 3}", 3),
        ('${a.nope ?? {"k": [null, "}"]}}', {"k": [None, "}"]}),
        ("${a.nope ?? null}", None),
        ("${a.nope ?? a.none}", None),
        ("${a.text ?? 1}", "hi"),
        ("x${a.nope??-1.5e0}", "x-1.5"),
        ("${a.nope ?? true}", True),
    ],
)
def test_the_first_alternative_that_is_there_and_not_null_is_taken(text: str, value: JsonValue) -> None:
    assert resolve(text) == value


@pytest.mark.parametrize("text", ["${a.nope}", "${a.text.x}", "${a.list.x}", "${a[0]}", "${a.list[2]}", "${b ?? c.d}"])
def test_a_path_that_leads_nowhere_is_missing(text: str) -> None:
    with pytest.raises(MissingValue):
        resolve([text])


def test_a_missing_value_names_the_last_path() -> None:
    with pytest.raises(MissingValue, match=r'there is no value at \$\{c\["any key"\]\[0\]\.d\}'):
        resolve('${b ?? c["any key"][0].d}')


@pytest.mark.parametrize(
    "text",
    [
        "${",
        "${}",
        "${ }",
        "${a",
        "${a.}",
        "${a..b}",
        "${a[-1]}",
        "${a[x]}",
        "${a['x']}",
        "${a[01]}",
        "${1}",
        "${a b}",
        "${a ?? }",
        "${a ?? 1 ?? b}",
        '${"x"}',
        "${a ?? [NaN]}",
        "${a ?? 1e999}",
        '${a ?? "\\ud800"}',
        "${a ?? 'x'}",
        "${a + b}",
        "${f(a)}",
        "${a.b c}",
        "${a.é}",
    ],
)
def test_what_is_no_reference_is_broken_and_says_how_to_write_the_text(text: str) -> None:
    (part,) = parse_template(text)
    assert isinstance(part, BrokenReference)
    assert part.reason
    assert f"${text}" in part.hint


def test_a_default_of_the_shell_is_broken_with_its_escape_as_the_hint() -> None:
    before, part, after = parse_template("cd ${HOME:-x} && ls")
    assert (before, after) == ("cd ", " && ls")
    assert isinstance(part, BrokenReference)
    assert (part.text, "$${HOME:-x}" in part.hint) == ("${HOME:-x}", True)


def test_a_literal_is_nested_no_deeper_than_a_document() -> None:
    legal, too_deep = ("${a ?? " + "[" * levels + "]" * levels + "}" for levels in (128, 130))
    assert isinstance(parse_template(legal)[0], Reference)
    assert isinstance(parse_template(too_deep)[0], BrokenReference)


def test_a_text_with_more_broken_references_than_anyone_mends_is_not_read_to_its_end() -> None:
    parts = parse_template("${x ?? [}" * 100_000)
    assert len(parts) == 101
    assert all(isinstance(part, BrokenReference) for part in parts)


def test_a_reference_lists_its_paths_and_constants() -> None:
    (reference,) = references_in({"deep": ['${a.b[0]["c d"] ?? x ?? "n"}']})
    assert reference.paths == (Path("a", ("b", 0, "c d")), Path("x"))
    assert reference.alternatives[-1] == Constant("n")
    assert reference.has_fallback
    assert [str(path) for path in reference.paths] == ['a.b[0]["c d"]', "x"]


def test_strings_and_keys_are_listed_with_their_pointers() -> None:
    value: JsonValue = {"a/b": ["x", 1, {"~": "y"}], "c": None}
    assert list(strings_in(value, "/p")) == [("/p/a~1b/0", "x"), ("/p/a~1b/2/~0", "y")]
    assert list(keys_in(value, "/p")) == [("/p/a~1b", "a/b"), ("/p/a~1b/2/~0", "~"), ("/p/c", "c")]


def test_what_is_resolved_shares_nothing_with_the_scope_or_the_template() -> None:
    template: JsonValue = {"whole": "${a.list}", "plain": [1]}
    scope: dict[str, JsonValue] = {"a": {"list": [1, {"x": True}]}}
    resolver = compile_value(template)
    assert resolver is not None
    taken = resolver(scope)
    assert taken == {"whole": [1, {"x": True}], "plain": [1]}
    taken["whole"][1]["x"] = taken["plain"][0] = "changed"  # type: ignore[index,call-overload]  # the line above knows
    assert resolver(scope) == {"whole": [1, {"x": True}], "plain": [1]}
    assert scope == {"a": {"list": [1, {"x": True}]}}


def test_a_constant_is_not_shared_either() -> None:
    resolver = compile_value("${a.nope ?? []}")
    assert resolver is not None
    first = resolver({})
    assert isinstance(first, list)
    first.append(1)
    assert resolver({}) == []


def test_a_value_brought_in_is_never_resolved_again() -> None:
    assert resolve("${workflow.template}") == "${a.text}"
    assert resolve("<${workflow.template}>") == "<${a.text}>"


def test_a_value_without_references_needs_no_resolver() -> None:
    assert compile_value({"a": [1, "$x", "{}"]}) is None


def test_a_path_is_renamed_once_when_compiled() -> None:
    resolver = compile_value("${short}", lambda path: Path("workflow", (path.head, *path.keys)))
    assert resolver is not None
    assert resolver({"workflow": {"short": 1}}) == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1: 2}, object(), {"x": {1}}, b"x"])
def test_only_json_can_be_copied(value: JsonValue) -> None:
    with pytest.raises((TypeError, ValueError)):
        copy_json(value)


# --- properties ------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
pieces = st.text(st.sampled_from('${}[]?".a0 \\')) | st.sampled_from(["${", "$${", "}", "${a.b}", " ?? ", "[0]", '["'])
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,5}", fullmatch=True)


@given(st.text().filter(lambda text: "${" not in text))
def test_a_text_without_an_opening_is_unchanged(text: str) -> None:
    assert "".join(map(str, parse_template(text))) == text
    assert compile_value(text) is None


@given(st.lists(pieces).map("".join) | st.text())
def test_any_text_can_be_parsed(text: str) -> None:
    for part in parse_template(text):
        assert not isinstance(part, Reference | BrokenReference) or part.text in text


@given(st.text(st.sampled_from("${}a ")) | st.text())
def test_an_escaped_text_comes_back(text: str) -> None:
    resolver = compile_value(text.replace("${", "$${"))
    assert (text if resolver is None else resolver({})) == text


@given(st.lists(st.tuples(names, json_values) | st.text(), min_size=2, max_size=6))
def test_a_text_of_literals_and_references_resolves_to_their_concatenation(
    parts: list[tuple[str, JsonValue] | str],
) -> None:
    scope: dict[str, JsonValue] = {}
    text = expected = ""
    for at, part in enumerate(parts):
        if isinstance(part, str):
            plain = part.replace("$", "")  # a dollar before a reference would be part of an escape
            text, expected = text + plain, expected + plain
        else:
            scope[f"s{at}"] = {part[0]: part[1]}
            text, expected = f"{text}${{s{at}.{part[0]}}} ", f"{expected}{as_text(part[1])} "
    resolver = compile_value(text)
    assert (text if resolver is None else resolver(scope)) == expected


@given(st.lists(st.text(), min_size=1, max_size=4), json_values)
def test_any_key_can_be_written_between_brackets(keys: list[str], value: JsonValue) -> None:
    inner: JsonValue = value
    for key in reversed(keys):
        inner = {key: inner}
    resolver = compile_value("${s" + "".join(f"[{json.dumps(key)}]" for key in keys) + "}")
    assert resolver is not None
    assert resolver({"s": inner}) == value


@given(json_values)
def test_a_copy_equals_its_original(value: JsonValue) -> None:
    assert copy_json(value) == value
