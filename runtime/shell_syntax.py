"""Reads a shell script that has holes in it and writes it with an expansion, quoted for its place, in each hole.

The script is read as dash and bash both read it. A hole is refused where a value would be evaluated or could not be
carried, and everywhere behind a text that the two shells read differently.
"""

from __future__ import annotations

from collections.abc import Sequence

from runtime import shell_places as places
from runtime.shell_places import Frame, HereDocument, begins_array, is_assignment, is_descriptor, unquoted
from runtime.shell_quotes import Hole, Item, QuoteReader, Unsure, differs

_BLANKS = (" ", "\t")
_META = (" ", "\t", "\n", ";", "&", "|", "(", ")", "<", ">")
_BEFORE_A_COMMAND = frozenset(
    {"!", "{", "}", "if", "then", "elif", "else", "fi", "while", "until", "do", "done", "esac"}
)
_BEFORE_A_BUILTIN = frozenset({"command", "builtin", "time"})


def fill(items: Sequence[Item]) -> tuple[str, dict[str, str]]:
    """The script with its holes filled, and the place of each hole (by name) that is refused; then it must not run."""
    scanner = _Scanner(items)
    scanner.read()
    return "".join(scanner.out), scanner.refused


class _Scanner(QuoteReader):
    """Knows where commands and words begin and end, and of each command what the rules of its words need."""

    def read(self) -> None:
        """Reads all items; a hole is then either filled or refused."""
        try:
            self._commands(closed=False)
        except Unsure as unsure:
            self._give_up(str(unsure))
        if self.has_integers:
            self._refuse(self.placed, places.INTEGERS)
        if self.has_arrays:
            self._refuse(self.placed_in_local, places.DECLARATION)

    def script_inside(self, items: Sequence[Item]) -> None:
        inner = _Scanner(items, self.inside)
        inner.read()
        self.refused.update(inner.refused)

    def _give_up(self, reason: str) -> None:
        rest = [item.name for item in self.items[self.at :] if isinstance(item, Hole)]
        self._refuse(rest, reason)
        while self.at < len(self.items):
            self._copy()

    # -- commands ---------------------------------------------------------------------------------------------------

    def _commands(self, closed: bool) -> None:
        while (item := self._peek()) is not None:
            if closed and item == ")" and not self.frame.opened:
                return
            self._command_item(item)

    def _command_item(self, item: Item) -> None:
        match item:
            case " " | "\t":
                self._take()
            case "\n":
                self._newline()
            case "#":
                self._comment()
            case ";" | "&" | "|":
                self._separator()
            case "(":
                self._open()
            case ")":
                self._shut()
            case "<" | ">":
                self._redirection()
            case _:
                self._word()

    def nested_commands(self, where: str) -> None:
        self._take()
        with self._refusing(where):
            self.frames.append(Frame(word_start=len(self.out)))
            self._commands(closed=True)
            if self.frames.pop().pending:
                raise differs("a here-document that begins inside a substitution and has no body there")
        self._close(")")

    def _end_of_word(self) -> None:
        if self._peek() is not None and self._peek() not in _META:
            raise differs("a word that goes on behind a parenthesis")

    def _newline(self) -> None:
        if any(frame.pending for frame in self.frames[:-1]):
            raise differs("a line break inside a substitution before the body of a here-document")
        self._take()
        for document in self.frame.pending:
            self._body(document)
        self.frame.pending.clear()
        self.frame.begin_command()

    def _comment(self) -> None:
        while self._raw() not in (None, "\n"):
            self._copy()

    def _separator(self) -> None:
        if self._ahead("&>"):  # a redirection for bash, the end of a command for dash
            self._take()
        elif self.frame.top == "body" and (self._ahead(";;") or self._ahead(";&")):
            self._take(3 if self._ahead(";;&") else 2)
            self.frame.opened[-1] = "pattern"
            self.frame.begin_command()
        else:
            self._take()
            self.frame.begin_command()

    def _open(self) -> None:
        if self._ahead("(("):
            self._arithmetic(places.ARITHMETIC_COMMAND)
            return
        touching = self._word_so_far() if self.frame.word_end == len(self.out) else ""
        if touching.endswith(("?", "*", "+", "@", "!")):
            raise differs("an extended pattern such as !( )")
        self._take()
        if self.frame.top == "pattern":
            self.frame.opened[-1] = "alternatives"
        elif begins_array(touching):
            self.has_arrays = True
            self.frame.opened.append("array")
        else:
            self.frame.opened.append("(")
            self.frame.begin_command()

    def _shut(self) -> None:
        match self.frame.top:
            case "(":
                self.frame.opened.pop()
            case "array":
                self.frame.opened.pop()
                self._take()
                self._end_of_word()
                return
            case "pattern" | "alternatives":
                self.frame.opened[-1] = "body"
            case _:
                raise differs("a ')' that closes nothing")
        self._take()
        self.frame.begin_command()

    def _redirection(self) -> None:
        if self._ahead("<(") or self._ahead(">("):
            self._take()
            self.nested_commands(places.PROCESS)
            self._end_of_word()
        elif self._ahead("<<") and not self._ahead("<<<"):
            self._here_document()
        else:
            self._take(3 if self._ahead("<<<") else 1)
            self.frame.redirects = "descriptor" if self._peek() == "&" else "file"
            if self._peek() in ("<", ">", "&", "|"):
                self._take()

    # -- words ------------------------------------------------------------------------------------------------------

    def _word(self) -> None:
        self._word_parts()
        word = self._word_so_far()
        match self.frame.top:
            case "array":
                pass
            case "subject" | "in" | "pattern" | "alternatives":
                self._word_of_case(word)
            case _ if self.frame.redirects:
                self.frame.redirects = ""
            case _ if self._peek() in ("<", ">") and is_descriptor(word):
                pass
            case _ if word == "[[":
                self._double_brackets()
            case _ if self.frame.name:
                self._argument(word)
            case _:
                self._command_word(word)

    def _word_parts(self) -> None:
        self.frame.word_start = len(self.out)
        while (item := self._peek()) is not None and item not in _META:
            self._part(item)
        self.frame.word_end = len(self.out)

    def _word_of_case(self, word: str) -> None:
        opened = self.frame.opened
        match opened[-1], word:
            case "subject", _:
                opened[-1] = "in"
            case "in", "in":
                opened[-1] = "pattern"
            case "pattern", "esac":
                opened.pop()
            case "pattern", _:
                opened[-1] = "alternatives"
            case ("in", _) | (_, "esac"):
                raise differs(f"'{word}' in the head of a case")
            case _:
                pass

    def _command_word(self, word: str) -> None:
        frame = self.frame
        if frame.names_function:
            frame.names_function = False
        elif word == "case":
            frame.opened.append("subject")
        elif word == "esac" and frame.top == "body":
            frame.opened.pop()
        elif word == "function":
            frame.names_function = True
        elif word == "coproc":
            raise differs("a coproc")
        elif is_assignment(word):
            self.has_arrays |= "[" in word
        elif word not in _BEFORE_A_COMMAND:
            self._name_command(unquoted(word))

    def _name_command(self, name: str) -> None:
        if name in _BEFORE_A_BUILTIN or (self.frame.prefixed and name.startswith("-")):
            self.frame.prefixed = True
        else:
            self.frame.name = name
            self.has_arrays |= name in ("mapfile", "readarray")

    def _argument(self, word: str) -> None:
        frame, plain = self.frame, unquoted(word)
        if frame.name in ("for", "select") and word == "do":
            frame.begin_command()
            return
        if plain.startswith(("-", "+")) and (frame.name in places.DECLARING or frame.name == "read"):
            frame.evaluates |= any(flag in plain for flag in "aAin")
            self.has_integers |= "i" in plain and frame.name != "read"
            self.has_arrays |= "a" in plain or "A" in plain
        frame.previous = plain

    def _double_brackets(self) -> None:
        self.frame.name = "[["
        with self._refusing(places.BRACKETS):
            while (item := self._peek()) is not None and self._word_so_far() != "]]":
                if item == "#" or self._ahead("<<"):
                    raise differs("'#' or '<<' inside [[ ]]")
                if item in _META:
                    self._take()
                else:
                    self._word_parts()

    # -- here-documents ---------------------------------------------------------------------------------------------

    def _here_document(self) -> None:
        self._take(2)
        strips_tabs = self._peek() == "-"
        self._take(int(strips_tabs))
        while self._peek() in _BLANKS:
            self._take()
        start = len(self.out)
        delimiter = self._delimiter()
        quoted = len(self.out) - start != len(delimiter)
        self.frame.pending.append(HereDocument(delimiter, quoted, strips_tabs))

    def _delimiter(self) -> str:
        start, text = self.at, ""
        while (item := self._peek()) is not None and item not in _META:
            if isinstance(item, Hole) or item in ("$", "`"):
                raise Unsure(places.DELIMITER)
            text += self._delimiter_part(item)
        if self.at == start:
            raise differs("a here-document without a delimiter")
        return text

    def _delimiter_part(self, item: str) -> str:
        if item in ("'", '"'):
            return self._quoted_delimiter(item)
        self._copy(2 if item == "\\" else 1)
        last = self.items[self.at - 1]
        if isinstance(last, Hole):
            raise Unsure(places.DELIMITER)
        return last

    def _quoted_delimiter(self, quote: str) -> str:
        self._copy()
        text = ""
        while (item := self._raw()) is not None and item != quote:
            if isinstance(item, Hole) or item in ("\n", "\\", "$", "`"):
                raise Unsure(places.DELIMITER)
            text += item
            self._copy()
        self._close(quote)
        return text

    def _body(self, document: HereDocument) -> None:
        start = end = self.at
        while end < len(self.items) and not document.ends_with(_text(self._body_line(document))):
            end = self.at
        if not document.quoted:
            self._check_expansions(self.items[start:end])

    def _check_expansions(self, body: Sequence[Item]) -> None:
        """One shell looks for the end of a here-document first, the other for the end of a substitution in it."""
        with self._refusing(places.HERE_DOCUMENT):
            inner = _Scanner(body, self.inside)
            inner._quoted_text(until="")
        if not inner.complete:
            raise differs("a here-document in which a substitution is never closed")

    def _body_line(self, document: HereDocument) -> list[Item]:
        line = self._line()
        while not document.quoted and _is_joined(line) and self.at < len(self.items):
            line = line[:-1] + self._line()
            if document.ends_with(_text(line)):
                raise differs("the delimiter of a here-document on joined lines")
        return line

    def _line(self) -> list[Item]:
        start = self.at
        while (item := self._raw()) is not None and item != "\n":
            if isinstance(item, Hole):
                self._refuse([item.name], places.HERE_DOCUMENT)
            self._copy()
        line = list(self.items[start : self.at])
        self._copy()
        return line


def _text(line: Sequence[Item]) -> str:
    return "".join(item if isinstance(item, str) else item.expansion for item in line)


def _is_joined(line: Sequence[Item]) -> bool:
    backslashes = 0
    for item in reversed(line):
        if item != "\\":
            break
        backslashes += 1
    return backslashes % 2 == 1
