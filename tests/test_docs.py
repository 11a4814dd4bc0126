"""The pages say what the code does: their examples are checked and run, their tables compared with it."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast, get_args

import pytest
import yaml
from typer import Typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from plait.__main__ import main as plait
from plait.application import COMMANDS, application
from runtime import JsonValue, examine, installed_types
from runtime.issues import WARNINGS, Code
from runtime.shape import shape
from runtime.workflow import JsonObject

if TYPE_CHECKING:
    from typer._click import Command  # typer has no public name for what its commands are

ROOT = Path(__file__).parents[1]
PAGES = ("language.md", "cli.md", "extending.md", "security.md")
BLOCK = re.compile(r"(?:^`(?P<name>[\w.]+)`\n\n)?^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences; `name` is the file that the line above says it is."""

    page: str
    kind: str
    text: str
    name: str | None

    def __str__(self) -> str:
        return f"{self.page}: {self.name or self.text.partition(chr(10))[0][:40]}"


def text_of(page: str) -> str:
    return (ROOT / "docs" / page).read_text(encoding="utf-8")


def blocks(*kinds: str) -> list[Block]:
    found = ((page, each) for page in PAGES for each in BLOCK.finditer(text_of(page)))
    return [Block(page, each["kind"], each["text"], each["name"]) for page, each in found if each["kind"] in kinds]


def value_of(block: Block) -> JsonValue:
    value: JsonValue = json.loads(block.text) if block.kind == "json" else yaml.safe_load(block.text)
    return value


def is_document(value: JsonValue) -> bool:
    return isinstance(value, dict) and bool({"pipeline", "nodes"} & value.keys()) and "run_id" not in value


OWN_TYPES = "extending.md"  # its workflows use types that the page itself makes, and are checked by being run
DOCUMENTS = [each for each in blocks("json", "yaml") if each.page != OWN_TYPES and is_document(value_of(each))]
STEPS = [
    block for block in blocks("json") if isinstance(found := value_of(block), dict) and {"id", "type"} <= found.keys()
]


@pytest.mark.parametrize("block", DOCUMENTS, ids=str)
def test_a_workflow_on_a_page_is_valid_and_warns_of_nothing_that_the_page_does_not_show(block: Block) -> None:
    examined = examine(value_of(block), installed_types())
    unsaid = [issue for issue in examined.issues if not said_below(block, issue.message)]
    assert not unsaid


def said_below(block: Block, message: str) -> bool:
    return message in text_of(block.page).partition(block.text)[2]


@pytest.mark.parametrize("block", STEPS, ids=str)
def test_a_step_on_a_page_has_the_shape_of_one(block: Block) -> None:
    assert shape({"pipeline": [value_of(block)]}).issues == ()


# --- commands --------------------------------------------------------------------------------------------------------


NO_TWO_RUNS_SHARE = re.compile(
    r"\d{4}-\d\d-\d\d[ T][\d:]+ | \d+(\.\d+)?e-\d+ | \d+\.\d+ | (?<=run-)[0-9a-f]{8}", re.VERBOSE
)


def told(text: str) -> set[str]:
    """The lines of an output less what no two runs share: times, ids, and the order of what ends together."""
    lines = (re.sub(r", \d+\.\d+ times as fast$", "", line) for line in text.splitlines() if line.strip())
    return {NO_TWO_RUNS_SHARE.sub("#", line).strip() for line in lines}


def calls(block: Block) -> Iterator[tuple[str, str]]:
    """Each command of a console block and what the page says that it prints."""
    for each in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = each.partition("\n")
        yield command, output


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_print_what_it_shows(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    shutil.copytree(ROOT / "evals" / "cassettes" / "readme", tmp_path / "recordings")
    for block in (each for each in blocks("json", "yaml", "toml", "python", "console") if each.page == page):
        if block.name:
            (tmp_path / block.name).write_text(block.text, encoding="utf-8")
        if block.kind == "toml":
            install(tomllib.loads(block.text), tmp_path)
        for command, shown in calls(block) if block.kind == "console" else ():
            capfd.readouterr()
            typed(command)
            printed = told("\n".join(capfd.readouterr()))
            missing = told(shown) - {"..."} - printed
            assert not missing, f"{command}\nprinted {sorted(printed)}"
            assert "..." in told(shown) or printed == told(shown), command


def install(about: JsonObject, folder: Path) -> None:
    """What an installer leaves of a package beside its modules: its name and its entry points."""
    project = about["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n", encoding="utf-8")
    groups = project["entry-points"].items()
    lines = [line for group, points in groups for line in (f"[{group}]", *(f"{k} = {v}" for k, v in points.items()))]
    (metadata / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")


def typed(line: str) -> None:
    """A line as a shell would take it: `plait` is called in this process, all else by the shell itself."""
    command, asked, _ = line.partition("; echo $?")
    if command.startswith("plait "):
        code = plait(shlex.split(command)[1:])
    else:
        code = subprocess.run(command, shell=True, check=False).returncode
    if asked:
        subprocess.run(["echo", str(code)], check=True)


# --- programs --------------------------------------------------------------------------------------------------------


def programs() -> Iterator[tuple[Block, str]]:
    """Each program and what the page says that it prints."""
    found = blocks("python", "text", "json", "console", "toml")
    for block, following in zip(found, [*found[1:], None], strict=True):
        if block.kind == "python" and block.name is None:
            yield block, following.text if following and following.kind == "text" else ""


@pytest.mark.parametrize(("block", "shown"), list(programs()), ids=str)
def test_a_program_prints_what_the_page_shows(
    block: Block, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    module = ModuleType("shown")
    monkeypatch.setitem(sys.modules, "shown", module)  # where a class of the program is looked for
    exec(compile(block.text, block.page, "exec"), module.__dict__)
    assert capsys.readouterr().out == shown


# --- tables ----------------------------------------------------------------------------------------------------------


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the tables below a heading, heads and rules left out."""
    section = re.split(r"^## ", text_of(page).partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]
    lines = re.findall(r"(?<=\n)\| .*(?=\n)", section)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_table_of_node_types_is_the_registry(capsys: pytest.CaptureFixture[str]) -> None:
    assert plait(["nodes", "--json"]) == 0
    types = json.loads(capsys.readouterr().out)
    assert [[names(cell) for cell in row] for row in rows("language.md", "Node types")[1:]] == [
        [
            [each["type"]],
            [param["name"] + ("" if param["required"] else "?") for param in each["params"]],
            list(each["outputs"]),
            each["capabilities"],
        ]
        for each in types
    ]


def test_the_tables_of_issue_codes_name_each_code_once() -> None:
    found = [code for row in rows("language.md", "Issue codes") for code in names(row[0])]
    assert sorted(found) == sorted(get_args(Code))


def test_what_the_page_calls_a_warning_is_one() -> None:
    section = text_of("language.md").partition("**Warnings.**")[2].partition("**At the start")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == WARNINGS


# --- the command line ------------------------------------------------------------------------------------------------


def command_named(name: str) -> Command:
    module = import_module(f"plait.commands.{name}")
    return get_command(cast(Typer, module.app))


def options_of(command: Command) -> Iterator[str]:
    """The long and short options of a command and of those below it, help left out."""
    for param in command.params:
        if isinstance(param, TyperOption):
            yield from param.opts
    if isinstance(command, TyperGroup):
        for each in command.commands.values():
            yield from options_of(each)


def section(page: str, heading: str) -> str:
    return re.split(r"^## ", text_of(page).partition(f"\n## {heading}\n")[2], flags=re.MULTILINE)[0]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_described_with_each_of_its_options(name: str) -> None:
    said = section("cli.md", name)
    assert f"`plait {name}" in said
    assert [option for option in options_of(command_named(name)) if not re.search(rf"{option}\b", said)] == []


def test_no_command_is_described_that_is_not_there() -> None:
    described = re.findall(r"^\| \[`(\w+)`\]\(#(\w+)\)", text_of("cli.md"), re.MULTILINE)
    assert sorted(described) == sorted((name, name) for name in COMMANDS)


def test_the_options_of_the_whole_command_line_are_described() -> None:
    before_the_commands = text_of("cli.md").partition("\n## ")[0]
    assert {option for option in options_of(application()) if f"`{option}`" not in before_the_commands} == set()


def test_every_variable_that_the_code_reads_is_in_the_table_of_variables() -> None:
    files = [file for part in ("plait", "planner", "evals") for file in (ROOT / part).rglob("*.py")]
    code = "".join(file.read_text(encoding="utf-8") for file in files)
    read = set(re.findall(r"(?:get\(|environ\[|envvar=)[\"'](PLAIT_\w+)", code))
    assert read == {name for row in rows("cli.md", "Environment") for name in names(row[0]) if name.startswith("PLAIT")}


def test_every_link_between_the_pages_leads_somewhere() -> None:
    for page in PAGES:
        for target, heading in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", text_of(page)):
            there = text_of(target or page)
            assert not heading or heading in anchors(there), f"{page}: {target}#{heading}"


def anchors(text: str) -> set[str]:
    """What the headings of a page are called in links to them."""
    titles = re.findall(r"^##+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
