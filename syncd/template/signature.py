"""What a filter is: a function and its parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from syncd.template.values import Value

Kind = Literal["text", "count", "flag", "word", "any"]
MOST: int = 100
"""The largest count."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a filter.

    `text` and `any` take what the template reckons; `count`, `flag` and `word` stand in the template itself.
    """

    name: str
    kind: Kind = "text"
    default: str | int | bool | None = None
    required: bool = False
    words: tuple[str, ...] = ()

    def mistake(self, *, constant: bool, value: str | int | bool | None) -> str:
        """Say what an argument must be, or give an empty text; `value` counts where it is a constant."""
        match self.kind:
            case "any":
                return ""
            case "text":
                return "text" if constant and not isinstance(value, str) else ""
            case "flag":
                return "" if constant and isinstance(value, bool) else "true or false"
            case "count":
                number = value if isinstance(value, int) and not isinstance(value, bool) else -1
                return "" if constant and 0 <= number <= MOST else f"a number from 0 to {MOST}"
            case "word":
                words = ", ".join(f'"{word}"' for word in self.words)
                return "" if constant and value in self.words else f"one of {words}"


@dataclass(frozen=True, slots=True)
class Filter:
    """What stands after a `|`."""

    apply: Callable[..., Value]
    """Takes the meter, the value before the `|`, and an argument for each parameter. Raises StoppedError alone."""
    parameters: tuple[Parameter, ...] = ()
    takes_absent: bool = False
    """Is it asked about what is not there too?"""
    literal_only: bool = False
    """Does it take nothing but what stands in the file?"""
