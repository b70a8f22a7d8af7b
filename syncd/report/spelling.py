"""How one output spells names and messages: escaped, coloured where asked, keys under pseudonyms where asked."""

from collections.abc import Iterable
from typing import Final, Literal

Color = Literal["red", "green", "yellow", "magenta", "cyan", "bold"]

_CODES: Final = {"red": "31", "green": "32", "yellow": "33", "magenta": "35", "cyan": "36", "bold": "1"}
HIDDEN: Final = "hidden by --redact-keys"
"""Stands for a message, which may name keys in any words."""


def escaped(text: str) -> str:
    """Spell out every character that a terminal or a log reader would act on or not show.

    That is controls (ANSI escapes, newlines), marks that reorder text, odd blanks and halves of surrogate pairs.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Spelling:
    """The rules of one output; pseudonyms are counted within it."""

    def __init__(self, *, color: bool = False, redact_keys: bool = False) -> None:
        """Start a new output."""
        self._color = color
        self._redact = redact_keys
        self._pseudonyms: dict[str, str] = {}

    def key(self, name: str) -> str:
        """Name a key of a Secret; not escaped."""
        if not self._redact:
            return name
        return self._pseudonyms.setdefault(name, f"key-{len(self._pseudonyms) + 1}")

    def message(self, text: str) -> str:
        """Give a message as it may be shown; not escaped."""
        return HIDDEN if self._redact and text else text

    def messages(self, message: str, also: Iterable[str]) -> tuple[str, ...]:
        """Give a message, and what else is told, as they may be shown; where they are hidden, that is said once."""
        told = tuple(text for text in (message, *also) if text)
        return (HIDDEN,) if self._redact and told else told

    def painted(self, text: str, color: Color) -> str:
        """Colour a text that is escaped already."""
        return f"\x1b[{_CODES[color]}m{text}\x1b[0m" if self._color else text
