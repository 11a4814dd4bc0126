"""A report as tables, as JUnit XML and as a page: what stands in it, and that nothing hostile gets through."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.report import by_case, html, junit, table
from evals.report.figures import cells
from evals.report.words import readable
from evals.results import Outcome, Report, Tried
from plait.eval_report import report_text
from runtime import JsonValue
from tests.eval_reports import HOSTILE, failed, hostile, mixed, passed, refused, step, unjudged

EMPTY = Report()


def one(outcome: Outcome) -> Report:
    return Report.of([outcome])


# --- tables ----------------------------------------------------------------------------------------------------------


def rows_of(report: Report) -> list[dict[str, str]]:
    return [dict(zip(each.head, row, strict=True)) for each in table(report).tables for row in each.rows]


def test_each_model_and_variant_is_a_row_and_each_score_a_column() -> None:
    plain, shipped = rows_of(mixed())
    assert (plain["variant"], shipped["variant"]) == ("plain", "shipped")
    assert shipped["cases"] == "6"
    assert shipped["passed"].startswith("60 % [23–88]")
    assert shipped["node_f1"] == "1.00 [1.00–1.00] (of 4)"
    assert shipped["kind"] == "chain 1, mixed 3"


def test_of_a_rate_that_not_all_cases_have_it_is_said_how_many_met_it() -> None:
    mended = [passed(name).model_copy(update={"scores": {"repaired": name != "c"}}) for name in "abc"]
    [row] = rows_of(Report.of([*mended, passed("at-once")]))
    assert row["repaired"].startswith("67 % [21–94] (2 of 3)")
    assert "2 of 3" in Page(html(Report.of([*mended, passed("at-once")]))).text


def test_what_could_not_be_judged_is_counted_apart_and_in_no_figure() -> None:
    only_good = rows_of(Report.of([passed(), unjudged()]))[0]
    assert only_good["errors"] == "1"
    assert only_good["passed"].startswith("100 %")


def test_an_unknown_cost_is_said_and_never_nought() -> None:
    assert rows_of(one(unjudged()))[0]["cost"] == "unknown"
    assert rows_of(Report.of([passed(), failed()]))[0]["cost"] == "$0.0026 + 1 unknown"
    assert rows_of(one(refused()))[0]["cost"] == "$0"


def test_suites_have_a_table_each() -> None:
    report = Report.of([passed(), passed(suite="repair")])
    assert [each.title for each in table(report).tables] == ["generation", "repair"]


def test_tries_are_told_from_cases() -> None:
    assert rows_of(Report.of([passed(), passed(epoch=2)]))[0]["cases"] == "1 (2 tries)"


def test_what_did_not_pass_is_listed_with_its_reasons() -> None:
    shown = {(each.case, each.verdict): each.why for each in table(mixed()).failing}
    assert shown["compare", "failed"][0] == "expected: no read_file beside shell"
    assert shown["loop", "failed"][0] == "no workflow accepted in 1 attempt"
    assert "record it" in shown["german", "error"][0]
    assert ("chain", "passed") not in shown


def test_of_a_long_reason_a_terminal_shows_the_first_line_and_the_page_all() -> None:
    missed = one(unjudged().model_copy(update={"error": "no recording answers\n--- recorded\n+++ asked"}))
    assert "no recording answers\n          … and 2 more lines" in report_text(missed)
    assert "+++ asked" in Page(html(missed)).text


def test_how_a_repair_was_asked_for_is_said() -> None:
    tried = (Tried(number=1), Tried(number=2, strategy="fresh"), Tried(number=3, strategy="conversation"))
    shown = report_text(one(refused().model_copy(update={"attempts": tried})))
    assert "no workflow accepted in 3 attempts (fresh, conversation)" in shown
    assert "conversation" in Page(html(one(passed()))).text


def test_case_by_case_only_what_differs_is_a_column() -> None:
    shown = by_case(Report.of([passed(), failed()]))
    assert shown.head[:3] == ("case", "verdict", "attempts")
    assert [row[:3] for row in shown.rows] == [("compare", "failed", "1"), ("fan-out", "passed", "2 (conversation)")]


def test_an_empty_report_is_said_to_be_empty() -> None:
    assert report_text(EMPTY) == "there are no outcomes"
    assert "no outcomes" in html(EMPTY)
    assert ElementTree.fromstring(junit(EMPTY)).attrib["tests"] == "0"


@pytest.mark.parametrize("width", [30, 60, 100, 300])
def test_a_terminal_of_any_width_shows_every_figure(width: int) -> None:
    text = report_text(mixed(), room=width)
    for row in rows_of(mixed()):
        assert all(cell in text for cell in row.values())


@pytest.mark.parametrize("width", [60, 100, 300])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    assert max(map(len, report_text(mixed(), cases=True, room=width).splitlines())) <= width


def test_nothing_that_a_terminal_would_obey_is_printed() -> None:
    text = report_text(one(hostile()), cases=True)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ud800]", text)


# --- JUnit -----------------------------------------------------------------------------------------------------------

# The format that CI services read, as commonly described: element: its children in order, its attributes.
ALLOWED = {
    "testsuites": (["testsuite"], {"name", "tests", "failures", "errors", "time"}),
    "testsuite": (["properties", "testcase"], {"name", "tests", "failures", "errors", "skipped", "time"}),
    "testcase": (["properties", "failure", "error", "system-out"], {"classname", "name", "time"}),
    "properties": (["property"], set()),
    "property": ([], {"name", "value"}),
    "failure": ([], {"message", "type"}),
    "error": ([], {"message", "type"}),
    "system-out": ([], set()),
}


def assert_valid(element: Element) -> None:
    children, attributes = ALLOWED[element.tag]
    assert set(element.attrib) == attributes
    places = [children.index(child.tag) for child in element]
    assert places == sorted(places)
    for child in element:
        assert_valid(child)


@pytest.mark.parametrize("report", [mixed(), one(hostile()), EMPTY], ids=["mixed", "hostile", "empty"])
def test_the_xml_has_the_shape_that_ci_services_read(report: Report) -> None:
    assert_valid(ElementTree.fromstring(junit(report)))


def test_its_counts_are_those_of_its_cases() -> None:
    root = ElementTree.fromstring(junit(mixed()))
    for element in [root, *root]:
        found = list(element.iter("testcase"))
        assert element.attrib["tests"] == str(len(found))
        assert element.attrib["failures"] == str(sum(case.find("failure") is not None for case in found))
        assert element.attrib["errors"] == str(sum(case.find("error") is not None for case in found))


def test_scores_are_properties_and_reasons_are_the_failure() -> None:
    root = ElementTree.fromstring(junit(one(failed())))
    case = next(root.iter("testcase"))
    properties = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
    assert properties["expected"] == "0"
    assert properties["node_f1"] == "1"
    assert properties["cost"] == "unknown"
    assert case.attrib["classname"] == "generation.local.shipped"
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib["message"] == "expected: no read_file beside shell"


@given(st.text())
def test_any_text_can_stand_in_the_xml(text: str) -> None:
    outcome = passed().model_copy(update={"request": text, "case": text, "status": "error", "error": text})
    case = next(ElementTree.fromstring(junit(one(outcome))).iter("testcase"))
    assert case.attrib["name"] == readable(text)


# --- the page --------------------------------------------------------------------------------------------------------

VOID = {"meta", "link", "input", "img", "path", "circle", "br"}


class Page(HTMLParser):
    """Elements and texts of a page; a tag that is not closed in order is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_a_case_shows_its_request_attempts_issues_scores_and_reasons() -> None:
    text = Page(html(mixed())).text
    for part in (
        passed().request,
        "unknown_reference",
        "no step is called 'note'",
        "did you mean 'notes'?",
        "a trailing comma removed",
        "no read_file beside shell",
        "1,800 → 210 tokens",
        "cost unknown",
        "no recording answers POST /v1/chat/completions",
    ):
        assert part in text


def test_the_accepted_graph_and_the_gold_graph_are_drawn_beside_each_other() -> None:
    pictures = Page(html(one(passed()))).all("img")
    assert [each["alt"] for each in pictures] == [
        "accepted: 3 steps; notes to summary, count to summary",
        "gold: 3 steps; a to c, b to c",
    ]


def test_what_goes_in_a_circle_or_is_no_workflow_has_no_picture() -> None:
    assert Page(html(one(refused()))).all("img") == []
    odd = passed().model_copy(update={"workflow": ["no", "workflow"], "gold": {"nodes": 3}})
    assert Page(html(one(odd))).all("img") == []


def test_a_graph_of_so_many_edges_that_it_is_no_picture_is_left_out() -> None:
    steps: JsonValue = [step(f"s{at}", "wait", seconds=1) for at in range(50)]
    every: JsonValue = [{"from": f"s{a}", "to": f"s{b}"} for b in range(50) for a in range(b)]
    odd = passed().model_copy(update={"workflow": {"nodes": steps, "edges": every}, "gold": None})
    assert Page(html(one(odd))).all("img") == []


def test_what_changed_between_two_attempts_is_shown() -> None:
    page = html(one(passed()))
    assert '<span class="gone">-      &#34;params&#34;: {&#34;prompt&#34;: &#34;Combine ${note.content}' in page
    assert '<span class="new">+      &#34;params&#34;: {&#34;prompt&#34;: &#34;Combine ${notes.content}' in page


def test_the_page_reaches_for_nothing_outside_and_allows_only_its_own_script() -> None:
    page = Page(html(mixed()))
    policy = next(each["content"] for each in page.all("meta") if "http-equiv" in each)
    assert policy is not None
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    links = [value for _, each in page.elements for name, value in each.items() if name in ("src", "href") and value]
    assert all(link.startswith("data:") for link in links)
    assert len(page.all("script")) == 1


def test_hostile_text_makes_no_element_and_no_attribute() -> None:
    good, bad = Page(html(one(passed()))), Page(html(one(hostile())))
    assert {tag for tag, _ in bad.elements} - {"option"} <= {tag for tag, _ in good.elements} | {"li", "ul"}
    assert not [each for _, each in bad.elements if any(name.startswith("on") for name in each)]
    assert len(bad.all("script")) == 1
    assert readable(HOSTILE) in bad.text
    assert "49" not in readable(bad.text).split("{{ 7*7 }}")[1][:20]


@given(st.text())
def test_any_text_is_on_the_page_as_it_stands_and_can_be_encoded(text: str) -> None:
    page = html(one(passed().model_copy(update={"request": text})))
    page.encode("utf-8")
    assert readable(text).strip() in Page(page).text.replace("\r", "")


def test_equal_reports_give_equal_bytes_whatever_came_in_first() -> None:
    outcomes = mixed().outcomes
    one_way, other_way = (Report.of(each) for each in (outcomes, reversed(outcomes)))
    assert html(one_way) == html(other_way)
    assert junit(one_way) == junit(other_way)
    assert one_way.model_dump_json() == other_way.model_dump_json()
    slow = Report.of([each.model_copy(update={"wall_seconds": 99.0}) for each in outcomes])
    assert junit(slow.without_timings()) == junit(one_way.without_timings())
    assert html(slow) == html(one_way)


def test_a_report_read_from_its_json_gives_the_same_page() -> None:
    assert html(Report.model_validate_json(mixed().model_dump_json())) == html(mixed())


def test_a_figure_is_over_the_outcomes_that_have_it() -> None:
    shipped = next(cell for cell in cells(mixed()) if cell.column.variant == "shipped")
    assert shipped.figures["valid"].count == 5
    assert shipped.figures["repairs"].count == 3
    assert shipped.figures["passed"].value == pytest.approx(3 / 5)
