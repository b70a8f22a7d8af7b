r"""Regular expressions that users write: RE2, so that none takes more than linear time. The one importer of re2.

Patterns are unanchored. Over values they look at bytes: `.` is one byte, `\xff` that byte, and letters beyond ASCII
stand for their UTF-8; over names they look at characters. `$` is the very end, after a final newline.

What stands for a match may name the pattern's groups, `\1` to `\9` and `\0` for all of it; `\\` is a backslash.
"""

import re
from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any, Final

LONGEST: Final = 1_000
"""Characters of a pattern, or of what stands for its matches: more than anybody reads."""
_ESCAPE: Final = re.compile(r"\\(.?)", re.DOTALL)


@lru_cache(maxsize=4096)
def _compiled(pattern: str, *, names: bool) -> Any:  # noqa: ANN401 — the library's object, or a text on what is wrong
    import re2  # noqa: PLC0415 — few configurations have a pattern

    if len(pattern) > LONGEST:
        return f"longer than {LONGEST} characters"
    options = re2.Options()
    options.log_errors = False  # it would write the pattern to stderr
    if not names:
        options.encoding = re2.Options.Encoding.LATIN1
    try:
        return re2.compile(pattern if names else pattern.encode(), options)
    except UnicodeEncodeError:
        return "not text"
    except re2.error as error:
        # The pattern stands in the file and is no secret, so the library may say what it minds about it.
        (said,) = error.args
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)


def mistake(pattern: str, *, names: bool = False) -> str:
    """Say what is wrong with `pattern`, or give an empty text. `names`: one over names rather than over values."""
    found = _compiled(pattern, names=names)
    return found if isinstance(found, str) else ""


def matches(pattern: str, data: bytes) -> bool:
    """Tell whether `pattern`, which has no mistake, is found somewhere in the value `data`."""
    return _compiled(pattern, names=False).search(data) is not None


def fits(pattern: str, name: str) -> bool:
    """Tell whether `pattern`, which has no mistake over names, is found in `name`; no Unicode fits nothing."""
    try:
        return _compiled(pattern, names=True).search(name) is not None
    except UnicodeEncodeError:
        return False


def stand_in_mistake(pattern: str, stand_in: str) -> str:
    """Say what is wrong with what is put for each match of `pattern` in a name, or give an empty text."""
    if len(stand_in) > LONGEST:
        return f"longer than {LONGEST} characters"
    groups: int = _compiled(pattern, names=True).groups
    for escape in _ESCAPE.finditer(stand_in):
        if escape[1] != "\\" and not (escape[1].isascii() and escape[1].isdigit() and int(escape[1]) <= groups):
            return f"{escape[0]} stands for no group, of which the pattern has {groups}"
    return ""


def replaced(pattern: str, stand_in: str, name: str, *, most: int) -> str:
    """Put `stand_in` for each match of `pattern` in `name`; what is longer than `most` characters may be cut short.

    Neither has a mistake. Raises UnicodeEncodeError for a name that is no Unicode.
    """
    return "".join(_bounded(_pieces(pattern, stand_in, name), most))


def _pieces(pattern: str, stand_in: str, name: str) -> Iterator[str]:
    position = 0
    for match in _compiled(pattern, names=True).finditer(name):
        yield name[position : match.start()]
        yield _ESCAPE.sub(partial(_meant, match), stand_in)
        position = match.end()
    yield name[position:]


def _meant(match: Any, escape: re.Match[str]) -> str:  # noqa: ANN401 — the library is untyped
    return "\\" if escape[1] == "\\" else match[int(escape[1])] or ""


def _bounded(pieces: Iterator[str], most: int) -> Iterator[str]:
    size = 0
    for piece in pieces:
        yield piece
        size += len(piece)
        if size > most:
            return
