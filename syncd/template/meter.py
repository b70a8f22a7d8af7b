"""How much one rendering may do: every step, text and list is counted, and what passes the limits stops it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Never

_MEBI: Final = 1024 * 1024


class Reason(StrEnum):
    """Why a rendering stopped: a fixed code."""

    UNDEFINED = "template-undefined"
    """A name, an entry or a part is not there."""
    TOO_LARGE = "template-too-large"
    """It would make or do more than the limits allow."""
    FAILED = "template-failed"
    """A filter or an operator cannot do what it was asked with what it was given."""
    NOT_TEXT = "not-text"
    """A value that is used as text is not UTF-8."""
    INVALID = "template-invalid"
    """The text is no template of the subset; a file that says so is not loaded."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of one rendering. Together they keep it below a second and 64 MiB, whatever it is given."""

    output: int = _MEBI
    """Bytes that come out."""
    loops: int = 10_000
    """Rounds of all loops together, those inside others counted each time."""
    steps: int = 100_000
    """Parts of the template that are looked at."""
    text: int = _MEBI
    """Characters of one text on the way, and bytes of one value."""
    work: int = 32 * _MEBI
    """Bytes of all texts and lists on the way together."""


class StoppedError(Exception):
    """Unwinds a rendering; never leaves this room. Its message is made of fixed words and names, never of values."""

    def __init__(self, reason: Reason, message: str) -> None:
        """Keep why."""
        super().__init__(reason)
        self.reason = reason
        self.message = message


def stop(reason: Reason, message: str) -> Never:
    """Stop the rendering."""
    raise StoppedError(reason, message)


class Meter:
    """Counts one rendering."""

    __slots__ = ("_loops", "_output", "_steps", "_work", "kept", "limits")

    def __init__(self, limits: Limits) -> None:
        """Start at nothing."""
        self.limits = limits
        self.kept: dict[object, object] = {}
        """What is costly to make, by what it was made of, for as long as this rendering takes."""
        self._steps = limits.steps
        self._loops = limits.loops
        self._work = limits.work
        self._output = limits.output

    def step(self) -> None:
        """Count one part of the template that is looked at."""
        self._steps -= 1
        if self._steps < 0:
            stop(Reason.TOO_LARGE, f"it takes more than {self.limits.steps} steps")

    def loop(self) -> None:
        """Count one round of a loop."""
        self._loops -= 1
        if self._loops < 0:
            stop(Reason.TOO_LARGE, f"its loops take more than {self.limits.loops} rounds")

    def work(self, size: int) -> None:
        """Count bytes of memory that are made, or the like of them in time."""
        self._work -= size
        if self._work < 0:
            stop(Reason.TOO_LARGE, "it makes or reads too many texts on the way")

    def foresee(self, characters: int) -> None:
        """Refuse a text of so many characters before it is made."""
        if characters > self.limits.text:
            self.too_large("a text on the way")

    def make(self, text: str) -> str:
        """Count a text that was made, and give it."""
        self.foresee(len(text))
        self.work(len(text) if text.isascii() else 4 * len(text))
        return text

    def put_out(self, size: int) -> None:
        """Count bytes that come out."""
        self._output -= size
        if self._output < 0:
            stop(Reason.TOO_LARGE, f"it gives more than {self.limits.output} bytes")

    def too_large(self, what: str) -> Never:
        """Stop, since one thing is too large by itself."""
        stop(Reason.TOO_LARGE, f"{what} is larger than {self.limits.text} bytes")
