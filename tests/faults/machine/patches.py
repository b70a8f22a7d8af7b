"""What the machine has to take from the program: threads of its own, and a loop that wakes when nothing is due."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest

A = TypeVar("A")
B = TypeVar("B")


def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a pass renew and write for one Secret after the other, so that the machine alone says who goes first."""
    monkeypatch.setattr("syncd.writing.run_each", _one_by_one)
    monkeypatch.setattr("syncd.leases.run_each", _one_by_one)
    monkeypatch.setattr("syncd.daemon.loop.BEAT", 3600.0)


def _one_by_one(
    work: Callable[[A], B],
    items: Sequence[A],
    *,
    workers: int,  # noqa: ARG001 — the shape of run_each
    name: str,  # noqa: ARG001 — as above
) -> Iterator[tuple[A, B]]:
    for item in items:
        yield item, work(item)
