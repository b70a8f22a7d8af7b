"""What one reading wants of one store, and the queue in which a store's lane keeps such shares. Guarded by the lane."""

import heapq
import threading
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Protocol

from syncd.model.reference import Answer, Wanted

Answers = Mapping[Wanted, Answer]


class MakeCondition(Protocol):
    """How conditions are made: `threading.Condition`, or a test's that lets its own time pass."""

    def __call__(self, lock: threading.Lock) -> threading.Condition:
        """Make a condition over `lock`."""


class Share:
    """The references or queries of one reading in one store, their deadline, and where the answers go."""

    def __init__(
        self,
        refs: Sequence[Wanted],
        deadline: float,
        deliver: Callable[[Answers], None],
        condition: MakeCondition = threading.Condition,
        *,
        one_by_one: bool = False,
    ) -> None:
        """Keep the (distinct) references in order. `one_by_one`: none goes together with another, as queries do not."""
        self.deadline = deadline
        """Monotonic seconds."""
        self.cancelled = threading.Event()
        self.calls = 0
        """Wire requests spent for it."""
        self.pacing = condition(threading.Lock())
        """Where its threads wait for their turn in the budget; notified when it ends."""
        self._refs = refs
        self._one_by_one = one_by_one
        self._position = 0
        self._deliver: Callable[[Answers], None] | None = deliver

    @property
    def ended(self) -> bool:
        """Tell whether nobody wants its answers any more."""
        return self._deliver is None

    def left(self) -> int:
        """Count the references that no fetch was given yet."""
        return len(self._refs) - self._position

    def put_last(self, refs: Collection[Wanted]) -> None:
        """Have these fetched after the others; before any fetch was given one."""
        self._refs = sorted(self._refs, key=lambda ref: ref in refs)

    def jobs(self, batch_size: int) -> int:
        """Count the fetches that these take."""
        return self.left() if self._one_by_one else -(-self.left() // batch_size)

    def take_job(self, batch_size: int) -> Sequence[Wanted]:
        """Take the next references that go together."""
        return self.take(1 if self._one_by_one else batch_size)

    def take(self, most: int) -> Sequence[Wanted]:
        """Take the next references."""
        start = self._position
        self._position = min(start + most, len(self._refs))
        return self._refs[start : self._position]

    def deliver(self, answers: Answers) -> None:
        """Pass answers on, if somebody wants them."""
        deliver = self._deliver
        if deliver is not None:
            deliver(answers)

    def finish(self) -> None:
        """Let go of the reading: all is answered, or nobody wants it."""
        self._deliver = None

    def end(self) -> None:
        """Finish early: forget what was not fetched, so that a thread that hangs keeps nothing, and wake who waits."""
        self.finish()
        self._refs = ()
        self._position = 0
        self.cancelled.set()
        with self.pacing:
            self.pacing.notify_all()


@dataclass(slots=True, eq=False)
class Job:
    """One fetch: references that go together."""

    share: Share
    refs: Sequence[Wanted]
    tries: int = 1
    """Which try this is."""
    logged_in_anew: bool = False
    """True after the one retry with a new login."""
    due: float = 0.0
    sent: float = 0.0
    """When it was begun."""
    counted: bool = False
    """True once the breaker knows that it hangs."""

    def again(self, refs: Sequence[Wanted], due: float) -> "Job":
        """Make the next try for some of its references."""
        return Job(self.share, refs, self.tries + 1, self.logged_in_anew, due)


class Queue:
    """Takes turns between readings, so that a small one does not wait behind a large one; retries come when due."""

    def __init__(self) -> None:
        """Start empty."""
        self._shares: deque[Share] = deque()
        self._retries: list[tuple[float, int, Job]] = []
        self._order = count()

    def add(self, share: Share) -> None:
        """Line up behind the others."""
        self._shares.append(share)

    def put(self, job: Job) -> None:
        """Keep a job until it is due."""
        heapq.heappush(self._retries, (job.due, next(self._order), job))

    def take(self, now: float, batch_size: int) -> Job | None:
        """Give the next job that may start."""
        while self._retries and self._retries[0][0] <= now:
            job = heapq.heappop(self._retries)[2]
            if not job.share.ended:
                return job
        while self._shares:
            share = self._shares[0]
            if refs := share.take_job(batch_size):
                if share.left():
                    self._shares.rotate(-1)
                else:
                    self._shares.popleft()
                return Job(share, refs)
            self._shares.popleft()
        return None

    def remove(self, share: Share) -> None:
        """Forget all that is waiting of one share."""
        self._shares = deque(other for other in self._shares if other is not share)
        self._retries = [entry for entry in self._retries if entry[2].share is not share]
        heapq.heapify(self._retries)

    def drain(self, until: float) -> list[tuple[Share, Sequence[Wanted]]]:
        """Take out all that is waiting of shares whose deadline is not after `until`."""
        gone = [share for share in self._shares if share.deadline <= until]
        self._shares = deque(share for share in self._shares if share.deadline > until)
        late = [entry[2] for entry in self._retries if entry[2].share.deadline <= until]
        self._retries = [entry for entry in self._retries if entry[2].share.deadline > until]
        heapq.heapify(self._retries)
        return [(share, share.take(share.left())) for share in gone] + [(job.share, job.refs) for job in late]

    def next_due(self) -> float | None:
        """Give the moment at which the next retry is due."""
        return self._retries[0][0] if self._retries else None

    def jobs(self, batch_size: int) -> int:
        """Count the jobs in it, due or not."""
        return len(self._retries) + sum(share.jobs(batch_size) for share in self._shares)

    def ahead_of(self, wanted: int) -> int:
        """Count the references that go before the last of `wanted` new ones, turns being taken."""
        return sum(min(share.left(), wanted) for share in self._shares) + len(self._retries)
