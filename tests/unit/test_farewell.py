"""The daemon's last moment: a pass that ends in it, however its report and the loop's waiting meet, is told."""

import threading
from collections.abc import Callable

import pytest

from syncd.daemon.loop import Loop, Work
from syncd.daemon.metrics import Metrics
from syncd.testing.memory_provider import MemoryProvider
from tests.faults.memory_site import Site, wants
from tests.unit.daemon_rig import RecordingLog


class _Moments(threading.Event):
    """An event around whose every use a test may act."""

    def __init__(self) -> None:
        """Act nowhere yet."""
        super().__init__()
        self.act: Callable[[str], None] = lambda _moment: None

    def set(self) -> None:
        super().set()
        self.act("set")

    def clear(self) -> None:
        self.act("before clear")
        super().clear()
        self.act("after clear")


@pytest.mark.parametrize("moment", ["at once", "before wait", "in wait", "before clear", "after clear"])
def test_whenever_a_pass_ends_in_the_farewell_what_it_wrote_is_told_and_nobody_waits_on(
    monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The pass has written when the daemon is told to end; its report comes at the worst of all moments."""
    site = Site(wants("a"), store=MemoryProvider())
    site.store.put("a", b"value")
    reports: list[Callable[[], None]] = []
    waits: list[float] = []
    stopped, wake = threading.Event(), _Moments()

    cleared: list[str] = []

    def arrive(now: str) -> None:
        in_farewell = bool(cleared)  # the last turn clears the event too
        if stopped.is_set() and now == "after clear":
            cleared.append(now)
        while (in_farewell or now == "at once") and now == moment and reports:
            reports.pop()()

    def wait(event: threading.Event, seconds: float) -> None:
        if not stopped.is_set():
            stopped.set()
            arrive("at once")
            return
        arrive("before wait")
        if event.is_set():
            return
        waits.append(seconds)
        arrive("in wait")
        if len(waits) > 1:  # the first one is woken by somebody else
            site.now += seconds

    real = Loop._end
    monkeypatch.setattr(Loop, "_end", lambda *ended: reports.append(lambda: real(*ended)))
    log = RecordingLog()
    loop = Loop(
        Work(site.mappings, site.gateway(), site.targets, None, site.standing),
        metrics=Metrics(),
        log=log,
        stopped=stopped,
        clock=lambda: site.now,
        wall=lambda: site.now,
        wait=wait,
        spawn=lambda run, _name: run(),
    )
    loop._wake, wake.act = wake, arrive
    began = site.now
    loop.run()

    assert reports == []
    assert [fields["name"] for fields in log.of("secret-created")] == ["a"]
    assert site.now == began
