"""What SIGTERM and Ctrl-C do to a run and to the daemon, each in a process of its own."""

import signal
import subprocess
import sys
import time

import pytest

RUN = """
import time
from syncd.cli.signals import RunSignals
from syncd.cli.stop import Terminated
signals = RunSignals()
{begin}
try:
    print("ready", flush=True)
    for _ in range(1000):
        time.sleep(0.02)
        if signals.stopped.is_set():
            print("stopped", flush=True)
            {after}
            break
except Terminated:
    print("terminated", flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
DAEMON = """
import time
from syncd.cli.signals import DaemonSignals
signals = DaemonSignals(last_resort={last_resort})
{call}
print("ready", flush=True)
while True:
    time.sleep({nap})
    if signals.stopped.is_set() and not {hangs}:
        break
print("ended", flush=True)
"""


def sent(program: str, *numbers: int) -> tuple[list[str], int, float]:
    """Run `program`, send the signals one after the other, and give its lines, exit code and seconds from the first."""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = [process.stdout.readline().strip()]
    began = time.monotonic()
    for index, number in enumerate(numbers):
        if index:
            lines.append(process.stdout.readline().strip())
        process.send_signal(number)
    with process.stdout:
        lines += process.stdout.read().split()
    return lines, process.wait(30), time.monotonic() - began


@pytest.mark.parametrize(("number", "word"), [(signal.SIGTERM, "terminated"), (signal.SIGINT, "interrupted")])
def test_before_the_writes_a_signal_ends_a_run_at_once(number: int, word: str) -> None:
    assert sent(RUN.format(begin="", after="pass"), number)[0] == ["ready", word]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_once_writes_began_a_signal_lets_them_finish(number: int) -> None:
    assert sent(RUN.format(begin="signals.begin_writes()", after="pass"), number)[0] == ["ready", "stopped"]


def test_a_second_ctrl_c_waits_for_nothing() -> None:
    program = RUN.format(begin="signals.begin_writes()", after="time.sleep(20)")

    assert sent(program, signal.SIGINT, signal.SIGINT)[0] == ["ready", "stopped", "interrupted"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_daemon_is_told_to_stop_and_ends_by_itself(number: int) -> None:
    program = DAEMON.format(last_resort=20, call="signals.call(lambda: print('called', flush=True))", nap=0.02, hangs=0)

    assert sent(program, number)[:2] == (["ready", "called", "ended"], 0)


def test_a_daemon_that_hangs_is_gone_in_time_all_the_same() -> None:
    """J7."""
    lines, code, seconds = sent(DAEMON.format(last_resort=0.3, call="", nap=0.02, hangs=1), signal.SIGTERM)

    assert (lines, code) == (["ready"], 0)
    assert seconds < 5


def test_what_is_to_be_called_is_called_though_the_signal_came_first() -> None:
    late = """
import os, signal
os.kill(os.getpid(), signal.SIGTERM)
signals.stopped.wait(10)
signals.call(lambda: print("called"))
"""

    assert sent(DAEMON.format(last_resort=20, call=late, nap=0.02, hangs=0))[0] == ["called", "ready", "ended"]
