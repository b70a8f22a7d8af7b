"""Work side by side on daemon threads: a call that hangs never holds the process back from ending.

`concurrent.futures` joins its threads when the interpreter ends, which a socket that never answers would delay.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import Empty, SimpleQueue
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def start_daemon(run: Callable[[], None], name: str) -> None:
    """Start a thread that keeps no process from ending. Raises RuntimeError where the system gives no more threads."""
    threading.Thread(target=run, name=name, daemon=True).start()


def run_each(work: Callable[[A], B], items: Sequence[A], *, workers: int, name: str) -> Iterator[tuple[A, B]]:
    """Do `work` on every item with at most `workers` threads, and give each item with its result as it comes.

    An exception out of `work` is raised here, once. Whoever stops listening, by that or otherwise, stops the threads
    after the item that each is at.
    """
    if len(items) <= 1 or workers <= 1:
        for item in items:
            yield item, work(item)
        return
    waiting: SimpleQueue[A] = SimpleQueue()
    for item in items:
        waiting.put(item)
    results: SimpleQueue[tuple[A, B] | BaseException] = SimpleQueue()
    stopped = threading.Event()

    def run() -> None:
        _work_off(work, waiting, results, stopped)

    try:
        _start(run, min(workers, len(items)), name)
        for _ in items:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result
    finally:
        stopped.set()


def _start(run: Callable[[], None], count: int, name: str) -> None:
    """Start so many threads; fewer where the system gives no more, but one at least."""
    for number in range(count):
        try:
            start_daemon(run, f"{name}-{number}")
        except RuntimeError:
            if number == 0:
                raise
            return


def _work_off(
    work: Callable[[A], B],
    waiting: SimpleQueue[A],
    results: SimpleQueue[tuple[A, B] | BaseException],
    stopped: threading.Event,
) -> None:
    while not stopped.is_set():
        try:
            item = waiting.get_nowait()
        except Empty:
            return
        try:
            results.put((item, work(item)))
        except BaseException as error:  # noqa: BLE001 — handed to the caller, whose thread raises it
            results.put(error)
            return
