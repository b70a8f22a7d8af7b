"""The suite of a provider's duties finds the provider that does not do them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.fetch.seam import Call, CallAborted
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import Timeouts
from syncd.node import Problem
from syncd.redact import SecretValue
from syncd.testing.memory_provider import MemoryProvider
from syncd.testing.provider_contract import (
    BINARY,
    TEXTS,
    DenialContract,
    NetworkContract,
    ProviderCase,
    ProviderContract,
    VersionContract,
)

Answers = Iterable[tuple[RemoteRef, Outcome]]


class _Case(ProviderCase):
    spec = "syncd.testing.memory_provider:SPEC"
    sdk = ()
    values = (*BINARY, *TEXTS)

    def __init__(self, base: Path, provider: MemoryProvider) -> None:
        self.base = base
        self.provider = provider

    def options(self) -> Mapping[str, object]:
        return {}

    def nowhere(self) -> Mapping[str, object]:
        return {}

    def put(self, key: str, value: bytes) -> RemoteRef:
        self.provider.put(key, value)
        return RemoteRef("store", key)

    def delete(self, ref: RemoteRef) -> None:
        self.provider.delete(ref.key)

    def deny(self, ref: RemoteRef) -> None:
        self.provider.deny(ref.key)

    def requests(self) -> int:
        return len(self.provider.requests)

    def make(self, options: Mapping[str, object] | None = None, *, timeouts: Timeouts | None = None) -> MemoryProvider:
        _ = options, timeouts
        return self.provider


class _Unlimited:
    """A call without a budget."""

    def __init__(self, call: Call) -> None:
        self.deadline = call.deadline
        self.cancelled = call.cancelled
        self.remaining = call.remaining

    def spend(self) -> None:
        pass


class _SpendsNothing(MemoryProvider):
    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        return super().fetch(refs, _Unlimited(call))


class _SwallowsTheEnd(MemoryProvider):
    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        try:
            yield from list(super().fetch(refs, call))
        except CallAborted:
            yield from list(super().fetch(refs, _Unlimited(call)))


class _Strips(MemoryProvider):
    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        for ref, outcome in super().fetch(refs, call):
            if isinstance(outcome, Fetched):
                yield ref, replace(outcome, value=SecretValue(outcome.value.reveal().strip()))
            else:
                yield ref, outcome


class _AnswersTwice(MemoryProvider):
    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        for answer in super().fetch(refs, call):
            yield answer
            yield answer


class _Turns(MemoryProvider):
    """Turns one class of failure into another."""

    def __init__(self, was: FailureClass, becomes: FailureClass) -> None:
        super().__init__()
        self._was, self._becomes = was, becomes

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        for ref, outcome in super().fetch(refs, call):
            wrong = isinstance(outcome, Failure) and outcome.cls is self._was
            yield ref, replace(outcome, cls=self._becomes) if wrong and isinstance(outcome, Failure) else outcome


class _Remembers(MemoryProvider):
    """Gives what it read first for ever."""

    def __init__(self) -> None:
        super().__init__()
        self._first: dict[RemoteRef, Outcome] = {}

    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        for ref, outcome in super().fetch(refs, call):
            yield ref, self._first.setdefault(ref, outcome)


class _TakesAnyName(MemoryProvider):
    def canonical(self, ref: RemoteRef) -> RemoteRef | Problem:
        return ref


class _ClosesOnce(MemoryProvider):
    def close(self) -> None:
        super().close()
        assert self.closed == 1


class _Talks(MemoryProvider):
    def fetch(self, refs: Sequence[RemoteRef], call: Call) -> Answers:
        for ref, outcome in super().fetch(refs, call):
            if isinstance(outcome, Fetched):
                print(outcome.value.reveal())  # noqa: T201 — the fault under test
            yield ref, outcome


Duty = Callable[..., None]


@pytest.mark.parametrize(
    ("broken", "duty"),
    [
        (_SpendsNothing, ProviderContract.test_without_budget_nothing_reaches_the_store),
        (_SpendsNothing, ProviderContract.test_every_request_is_spent_beforehand),
        (_SpendsNothing, ProviderContract.test_a_cancelled_call_asks_nothing),
        (_SwallowsTheEnd, ProviderContract.test_without_budget_nothing_reaches_the_store),
        (_Strips, ProviderContract.test_every_byte_comes_back),
        (_AnswersTwice, ProviderContract.test_many_references_are_answered_each_once),
        (_Remembers, ProviderContract.test_a_change_shows_in_the_next_read),
        (_Remembers, ProviderContract.test_what_was_deleted_gives_no_value),
        (_Remembers, VersionContract.test_each_version_has_a_name_of_its_own),
        (
            lambda: _Turns(FailureClass.ABSENT, FailureClass.UNAVAILABLE),
            ProviderContract.test_what_is_not_there_is_absent,
        ),
        (
            lambda: _Turns(FailureClass.DENIED, FailureClass.ABSENT),
            DenialContract.test_a_missing_right_is_denied_and_nothing_else,
        ),
        (MemoryProvider, NetworkContract.test_an_address_where_nothing_listens_is_unavailable),
    ],
)
def test_a_broken_provider_is_found(tmp_path: Path, broken: Callable[[], MemoryProvider], duty: Duty) -> None:
    case = _Case(tmp_path, broken())
    arguments = {"case": case, "provider": case.provider}
    wanted = duty.__code__.co_varnames[1 : duty.__code__.co_argcount]
    with pytest.raises(AssertionError):
        duty(object(), **{name: arguments[name] for name in wanted})


def test_a_provider_that_takes_any_name_is_found(tmp_path: Path) -> None:
    case = _Case(tmp_path, _TakesAnyName())
    with pytest.raises(AssertionError):
        ProviderContract().test_what_can_be_no_name_is_a_problem(case, case.provider, "a\nb")


def test_a_close_that_raises_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        ProviderContract().test_closing_is_quiet_early_and_late_and_twice(_Case(tmp_path, _ClosesOnce()))


def test_a_provider_that_prints_a_value_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AssertionError):
        ProviderContract().test_no_value_or_credential_is_printed_or_logged(_Case(tmp_path, _Talks()), caplog, capfd)


def test_a_module_that_loads_an_sdk_is_found(tmp_path: Path) -> None:
    case = _Case(tmp_path, MemoryProvider())
    case.__class__ = type("_Eager", (_Case,), {"sdk": ("msgspec",)})
    with pytest.raises(AssertionError):
        ProviderContract().test_making_one_asks_nobody_and_imports_no_sdk(case)
