"""The guards of conftest.py, each tried."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

FOREIGN = "192.0.2.1"  # of the block kept for documentation: nobody answers there


def test_a_connection_beyond_this_machine_is_refused() -> None:
    with socket.socket() as own, pytest.raises(AssertionError, match=r"a test reached for '192\.0\.2\.1'"):
        own.connect((FOREIGN, 80))


def test_a_datagram_beyond_this_machine_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as own, pytest.raises(AssertionError, match="reached for"):
        own.sendto(b"x", (FOREIGN, 80))


def test_a_foreign_name_is_not_looked_up() -> None:
    with pytest.raises(AssertionError, match=r"a test reached for 'example\.org'"):
        socket.getaddrinfo("example.org", 80)


def test_asyncio_is_guarded_as_well() -> None:
    with pytest.raises(AssertionError, match="a test reached for"):
        asyncio.run(asyncio.open_connection(FOREIGN, 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_of_the_test_s_own_is_reached(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1])).close()


def test_home_is_a_folder_of_the_test_s_own(own_surroundings: Path) -> None:
    assert Path.home() == own_surroundings
    assert os.environ["XDG_DATA_HOME"].startswith(str(own_surroundings))


def test_keys_proxies_and_settings_do_not_reach_a_test(tmp_path: Path) -> None:
    names = ["PLAIT_MODEL", "OPENAI_API_KEY", "AWS_ACCESS_KEY_ID", "https_proxy", "OPENAI_BASE_URL", "FORCE_COLOR"]
    source = f"import os\ndef test_it(): assert not {set(names)} & set(os.environ)\n"
    assert "1 passed" in run_pytest(tmp_path, source, environment=dict.fromkeys(names, "from outside"))


@given(st.text())
def test_a_property_test_may_run_in_such_surroundings(text: str) -> None:
    assert os.environ["NO_COLOR"] == "1", text


SKIPPING = """
import pytest
def test_that_passes(): pass
def test_that_skips(): pytest.skip("no bwrap here")
@pytest.mark.xfail
def test_that_is_known_to_fail(): raise ValueError
"""


def test_a_skip_is_no_failure_by_itself(tmp_path: Path) -> None:
    assert "1 passed, 1 skipped, 1 xfailed" in run_pytest(tmp_path, SKIPPING)


def test_with_no_skips_a_skipped_test_or_module_is_a_failure_that_gives_its_reason(tmp_path: Path) -> None:
    (tmp_path / "test_module.py").write_text("import pytest\npytest.importorskip('no_such_module')")
    printed = run_pytest(tmp_path, SKIPPING, "--no-skips", "--continue-on-collection-errors")
    assert "1 failed, 1 passed, 1 xfailed, 1 error" in printed
    assert "no bwrap here\nWith --no-skips a skipped test is a failure." in printed
    assert "No module named 'no_such_module'\nWith --no-skips a skipped test is a failure." in printed


def run_pytest(folder: Path, source: str, *options: str, environment: dict[str, str] | None = None) -> str:
    """What pytest prints about `source`, run beside this folder's conftest in a process of its own."""
    shutil.copy(Path(__file__).with_name("conftest.py"), folder)
    (folder / "pytest.ini").write_text("[pytest]")
    (folder / "test_it.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout
