"""The command line called in process, and documents to call it with."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from plait.__main__ import main
from tests.command_line import Call, Called, Write


class _Stdin(io.TextIOWrapper):
    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Calls `plait` with the arguments, in an empty folder; `stdin` is what it may read. Nobody can be asked."""
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str, stdin: str = "") -> Called:
        monkeypatch.setattr("sys.stdin", _Stdin(stdin))
        capsys.readouterr()
        code = main(arguments)
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Called(code, printed.out, printed.err)

    return called


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a document, or a text, to a file of the folder and returns its name."""

    def written(document: object, name: str = "work.json") -> str:
        text = document if isinstance(document, str) else json.dumps(document)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return written
