"""The rate of calls to a target: a burst, then so many a second, and nobody while it is throttled."""

import threading

import pytest

from syncd.target.bucket import Bucket


class Time:
    """A clock that only waiting moves."""

    now = 50.0

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_a_burst_of_a_second_goes_at_once_and_the_rest_at_the_rate() -> None:
    time = Time()
    bucket = Bucket(10.0, clock=time.clock, wait=time.wait)
    assert all(bucket.take(patience=60) for _ in range(10))
    assert time.now == 50.0
    assert all(bucket.take(patience=60) for _ in range(20))
    assert time.now == pytest.approx(52.0)


def test_who_will_not_wait_that_long_is_told_at_once_and_takes_nothing() -> None:
    time = Time()
    bucket = Bucket(1.0, clock=time.clock, wait=time.wait)
    assert bucket.take(patience=0)
    assert not bucket.take(patience=0.5)
    assert time.now == 50.0
    assert bucket.take(patience=1.0)
    assert time.now == pytest.approx(51.0)


def test_a_pause_holds_everybody_and_a_shorter_one_does_not_end_it() -> None:
    time = Time()
    bucket = Bucket(100.0, clock=time.clock, wait=time.wait)
    bucket.pause(5)
    bucket.pause(1)
    assert not bucket.take(patience=4)
    assert bucket.take(patience=5)
    assert time.now == pytest.approx(55.0)


def test_many_threads_share_one_rate() -> None:
    waits: list[float] = []
    bucket = Bucket(4.0, clock=lambda: 0.0, wait=waits.append)
    threads = [threading.Thread(target=lambda: bucket.take(patience=100)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(waits) == pytest.approx([n / 4 for n in range(1, 17)])
