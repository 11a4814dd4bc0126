"""Every test runs alone: no network beyond this machine, none of the user's settings, keys or files."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from collections.abc import Callable, Generator
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import pytest
from hypothesis import settings

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # before any import of litellm, which else fetches a price list

# Found failures repeat in the next run, and a slow machine is no failure. Slow tests ask for more examples themselves.
settings.register_profile("house", max_examples=50, deadline=None, derandomize=True)
settings.load_profile("house")

P = ParamSpec("P")
R = TypeVar("R")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
OF_THE_USER = re.compile(
    r"""PLAIT_.* | .*_API_KEY | .*_API_BASE | .*_BASE_URL | .*_AUTH_TOKEN | AWS_.* | AZURE_.*
    | (HTTPS?|ALL|NO)_PROXY | FORCE_COLOR | PY_COLORS | GITHUB_ACTIONS | COLUMNS | LINES""",
    re.VERBOSE | re.IGNORECASE,
)


class NetworkRefused(AssertionError):
    """A test reached for the network. No OSError, so that no code under test can take it for a host that is down."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-skips", action="store_true", help="a skipped test is a failure")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if item.config.getoption("--no-skips") and not hasattr(report, "wasxfail"):
        _fail_if_skipped(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if collector.config.getoption("--no-skips"):
        _fail_if_skipped(report)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{reason}\nWith --no-skips a skipped test is a failure."


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Generator[None]:
    """Refuses, in this process, names and addresses that are not of this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for method in ("connect", "connect_ex", "sendto"):
            patch.setattr(socket.socket, method, _guarded(getattr(socket.socket, method)))
        patch.setattr(socket, "getaddrinfo", _only_own_names(socket.getaddrinfo))
        yield


def _guarded(method: Callable[P, R]) -> Callable[P, R]:
    @wraps(method)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        own, address = cast("socket.socket", args[0]), args[-1]
        if own.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_unless_own(str(cast("tuple[str, int]", address)[0]))
        return method(*args, **kwargs)

    return guarded


def _only_own_names(getaddrinfo: Callable[P, R]) -> Callable[P, R]:
    @wraps(getaddrinfo)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        host = args[0] if args else kwargs["host"]
        if host and not _is_address(_text(host)):  # to read an address asks nobody
            _refuse_unless_own(_text(host))
        return getaddrinfo(*args, **kwargs)

    return guarded


def _text(host: object) -> str:
    return host.decode() if isinstance(host, bytes) else str(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _refuse_unless_own(host: str) -> None:
    own = ipaddress.ip_address(host).is_loopback if _is_address(host) else host == "localhost"
    if not own:
        raise NetworkRefused(f"a test reached for {host!r}; tests talk to 127.0.0.1, ::1 and localhost only")


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, and an environment without keys, proxies, plait's settings and colours."""
    for name in filter(OF_THE_USER.fullmatch, list(os.environ)):
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("DATA", "STATE", "CONFIG", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    return home


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of hostile strings and documents that lies beside the repository; skips where it does not."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the shared data is not at {SHARED_DATA}")
    return SHARED_DATA
