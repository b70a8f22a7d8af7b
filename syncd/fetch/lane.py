"""One store's lane: its queue, worker threads, breaker and retries. No store's trouble leaves its lane.

A lane has one of three standings. `unproven`: nothing was read yet or for some seconds, so one job goes ahead of the
others (a store in trouble then sees one request, and one thread logs in), but for a second at most. `good`: all
workers go. `suspect`: a failure met the whole store, so one job, the probe, is tried again for all; the others wait
for it, and share its failure if that is where it ends.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Final, Literal

from syncd.fetch.breaker import FIRST_PAUSE, LONGEST_PAUSE, Breaker
from syncd.fetch.call import CallRecord, StoreCall, ask, count_outcomes
from syncd.fetch.pacer import Logins, Pacer
from syncd.fetch.retry import Sign, asked_to_wait, is_store_wide, is_timeout, next_try, not_answering, pause, sign
from syncd.fetch.seam import Provider
from syncd.fetch.share import Answers, Job, MakeCondition, Queue, Share
from syncd.fetch.stuck import Stuck
from syncd.model.reference import Answer, Failure, Wanted
from syncd.model.store import Store

PROBE_PATIENCE: Final = 1.0
"""Seconds for which the first job of an unproven store keeps the others waiting."""
PROOF_LASTS: Final = 5.0
"""Seconds after its last answer in which a store counts as proven."""
SLOW_REQUEST: Final = 0.25
"""Seconds that a request of a slow but healthy store takes, for the deadline of many requests."""
FOREVER: Final = float("inf")

Delivery = tuple[Share, Answers]
Spawn = Callable[[Callable[[], None], str], None]


class Lane:
    """Reads one store for all readings. Thread-safe."""

    def __init__(
        self,
        store: Store[Provider],
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
        observe: Callable[[CallRecord], None],
        condition: MakeCondition,
        spawn: Spawn,
    ) -> None:
        """Start idle; threads come with work and go with it."""
        self.store = store
        self._batch = max(1, store.provider.batch_size)
        self._clock = clock
        self._random = random
        self._observe = observe
        self._spawn = spawn
        self._lock = threading.Lock()
        self._changed = condition(self._lock)
        self._pacer = Pacer(store.name, store.requests_per_second, clock)
        self._logins = Logins(store.provider, clock)
        self._breaker = Breaker()
        self._queue = Queue()
        self._threads = 0
        self._sitting = False
        """True while one thread waits for what is due later; more need not."""
        self._flying: dict[Job, StoreCall] = {}
        self._standing: Literal["unproven", "good", "suspect"] = "unproven"
        self._stuck = Stuck()
        self._heard = float("-inf")
        """When the last job came back."""
        self._probe: Job | None = None
        self._held_until = FOREVER
        """While the probe is on its way: when the others go all the same."""

    def deadline(self, references: int, patience: float) -> float:
        """Give the moment at which a reading of so many references ends here.

        `patience`, and on top the longer of two: what the budget needs beyond its burst, and what the workers need
        for more requests than run at once, at a quarter of a second each. So a large configuration is not cut off
        by its own size.
        """
        with self._lock:
            requests = -(-(references + self._queue.ahead_of(references)) // self._batch)
            by_budget = (requests - self._pacer.burst) / self.store.requests_per_second
            by_workers = (requests - self.store.concurrency) * SLOW_REQUEST / self.store.concurrency
            return self._clock() + patience + max(0.0, by_budget, by_workers)

    def read_every(self, interval: float) -> None:
        """Take in that this store is read every so many seconds: each reading then tries it, however long it failed.

        So all is well again two intervals after the store is. Half an interval, since readings may come early.
        """
        with self._lock:
            self._breaker.longest = min(LONGEST_PAUSE, max(FIRST_PAUSE, interval / 2))

    def submit(self, share: Share) -> None:
        """Queue a share; where the store is known not to answer in time, answer it at once."""
        failure: Failure | None = None
        with self._lock:
            now = self._clock()
            if self._breaker.state(now) == "open":
                failure = self._paused(now)
            elif self._pacer.paused_until > share.deadline:
                failure = asked_to_wait(self.store.name, self._pacer.paused_until - now)
            else:
                if self._standing == "good" and not self._flying and now - self._heard > PROOF_LASTS:
                    self._standing = "unproven"
                if self._stuck.refs:
                    share.put_last(self._stuck.refs)
                self._queue.add(share)
                self._staff()
        if failure is not None:
            share.deliver(dict.fromkeys(share.take(share.left()), failure))

    def end(self, share: Share, *, overdue: bool) -> None:
        """Stop working for a share: it is overdue, or nobody wants it. What hangs on the wire tells of the store."""
        share.end()
        with self._lock:
            now = self._clock()
            self._queue.remove(share)
            for job, call in self._flying.items():
                if overdue and job.share is share and call.on_wire() and not job.counted:
                    job.counted = True
                    self._stuck.hangs(job.refs, job.sent)
                    if self._stuck.alone(job.refs):
                        continue
                    self._standing = "suspect"
                    if self._breaker.state(now) != "open":
                        self._breaker.failed(now)
            if self._probe is not None and self._probe.share is share:
                self._probe = None
            flushed = self._flush(self._paused(now)) if self._breaker.state(now) == "open" else []
            self._staff()
        _deliver(flushed)

    def paused_for(self) -> float | None:
        """Give the seconds for which the store has not answered, where it is left alone for that; else None."""
        with self._lock:
            now = self._clock()
            since = self._breaker.since
            return None if since is None or self._breaker.state(now) == "closed" else now - since

    # Threads

    def _staff(self) -> None:
        waiting = self._queue.jobs(self._batch) + (self._probe is not None)
        room = self.store.concurrency - len(self._flying)
        wanted = min(waiting, room if self._standing == "good" else min(room, 1))
        free = self._threads - len(self._flying)
        for _ in range(wanted - free):
            try:
                self._spawn(self._work, f"read-{self.store.name}")
            except RuntimeError:  # the machine has no thread left: those at work do it all
                break
            self._threads += 1
        if self._sitting:
            self._changed.notify_all()

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            job, call = taken
            started = self._clock()
            answers = ask(self.store.provider, job.refs, call)
            seconds = self._clock() - started
            if any(isinstance(outcome, Failure) and outcome.stale_credential for outcome in answers.values()):
                self._logins.renew(call.login)
            _deliver(self._settle(job, call, answers))
            outcomes = count_outcomes(answers)
            with suppress(Exception):  # a metric that fails must not cost a worker
                self._observe(CallRecord(self.store.name, len(job.refs), call.requests, seconds, job.tries, outcomes))

    def _take(self) -> tuple[Job, StoreCall] | None:
        with self._lock:
            sat = False
            while True:
                now = self._clock()
                job = self._next_job(now)
                if job is not None:
                    call = StoreCall(job.share, self._logins.number, self._pacer.spend, self._clock)
                    self._flying[job], job.sent = call, now
                    if sat or (job is self._probe and self._held_until < FOREVER):
                        self._staff()
                    return job, call
                wake = self._next_event()
                if wake is None or self._sitting:
                    self._threads -= 1
                    return None
                self._sitting = sat = True
                self._changed.wait(max(0.0, wake - now))
                self._sitting = False

    def _next_job(self, now: float) -> Job | None:
        probe = self._probe
        if probe is not None and probe in self._flying:
            if now < self._held_until:
                return None
            self._probe, self._standing = None, "good"
        elif probe is not None and not probe.share.ended:
            return self._send_probe(probe, now) if probe.due <= now else None
        self._probe = None
        job = self._queue.take(now, self._batch)
        if job is None or self._standing == "good" or self._stuck.alone(job.refs):
            return job
        return self._send_probe(job, now)

    def _send_probe(self, job: Job, now: float) -> Job:
        self._probe = job
        self._held_until = now + PROBE_PATIENCE if self._standing == "unproven" else FOREVER
        return job

    def _next_event(self) -> float | None:
        if self._probe is None:
            return self._queue.next_due()
        if self._probe not in self._flying:
            return self._probe.due
        return self._held_until if self._held_until < FOREVER and self._queue.jobs(1) else None

    # Outcomes

    def _settle(self, job: Job, call: StoreCall, answers: dict[Wanted, Answer]) -> list[Delivery]:
        """Decide what is final, what is tried again, and what it says about the store."""
        with self._lock:
            now = self._heard = self._clock()
            del self._flying[job]
            probing = self._probe is job
            if probing:
                self._probe = None
            if call.ending is not None:
                deliveries: list[Delivery] = [(job.share, answers)]
            elif job.counted and not any(sign(outcome) is Sign.ALIVE for outcome in answers.values()):
                deliveries = []
            else:
                deliveries = self._judge(job, call, answers, now=now, probing=probing)
            if probing or self._queue.next_due() is not None:
                # This thread goes on with the next job by itself; more are wanted only where jobs were held back.
                self._staff()
            return deliveries

    def _judge(
        self, job: Job, call: StoreCall, answers: dict[Wanted, Answer], *, now: float, probing: bool
    ) -> list[Delivery]:
        failed = {ref: outcome for ref, outcome in answers.items() if isinstance(outcome, Failure)}
        late = {ref for ref, failure in failed.items() if is_timeout(failure)}
        self._stuck.heard(answers, late, job.sent, now)
        stale = [ref for ref, failure in failed.items() if failure.stale_credential]
        if stale and not job.logged_in_anew and call.login != self._logins.number and not job.share.ended:
            anew = replace(job, refs=stale, logged_in_anew=True, due=now)
            if probing:
                self._probe = anew
            else:
                self._queue.put(anew)
            return [(job.share, {ref: outcome for ref, outcome in answers.items() if ref not in stale})]
        wide = next((failure for failure in failed.values() if is_store_wide(failure)), None)
        if wide is not None:
            return self._meet_store_wide(job, answers, wide, now=now, probing=probing)
        flushed: list[Delivery] = []
        if late and not self._stuck.alone(late):
            if probing or self._breaker.state(now) == "closed":
                self._breaker.failed(now)
            if self._breaker.state(now) == "open":
                self._standing = "suspect"
                flushed = self._flush(self._paused(now))
        elif probing or (self._probe is None and any(sign(outcome) is Sign.ALIVE for outcome in answers.values())):
            self._standing = "good"
            self._breaker.succeeded()
        again = self._retry(job, failed, now) if failed else ()
        final = {ref: outcome for ref, outcome in answers.items() if ref not in again} if again else answers
        return [(job.share, final), *flushed]

    def _meet_store_wide(
        self, job: Job, answers: dict[Wanted, Answer], wide: Failure, *, now: float, probing: bool
    ) -> list[Delivery]:
        straggling = self._standing == "suspect" and not probing
        wait = next_try(wide, job.tries, self._random())
        if (stay_away := pause(wide, wait)) is not None:
            self._pacer.pause(now + stay_away)
        self._standing = "suspect"
        if not straggling and sign(wide) is Sign.TROUBLE:
            self._breaker.failed(now)
        elif not straggling:
            self._breaker.succeeded()
        closed = self._breaker.state(now) == "closed"
        if job.share.ended and closed:
            return []
        failure = replace(wide, scope="store")
        if wait is None or not closed:
            return [(job.share, answers), *([] if straggling and closed else self._flush(failure))]
        due = max(now + wait, self._pacer.paused_until)
        if due >= job.share.deadline:
            return [(job.share, answers), *self._flush(failure, until=due)]
        refs = [ref for ref, f in answers.items() if isinstance(f, Failure) and next_try(f, job.tries, 0) is not None]
        final = {ref: outcome for ref, outcome in answers.items() if ref not in refs}
        if straggling:
            # It goes again once the probe has shown that the store answers, so it needs no retry of the budget's.
            self._queue.put(job.again(refs, now))
            return [(job.share, final)]
        if not self._pacer.may_retry(now):
            return [(job.share, answers), *self._flush(failure)]
        self._probe = job.again(refs, due)
        return [(job.share, final)]

    def _retry(self, job: Job, failed: dict[Wanted, Failure], now: float) -> Sequence[Wanted]:
        chance = self._random()
        waits = {ref: wait for ref, f in failed.items() if (wait := next_try(f, job.tries, chance)) is not None}
        if not waits or job.share.ended or self._breaker.state(now) != "closed":
            return ()
        due = now + max(waits.values())
        if due >= job.share.deadline or not self._pacer.may_retry(now):
            return ()
        self._queue.put(job.again(list(waits), due))
        return list(waits)

    def _flush(self, failure: Failure, *, until: float = FOREVER) -> list[Delivery]:
        """Answer what waits here, of shares that end before `until`, with one failure."""
        waiting = self._queue.drain(until)
        probe = self._probe
        if probe is not None and probe not in self._flying and probe.share.deadline <= until:
            waiting.append((probe.share, probe.refs))
            self._probe = None
        return [(share, dict.fromkeys(refs, failure)) for share, refs in waiting]

    def _paused(self, now: float) -> Failure:
        since = self._breaker.since
        return not_answering(self.store.name, now - (now if since is None else since), self._breaker.until - now)


def _deliver(deliveries: Sequence[Delivery]) -> None:
    for share, answers in deliveries:
        if answers:
            share.deliver(answers)
