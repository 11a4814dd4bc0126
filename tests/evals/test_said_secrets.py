from __future__ import annotations

import base64

from evals.said_secrets import secrets_said


def test_a_secret_is_named_by_its_header_and_its_scheme_or_cookie_left_off() -> None:
    said = secrets_said([("Authorization", "Bearer abc"), ("Cookie", "a=one; b=two"), ("accept", "json")])
    assert list(said.values()) == ["Bearer", "abc", "a=one", "one", "b=two", "two"]
    assert list(said)[1] == "authorization, part 2"


def test_a_user_s_password_is_taken_out_of_its_base64() -> None:
    code = base64.b64encode(b"me:pass:word").decode()
    assert {"me:pass:word", "pass:word"} <= set(secrets_said([("authorization", f"Basic {code}")]).values())
    assert secrets_said([("authorization", "Basic ???")])
