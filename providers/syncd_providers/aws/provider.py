"""The provider: batches for what is current, single reads for the rest, and a second look at what was not found."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from syncd.fetch.seam import Call
from syncd.model.reference import Failure, FailureClass, Found, Outcome, Query, RemoteRef
from syncd.model.store import StoreSettings
from syncd.node import Problem, text
from syncd_providers.aws import answers, names
from syncd_providers.aws.batch import BATCH_SIZE, Pace, read_value, sort_out
from syncd_providers.aws.client import SecretsManager
from syncd_providers.aws.description import described
from syncd_providers.aws.options import AwsOptions
from syncd_providers.aws.search import Search

_BATCHES_REFUSED_FOR: Final = 600.0
"""Seconds for which a store whose identity may not batch is read singly before batches are tried again."""

_Reader = Callable[[RemoteRef, Call], Outcome]


class AwsProvider:
    """AWS Secrets Manager in one region, with one identity: `Provider`, `Describes` and `Discovers`.

    A batch serves two or more current values: BatchGetSecretValue can name neither version nor stage, needs a
    permission of its own, and for one secret saves nothing. Where the identity may not batch, that is remembered for
    ten minutes.
    """

    batch_size = BATCH_SIZE

    def __init__(self, options: AwsOptions, settings: StoreSettings, *, wall: Callable[[], float] = time.time) -> None:
        """Keep the settings. `wall` is the clock that the service's Date header is compared with."""
        self._region = text(options.region)
        self._store = f"store {settings.name}"
        self._clock = settings.clock or time.monotonic
        self._service = SecretsManager(options, settings, wall)
        self._pace = Pace(options.batches_per_second, self._clock)
        self._batches_from = float("-inf")

    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        """Give the reference with `AWSCURRENT` left out, or why it names nothing in this store's region."""
        return names.canonical(ref, self._region)

    def canonical_query(self, query: Query) -> Query | Problem:
        """Give the one form of a query, or what is wrong with it."""
        return names.canonical_query(query)

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Iterator[tuple[RemoteRef, Outcome]]:
        """Read each reference; what the whole store answers ends the group."""
        plain = [ref for ref in refs if not ref.version]
        left: list[tuple[RemoteRef, _Reader]] = [(ref, self._read) for ref in refs if ref.version]
        ended: Failure | None = None
        for start in range(0, len(plain), BATCH_SIZE):
            chunk = plain[start : start + BATCH_SIZE]
            if ended is None and len(chunk) > 1 and self._clock() >= self._batches_from:
                known, again, ended = self._read_batch(chunk, call)
                yield from known
                left += again
            else:
                left += [(ref, self._read) for ref in chunk]
        for ref, read in left:
            outcome = read(ref, call) if ended is None else ended
            yield ref, outcome
            ended = ended or _end_of(outcome)

    def describe(self, refs: Sequence[RemoteRef], call: Call) -> Iterator[tuple[RemoteRef, Outcome]]:
        """Read the metadata of each reference, one DescribeSecret each; what the whole store answers ends the group."""
        ended: Failure | None = None
        for ref in refs:
            outcome = self._describe(ref, call) if ended is None else ended
            yield ref, outcome
            ended = ended or _end_of(outcome)

    def find(self, query: Query, call: Call) -> Found:
        """Page through what ListSecrets finds, to the end."""
        if self.canonical_query(query) != query:
            message = "the query is not in its canonical form"
            return Failure(FailureClass.CONFIG, "not-canonical", message, transient=False)
        return Search(query, self._store, lambda asked: self._service.ask("ListSecrets", asked, call)).found()

    def relogin(self) -> None:
        """Forget session and credentials; the next fetch reads the files anew and may try batches again."""
        self._service.drop()
        self._batches_from = float("-inf")

    def close(self) -> None:
        """Close the connections. Nothing was logged in for that could be given back."""
        self._service.close()

    def _read_batch(
        self, refs: Sequence[RemoteRef], call: Call
    ) -> tuple[Iterable[tuple[RemoteRef, Outcome]], list[tuple[RemoteRef, _Reader]], Failure | None]:
        """Give the outcomes known, who is to be read again and how, and what ended the group."""
        self._pace.wait(call)
        asked = list(dict.fromkeys(ref.key for ref in refs))
        found = self._service.ask("BatchGetSecretValue", {"SecretIdList": asked}, call)
        singly: list[tuple[RemoteRef, _Reader]] = [(ref, self._read) for ref in refs]
        if isinstance(found, Failure):
            return (), singly, found
        if isinstance(found, answers.Refused):
            if answers.no_batches_here(found):
                self._batches_from = self._clock() + _BATCHES_REFUSED_FOR
                return (), singly, None
            verdict = answers.classify("BatchGetSecretValue", found)
            if verdict.scope == "ref" and verdict.cls is not FailureClass.UNAVAILABLE:
                return (), singly, None  # one of them spoils it for all
            return (), singly, answers.failure(verdict, refs[0], self._store, found)
        result = sort_out(refs, found)
        known = dict(result.outcomes)
        again: list[tuple[RemoteRef, _Reader]] = []
        ended: Failure | None = None
        for ref in refs:
            code = result.errors.get(ref)
            if code == answers.NOT_FOUND:
                again.append((ref, self._explain))
            elif code is not None and answers.decides_alone(code):
                refused = answers.Refused(code, 400)
                known[ref] = answers.failure(answers.classify("GetSecretValue", refused), ref, self._store, refused)
                ended = ended or _end_of(known[ref])
            elif ref not in known:
                again.append((ref, self._read))
        return known.items(), again, ended

    def _read(self, ref: RemoteRef, call: Call) -> Outcome:
        parameters: dict[str, object] = {"SecretId": ref.key}
        if ref.version:
            parameters["VersionId" if names.is_version_id(ref.version) else "VersionStage"] = ref.version
        found = self._service.ask("GetSecretValue", parameters, call)
        if isinstance(found, Failure):
            return found
        if isinstance(found, answers.Refused):
            verdict = answers.classify("GetSecretValue", found)
            if verdict is answers.UNPROVEN:
                return self._explain(ref, call)
            return answers.failure(verdict, ref, self._store, found)
        return read_value(ref, found)

    def _describe(self, ref: RemoteRef, call: Call) -> Outcome:
        found = self._service.ask("DescribeSecret", {"SecretId": ref.key}, call)
        if isinstance(found, Failure):
            return found
        if isinstance(found, answers.Refused):
            return answers.failure(answers.classify("DescribeSecret", found), ref, self._store, found)
        return described(ref, found, self._store)

    def _explain(self, ref: RemoteRef, call: Call) -> Outcome:
        """Tell an absent secret from one that is pending, or that holds no value in this version."""
        found = self._service.ask("DescribeSecret", {"SecretId": ref.key}, call)
        if isinstance(found, Failure):
            return found
        if isinstance(found, answers.Refused):
            verdict = answers.classify("DescribeSecret", found)
            if verdict.cls is FailureClass.DENIED and verdict.scope == "ref":
                verdict = answers.UNPROVEN
            return answers.failure(verdict, ref, self._store, found)
        if not names.belongs(ref.key, found.get("ARN"), found.get("Name")):
            message = f"{ref} was answered with another secret; nothing was taken over"
            return Failure(FailureClass.MALFORMED, "answer-for-another-secret", message)
        if found.get("DeletedDate") is not None:
            verdict = answers.PENDING
        elif not ref.version:
            verdict = answers.NO_VALUE
        else:
            verdict = answers.NO_VERSION if names.is_version_id(ref.version) else answers.NO_STAGE
        return answers.failure(verdict, ref, self._store)


def _end_of(outcome: Outcome) -> Failure | None:
    """Give the outcome back where asking for more of the group would only meet it again."""
    if not isinstance(outcome, Failure):
        return None
    unreachable = outcome.cls is FailureClass.UNAVAILABLE and outcome.reason not in answers.OF_ONE_SECRET
    return outcome if outcome.scope == "store" or unreachable else None
