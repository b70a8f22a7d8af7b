"""Texts made of a mapping's keys: Jinja2's grammar, held to a subset that can do no harm.

A template is read when its file is loaded (`read`, `mistakes`), with the line of everything that is wrong, and
rendered when a Secret is built (`render`). What belongs here: the subset, its filters, and the interpreter that runs
it, counting each step. What does not: which keys a mapping has, where a template stands in a file, what becomes of
an error.

Pure: no clock, network, log or environment, so the same keys give the same text. No error holds a piece of a value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from syncd.template.meter import Limits, Reason, StoppedError
from syncd.template.tree import Known, Mistake, Program

__all__ = ["Known", "Limits", "Mistake", "Program", "Reason", "Stopped", "mistakes", "read", "render"]

USUAL: Final = Limits()


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a rendering gave nothing."""

    reason: Reason
    line: int
    """In the template's text, from 1."""
    message: str
    """What is wrong there; no value and no piece of one."""


@lru_cache(maxsize=1024)
def read(text: str) -> Program | tuple[Mistake, ...]:
    """Read `text` as a template, or say what is wrong with it. Raises for no input."""
    from syncd.template import jinja  # noqa: PLC0415 — Jinja2 takes 50 ms, which only those with a template spend

    return jinja.read(text)


def mistakes(program: Program, known: Known, *, literals_only: bool = False) -> tuple[Mistake, ...]:
    """Say which names of a template its mapping cannot give, and where it uses a secret value as if it were none.

    With `literals_only`, as for labels, every name must be that of a literal.
    """
    from syncd.template import names  # noqa: PLC0415 — as above

    try:
        return names.mistakes(program, known, literals_only=literals_only)
    except RecursionError:  # as in `render`
        return (Mistake(1, "nested too deeply", "write it flatter"),)


def render(program: Program, values: Mapping[str, bytes], limits: Limits = USUAL) -> bytes | Stopped:
    """Make the text of a template, UTF-8, from the keys of its mapping. Raises for no input."""
    from syncd.template.evaluate import Run  # noqa: PLC0415 — as above

    run = Run(values, limits)
    try:
        return run.output(program)
    except StoppedError as error:
        return Stopped(error.reason, run.line, error.message)
    except RecursionError:  # only where the caller stands deep in the stack already: nesting is bounded when it is read
        return Stopped(Reason.TOO_LARGE, run.line, "it nests too deeply")
