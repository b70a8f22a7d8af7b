"""`workers`: how many Secrets are written at a time."""

from dataclasses import replace
from threading import Barrier, Event, Lock

from syncd.model.secret import WriteFailure
from syncd.testing.memory_target import Asked
from syncd.writing import UntilStopped, Writer
from tests.unit.test_writing import Desk, gives, wants


def write(desk: Desk, count: int, workers: int) -> list[str]:
    seen = desk.seen(*((wants(f"s{number}"), gives(f"s{number}")) for number in range(count)), look_first=False)
    standing = desk.standing(*(mapping for mapping, _ in seen.wanted))
    writer = Writer({"default": desk.target}, standing, UntilStopped(Event()), desk.ledger)
    written = replace(writer, workers=workers).carry_out(desk.plan(seen), seen, now=1.0)
    return [change.outcome for change in written.changes]


def test_one_worker_writes_one_secret_after_the_other() -> None:
    desk, lock, under_way, most = Desk(), Lock(), [0], [0]

    def begin(_asked: Asked) -> WriteFailure | None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        Event().wait(0.001)  # long enough for another to begin, if there were one
        with lock:
            under_way[0] -= 1
        return None

    desk.cluster.answer = begin
    assert write(desk, 10, workers=1) == ["done"] * 10
    assert most == [1]


def test_four_workers_write_four_at_a_time() -> None:
    desk, together = Desk(), Barrier(4)

    def begin(_asked: Asked) -> WriteFailure | None:
        together.wait(30)  # breaks, and fails the test, where fewer than four come
        return None

    desk.cluster.answer = begin
    assert write(desk, 8, workers=4) == ["done"] * 8
