"""Where in which file something stands, for messages to people."""

from typing import NamedTuple


class Position(NamedTuple):
    """A place in a configuration file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Give FILE:LINE:COL, the form that editors and terminals make clickable."""
        return f"{self.file}:{self.line}:{self.column}"
