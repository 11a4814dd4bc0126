"""For tests of one's own: a marked test has every model call answered from its cassette, and recorded on demand.

    @pytest.mark.plait
    def test_the_report_is_planned_in_parallel():
        planned = plan_sync("...")

`pytest --plait-record` asks the model for what is not recorded. Loaded by pytest itself; imports nothing until a marked
test runs.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from evals.cassettes import Mode

FOLDER = "cassettes"
MARK = (
    "plait(cassette=None, model=None): answer the test's model calls from its cassette. `cassette` names one in place "
    "of the test's; `model` the one to record, else PLAIT_MODEL, else the embedded one."
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("plait", "model calls of tests marked with plait")
    group.addoption("--plait-record", action="store_true", help="ask the model for what is not recorded, and keep it")
    group.addoption("--plait-live", action="store_true", help="ask the model every time, and keep nothing")
    parser.addini("plait_cassettes", f"where cassettes are kept; by default {FOLDER}/ beside each test file")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARK)
    if config.getoption("--plait-record") and config.getoption("--plait-live"):
        raise pytest.UsageError("--plait-record keeps what the model says and --plait-live does not: give one of them")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Says of a missing recording how to make it."""
    report = yield
    if call.excinfo is not None and call.excinfo.type.__name__ == "CassetteMiss":
        report.sections.append(("plait", "pytest --plait-record asks the model for what is not recorded"))
    return report


@pytest.fixture(autouse=True)
def _answered_from_a_cassette(request: pytest.FixtureRequest) -> Iterator[None]:
    """Does nothing for a test without the mark."""
    if request.node.get_closest_marker("plait") is None:
        yield
        return
    request.getfixturevalue("plait_cassette")
    yield


@pytest.fixture
def plait_cassette(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Answers every model call of the test from a cassette, and gives its path."""
    from plait.wiring import answering_from, models  # noqa: PLC0415  # pytest loads this file for everybody's tests
    from runtime.issues import Unavailable  # noqa: PLC0415  # as above

    marker = request.node.get_closest_marker("plait")
    options = dict(marker.kwargs) if marker else {}
    if unknown := options.keys() - {"cassette", "model"}:
        pytest.fail(f"pytest.mark.plait takes cassette and model; found {', '.join(sorted(unknown))}", pytrace=False)
    model = models(options.get("model")).model
    path, mode = _path(request, options.get("cassette"), model), _mode(request.config)
    try:
        with answering_from(path, model, mode, request.node.name):
            yield path
    except Unavailable as error:
        pytest.fail(str(error), pytrace=False)


def _path(request: pytest.FixtureRequest, name: str | None, model: str) -> Path:
    from evals.cassette_paths import cassette_path  # noqa: PLC0415  # as above

    chosen = request.config.getini("plait_cassettes")
    root = request.config.rootpath / chosen if chosen else request.path.parent / FOLDER
    return cassette_path(root, request.path.stem, model, "shipped", name or request.node.name, 1)


def _mode(config: pytest.Config) -> Mode:
    return "record" if config.getoption("--plait-record") else "live" if config.getoption("--plait-live") else "replay"
