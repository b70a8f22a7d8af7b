r"""Dotenv files, read as a POSIX shell reads assignments, but nothing is ever expanded.

`KEY=VALUE`, with `export ` before it or not. Single quotes keep everything; double quotes take the escapes `\n`, `\r`,
`\t`, `\\`, `\"`, `\$` and the escaped backquote, and keep the backslash of any other; both may span lines. Without
quotes a value ends at its line or at a `#` after white space. `$NAME` stays as it is: values are data.
"""

import re
from typing import Final

from syncd_providers.file.malformed import Malformed

_NOTHING: Final = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?:\n|\Z)")
"""An empty line, a comment, or the rest of a line after a quoted value."""
_KEY: Final = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=")
_SINGLE: Final = re.compile(r"[ \t]*'([^']*)'")
_DOUBLE: Final = re.compile(r'[ \t]*"((?:[^"\\]|\\.)*)"', re.DOTALL)
_QUOTED: Final = re.compile(r"""[ \t]*['"]""")
_PLAIN: Final = re.compile(r"([^\n]*)(?:\n|\Z)")
_COMMENT: Final = re.compile(r"[ \t]#")
_ESCAPE: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$", "`": "`"}


def pairs(data: bytes) -> dict[str, bytes]:
    """Give the values by key. Bytes that are no UTF-8 stay as they are. Raises Malformed, for a second key too."""
    text = data.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
    found: dict[str, bytes] = {}
    at = 0
    while at < len(text):
        if nothing := _NOTHING.match(text, at):
            at = nothing.end()
            continue
        begin = at
        key = _KEY.match(text, at)
        if key is None or key[1] in found:
            raise _at(text, begin)
        value, at = _value(text, key.end())
        found[key[1]] = value.encode("utf-8", "surrogateescape")
    return found


def _value(text: str, at: int) -> tuple[str, int]:
    """Give the value that begins at `at`, and where the next line begins."""
    if _QUOTED.match(text, at):
        quoted = _SINGLE.match(text, at) or _DOUBLE.match(text, at)
        rest = quoted and _NOTHING.match(text, quoted.end())
        if not quoted or not rest:
            raise _at(text, at)
        value = quoted[1] if quoted.re is _SINGLE else _ESCAPE.sub(_unescaped, quoted[1])
        return value, rest.end()
    plain = _PLAIN.match(text, at)
    if plain is None:
        raise _at(text, at)
    comment = _COMMENT.search(plain[1])
    value = plain[1][: comment.start()] if comment else plain[1]
    return value.strip(" \t\r"), plain.end()


def _unescaped(found: re.Match[str]) -> str:
    return _ESCAPED.get(found[1], found[0])


def _at(text: str, position: int) -> Malformed:
    before = text[:position]
    return Malformed(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)
