"""What a command receives in place of a reference, seen by running it under sh and bash."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.shell_words import Rewritten, file_prelude, rewrite_command

SHELLS = [shell for shell in ("sh", "bash") if shutil.which(shell)]
HOSTILE = Path(__file__).parents[3] / "shared" / "data" / "shell_strings_dev.json"
HARMLESS = [
    "",
    " ",
    "\n",
    "\n\n",
    "a\n",
    "\r\n",
    "a b\tc",
    "-n",
    "-e",
    "-",
    "--",
    "=",
    "a=b",
    "%s",
    "PLAIT_1",
    "E",
    "EOF",
]
SYNTAX = [
    "*",
    "?",
    "[a]",
    "~",
    "~root",
    "#",
    "# a",
    "$",
    "$$",
    "${",
    "$(",
    "`",
    "'",
    '"',
    "\\",
    "\\\\",
    "a\\",
    "\\0",
    "\\c",
]
OPERATORS = ["!", "!!", "{a,b}", "(", ")", "&", "|", ";", "<", ">", "<<EOF", "esac", "done", "}", "]]", "${PLAIT_1}"]
ATTACKS = ["$(>executed)", "`>executed`", "';>executed;'", '";>executed;"', ";>executed;", "\n>executed\n", ">executed"]
EXPRESSIONS = ["${x:-$(>executed)}", "a[$(>executed)]", "$((x[$(>executed)]))", "($(>executed))", "[$(>executed)]=1"]
BYTES = ["\x01", "\x7f", "\x01\x01\x7f", "\x80\x81\x88", "ÁÂÃ\u0088", "日本語", "😀", "\u2028"]
HANDMADE = [*HARMLESS, *SYNTAX, *OPERATORS, *ATTACKS, *EXPRESSIONS, *BYTES]


@dataclass(frozen=True)
class Given:
    """Stands for a reference whose value is `text`."""

    text: str


def parts_of(template: str, value: str) -> list[str | Given]:
    """The template, each `@@` in it a reference to the value."""
    parts: list[str | Given] = []
    for text in template.split("@@"):
        parts += [text, Given(value)]
    return parts[:-1]


def rewritten(template: str, value: str = "value") -> Rewritten[Given]:
    return rewrite_command(parts_of(template, value))


def run(shell: str, command: Rewritten[Given], folder: str) -> subprocess.CompletedProcess[bytes]:
    """Runs without any program at hand: only what the shell itself does can happen."""
    values = {name: value.text for name, value in command.values.items()}
    variables = {"PATH": "/nonexistent", "HOME": "/home", "LC_ALL": "C.UTF-8", **values}
    arguments = [shutil.which(shell) or shell, "-c", command.script]
    return subprocess.run(arguments, cwd=folder, env=variables, capture_output=True, check=False, timeout=60)


def printed(shell: str, command: Rewritten[Given]) -> list[str]:
    """The words that the command showed. It must not have done anything else."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(shell, command, folder)
        assert (result.stderr, result.returncode, list(Path(folder).iterdir())) == (b"", 0, [])
        return result.stdout.decode().split("\0")[:-1]


# `show` prints its arguments, each ended by NUL. Each place is a script and all the words that it must show.
SHOW = "show() { printf '%s\\0' \"$@\"; }\n"
PLACES: dict[str, tuple[str, list[str]]] = {
    "unquoted": ("show @@", ["@@"]),
    "glued to words": ("show a@@b", ["a@@b"]),
    "glued to each other": ("show @@@@", ["@@@@"]),
    "glued to quotes": ("show 'a '@@\" b\"", ["a @@ b"]),
    "in double quotes": ('show "a @@ b" "@@"', ["a @@ b", "@@"]),
    "in single quotes": ("show 'a @@ b' '@@'", ["a @@ b", "@@"]),
    "between escaped quotes": ('show "\\"@@\\""', ['"@@"']),
    "behind a backslash": ("show \\@@ \"\\@@\" '\\@@' \\\\@@ \"\\\\@@\"", ["@@", *["\\@@"] * 4]),
    "behind a dollar sign": ("show $@@ \"$@@\" '$@@' \\$@@", ["$@@"] * 4),
    "behind an expansion": ('V=v; show $V@@ "$V@@" ${V}@@; unset V', ["v@@"] * 3),
    "behind a tilde": ("show ~@@", ["~@@"]),
    "behind a number sign": ("show a#@@ @@#b", ["a#@@", "@@#b"]),
    "in an assignment": ('v=@@; w=a@@b; show "$v" "$w"', ["@@", "a@@b"]),
    "in an assignment before a command": ('f() { show "$v"; }; v=@@ f', ["@@"]),
    "behind an equals sign": ("show --option=@@", ["--option=@@"]),
    "exported": ('export V=@@; show "$V"; unset V', ["@@"]),
    "local": ('f() { local v=@@; show "$v"; }; f', ["@@"]),
    "as the subject of a case": ("case @@ in '') show @@;; *) show @@;; esac", ["@@"]),
    "as a pattern of a case": ("v=@@; case $v in (@@) show @@;; *) show no;; esac", ["@@"]),
    "in the list of a for": ('for i in @@; do show "$i"; done', ["@@"]),
    "as an argument of a function": ('f() { show "$1"; }; f @@', ["@@"]),
    "in the body of a function": ("f() { show @@; }; f", ["@@"]),
    "in a subshell": ("( show @@ );(show @@)", ["@@", "@@"]),
    "in nested subshells": ("( (show @@) )", ["@@"]),
    "in a group": ("{ show @@; }; show {@@} {@@,b@@", ["@@", "{@@}", "{@@,b@@"]),
    "in a pipeline": ("show @@ | { read -r line || :; }; : | show @@", ["@@"]),
    "in a list": ("true && show @@ || show no", ["@@"]),
    "in a condition": ("if [ x@@ = x@@ ]; then show @@; fi", ["@@"]),
    "in a loop": ("while show @@; do break; done", ["@@"]),
    "in the positional parameters": ('set -- @@; show "$1"', ["@@"]),
    "beside redirections": ("2>/dev/null show @@ 2>/dev/null 1>&1", ["@@"]),
    "behind a comment with an apostrophe": (": # don't @@\nshow @@ # it's @@", ["@@"]),
    "behind a here-document": (": <<EOF; show @@\nit's $V \"\nEOF\nshow @@", ["@@", "@@"]),
    "behind quoted here-documents": (": <<'E F' <<-\\B; show @@\n$(it's `\nE F\n\t\"\n\tB\nshow @@", ["@@", "@@"]),
    "behind a substitution": ("v=$(echo \"it's )\" ')' # )'\n); show @@", ["@@"]),
    "behind a case in a substitution": ("v=$(case a in a) echo \\';; (b) echo;; esac); show @@", ["@@"]),
    "behind a here-document in a substitution": ("v=$(: <<E\n)'\nE\n); show @@", ["@@"]),
    "behind backticks": ("v=`echo \"it's\" \\`echo '(' \\``; show @@", ["@@"]),
    "behind quotes in a quoted substitution": ("show \"$(printf '%s' \"a'\")@@\"", ["a'@@"]),
    "behind arithmetic": ('show $((1+(2)))@@ "$((1 << 2 > 1 ? 3 : 0))@@"', ["3@@", "3@@"]),
    "behind a parameter": ("show ${V:-'a }'}@@ \"${V:-a \\}}@@\"", ["a }@@", "a }@@"]),
    "on joined lines": ("sho\\\nw a\\\n@@\\\nb $\\\n(echo a)@@", ["a@@b", "a@@"]),
    "in the background": ("show @@ & wait", ["@@"]),
}  # fmt: skip


def all_places(values: Iterable[str]) -> tuple[list[str | Given], list[tuple[str, str]]]:
    """One script with every place for every value, and what it must show: the place and the word."""
    parts: list[str | Given] = [SHOW]
    expected: list[tuple[str, str]] = []
    for value in values:
        for place, (script, words) in PLACES.items():
            parts += parts_of(script + "\n", value)
            expected += [(place, word.replace("@@", value)) for word in words]
    return parts, expected


def assert_all_arrive(values: Sequence[str], at_once: int = 8) -> None:
    for start in range(0, len(values), at_once):  # bash is slow with thousands of variables
        parts, expected = all_places(values[start : start + at_once])
        command = rewrite_command(parts)
        assert command.problems == ()
        for shell in SHELLS:
            assert list(zip([place for place, _ in expected], printed(shell, command), strict=True)) == expected


@pytest.mark.parametrize("step", [pytest.param(8, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)])
def test_hostile_strings_arrive_unchanged_wherever_they_stand(step: int) -> None:
    shared = json.loads(HOSTILE.read_text()) if HOSTILE.exists() else []
    assert_all_arrive([*HANDMADE, *(value for value in shared[::step] if "\0" not in value)])


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@settings(max_examples=15, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5))
def test_any_text_arrives_unchanged_wherever_it_stands(values: list[str]) -> None:
    assert_all_arrive(values)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("operator", [">", ">>", ">|", "2>", "1<>"])
def test_a_value_behind_a_redirection_is_the_name_of_the_file(shell: str, operator: str, tmp_path: Path) -> None:
    names = [name for name in HANDMADE if name and "/" not in name]
    script: list[str | Given] = []
    for name in names:
        script += [f": {operator} ", Given(name), f"; : {operator}'n", Given(name), "'\n"]
    command = rewrite_command(script)
    result = run(shell, command, str(tmp_path))
    assert (result.stderr, result.stdout) == (b"", b"")
    assert {path.name for path in tmp_path.iterdir()} == {*names, *("n" + name for name in names)}


def test_a_here_string_carries_a_value_in_bash() -> None:
    command = rewritten("IFS= read -r v <<< @@; printf '%s\\0' \"$v\"", "a  $(>executed) '")
    assert printed("bash", command) == ["a  $(>executed) '"]


def test_each_reference_gets_a_variable_of_its_own_in_order() -> None:
    command = rewrite_command(["grep ", Given("x"), " ", Given("y")])
    assert command.script == 'grep "${PLAIT_1}" "${PLAIT_2}"'
    assert command.values == {"PLAIT_1": Given("x"), "PLAIT_2": Given("y")}


def test_a_variable_of_the_script_keeps_its_name() -> None:
    command = rewrite_command(["PLAIT_1=a; echo $PLAIT_1 $PLA\\\nIT_2 ", Given("x")])
    assert list(command.values) == ["PLAIT_3"]


def test_a_command_without_references_stays_as_it_is() -> None:
    script = "echo 'never closed $(("
    assert rewrite_command([script]) == Rewritten(script, {}, ())


def test_a_command_with_a_problem_has_no_script() -> None:
    assert rewritten("show @@; (( @@ ))").script == ""


REFUSED = {
    "cat <<EOF\n@@\nEOF": "a here-document",
    "cat <<'EOF'\n@@\nEOF": "a here-document",
    "cat <<-EOF\n\t@@\n\tEOF": "a here-document",
    "cat <<A <<B\nA\n@@\nB": "a here-document",
    "cat <<EOF\n# @@\nEOF": "a here-document",
    "cat <<EOF\n never closed @@": "a here-document",
    "cat << @@\nx": "the delimiter of a here-document",
    "x=$(echo @@)": "$( )",
    'x="$(echo @@)"': "$( )",
    "x=$(echo '@@')": "$( )",
    "x=$(case a in a) echo;; esac; echo @@)": "$( )",
    "x=`echo @@`": "backticks",
    'x="`echo @@`"': "backticks",
    "echo $((@@ + 1))": "$(( ))",
    'echo "$((@@))"': "$(( ))",
    "((x = @@))": "(( ))",
    "for ((i = 0; i < @@; i++)); do :; done": "(( ))",
    "if ((@@)); then :; fi": "(( ))",
    "let x=@@": "let",
    "true; let x=@@": "let",
    "true && ! let 'x=@@'": "let",
    "if true; then let x=@@; fi": "let",
    "for i do let x=@@; done": "let",
    "y=1 \\let x=@@": "let",
    "2>&1 command -p let x=@@": "let",
    "case a in let) let x=@@;; esac": "let",
    "function f { let x=@@; }": "let",
    "let x=1 &>/dev/null y=@@": "let",
    "x[@@]=1": "an array subscript",
    'x["@@"]=1': "an array subscript",
    "x[y[@@]]+=1": "an array subscript",
    "x=([@@]=1)": "an array subscript",
    ": {x[@@]}>/dev/null": "an array subscript",
    "echo ${HOME:-@@}": "a shell ${ }",
    'echo "${x[@@]}"': "a shell ${ }",
    "echo $'@@'": "a $'…' string",
    'echo $"@@"': 'a $"…" string',
    "[[ @@ -eq 1 ]]": "[[ ]]",
    "[[ -v @@ ]]": "[[ ]]",
    "! [[ a == @@ && b == c ]]": "[[ ]]",
    "cat <(echo @@)": "<( )",
    "echo >&@@": "a file descriptor (>&), which bash expands twice",
    "cat <& '@@'": "a file descriptor (>&), which bash expands twice",
    "declare x=@@": "a declaration whose value bash may evaluate",
    "f() { local -n x=@@; }": "a declaration whose value bash may evaluate",
    "f() { local x=@@; }; y=(1)": "a declaration whose value bash may evaluate",
    "readonly -a x=@@": "a declaration whose value bash may evaluate",
    "export @@=1": "the name of a variable, which bash evaluates",
    "unset @@": "the name of a variable, which bash evaluates",
    "read -r @@": "the name of a variable, which bash evaluates",
    "printf -v @@ x": "the name of a variable, which bash evaluates",
    "[ -v '@@' ]": "the name of a variable, which bash evaluates",
    "x=@@; f() { declare -i x; }": "a script with integer variables (declare -i), whose values bash evaluates",
    "PS4=@@; set -x": "a variable whose value the shell evaluates",
    "export RANDOM=@@": "a variable whose value the shell evaluates",
    "echo 'a @@": "a quote that is never closed",
    'echo "a @@ $(echo': "a quote that is never closed",
}


@pytest.mark.parametrize(("script", "where"), REFUSED.items())
def test_a_reference_that_cannot_be_carried_is_refused(script: str, where: str) -> None:
    problems = rewritten(script).problems
    assert [(problem.ref, problem.where) for problem in problems] == [(Given("value"), where)]
    assert problems[0].hint


UNSURE = [
    "echo $'a\\'b' @@",
    "echo \"${x:-'a'}\" @@",
    "((x = 1 << 2)); echo @@",
    "((x = 16 # 2)); echo @@",
    "echo $((a); (b)) @@",
    "echo $(( '1' )) @@",
    "echo $[1 + 1] @@",
    "echo !(a|b) @@",
    "echo ${ echo; } @@",
    "coproc cat; echo @@",
    "[[ a =~ #' ]]; echo @@",
    "cat <<$x\n$x\necho @@",
    "cat <<EOF\n$(echo\nEOF\necho @@",
    "cat <<EOF\nEO\\\nF\nEOF\necho @@",
    "cat <<EOF $(echo\n)\nEOF\necho @@",
    "x=$(cat <<EOF)\nEOF\necho @@",
    "echo ) @@",
    "case a b in (c) echo @@;; esac",
    "case a in a|esac) echo @@;; esac",
    "cat <<;echo @@",
    'cat <<"a\\b"\na\\b\necho @@',
    "echo <(:)' @@",
    "echo " + "$(" * 1000 + "@@" + ")" * 1000,
    "echo " + '"${x:-$(' * 1000 + "@@",
]


@pytest.mark.parametrize("script", UNSURE)
def test_a_reference_is_refused_behind_a_text_that_the_shells_read_differently(script: str) -> None:
    [problem] = rewritten(script).problems
    assert "which sh and bash may read differently" in problem.where or problem.where.startswith("the delimiter")


@pytest.mark.parametrize("script", ["x=$(# @@\n)", "x=`# @@`", "x=$(echo # it's @@\n)", "(( 1 )) # @@", "[[ a ]] # @@"])
def test_a_reference_in_a_comment_is_never_refused(script: str) -> None:
    assert rewritten(script).problems == ()


def test_every_refused_reference_is_named() -> None:
    problems = rewritten("echo $((@@)) @@ `echo @@` @@ $(echo @@)").problems
    assert [problem.where for problem in problems] == ["$(( ))", "backticks", "$( )"]


QUOTES = [
    "'",
    '"',
    "\\",
    "$",
    "`",
    "$'",
    '$"',
    "\\\n",
    "#",
    "\n",
    " ",
    "\t",
    ";",
    "~",
    "*",
    "@",
    "+",
    "?",
    "a",
    "0",
    "=",
]
SUBSTITUTIONS = ["$(", "${", "$((", "))", "((", "(", ")", "{ ", " }", "[", "]", "v=", "a[", "]=", "a=(", "let ", "f() "]
CONSTRUCTS = [
    "if ",
    " then ",
    " fi",
    "for i in ",
    " do ",
    " done",
    "!",
    "case a in ",
    "a) ",
    ";;",
    " esac",
    "[[ ",
    " ]]",
]
COMMANDS = ["declare -i ", "local ", "export v=", "command ", "test ", "[ ", " ]", "-v ", " -eq ", "|", "&&"]
REDIRECTIONS = [">f", ">&2", ">&@@", "2>", "<", "<<E\n", "<<'E'\n", "\nE\n"]
REFERENCES = ["show @@ ", "@@", "'@@'", '"@@"'] * 8
pieces = st.sampled_from([*QUOTES, *SUBSTITUTIONS, *CONSTRUCTS, *COMMANDS, *REDIRECTIONS, *REFERENCES])
MARKED = "\x02 * a[$(>executed)] ';>executed;' \";>executed;\" `>executed`\n \x03"


def assert_carried(template: str) -> None:
    command = rewritten(SHOW + template, MARKED)
    for shell in SHELLS if not command.problems else ():
        with tempfile.TemporaryDirectory() as folder:
            result = run(shell, command, folder)
            assert not (Path(folder) / "executed").exists()
            for word in result.stdout.decode().split("\0"):
                assert word.count("\x02") == word.count("\x03") == word.count(MARKED)


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=12))
def test_in_any_script_a_value_is_carried_whole_and_never_executed(template: list[str]) -> None:
    assert_carried("".join(template))


def big_values() -> dict[str, str]:
    return {
        "PLAIT_1": "日本語😀\x80\x81\x88 '\"\\$(>executed)\n" * 8_000 + "\n\n\n",
        "PLAIT_2": "",
        "PLAIT_3": "\n",
        "PLAIT_4": "x" * 300 * 1024 + ".",
    }


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_values_of_any_size_are_read_from_files_byte_for_byte(shell: str, locale: str, tmp_path: Path) -> None:
    paths = {name: str(tmp_path / f"it's {name}") for name in big_values()}
    for name, value in big_values().items():
        Path(paths[name]).write_bytes(value.encode())
    show = "set -eu\nprintf '%s\\0' " + " ".join(f'"${{{name}}}"' for name in paths)
    arguments, variables = [shell, "-c", file_prelude(paths) + show], {"LC_ALL": locale, "PATH": "/usr/bin:/bin"}
    result = subprocess.run(arguments, env=variables, capture_output=True, check=False, timeout=60)
    assert (result.stderr, result.returncode) == (b"", 0)
    assert result.stdout == b"".join(value.encode() + b"\0" for value in big_values().values())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_does_not_begin_without_its_values(shell: str, tmp_path: Path) -> None:
    script = file_prelude({"PLAIT_1": str(tmp_path / "missing")}) + "echo begun"
    result = subprocess.run([shell, "-c", script], capture_output=True, check=False, timeout=60)
    assert (result.returncode, result.stdout) == (125, b"")
