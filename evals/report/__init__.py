"""A report as people and machines read it: as tables, as JUnit XML, as one page of HTML."""

from evals.report.junit_xml import junit
from evals.report.page import html
from evals.report.tables import Failing, Summary, Table, by_case, table

__all__ = ["Failing", "Summary", "Table", "by_case", "html", "junit", "table"]
