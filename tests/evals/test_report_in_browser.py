"""The page of a report as a person sees it, in a real headless Chromium."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evals.comparing import compare, side_of
from evals.report import html
from evals.report.diff_page import diff_html
from evals.results import Report
from tests.browser import Opened, opened, pictured, variety
from tests.eval_reports import HOSTILE, hostile, mixed, passed

pytestmark = pytest.mark.slow

ATTACK = "<script>document.title='taken'</script>"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    return written(tmp_path, html(mixed()))


def written(folder: Path, text: str) -> Path:
    file = folder / "page.html"
    file.write_text(text, encoding="utf-8")
    return file


def shown_cases(seen: Opened) -> list[tuple[str, str]]:
    """The verdict and the variant of each case that is not hidden."""
    tags = re.findall(r"<details class=\"case [^>]*>", seen.dom)
    visible = [tag for tag in tags if " hidden" not in tag]
    return [tuple(re.findall(r'data-(?:verdict|variant)="(\w+)"', tag)) for tag in visible]


def test_the_page_opens_with_all_its_cases_and_an_empty_console(page: Path, tmp_path: Path) -> None:
    seen = opened(page, tmp_path)
    assert seen.console == ()
    assert seen.title == "plait eval: generation"
    assert len(shown_cases(seen)) == 9
    assert ">9 of 9</output>" in seen.dom
    assert "60 %" in seen.dom


def test_the_address_says_which_cases_are_shown(page: Path, tmp_path: Path) -> None:
    seen = opened(page, tmp_path, "verdict=failed&variant=plain&q=READ_FILE+shell")
    assert shown_cases(seen) == [("failed", "plain"), ("failed", "plain")]
    assert ">2 of 9</output>" in seen.dom
    assert seen.console == ()


def test_a_search_that_finds_nothing_says_so(page: Path, tmp_path: Path) -> None:
    seen = opened(page, tmp_path, "q=nowhere")
    assert shown_cases(seen) == []
    assert '<p id="nothing" class="none">' in seen.dom


@pytest.mark.parametrize("size", [(1280, 1400), (400, 1400)], ids=["desktop", "phone"])
def test_the_page_is_not_blank_in_light_and_in_dark(page: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    light = pictured(page, tmp_path, size, "open=all")
    dark = pictured(page, tmp_path, size, "open=all", dark=True)
    assert variety(light) > 100
    assert variety(dark) > 100
    assert light != dark
    blank = pictured(written(tmp_path, "<!doctype html>"), tmp_path, size)
    assert variety(blank) < 10


def test_no_hostile_text_runs_as_a_script(tmp_path: Path) -> None:
    seen = opened(written(tmp_path, html(Report.of([hostile(), passed()]))), tmp_path, "open=all")
    assert seen.title == "plait eval: generation"
    assert seen.console == ()
    assert "&lt;script&gt;document.title='taken'" in seen.dom


def test_a_comparison_opens_as_a_page_and_no_hostile_text_runs(tmp_path: Path) -> None:
    bad = hostile().model_copy(update={"model": "m", "variant": "v"})
    sides = (
        bad.model_copy(update={"status": "accepted", "scores": {}, "epoch": 2}),
        bad.model_copy(update={"epoch": 2}),
    )
    found = compare(*(side_of(HOSTILE, Report.of([each])) for each in sides))
    seen = opened(written(tmp_path, diff_html(found)), tmp_path)
    assert seen.title == "plait eval diff: not distinguishable"
    assert seen.console == ()
    assert "&lt;script&gt;document.title='taken'" in seen.dom
    assert '<span class="verdict">worse</span>' in seen.dom


def test_without_escaping_the_browser_would_still_refuse_the_script(tmp_path: Path) -> None:
    whole = html(Report.of([passed()]))
    assert opened(written(tmp_path, f"{whole.partition('<meta http-equiv')[0]}{ATTACK}"), tmp_path).title == "taken"
    seen = opened(written(tmp_path, whole.replace("<h1>", f"{ATTACK}<h1>")), tmp_path)
    assert seen.title == "plait eval: generation"
    assert any("Content Security Policy" in line for line in seen.console)
