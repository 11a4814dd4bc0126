from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.issues import JsonValue
from runtime.redaction import MARK, Redactor, SecretStream, secrets_of

SECRET = 'sk-"é/ +4f1d9\\b27c3'
REDACTOR = Redactor({"OPENAI_API_KEY": SECRET})

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON, not only ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps({"a": text})),
    "JSON with slashes escaped": lambda text: json.dumps(text).replace("/", "\\/"),
    "URL": quote,
    "URL, slashes too": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "URL, every byte": lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
    "URL in URL": lambda text: quote(quote(text)),
    "JSON in URL": lambda text: quote(json.dumps(text)),
    "HTML": html.escape,
    "JSON in HTML": lambda text: html.escape(json.dumps(text)),
}
CODES: dict[str, Callable[[bytes], bytes]] = {
    "standard": base64.b64encode,
    "urlsafe": base64.urlsafe_b64encode,
    "lines": base64.encodebytes,
    "in a URL": lambda raw: quote(base64.b64encode(raw), safe="").encode(),
    "lines in JSON": lambda raw: json.dumps(base64.encodebytes(raw).decode()).encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_struck_out_in_every_spelling(form: str) -> None:
    written = f"before {FORMS[form](SECRET)} after"
    struck = REDACTOR.text(written)
    assert MARK in struck
    assert "4f1d9" not in struck
    assert "27c3" not in struck
    assert struck.startswith("before ")
    assert struck.endswith(" after")


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("before", range(3))
@pytest.mark.parametrize("after", range(3))
def test_a_secret_is_struck_out_of_base64_wherever_it_begins(code: str, before: int, after: int) -> None:
    written = CODES[code](b"x" * before + SECRET.encode() * 5 + b"y" * after)
    [*hits] = {hit.form for hit in REDACTOR.finds(written)}
    assert hits == ["base64"]
    for core in range(3):
        assert base64.b64encode(b"x" * core + SECRET.encode())[4:-4] not in REDACTOR.raw(written)


@given(st.text(min_size=8, max_size=40), st.text(max_size=5), st.text(max_size=5), st.sampled_from(sorted(FORMS)))
def test_no_spelling_of_any_secret_is_left(secret: str, before: str, after: str, form: str) -> None:
    redactor = Redactor({"it": secret})
    struck = redactor.text(FORMS[form](f"{before} {secret} {after}"))
    assert not redactor.finds(struck) or secret in MARK * 9
    assert MARK in struck


@given(st.binary(min_size=8, max_size=40), st.binary(max_size=5), st.binary(max_size=5), st.sampled_from(sorted(CODES)))
def test_no_base64_of_any_secret_is_left(secret: bytes, before: bytes, after: bytes, code: str) -> None:
    value = secret.hex()
    redactor = Redactor({"it": value})
    struck = redactor.raw(CODES[code](before + value.encode() + after))
    assert MARK.encode() in struck
    assert not redactor.finds(struck)


@given(st.text())
def test_what_holds_no_secret_stays_as_it_is(text: str) -> None:
    assert REDACTOR.text(text) == text
    assert REDACTOR.raw(text.encode("utf-8", "surrogatepass")) == text.encode("utf-8", "surrogatepass")


def test_two_secrets_that_overlap_leave_nothing_of_either() -> None:
    redactor = Redactor({"one": "abcdefgh", "two": "efghijkl"})
    assert redactor.text("-abcdefghijkl-") == f"-{MARK}-"


def test_a_value_is_walked_with_its_keys_and_numbers() -> None:
    redactor = Redactor({"account": "123456789", "key": "sk-canary"})
    value: JsonValue = {"sk-canary": [1, True, None, 123456789, {"a": "the key sk-canary, twice: sk-canary"}]}
    assert redactor.value(value) == {MARK: [1, True, None, MARK, {"a": f"the key {MARK}, twice: {MARK}"}]}


def test_a_value_without_a_secret_is_handed_back_itself() -> None:
    value: JsonValue = {"a": [1, "b"]}
    assert REDACTOR.value(value) is value


def test_what_is_found_says_which_and_where_and_never_the_value() -> None:
    code = base64.b64encode(b"x" + SECRET.encode()).decode()
    hits = REDACTOR.finds(f"{SECRET} {json.dumps(SECRET)} {code}")
    assert [(hit.name, hit.form) for hit in hits] == [
        ("OPENAI_API_KEY", "plain"),
        ("OPENAI_API_KEY", "escaped"),
        ("OPENAI_API_KEY", "base64"),
    ]
    assert str(hits[0]) == "the secret 'OPENAI_API_KEY' (plain) at byte 0"
    assert SECRET not in "".join(map(str, hits))


def test_a_value_too_short_to_tell_from_a_word_is_passed_over() -> None:
    assert Redactor({"PASSWORD": "letmein"}).text("letmein") == "letmein"
    assert Redactor({"PASSWORD": "letmein8"}).text("letmein8") == MARK


def pieces_of(raw: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [raw[start:end] for start, end in pairwise(edges)]


def streamed(redactor: Redactor, pieces: list[bytes]) -> bytes:
    stream = SecretStream(redactor)
    return b"".join([*(stream.feed(piece) for piece in pieces), stream.end()])


@given(st.lists(st.integers(0, 500), max_size=6), st.sampled_from(sorted(FORMS)), st.text(max_size=8))
@settings(max_examples=150)
def test_a_secret_split_over_pieces_of_a_stream_is_struck_out(cuts: list[int], form: str, around: str) -> None:
    whole = FORMS[form](f"{around}{SECRET}{around}{SECRET}").encode()
    struck = streamed(REDACTOR, pieces_of(whole, cuts))
    assert struck.count(MARK.encode()) == 2
    assert not REDACTOR.finds(struck)


@given(st.lists(st.integers(0, 500), max_size=6), st.sampled_from(sorted(CODES)))
def test_base64_split_over_pieces_of_a_stream_is_struck_out(cuts: list[int], code: str) -> None:
    whole = CODES[code](b"ab" + SECRET.encode() + b"c")
    assert not REDACTOR.finds(streamed(REDACTOR, pieces_of(whole, cuts)))


@given(st.lists(st.integers(0, 30), max_size=6), st.text("ab", max_size=30))
def test_a_secret_that_overlaps_itself_is_struck_out_of_a_stream(cuts: list[int], text: str) -> None:
    redactor = Redactor({"it": "abaababa"})
    struck = streamed(redactor, pieces_of(text.encode(), cuts))
    assert b"abaababa" not in struck
    assert (MARK.encode() in struck) == ("abaababa" in text)


def test_what_begins_no_secret_is_passed_on_at_once() -> None:
    stream = SecretStream(Redactor({"it": "sk-canary"}))
    assert [stream.feed(piece) for piece in (b"hello ", b"sk-", b"can", b"dle ", b"sk-canary", b"!")] == [
        *(b"hello ", b"", b"", b"sk-candle ", MARK.encode(), b"!")
    ]
    assert stream.end() == b""


def test_variables_named_like_secrets_are_secrets_and_the_passwords_in_urls() -> None:
    secret = ["OPENAI_API_KEY", "GH_TOKEN", "AWS_SECRET_ACCESS_KEY", "dbPassword", "apiKey", "DATABASE_URL"]
    plain = ["PATH", "PWD", "KEYBOARD", "MONKEY", "TOKENIZERS_PARALLELISM", "HOME", "SSH_AUTH_SOCK"]
    found = secrets_of(dict.fromkeys(secret, "postgres://me:hunter22@host/db") | dict.fromkeys(plain, "x"))
    assert sorted(found) == sorted(secret)
    assert found["DATABASE_URL"] == "hunter22"
