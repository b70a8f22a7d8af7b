"""Work side by side on daemon threads."""

import threading
from collections.abc import Callable

import pytest

from syncd.workers import run_each, start_daemon


def test_every_item_comes_with_its_own_result() -> None:
    found = dict(run_each(lambda number: number * number, range(100), workers=8, name="test"))

    assert found == {number: number * number for number in range(100)}


def test_nothing_to_do_starts_nothing() -> None:
    assert list(run_each(lambda item: item, (), workers=8, name="test-nothing")) == []


@pytest.mark.parametrize(("items", "workers"), [(1, 8), (5, 1)])
def test_what_one_thread_can_do_is_done_on_the_callers(items: int, workers: int) -> None:
    threads = {
        thread for _, thread in run_each(lambda _: threading.get_ident(), range(items), workers=workers, name="")
    }

    assert threads == {threading.get_ident()}


def test_so_many_work_at_once_and_no_more() -> None:
    meeting = threading.Barrier(4)
    running: list[int] = []
    most = 0
    lock = threading.Lock()

    def work(_item: int) -> None:
        nonlocal most
        with lock:
            running.append(1)
            most = max(most, len(running))
        meeting.wait(10)
        with lock:
            running.pop()

    list(run_each(work, range(12), workers=4, name="test"))

    assert most == 4


def test_a_result_is_given_while_others_are_still_at_work() -> None:
    release = threading.Event()

    def work(item: str) -> str:
        if item == "slow":
            release.wait(10)
        return item

    results = run_each(work, ("slow", "fast"), workers=2, name="test")

    assert next(results) == ("fast", "fast")
    release.set()
    assert next(results) == ("slow", "slow")


def test_an_exception_is_raised_once_and_stops_the_rest() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 3:
            message = "the third"
            raise LookupError(message)
        done.append(number)

    with pytest.raises(LookupError, match="the third"):
        list(run_each(work, range(10_000), workers=2, name="test"))

    assert len(done) < 10_000


def test_who_stops_listening_stops_the_threads() -> None:
    done: list[int] = []
    results = run_each(done.append, range(1_000_000), workers=2, name="test-abandoned")
    next(results)

    results.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate():
        if thread.name.startswith("test-abandoned"):
            thread.join(10)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("test-abandoned")]
    assert len(done) < 1_000_000


def test_threads_keep_no_process_from_ending_and_say_what_they_do() -> None:
    seen: list[tuple[bool, str]] = []
    done = threading.Event()

    def run() -> None:
        thread = threading.current_thread()
        seen.append((thread.daemon, thread.name))
        done.set()

    start_daemon(run, "syncd-test")

    assert done.wait(10)
    assert seen == [(True, "syncd-test")]


def _scarce(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """Let the system give so many threads more."""
    left = [threads]
    start: Callable[[threading.Thread], None] = threading.Thread.start

    def limited(thread: threading.Thread) -> None:
        if left[0] == 0:
            message = "can't start new thread"
            raise RuntimeError(message)
        left[0] -= 1
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)


def test_fewer_threads_than_wanted_do_all_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    _scarce(monkeypatch, 1)

    assert len(list(run_each(lambda item: item, range(50), workers=8, name="test"))) == 50


def test_no_thread_at_all_is_an_error_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    _scarce(monkeypatch, 0)

    with pytest.raises(RuntimeError):
        list(run_each(lambda item: item, range(50), workers=8, name="test"))
