"""Where secrets come from, and that none is found in what a run leaves behind."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import pytest

from plait.secret_sources import installed_secrets
from plait.state import state_directory
from runtime.issues import JsonValue
from tests.command_line import Call, Document, Write, pipeline, value

CANARY = "c4n4ry/with a blank+and=signs"
FORMS = [CANARY.encode(), b64encode(CANARY.encode()), quote(CANARY, safe="").encode(), quote(CANARY).encode()]


class Mirror(BaseHTTPRequestHandler):
    """Answers with all that it was asked, the header split over two chunks; /broken breaks off."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = json.dumps({"path": self.path, "header": self.headers["x-token"]}).encode()
        self.send_response(500 if "fail" in self.path else 200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        middle = said.index(b"a blank") + 3
        for chunk in (said[:middle], said[middle:], b""):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def mirror() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def leaking(url: str, *, fails: bool) -> Document:
    """The secret in a header, in a URL's path, in a body, in a command's output and in an exception's text."""
    params: dict[str, JsonValue] = {"headers": {"x-token": "${secret.CANARY}"}}
    source = 'def run(token):\n    raise ValueError("bad " + token)' if fails else "def run(token):\n    return token"
    return pipeline(
        {"id": "h", "type": "http", "params": {**params, "url": f"{url}/ok/${{secret.CANARY}}"}},
        {"id": "s", "type": "shell", "params": {"command": "printf %s ${secret.CANARY} | tee /dev/stderr"}},
        {"id": "c", "type": "code", "params": {"source": source, "inputs": {"token": "${s.stdout}"}}},
        {"id": "f", "type": "http", "params": {**params, "url": f"{url}/fail/${{secret.CANARY}}"}},
    )


def left_behind(folder: Path) -> list[str]:
    """The files that hold the secret in any form."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [str(path) for path in files if any(form in path.read_bytes() for form in FORMS)]


@pytest.mark.parametrize("fails", [False, True])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_secret_is_found_in_what_a_run_leaves_behind(
    call: Call, write: Write, monkeypatch: pytest.MonkeyPatch, mirror: str, fails: bool, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("CANARY", CANARY)
    done = call("run", write(leaking(mirror, fails=fails)), "--yes", *options)
    assert done.code == 1
    assert "[secret]" in done.out + done.err
    assert not [form for form in FORMS if form.decode() in done.out + done.err]
    assert left_behind(state_directory()) == []
    shown = call("show", "last", "--json")
    assert CANARY not in shown.out


def test_a_secret_of_the_environment_that_a_command_prints_is_not_kept(
    call: Call, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", CANARY)
    shell: Document = {"id": "s", "type": "shell", "params": {"command": 'printf %s "$SERVICE_TOKEN"'}}
    assert call("run", write(pipeline(shell)), "--yes").code == 0
    assert left_behind(state_directory()) == []


def test_a_secret_of_the_environment_that_a_document_or_an_input_holds_is_not_kept(
    call: Call, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE_TOKEN", CANARY)
    document = pipeline(value("a", "fine"), inputs={"given": {}}, description=f"with {CANARY}")
    assert call("run", write(document), "--input", f"given={CANARY}").code == 0
    assert left_behind(state_directory()) == []
    assert call("show", "last", "--json").object["inputs"] == {"given": "[secret]"}


def test_nothing_in_the_file_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OTHER", "expanded")
    Path(".env").write_text("NAME=a${OTHER}b\n", encoding="utf-8")
    assert installed_secrets()("NAME") == "a${OTHER}b"


def test_the_environment_comes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(".env").write_text("A=from the file\nB='$A quoted'\n", encoding="utf-8")
    monkeypatch.setenv("A", "from the environment")
    value_of = installed_secrets()
    assert [value_of(name) for name in ("A", "B", "C")] == ["from the environment", "$A quoted", None]


def test_no_file_of_a_folder_above_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("A=above\n", encoding="utf-8")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert installed_secrets()("A") is None


def test_a_missing_secret_is_an_issue_with_its_mend(call: Call, write: Write) -> None:
    step: Document = {"id": "a", "type": "transform", "params": {"value": "${secret.NOWHERE}"}}
    done = call("run", write(pipeline(step)), "--yes", "--json")
    assert (done.code, done.codes) == (2, ["missing_secret"])
