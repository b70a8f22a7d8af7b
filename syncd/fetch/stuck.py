"""What does not answer while its store does: it goes behind the others, and tells nothing of the store. Pure."""

from collections.abc import Collection, Mapping

from syncd.fetch.retry import Sign, sign
from syncd.model.reference import Answer, Wanted


class Stuck:
    """Remembers for one store. Not locked: the store's lane guards it. Times are monotonic seconds."""

    def __init__(self) -> None:
        """Start with nothing stuck."""
        self.refs: set[Wanted] = set()
        """What did not answer in time when it was last asked for."""
        self._alone: set[Wanted] = set()
        """Of that, beside what the store has answered others since it was asked."""
        self._alive_at = float("-inf")

    def alone(self, refs: Collection[Wanted]) -> bool:
        """Tell whether a fetch of these that does not come back says nothing of the store."""
        return self._alone.issuperset(refs)

    def hangs(self, refs: Collection[Wanted], sent: float) -> None:
        """Take in that these, which were asked for at `sent`, did not answer in time."""
        self.refs.update(refs)
        if self._alive_at > sent:
            self._alone.update(refs)

    def heard(self, answers: Mapping[Wanted, Answer], late: Collection[Wanted], sent: float, now: float) -> None:
        """Take in what came of a fetch of `sent`: `late` are those that did not answer in time, of all in `answers`."""
        if any(sign(outcome) is Sign.ALIVE for ref, outcome in answers.items() if ref not in late):
            self._alive_at = now
            self._alone.update(self.refs)
        if self.refs:
            answered = [ref for ref in answers if ref not in late]
            self.refs.difference_update(answered)
            self._alone.difference_update(answered)
        if late:
            self.hangs(late, sent)
