"""The rules of docs/architecture.md, read off the source. An exception stands in a table here, with its reason."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("planner", "prompts", "runtime", "evals", "plait")

# Each file of runtime/ imports only from those above it; those of one folder may know one another, but in no cycle.
ROOMS = (
    "issues",
    "synchronous",
    "redaction",
    "document_walk",
    "document_syntax",
    "document_yaml",
    "documents",
    "references",  # above workflow: a document's strings may hold them
    "shell_places",
    "shell_quotes",
    "shell_syntax",
    "shell_words",
    "workflow",
    "shape",
    "graph",
    "orders",
    "certainty",
    "normalise",
    "written",
    "ways",
    "pipelines",
    "surface",
    "addresses",
    "grants",  # above node_types: a node's context holds those of the run
    "sandbox",  # above node_types: a node's context names the one its processes run in
    "bounds",
    "completion",  # above node_types: a node's context names the port to the models
    "node_types",
    "expression_tokens",
    "expressions",
    "schema",
    "inputs",
    "reference_checks",
    "parallelize",
    "explain",
    "lint",
    "checks",
    "program",
    "record",
    "secret_values",
    "commands",
    "rollbacks",
    "watches",
    "scheduler",
    "journal",
    "policy",
    "bubblewrap",
    "limits",
    "given",
    "threads",
    "attempt",
    "batch",
    "executor",
    "running",
    "families",
    "processes",
    "step_processes",
    "nodes",
    "views",
    "engines",
    "virtual_time",
    "__init__",
)
LANGUAGE = (
    *("issues", "documents", "workflow", "references", "graph", "normalise", "surface", "node_types", "parallelize"),
    *("checks", "completion", "synchronous"),
)

MAY_IMPORT = {
    "prompts": (),
    "runtime": ("runtime",),
    "planner": ("planner", *(f"runtime.{room}" for room in LANGUAGE)),
    "evals": ("evals", "runtime:public", "planner:public"),
    "plait": ("plait", "runtime", "planner", "prompts", "evals"),
}
MEETING_PLACES = {  # the port to the models meets its adapter here, and nowhere else
    "planner.litellm_client": ("plait/wiring.py", "evals/running.py", "planner/opening.py"),
    "planner.local_model": (
        "plait/wiring.py",
        "plait/commands/doctor.py",
        "plait/commands/model.py",
        "evals/running.py",
        "planner/opening.py",
    ),
    "planner.opening": ("plait/wiring.py", "evals/running.py"),
}

THIRD_PARTIES = {  # free in these packages
    "pydantic": ("runtime", "planner", "evals", "plait"),
    "pydantic_core": ("runtime", "planner"),
    "typing_extensions": ("runtime",),  # pydantic's own need: its TypeAliasType is Python's of 3.12
    "tenacity": ("planner",),
    "httpx": ("runtime", "plait"),
    "json_repair": ("planner",),
    "dotenv": ("plait",),
    "keyring": ("plait",),
    "typer": ("plait",),
    "click": ("plait",),
    "rich": ("plait",),
    "platformdirs": ("plait",),
}
HOMES = {  # at home in these files, and nowhere else
    "yaml": ("runtime/document_yaml.py",),
    "jinja2": ("planner/prompting.py", "evals/report/templates.py"),  # pages escape all they show by their templates
    "litellm": ("planner/litellm_client.py",),
    "xllamacpp": ("planner/local_engine.py",),
    "huggingface_hub": ("planner/model_sources.py",),
    "httpx": ("planner/model_sources.py", "evals/benchmarks/replay.py"),
    "platformdirs": ("planner/model_download.py",),
    "vcr": ("evals/cassettes.py",),
    **dict.fromkeys(("jsonschema", "referencing", "regex"), ("evals/outputs.py",)),
    "pytest": ("plait/pytest_plugin.py",),
}

PURE = (
    *(f"runtime/{room}.py" for room in ("issues", "documents", "document_syntax", "document_walk", "references")),
    *(f"runtime/{room}.py" for room in ("shell_syntax", "shell_words", "workflow", "shape", "graph")),
    *(f"runtime/{room}.py" for room in ("certainty", "normalise", "checks", "schema", "limits")),
    *(f"runtime/{room}.py" for room in ("inputs", "reference_checks", "lint", "program", "record", "scheduler")),
    *(f"runtime/{room}.py" for room in ("commands", "rollbacks", "watches", "expression_tokens", "expressions")),
    *("runtime/addresses.py", "runtime/given.py", "runtime/redaction.py", "runtime/secret_values.py"),
    *("runtime/sandbox.py", "runtime/bounds.py"),
    *(f"runtime/{room}.py" for room in ("orders", "written", "ways", "pipelines", "surface", "parallelize", "explain")),
    *(f"planner/{room}.py" for room in ("parsing", "validation", "repair", "catalog", "mentions", "unasked")),
    *(f"planner/{room}.py" for room in ("parallelizing", "relevance", "made_up")),
    *(
        f"evals/{room}.py"
        for room in ("dataset", "expectations", "making", "outputs", "scorers", "statistics", "structure")
    ),
    *(
        f"evals/{room}.py"
        for room in ("recordings", "event_streams", "differences", "cassette_paths", "said_secrets", "keeping")
    ),
    *(f"evals/{room}.py" for room in ("stage", "subject", "suite_checks", "tool_graphs")),
    *(f"evals/report/{room}.py" for room in ("words", "figures", "tables", "junit_xml", "pictures", "diff_tables")),
)
IMPURE_MODULES = {
    *("asyncio", "httpx", "logging", "os", "random", "secrets", "shutil", "socket", "sqlite3"),
    *("subprocess", "tempfile", "tenacity", "threading", "time", "uuid"),
}
IMPURE_BUILTINS = {"input", "open", "print"}
IMPURE_METHODS = {"now", "sleep", "today", "utcnow"}

TASK_OWNERS = {
    "runtime/executor.py": "owns every task of a run",
    "runtime/processes.py": "owns the start of a process, which must be awaited also when cancelled",
    "runtime/batch.py": "owns the tasks of one batch",
    "evals/running.py": "owns the tasks that try cases",
    "evals/benchmarks/bare.py": "the interpreter without owners that the executor is measured against",
}
STARTS_A_TASK = {"TaskGroup", "create_task", "create_task_group", "ensure_future"}

RUNS_TEXT = {
    "runtime/nodes/code_runner.py": "the node type `code` is there to run text, in a process of its own",
    "runtime/nodes/code.py": "it compiles a source to find what is wrong in it, and runs nothing",
}
RUNNERS_OF_TEXT = {"compile", "eval", "exec"}
MAKES_CODE_OF_BYTES = {"dill", "marshal", "pickle", "shelve"}

LONG_FILES: dict[str, str] = {}  # path: reason
LONG_FUNCTIONS: dict[str, str] = {  # path:function: reason
    "plait/commands/plan.py:plan": "it has a line for each option of the command, and another that hands it on",
}
ANY_ALLOWED: dict[str, tuple[int, str]] = {  # path: how often, and why
    "runtime/workflow.py": (
        1,
        "a JSON value in a pydantic model: the document layer has made it, none need walk it again",
    ),
    "runtime/node_types.py": (
        4,
        "what a node's function returns, the fields of NodeType that a decorator passes on, pydantic's definition of a "
        "field, and an annotation: each is of any type",
    ),
    "runtime/virtual_time.py": (2, "what a coroutine is sent and yields: only the loop knows"),
}
MOST_LINES_OF_A_FILE = 400
MOST_LINES_OF_A_FUNCTION = 40


@dataclass(frozen=True, slots=True)
class Source:
    path: str
    text: str
    tree: ast.Module

    @property
    def package(self) -> str:
        return self.path.split("/")[0]

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def comment(self, line: int) -> str:
        return self.text.splitlines()[line - 1].partition("#")[2]


@dataclass(frozen=True, slots=True)
class Import:
    line: int
    target: str  # the module, or the module and the name taken from it
    hidden: bool  # inside a function

    def is_of(self, module: str) -> bool:
        return self.target == module or self.target.startswith(f"{module}.")


House = list[Source]
Rule = Callable[[House], Iterator[str]]


def source(path: str, text: str) -> Source:
    return Source(path, text, ast.parse(text))


def house() -> House:
    files = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py"))
    return [source(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")) for file in files]


def imports(tree: ast.AST, hidden: bool = False) -> Iterator[Import]:
    """Every import of a tree, those by `import_module("name")` as well."""
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import():
                yield from (Import(node.lineno, name.name, hidden) for name in node.names)
            case ast.ImportFrom():
                yield from (Import(node.lineno, f"{node.module}.{name.name}", hidden) for name in node.names)
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield Import(node.lineno, name, hidden)
            case _:
                yield from imports(node, hidden or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr


def has_reason(comment: str) -> bool:
    """Whether words are left beside the codes of an ignore."""
    words = [word for word in comment.split() if word[0].isalpha() and not word.startswith(("noqa", "type:"))]
    return len([word for word in words if not word.strip(",").isupper()]) >= 2


# The rules: each takes the house and says where it is broken.


def packages_know_only_those_below(house: House) -> Iterator[str]:
    for file in house:
        for imported in imports(file.tree):
            if imported.target.split(".")[0] in PACKAGES and not _package_allowed(file, imported):
                yield f"{file.path}:{imported.line}: {file.package} may not import {imported.target}"


def _package_allowed(file: Source, imported: Import) -> bool:
    for module, places in MEETING_PLACES.items():
        if imported.is_of(module):
            return file.path in places
    for allowed in MAY_IMPORT[file.package]:
        package, _, public_only = allowed.partition(":")
        if imported.is_of(package) and not (public_only and _is_module(imported.target)):
            return True
    return False


def _is_module(target: str) -> bool:
    """Whether the target goes into a package, past its public list."""
    package, _, inside = target.partition(".")
    return "." in inside or any((ROOT / package / f"{inside}{end}").exists() for end in (".py", "/__init__.py"))


def third_parties_stay_at_home(house: House) -> Iterator[str]:
    for file in house:
        for imported in imports(file.tree):
            name = imported.target.split(".")[0]
            if name in PACKAGES or name in sys.stdlib_module_names:
                continue
            if file.package not in THIRD_PARTIES.get(name, ()) and file.path not in HOMES.get(name, ()):
                at_home = ", ".join((*THIRD_PARTIES.get(name, ()), *HOMES.get(name, ()))) or "in no table here"
                yield f"{file.path}:{imported.line}: {name} is at home elsewhere: {at_home}"


def rooms_of_runtime_know_only_those_above(house: House) -> Iterator[str]:
    for file in (file for file in house if file.package == "runtime"):
        room = file.path.split("/")[1].removesuffix(".py")
        if room not in ROOMS:
            yield f"{file.path}: give this file its place in ROOMS"
            continue
        for imported in imports(file.tree):
            if imported.is_of("runtime") and not _is_above(imported.target, room, inside=file.path.count("/") > 1):
                yield f"{file.path}:{imported.line}: {imported.target} is not above {room}"


def _is_above(target: str, room: str, *, inside: bool) -> bool:
    other = target.split(".")[1] if "." in target else "__init__"
    known = other if other in ROOMS else "__init__"
    return ROOMS.index(known) < ROOMS.index(room) or (inside and known == room)


def no_import_goes_in_a_circle(house: House) -> Iterator[str]:
    modules = {file.module for file in house}
    known = {
        file.module: {_module_of(imported.target, modules) for imported in imports(file.tree)} & modules - {file.module}
        for file in house
    }
    try:
        TopologicalSorter(known).prepare()
    except CycleError as error:
        yield f"import cycle: {' <- '.join(error.args[1])}"


def _module_of(target: str, modules: set[str]) -> str:
    return target if target in modules else target.rpartition(".")[0]


def hidden_imports_give_their_reason(house: House) -> Iterator[str]:
    for file in house:
        for imported in imports(file.tree):
            if imported.hidden and not has_reason(file.comment(imported.line)):
                yield f"{file.path}:{imported.line}: why is {imported.target} imported inside a function?"


def broad_excepts_give_their_reason(house: House) -> Iterator[str]:
    for file in house:
        for node in ast.walk(file.tree):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not has_reason(file.comment(node.lineno)):
                yield f"{file.path}:{node.lineno}: why is everything caught here?"


def _is_broad(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or any(name in {"Exception", "BaseException"} for _, name in names(handler.type))


def ignores_give_code_and_reason(house: House) -> Iterator[str]:
    for file in house:
        for line, text in enumerate(file.text.splitlines(), 1):
            _, found, comment = text.partition("# type: ignore")
            if found and not (comment.startswith("[") and has_reason(comment.partition("]")[2])):
                yield f"{file.path}:{line}: an ignore needs its code and its reason"


def text_is_never_run(house: House) -> Iterator[str]:
    for file in (file for file in house if file.path not in RUNS_TEXT):
        for imported in imports(file.tree):
            if imported.target.split(".")[0] in MAKES_CODE_OF_BYTES:
                yield f"{file.path}:{imported.line}: {imported.target} can run what it reads; use JSON"
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in RUNNERS_OF_TEXT:
                yield f"{file.path}:{node.lineno}: {node.func.id} runs text; only code_runner does, in its own process"


def tasks_start_at_their_owners(house: House) -> Iterator[str]:
    for file in (file for file in house if file.path not in TASK_OWNERS):
        for line, name in names(file.tree):
            if name in STARTS_A_TASK:
                yield f"{file.path}:{line}: {name}: tasks start only in {', '.join(TASK_OWNERS)}"


def pure_modules_touch_nothing(house: House) -> Iterator[str]:
    for file in (file for file in house if file.path in PURE):
        for imported in imports(file.tree):
            if imported.target.split(".")[0] in IMPURE_MODULES:
                yield f"{file.path}:{imported.line}: a pure module imports {imported.target}"
        for node in ast.walk(file.tree):
            if isinstance(node, ast.Call) and _is_impure(node.func):
                yield f"{file.path}:{node.lineno}: a pure module calls {ast.unparse(node.func)}"


def _is_impure(called: ast.expr) -> bool:
    match called:
        case ast.Name(id=name):
            return name in IMPURE_BUILTINS | IMPURE_METHODS
        case ast.Attribute(attr=name):
            return name in IMPURE_METHODS
        case _:
            return False


def files_are_short(house: House) -> Iterator[str]:
    for file in (file for file in house if file.path not in LONG_FILES):
        if (lines := len(file.text.splitlines())) > MOST_LINES_OF_A_FILE:
            yield f"{file.path}: {lines} lines"


def functions_are_short(house: House) -> Iterator[str]:
    for file in house:
        for function in functions(file.tree):
            lines, name = _lines(function), f"{file.path}:{function.name}"
            if lines > MOST_LINES_OF_A_FUNCTION and name not in LONG_FUNCTIONS:
                yield f"{name} has {lines} lines"


def _lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from `def` to the end, the docstring not counted."""
    docstring = ast.get_docstring(function, clean=False)
    return (function.end_lineno or 0) - function.lineno + 1 - (len(docstring.splitlines()) if docstring else 0)


def modules_state_their_rule(house: House) -> Iterator[str]:
    for file in house:
        if file.text.strip() and ast.get_docstring(file.tree) is None:
            yield f"{file.path}: no module docstring"


def values_have_types(house: House) -> Iterator[str]:
    for file in house:
        found = [line for line, name in names(file.tree) if name == "Any"]
        if len(found) > ANY_ALLOWED.get(file.path, (0, ""))[0]:
            yield f"{file.path}: Any in lines {found}; say JsonValue, object or the type"


# Each rule beside the least that breaks it.
RULES: list[tuple[Rule, str, str]] = [
    (packages_know_only_those_below, "planner/validation.py", "from runtime.executor import Executor"),
    (packages_know_only_those_below, "runtime/executor.py", "import plait"),
    (packages_know_only_those_below, "evals/report.py", "from runtime.issues import Issue"),
    (packages_know_only_those_below, "evals/report.py", "from runtime import issues"),
    (packages_know_only_those_below, "planner/planning.py", "from planner import litellm_client"),
    (packages_know_only_those_below, "prompts/__init__.py", "import runtime"),
    (third_parties_stay_at_home, "runtime/checks.py", "import yaml"),
    (third_parties_stay_at_home, "planner/planning.py", "def f():\n    import litellm"),
    (third_parties_stay_at_home, "planner/planning.py", "import rich.console"),
    (third_parties_stay_at_home, "plait/wiring.py", "import requests"),
    (rooms_of_runtime_know_only_those_above, "runtime/graph.py", "from runtime import checks"),
    (rooms_of_runtime_know_only_those_above, "runtime/graph.py", "from runtime import Graph"),
    (rooms_of_runtime_know_only_those_above, "runtime/loft.py", ""),
    (no_import_goes_in_a_circle, "runtime/issues.py", "from runtime.issues import Issue\nimport runtime.graph"),
    (third_parties_stay_at_home, "planner/planning.py", "importlib.import_module('xllamacpp')"),
    (hidden_imports_give_their_reason, "plait/wiring.py", "def f():\n    import litellm  # noqa: PLC0415"),
    (broad_excepts_give_their_reason, "plait/wiring.py", "try: f()\nexcept Exception: pass"),
    (ignores_give_code_and_reason, "plait/wiring.py", "x = f()  # type: ignore[misc]"),
    (text_is_never_run, "runtime/references.py", "def f(x): return eval(x)"),
    (text_is_never_run, "runtime/journal.py", "import pickle"),
    (third_parties_stay_at_home, "runtime/references.py", "from jinja2 import Template"),
    (tasks_start_at_their_owners, "runtime/attempt.py", "async def f(): asyncio.create_task(g())"),
    (pure_modules_touch_nothing, "runtime/scheduler.py", "import time"),
    (pure_modules_touch_nothing, "runtime/scheduler.py", "def f(): return datetime.now(UTC)"),
    (pure_modules_touch_nothing, "runtime/scheduler.py", "def f(): print('x')"),
    (files_are_short, "runtime/graph.py", "pass\n" * 401),
    (functions_are_short, "runtime/graph.py", "def f():\n" + "    pass\n" * 40),
    (modules_state_their_rule, "runtime/graph.py", "x = 1"),
    (values_have_types, "runtime/graph.py", "def f(x: typing.Any) -> list[Any]: ..."),
]
CIRCLE = source("runtime/graph.py", "from runtime import issues")


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in RULES), ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    broken = list(rule(house()))
    assert not broken, "\n" + "\n".join(broken)


@pytest.mark.parametrize(("rule", "path", "text"), RULES)
def test_each_rule_sees_what_breaks_it(rule: Rule, path: str, text: str) -> None:
    assert list(rule([source(path, text), CIRCLE]))


@pytest.mark.parametrize(
    "table", [LONG_FILES, ANY_ALLOWED, TASK_OWNERS, RUNS_TEXT], ids=["files", "any", "tasks", "run"]
)
def test_every_exception_has_its_reason(table: dict[str, str | tuple[int, str]]) -> None:
    assert all(reason[-1] if isinstance(reason, tuple) else reason for reason in table.values())
