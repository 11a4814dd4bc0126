from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals import differences, recording_files, recordings
from evals.recordings import Answered, Asked, Interaction, Recording
from runtime.issues import JsonValue, Unavailable

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ANSWER = Answered(status=200, headers={"content-type": "application/json"}, body={"text": "Grüße"})


def asked(body: JsonValue, path: str = "/v1/chat/completions") -> Asked:
    return Asked(method="POST", path=path, body=body)


@given(st.binary() | st.text().map(str.encode) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_body_comes_back_as_the_same_value_or_the_same_bytes(raw: bytes) -> None:
    body, encoding = recordings.packed(raw)
    back = recordings.unpacked(body, encoding)
    assert json.loads(back) == json.loads(raw) if encoding == "json" else back == raw


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (b'{"a": [1, "\\u00fc"]}', "json"),
        (b"data: {}\n\n", "text"),
        (b"", "text"),
        (b"\xff\x00", "base64"),
        (b'{"a": NaN}', "text"),
        (b"[1e999]", "text"),
        (b'"\\ud800"', "text"),
        (b"[" * 100_000, "text"),
    ],
)
def test_a_body_is_json_where_every_reader_would_agree(raw: bytes, encoding: str) -> None:
    assert recordings.packed(raw)[1] == encoding


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_the_order_of_keys_does_not_matter_for_a_match(body: dict[str, JsonValue]) -> None:
    assert asked(body).key == asked(dict(reversed(body.items()))).key


@pytest.mark.parametrize(
    "other",
    [
        asked({"a": 2}),
        asked({"a": 1}, path="/v1/messages"),
        Asked(method="GET", path="/v1/chat/completions", body={"a": 1}),
        Asked(method="POST", path="/v1/chat/completions", body='{"a":1}', encoding="text"),
    ],
)
def test_method_path_and_body_all_matter_for_a_match(other: Asked) -> None:
    assert asked({"a": 1}).key != other.key


def test_a_file_is_the_same_bytes_for_the_same_recording_and_reads_back(tmp_path: Path) -> None:
    recording = Recording(
        cassette=1,
        made_with={"prompt": "abc"},
        interactions=(
            Interaction(call="case/1/1", request=asked({"b": 1, "a": "ü"}), response=ANSWER),
            Interaction(request=asked(None), response=ANSWER),
        ),
    )
    for name in ("one.json", "two.json"):
        recording_files.write(tmp_path / name, recording)
    assert recording_files.read(tmp_path / "one.json") == recording
    text = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.json").read_text(encoding="utf-8")
    assert '"a": "ü"' in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "one.json"
    recording_files.write(target, Recording(cassette=1, made_with={"prompt": "old"}))
    (tmp_path / ".one.json.part").mkdir()  # stands in the way, as a full disk would
    with pytest.raises(OSError, match="Is a directory"):
        recording_files.write(target, Recording(cassette=1, made_with={"prompt": "new"}))
    assert recording_files.read(target).made_with == {"prompt": "old"}


def of_a_body(body: str, encoding: str) -> str:
    request, response = (
        "{'method': 'GET', 'path': '/', 'body': 1}",
        f"'status': 200, 'headers': {{}}, 'encoding': '{encoding}'",
    )
    quoted = f"{{'cassette': 1, 'interactions': [{{'request': {request}, 'response': {{{response}, 'body': "
    return quoted.replace("'", '"') + f"{body}}}}}]}}"


WHOLE = json.dumps({"cassette": 1, "interactions": [{"request": {}, "response": {}}]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: the document is empty"),
        (WHOLE[: len(WHOLE) // 2], "line 1: "),
        ("!!python/object/apply:os.system ['touch owned']", "line 1: "),
        ("a: &a [x, x]\nb: &b [*a, *a]", "line 1: "),
        ("[" * 100_000, "line 1: lists and objects are nested deeper than 128"),
        ("[]", "/: should be an object"),
        ("{}", "/cassette: missing"),
        ('{"cassette": 2}', "/cassette: should be 1"),
        ('{"cassette": 1, "extra": 1}', "/extra: unknown key"),
        ('{"cassette": 1,\n "cassette": 1}', "line 2: the key 'cassette' is there already, in line 1"),
        ('{"cassette": 1e999}', "line 1: '1e999' is no finite number"),
        (f'{{"cassette": {"9" * 5000}}}', "has over 4,300 digits"),
        (json.dumps({str(number): 1 for number in range(300)}), "/: more than 200 keys"),
        (
            json.dumps({"interactions": [1, {"request": {"x": {str(n): 1 for n in range(300)}}}]}),
            "/1/request/x: more than",
        ),
        ('{"cassette": 1, "interactions": [' + "[]," * 100_000 + "[]]}", "/interactions/0: should be an object"),
        (WHOLE, "/interactions/0/request/method: missing; /interactions/0/request/path: missing"),
        (WHOLE, "and 3 more"),
        (of_a_body('"x"', "base64"), "/interactions/0/response: a body in base64 is none"),
        (of_a_body("[1]", "text"), "/interactions/0/response: a body in text is a string"),
        (of_a_body('{"a": 1}', "events"), "/interactions/0/response: a body of events is a list of lines"),
        (of_a_body('[{"dta": 1}]', "events"), 'an object with the one key "data"'),
    ],
)
def test_a_hostile_or_broken_file_is_told_in_one_sentence_with_the_mend(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(Unavailable) as caught:
        recording_files.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: no whole cassette (")
    assert words in message
    assert message.endswith("; put it back as it was recorded, or delete it and record again")
    assert "\n" not in message


def test_a_file_of_a_million_empty_lists_is_not_parsed(tmp_path: Path) -> None:
    path = tmp_path / "many.json"
    path.write_bytes(b"[" + b"[]," * recording_files.MOST_PARTS + b"[]]")
    with pytest.raises(Unavailable, match="more than 1000000 lists and objects"):
        recording_files.read(path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "folder.json").mkdir()
    for name in ("pipe.json", "folder.json"):
        with pytest.raises(Unavailable, match="is no file; take it away"):
            recording_files.read(tmp_path / name)


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(recording_files.MAX_BYTES + 1)
    with pytest.raises(Unavailable, match="larger than"):
        recording_files.read(path)


def test_the_nearest_has_most_lines_in_common_and_the_same_path() -> None:
    prompt = "one\ntwo\nthree"
    known = [asked({"p": "one"}), asked({"p": "one\ntwo\n3"}), asked({"p": prompt}, path="/v1/messages")]
    assert differences.nearest(asked({"p": prompt}), known) == 1
    assert differences.nearest(asked({"p": prompt}), []) is None


def test_a_difference_shows_the_changed_line_of_a_long_prompt_and_little_else() -> None:
    lines = [f"line {number}" for number in range(500)]
    changed = [*lines[:250], "another", *lines[251:]]
    shown = differences.difference(asked({"p": "\n".join(lines)}), asked({"p": "\n".join(changed)}))
    assert "-line 250\n+another" in shown
    assert len(shown.splitlines()) < 10


def test_a_difference_of_everything_is_cut() -> None:
    shown = differences.difference(asked({"p": "a\n" * 50}), asked({"p": "b\n" * 50}))
    assert len(shown.splitlines()) == differences.MOST_LINES + 1
    assert shown.endswith("more lines")
