"""docs/security.md held to the code: the tests that it names exist, its limits are the code's, locks have hashes."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from runtime.bounds import DEFAULTS, Limits

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
FILES = {file.name: file for file in (ROOT / "tests").rglob("test_*.py")}
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PIN = re.compile(r"[A-Za-z0-9._-]+(\[[^\]]*\])?==\S+ ")


def named(pattern: str) -> list[str]:
    found = sorted(set(re.findall(pattern, PAGE)))
    assert found
    return found


def functions_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("path", named(r"`(?:tests/)?(?:[\w/]*/)?(test_\w+\.py)`"))
def test_every_file_of_tests_that_the_page_names_is_there(path: str) -> None:
    assert path in FILES


def test_every_test_that_the_page_names_is_there() -> None:
    known = {name for file in FILES.values() for name in functions_of(file)}
    assert [name for name in named(r"`(test_\w+)`") if name not in known] == []


def test_the_table_of_limits_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([\d.]+) \| ", PAGE, re.MULTILINE)
    assert {name: float(number) for name, number in rows} == {
        each.name: float(getattr(DEFAULTS, each.name)) for each in fields(Limits)
    }


def test_the_codes_of_the_limits_are_described() -> None:
    section = PAGE.partition("## Limits")[2].partition("\n## ")[0]
    language = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
    codes = set(re.findall(r"\| `(\w+)`(?:: [^|]+)? \|$", section, re.MULTILINE))
    assert codes == {
        "document_limits",
        "batch_limit",
        "timeout",
        "kept_limit",
        "output_limit",
        "memory_limit",
        "cpu_limit",
    }
    assert [code for code in codes if f"`{code}`" not in language] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_pin_of_a_lock_has_hashes(lock: Path) -> None:
    entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").replace("\\\n", ""))
    pins = [entry for entry in entries if entry.strip() and not entry.startswith("#")]
    assert pins
    assert [entry for entry in pins if not (PIN.match(entry) and "--hash=sha256:" in entry)] == []


def test_every_installation_from_a_lock_requires_hashes() -> None:
    lines = [
        line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "-r requirements/" in line
    ]
    assert len(lines) == len(LOCKS)
    assert [line for line in lines if "--require-hashes" not in line] == []


def test_nothing_else_is_installed() -> None:
    lines = [line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "$(INSTALL)" in line]
    others = [line for line in lines if "-r requirements/" not in line]
    assert all("--no-deps --no-build-isolation -e ." in line for line in others)
