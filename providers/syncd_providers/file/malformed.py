"""The one error of the readers: where a file stops being well-formed, without its text."""


class Malformed(Exception):  # noqa: N818 — turned into a failure by the provider
    """The file is not in the form that its name says. Knows the place, and nothing of what stands there."""

    def __init__(self, line: int, column: int) -> None:
        """Keep the place; both count from 1."""
        super().__init__(f"line {line}, column {column}")
        self.line = line
        self.column = column
