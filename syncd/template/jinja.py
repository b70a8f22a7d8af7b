"""Jinja2's grammar, read by its own lexer and parser; this module and `subset` are the only ones that import it.

Nothing of Jinja2 runs a template: its parser gives nodes, each node that `subset` knows becomes a part of our own
(`tree`), and every other is a mistake. So there are no globals, attributes, calls or compiled code to guard.

What its lexer would change or let pass is mended here: carriage returns are kept, escapes that it does not know are
told, and depth and number of signs are bounded before its recursive parser sees them.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, lexer
from jinja2.parser import Parser

from syncd.template.spelling import quoted
from syncd.template.subset import Reader
from syncd.template.tree import Mistake, Program

MAX_TEXT: Final = 128 * 1024
"""Characters of a template."""
MAX_SIGNS: Final = 5_000
"""Words and signs in all tags together."""
MAX_IN_TAG: Final = 200
"""The same in one tag."""
MAX_BRACKETS: Final = 8
MAX_BLOCKS: Final = 8
"""`if` and `for` inside each other."""
_OPENING: Final = frozenset({"if", "for"})
_CLOSING: Final = frozenset({"endif", "endfor"})
_TAGS: Final = _OPENING | _CLOSING | {"elif", "else"}
BLANKS: Final = "\x1f\x1e\x1d\x1c\v\f\x85\xa0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u3000"
"""White space to Python's patterns, and no end of a line to the lexer: one that the text does not use stands for a
carriage return while the lexer looks at it."""
_ESCAPE: Final = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.?)", re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", "'": "'", '"': '"'}


class _MistakeError(Exception):
    """Unwinds the lexer and the parser."""

    def __init__(self, line: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.mistake = Mistake(line, message, hint)


def _unescaped(line: int, written: str) -> str:
    """Give the text of a literal between quotes."""

    def one(found: re.Match[str]) -> str:
        code = found[1]
        if len(code) > 1:
            number = int(code[1:], 16)
            if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF:
                return chr(number)
        elif code in _ESCAPES:
            return _ESCAPES[code]
        raise _MistakeError(line, "a text with an unknown escape", r"\n \r \t \0 \\ \' \" \xHH \uHHHH; \\ for a \ ")

    return _ESCAPE.sub(one, written) if "\\" in written else written


class _Lexer(lexer.Lexer):
    """Jinja2's patterns, with our own look at every token."""

    def stream(self, source: str) -> lexer.TokenStream:
        """Give the tokens of `source`, carriage returns and all."""
        blank = next((blank for blank in BLANKS if blank not in source), "") if "\r" in source else ""
        if "\r" in source and not blank:
            raise _MistakeError(1, "too many kinds of white space in one text")
        tokens = self.tokeniter(source.replace("\r", blank) if blank else source, None)
        return lexer.TokenStream(_checked(tokens, blank), None, None)


def _checked(tokens: Iterable[tuple[int, str, str]], blank: str) -> Iterator[lexer.Token]:
    """Do what the lexer's `wrap` does, within bounds, and without changing a text."""
    counter = _Counter()
    for line, kind, written in tokens:
        if kind in lexer.ignored_tokens or kind in (lexer.TOKEN_RAW_BEGIN, lexer.TOKEN_RAW_END):
            continue
        text = written.replace(blank, "\r") if blank else written
        if kind == lexer.TOKEN_DATA:
            yield lexer.Token(line, kind, text)
            continue
        counter.count(line, kind, text)
        match kind:
            case lexer.TOKEN_STRING:
                yield lexer.Token(line, kind, _unescaped(line, text[1:-1]))
            case lexer.TOKEN_INTEGER:
                if not re.fullmatch(r"[0-9]{1,18}", text):
                    raise _MistakeError(line, "a number that is too long or oddly written", "at most 18 digits")
                yield lexer.Token(line, kind, int(text))  # type: ignore[arg-type]  # as the lexer itself does
            case lexer.TOKEN_FLOAT:
                raise _MistakeError(line, "a number with a fraction", "put it in quotes")
            case lexer.TOKEN_OPERATOR:
                yield lexer.Token(line, lexer.operators[text], text)
            case lexer.TOKEN_NAME if not text.isidentifier():
                raise _MistakeError(line, "not a name", 'write data["KEY"] for a key that is none')
            case _:
                yield lexer.Token(line, kind, text)


class _Counter:
    """Bounds of what the parser is given, and the tags that there are."""

    def __init__(self) -> None:
        self._all = self._in_tag = self._brackets = self._blocks = 0
        self._begins = False

    def count(self, line: int, kind: str, text: str) -> None:
        self._all += 1
        self._in_tag += 1
        if kind in (lexer.TOKEN_BLOCK_BEGIN, lexer.TOKEN_VARIABLE_BEGIN):
            self._in_tag = 0
        if self._all > MAX_SIGNS:
            raise _MistakeError(line, f"more than {MAX_SIGNS} words and signs in its tags", "split the template")
        if self._in_tag > MAX_IN_TAG:
            raise _MistakeError(line, f"more than {MAX_IN_TAG} words and signs in one tag", "write it shorter")
        if kind == lexer.TOKEN_OPERATOR:
            self._brackets += (text in "([{") - (text in ")]}")
            if self._brackets > MAX_BRACKETS:
                raise _MistakeError(line, f"brackets nest deeper than {MAX_BRACKETS}", "write it flatter")
        elif kind == lexer.TOKEN_NAME and self._begins:
            self._tag(line, text)
        self._begins = kind == lexer.TOKEN_BLOCK_BEGIN

    def _tag(self, line: int, word: str) -> None:
        if word not in _TAGS:
            raise _MistakeError(line, f"there is no tag {quoted(word)}", "if, elif, else, endif, for, endfor, raw")
        self._blocks += (word in _OPENING) - (word in _CLOSING)
        if self._blocks > MAX_BLOCKS:
            raise _MistakeError(line, f"if and for nest deeper than {MAX_BLOCKS}", "write it flatter")


class _Environment(Environment):
    """Jinja2's settings, with our lexer. Nothing is ever compiled in it."""

    def _tokenize(
        self, source: str, name: str | None, filename: str | None = None, state: str | None = None
    ) -> lexer.TokenStream:
        del name, filename, state
        return _LEXER.stream(source)


_ENVIRONMENT: Final = _Environment(keep_trailing_newline=True, autoescape=False)
_LEXER: Final = _Lexer(_ENVIRONMENT)


def read(text: str) -> Program | tuple[Mistake, ...]:
    """Read `text` as a template, or say what is wrong with it: the first thing in its grammar, else all that is."""
    if len(text) > MAX_TEXT:
        return (Mistake(1, f"longer than {MAX_TEXT} characters", "split the template"),)
    try:
        template = Parser(_ENVIRONMENT, text).parse()
        reader = Reader()
        program = reader.program(template)
    except _MistakeError as error:
        return (error.mistake,)
    except TemplateSyntaxError as error:
        # The template stands in the file and is no secret, so the parser may say what it minds about it.
        return (Mistake(error.lineno, f"not a template: {_said(error)}"),)
    except RecursionError:
        return (Mistake(1, "not a template: nested too deeply"),)
    return tuple(reader.mistakes) or program


def _said(error: TemplateSyntaxError) -> str:
    message = (error.message or "").rstrip(".")
    message = "".join(c if c.isprintable() else "?" for c in message[:200])
    return message[:1].lower() + message[1:]
