"""The YAML side of the document layer: the events of PyYAML taken by a walk; scalars mean what YAML 1.2 core says.

And back: a value written so that it reads as the same again.
"""

from __future__ import annotations

import re

import yaml

from runtime.document_syntax import explain_yaml
from runtime.document_walk import SURROGATE, Walk, integer, line_at, shown
from runtime.issues import Code, JsonValue

# What a plain scalar means in the core schema (YAML 1.2.2, 10.3.2).
_YAML_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_NUMBER = re.compile(
    r"(?P<integer>[-+]?[0-9]+)|(?P<octal>0o[0-7]+)|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<real>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<constant>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
# Beyond what YAML forbids: the three line ends of YAML 1.1, which libyaml would fold into spaces without a word.
_YAML_UNFIT = re.compile("[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE_DIGITS = re.compile(r"(?<=\\u)[dD][89a-fA-F][0-9a-fA-F]{2}")
_SURROGATE_PAIR = re.compile(r"[dD][89abAB]..\\u[dD][c-fC-F]")
# Many such lines take libyaml quadratic time, and tags are refused anyway.
_YAML_TAG_DIRECTIVE = re.compile("^%TAG", re.MULTILINE)
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

MAX_EVENTS = 250_000  # each list or object makes two: what takes longer to read than two seconds is no workflow
_TOO_MANY = "more lists, objects and values than YAML is read with here"


def walk_yaml(text: str) -> Walk:
    """The walk over a YAML text; its issues say what was wrong."""
    walk = Walk()
    if unfit := _unfit(text):
        walk.add(*unfit)
        return walk
    try:
        for count, event in enumerate(yaml.parse(text, Loader=_YAML_LOADER)):
            if count == MAX_EVENTS:
                place = event.start_mark.index if event.start_mark else 0
                walk.add("document_limits", line_at(text, place), _TOO_MANY, "write this one as JSON")
                break
            if not _take_yaml(walk, event):
                break
    except yaml.MarkedYAMLError as error:
        _add_yaml_error(walk, text, error)
    return walk


def _unfit(text: str) -> tuple[Code, int, str, str] | None:
    """What must not reach libyaml."""
    if found := _YAML_UNFIT.search(text):
        code: Code = "document_limits" if SURROGATE.match(found[0]) else "json_syntax"
        message = f"the character U+{ord(found[0]):04X} cannot stand in YAML as it is"
        hint = f'write it between double quotes as "\\u{ord(found[0]):04x}"'
        return code, line_at(text, found.start()), message, "remove it" if code == "document_limits" else hint
    if found := _YAML_TAG_DIRECTIVE.search(text):
        return "json_syntax", line_at(text, found.start()), "tags are refused, found %TAG", "remove the line"
    return None


def _add_yaml_error(walk: Walk, text: str, error: yaml.MarkedYAMLError) -> None:
    mark, context = error.problem_mark, error.context_mark
    if context and "simple key" in (error.context or ""):
        mark = context  # the parser notices a line after the one that is wrong
    position = mark.index if mark else len(text)
    if half := _SURROGATE_DIGITS.match(text, position):
        lone = not _SURROGATE_PAIR.match(text, position)
        message = f"{'a lone' if lone else 'half a'} surrogate is no character in YAML, found \\u{half[0]}"
        hint = "write the character itself, or \\U and eight digits"
        walk.add("document_limits" if lone else "json_syntax", line_at(text, position), message, hint)
        return
    began = context.line + 1 if context and mark and context.line < mark.line else None
    message, hint = explain_yaml(f"{error.context}: {error.problem}", text[position : position + 60], began)
    walk.add("json_syntax", line_at(text.rstrip(), position), message, hint)


def _take_yaml(walk: Walk, event: yaml.Event) -> bool:
    line = event.start_mark.line + 1 if event.start_mark else 1
    if isinstance(event, yaml.ScalarEvent):
        _take_yaml_scalar(walk, event, line)
    elif isinstance(event, yaml.CollectionStartEvent):
        return _open_yaml(walk, event, line)
    elif isinstance(event, yaml.CollectionEndEvent):
        walk.close()
    elif isinstance(event, yaml.AliasEvent):
        _take_alias(walk, f"*{event.anchor}", line)
    elif isinstance(event, yaml.DocumentStartEvent) and walk.documents:
        walk.add("json_syntax", line, "a second document begins here", "keep one document, without --- between")
        return False
    return True


def _open_yaml(walk: Walk, event: yaml.CollectionStartEvent, line: int) -> bool:
    if event.tag is not None:
        _add_tag(walk, event.tag, line)
    is_list = isinstance(event, yaml.SequenceStartEvent)
    if walk.awaits_key:
        message = f"a key must be a string, found {'a list' if is_list else 'an object'}"
        walk.add("json_syntax", line, message, "quote it, or remove the '?' or the bracket")
    return walk.open_list(line) if is_list else walk.open_object(line)


def _take_yaml_scalar(walk: Walk, event: yaml.ScalarEvent, line: int) -> None:
    if event.tag is not None:
        _add_tag(walk, event.tag, line)
    if walk.awaits_key:
        _take_yaml_key(walk, event.value, plain=not event.style, line=line)
    elif event.style:
        walk.text(event.value, line)
    else:
        _take_plain(walk, event.value, line)


def _add_tag(walk: Walk, tag: str, line: int) -> None:
    walk.add("json_syntax", line, f"tags are refused, found {shown(tag)}", "remove the tag; quotes make a string")


def _take_alias(walk: Walk, name: str, line: int) -> None:
    if walk.awaits_key:
        walk.key(name, line)
        walk.add("document_limits", line, f"aliases are refused, found {name}", "write the key out")
    else:
        walk.add(
            "document_limits", line, f"aliases are refused, found {name}", "write the value out, or quote the text"
        )
        walk.put(None, line)


def _take_yaml_key(walk: Walk, text: str, *, plain: bool, line: int) -> None:
    walk.key(text, line)
    if plain and text == "<<":
        walk.add("document_limits", line, "merge keys are refused, found <<", "write the merged entries out")
    elif plain and (text in _YAML_WORDS or _YAML_NUMBER.fullmatch(text)):
        kind = str(_YAML_WORDS[text]).lower().replace("none", "null") if text in _YAML_WORDS else "a number"
        message = f"a key must be a string, found {shown(text)}, which is {kind}"
        walk.add("json_syntax", line, message, f'quote it: "{text[:40]}"')


def _take_plain(walk: Walk, text: str, line: int) -> None:
    if text in _YAML_WORDS:
        walk.put(_YAML_WORDS[text], line)
    elif found := _YAML_NUMBER.fullmatch(text):
        walk.number(_number(found.lastgroup, text), text, line)
    else:
        walk.text(text, line)


def _number(kind: str | None, text: str) -> int | float | None:
    match kind:
        case "integer":
            return integer(text)
        case "octal":
            return integer(text[2:], 8)
        case "hexadecimal":
            return integer(text[2:], 16)
        case "constant":
            return float(text.replace(".", ""))
        case _:
            return float(text)


# --- to YAML ---------------------------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        """Equal parts are written out each time: the reader refuses aliases."""
        return True


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Quoted where the reader would take it for something else, which PyYAML, being of YAML 1.1, does not know."""
    looks_otherwise = text in _YAML_WORDS or text == "<<" or _YAML_NUMBER.fullmatch(text) or _YAML_UNFIT.search(text)
    style = '"' if looks_otherwise else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _write_text)


def write_yaml(value: JsonValue) -> str:
    """A JSON value as YAML in blocks; texts of several lines stand as they are."""
    written: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return written
