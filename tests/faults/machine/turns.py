"""Threads that take turns: one runs at a time, who is next is chosen, and time passes only when all wait.

So a schedule of threads is an input of a test like any other: the same choices give the same run. What is tested
gets `clock`, `condition`, `spawn`, `lock` and `wait` in place of the threading module's, and calls `pause` wherever
another may go first. A task belongs to a process; the tasks of a killed process end at their next pause or wait.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

FOREVER: Final = float("inf")


class Killed(BaseException):
    """Ends a task of a killed process, where the kernel would end the thread."""


class Stuck(AssertionError):  # noqa: N818 — a verdict on the code under test
    """Nothing can run any more and no time can pass: a deadlock."""


@dataclass(eq=False)
class Process:
    """What is killed together."""

    name: str = ""
    dead: bool = False


@dataclass(eq=False)
class _Task:
    """One thread's work. It runs only while it holds the turn."""

    process: Process
    gate: threading.Lock = field(default_factory=threading.Lock)
    wake: float = 0.0
    """When it may go on; 0 where it may at once."""
    until: Callable[[], bool] | None = None
    """What wakes it before its time."""
    done: bool = False
    error: BaseException | None = None


class Turns:
    """Tasks and the time they share. `run` is called by the test's own thread, everything else by tasks."""

    def __init__(self, choose: Callable[[int], int] = lambda _count: 0, *, start: float = 1000.0) -> None:
        """Begin at `start` seconds. `choose` picks one of so many tasks at each pause; 0 is the one that runs."""
        self.choose = choose
        self.now = start
        self._tasks: list[_Task] = []
        self._current: _Task | None = None
        self._main = threading.Lock()
        self._main.acquire()
        self._awaited: list[_Task] = []
        self._stuck = False

    # For the test

    def run(self, *jobs: tuple[Process, Callable[[], None]]) -> None:
        """Run jobs until all have ended; raises what the first of them raised that was not killed."""
        tasks = [self._add(process, job) for process, job in jobs]
        self._until_done(tasks)
        for task in tasks:
            if task.error is not None:
                raise task.error

    def kill(self, process: Process) -> None:
        """End a process and let its tasks unwind, from outside of all tasks."""
        process.dead = True
        self._until_done([task for task in self._tasks if task.process is process])

    def process(self) -> Process | None:
        """Give the process of the task that runs; None between runs."""
        return self._current.process if self._current else None

    def current(self) -> object:
        """Give what stands for the task that runs, and for no other; None between runs."""
        return self._current

    # For tasks

    def clock(self) -> float:
        """Give the present moment, in seconds."""
        return self.now

    def pause(self) -> None:
        """Let another go first, if it is chosen; raises Killed in a killed process."""
        task = self._task()
        if len(ready := self._ready()) > 1:
            ready.remove(task)
            chosen = [task, *ready][self.choose(len(ready) + 1)]
            if chosen is not task:
                self._hand_over(task, chosen)
        if task.process.dead:
            raise Killed

    def wait(self, until: Callable[[], bool], seconds: float = FOREVER) -> bool:
        """Wait until something holds, for `seconds` at most; tell whether it does."""
        task = self._task()
        if task.process.dead:
            raise Killed
        if not until():
            task.wake, task.until = self.now + seconds, until
            self._park(task)
            task.wake, task.until = 0.0, None
        if task.process.dead:
            raise Killed
        return until()

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.wait(lambda: False, seconds)

    def spawn(self, run: Callable[[], None], name: str) -> None:  # noqa: ARG002 — the shape of the seam
        """Start a task in the same process."""
        self._add(self._task().process, run)

    def condition(self, lock: threading.Lock) -> threading.Condition:
        """Make a condition whose waits end by this time."""
        return _Condition(self, lock)

    def lock(self) -> "TurnLock":
        """Make a lock that may be held over a pause."""
        return TurnLock(self)

    # The turn

    def _task(self) -> _Task:
        if self._current is None:
            message = "only a task waits or starts another"
            raise AssertionError(message)
        return self._current

    def _add(self, process: Process, work: Callable[[], None]) -> _Task:
        task = _Task(process)
        task.gate.acquire()
        self._tasks.append(task)

        def body() -> None:
            task.gate.acquire()
            try:
                if not process.dead:
                    work()
            except Killed:
                pass
            except BaseException as error:  # noqa: BLE001 — handed to the test's thread, which raises it
                task.error = error
            task.done = True
            self._tasks.remove(task)
            self._pass_on()

        _POOL.start(body)
        return task

    def _ready(self) -> list[_Task]:
        now = self.now
        return [
            task
            for task in self._tasks
            if task.wake <= now or task.process.dead or (task.until is not None and task.until())
        ]

    def _park(self, task: _Task) -> None:
        self._pass_on()
        task.gate.acquire()

    def _hand_over(self, task: _Task, to: _Task) -> None:
        self._current = to
        to.gate.release()
        task.gate.acquire()

    def _pass_on(self) -> None:
        """Give the turn to whoever may go on: the test, if all that it waits for is done."""
        if all(task.done for task in self._awaited):
            self._to_main()
            return
        ready = self._ready()
        if not ready:
            moment = min((task.wake for task in self._tasks), default=FOREVER)
            if moment == FOREVER:
                self._stuck = True
                self._to_main()
                return
            self.now = moment
            ready = self._ready()
        self._current = ready[self.choose(len(ready)) if len(ready) > 1 else 0]
        self._current.gate.release()

    def _to_main(self) -> None:
        self._current = None
        self._main.release()

    def _until_done(self, tasks: Sequence[_Task]) -> None:
        self._awaited = list(tasks)
        if all(task.done for task in tasks):
            return
        self._pass_on()
        self._main.acquire()
        if self._stuck:
            self._stuck = False
            message = f"{sum(not task.done for task in tasks)} tasks wait for something that cannot come"
            raise Stuck(message)


class _Condition(threading.Condition):
    """A condition over a plain lock that no task holds over a pause."""

    def __init__(self, turns: Turns, lock: threading.Lock) -> None:
        super().__init__(lock)
        self._turns = turns
        self._held = lock
        self._waiting: list[list[bool]] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until notified, or until `timeout` seconds have passed; True where notified."""
        notified = [False]
        self._waiting.append(notified)
        self._held.release()
        try:
            return self._turns.wait(lambda: notified[0], FOREVER if timeout is None else max(0.0, timeout))
        finally:
            self._held.acquire()
            if notified in self._waiting:
                self._waiting = [other for other in self._waiting if other is not notified]

    def notify(self, n: int = 1) -> None:
        """Wake `n` waiting tasks, the longest waiting first."""
        woken, self._waiting = self._waiting[:n], self._waiting[n:]
        for notified in woken:
            notified[0] = True

    def notify_all(self) -> None:
        """Wake all waiting tasks."""
        self.notify(len(self._waiting))


class TurnLock:
    """A lock that waits by turns."""

    def __init__(self, turns: Turns) -> None:
        """Start free."""
        self._turns = turns
        self._held = False

    def __enter__(self) -> None:
        if self._turns.process() is not None:
            self._turns.wait(lambda: not self._held)
        self._held = True

    def __exit__(self, *_error: object) -> Literal[False]:
        self._held = False
        return False


class _Pool:
    """Threads that outlive their tasks, since making one is dear."""

    def __init__(self) -> None:
        self._idle: list[tuple[threading.Lock, list[Callable[[], None]]]] = []

    def start(self, work: Callable[[], None]) -> None:
        """Do `work` on a thread that is free, or on a new one."""
        if self._idle:
            gate, box = self._idle.pop()
            box.append(work)
            gate.release()
            return
        gate, box = threading.Lock(), [work]
        gate.acquire()

        def loop() -> None:
            while True:
                box.pop()()
                self._idle.append((gate, box))
                gate.acquire()

        threading.Thread(target=loop, name="turns", daemon=True).start()


_POOL: Final = _Pool()
