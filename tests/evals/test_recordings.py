from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals import recordings
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
        recordings.write(tmp_path / name, recording)
    assert recordings.read(tmp_path / "one.json") == recording
    text = (tmp_path / "one.json").read_text(encoding="utf-8")
    assert text == (tmp_path / "two.json").read_text(encoding="utf-8")
    assert '"a": "ü"' in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.json", "two.json"]


def test_a_write_that_fails_leaves_the_old_file_whole(tmp_path: Path) -> None:
    target = tmp_path / "one.json"
    recordings.write(target, Recording(cassette=1, made_with={"prompt": "old"}))
    (tmp_path / ".one.json.part").mkdir()  # stands in the way, as a full disk would
    with pytest.raises(OSError, match="Is a directory"):
        recordings.write(target, Recording(cassette=1, made_with={"prompt": "new"}))
    assert recordings.read(target).made_with == {"prompt": "old"}


WHOLE = json.dumps({"cassette": 1, "interactions": [{"request": {}, "response": {}}]})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "EOF while parsing"),
        (WHOLE[: len(WHOLE) // 2], "EOF while parsing"),
        ("!!python/object/apply:os.system ['touch owned']", "expected value"),
        ("a: &a [x, x]\nb: &b [*a, *a]", "expected value"),
        ("[" * 100_000, "recursion limit exceeded"),
        ("[]", "object"),
        ("{}", "/cassette: Field required"),
        ('{"cassette": 2}', "/cassette: Input should be 1"),
        ('{"cassette": 1, "extra": 1}', "/extra: Extra inputs are not permitted"),
        (WHOLE, "/interactions/0/request/method: Field required"),
    ],
    ids=["empty", "truncated", "YAML tag", "YAML aliases", "deep", "a list", "no version", "newer", "extra", "hollow"],
)
def test_a_hostile_or_broken_file_is_told_in_one_sentence_with_the_mend(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(Unavailable) as caught:
        recordings.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: no whole cassette (")
    assert words in message
    assert message.endswith("; put it back as it was recorded, or delete it and record again")
    assert "\n" not in message


def test_a_body_that_says_base64_and_is_none_is_found_when_reading(tmp_path: Path) -> None:
    answer = Answered(status=200, headers={}, body="x", encoding="base64")
    recordings.write(
        tmp_path / "bad.json", Recording(cassette=1, interactions=(Interaction(request=asked(1), response=answer),))
    )
    with pytest.raises(Unavailable, match="a body is no base64"):
        recordings.read(tmp_path / "bad.json")


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(recordings.MAX_BYTES + 1)
    with pytest.raises(Unavailable, match="larger than"):
        recordings.read(path)


def test_the_nearest_has_most_lines_in_common_and_the_same_path() -> None:
    prompt = "one\ntwo\nthree"
    known = [asked({"p": "one"}), asked({"p": "one\ntwo\n3"}), asked({"p": prompt}, path="/v1/messages")]
    assert recordings.nearest(asked({"p": prompt}), known) == 1
    assert recordings.nearest(asked({"p": prompt}), []) is None


def test_a_difference_shows_the_changed_line_of_a_long_prompt_and_little_else() -> None:
    lines = [f"line {number}" for number in range(500)]
    changed = [*lines[:250], "another", *lines[251:]]
    shown = recordings.difference(asked({"p": "\n".join(lines)}), asked({"p": "\n".join(changed)}))
    assert "-line 250\n+another" in shown
    assert len(shown.splitlines()) < 10


def test_a_difference_of_everything_is_cut() -> None:
    shown = recordings.difference(asked({"p": "a\n" * 50}), asked({"p": "b\n" * 50}))
    assert len(shown.splitlines()) == recordings.MOST_LINES + 1
    assert shown.endswith("more lines")
