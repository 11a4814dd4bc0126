"""A suite from its file, or every issue in it: with the path, the line, and the nearest name for an unknown one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from evals.dataset import Case, Suite
from evals.suite_checks import check_suite
from evals.tool_graphs import read_tool_graphs
from runtime import (
    InvalidWorkflow,
    Issue,
    JsonValue,
    Registry,
    installed_types,
    known_part,
    locate,
    model_issues,
    read_document,
)


def load_suite(path: Path, registry: Registry | None = None) -> Suite:
    """A suite from its YAML or JSON, with the workflows that it names by file; or from rows of tool graphs in `.jsonl`.

    Raises InvalidWorkflow with everything that is wrong; FileNotFoundError and its kin as the file system says.
    """
    installed = registry or installed_types()
    if path.suffix == ".jsonl":
        return read_tool_graphs(path.read_bytes(), path.stem, installed)
    document = read_document(path.read_bytes(), path.name)
    suite, issues = _shaped(document.value)
    if suite is not None:
        suite, unreadable = _with_workflows(suite, path.parent)
        unsure = {issue.path.rpartition("/")[0] for issue in issues}  # what is missing there may stand there misspelt
        issues += (issue for issue in (*unreadable, *check_suite(suite, installed)) if issue.path not in unsure)
    if suite is None or issues:
        raise InvalidWorkflow(locate(issues, document))
    return suite


def _shaped(value: JsonValue) -> tuple[Suite | None, list[Issue]]:
    """The suite, if nothing but unknown keys is wrong with its shape."""
    try:
        return Suite.model_validate(value), []
    except ValidationError as error:
        issues, known = model_issues(error, Suite), known_part(value, error)
    whole = all(issue.code == "unknown_key" for issue in issues)
    return Suite.model_validate(known) if whole else None, issues


def _with_workflows(suite: Suite, folder: Path) -> tuple[Suite, list[Issue]]:
    """The suite with documents in place of the files that hold them."""
    cases, issues = list[Case](), list[Issue]()
    for at, case in enumerate(suite.cases):
        if isinstance(case.workflow, str):
            try:
                document = read_document((folder / case.workflow).read_bytes(), case.workflow)
            except OSError as error:
                message = f"the workflow '{case.workflow}' cannot be read ({error.strerror})"
                hint = f"paths begin in {folder}"
                issues.append(Issue("schema", f"/cases/{at}/workflow", message, hint))
            except InvalidWorkflow as invalid:
                issues += _of_workflow(case.workflow, f"/cases/{at}/workflow", invalid.issues)
            else:
                case = case.model_copy(update={"workflow": document.value})
        cases.append(case)
    return suite.model_copy(update={"cases": tuple(cases)}), issues


def _of_workflow(name: str, path: str, issues: Iterable[Issue]) -> list[Issue]:
    return [Issue(each.code, path, f"{name}, {each.path or '/'}: {each.message}", each.hint) for each in issues]
