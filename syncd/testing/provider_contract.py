# ruff: noqa: S101, D102 — this is a test suite: asserts are how it speaks, and a test's name says what it shows
"""The duties of a provider (`syncd.fetch.seam.Provider`) as one suite, for adapters of syncd and of strangers alike.

In a test module of yours:

    pytest.register_assert_rewrite("syncd.testing.provider_contract")  # in conftest.py, for readable failures

    class TestMyStore(ProviderContract, VersionContract, DenialContract, NetworkContract):
        @pytest.fixture
        def case(self, my_server): return MyCase(my_server)

`ProviderCase` says how the suite handles your store; its optional methods belong to the contracts beside the first.
A real server, or one that speaks the real wire format, is what makes the suite worth running.
"""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest

from syncd.fetch.seam import Provider
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.store import Timeouts
from syncd.node import Problem
from syncd.testing.provider_case import BINARY, CANARY, TEXTS, Allowance, ProviderCase, canonical, fetch

__all__ = [
    "BINARY",
    "TEXTS",
    "DenialContract",
    "NetworkContract",
    "ProviderCase",
    "ProviderContract",
    "Suite",
    "VersionContract",
]


def _one(provider: Provider, ref: RemoteRef, call: Allowance | None = None) -> Outcome:
    (outcome,) = fetch(provider, [ref], call).values()
    return outcome


def _value(provider: Provider, ref: RemoteRef) -> Fetched:
    outcome = _one(provider, ref)
    assert isinstance(outcome, Fetched), outcome
    return outcome


def _failure(provider: Provider, ref: RemoteRef) -> Failure:
    outcome = _one(provider, ref)
    assert isinstance(outcome, Failure), outcome
    assert outcome.reason == outcome.reason.lower().replace("_", "-").replace(" ", "-")
    assert outcome.message, "a failure says something to a person"
    return outcome


class Suite:
    """What every suite of duties stands on."""

    @pytest.fixture
    def case(self) -> ProviderCase:
        """Give the store under test; to be overridden."""
        raise NotImplementedError

    @pytest.fixture
    def provider(self, case: ProviderCase) -> Iterator[Provider]:
        """Make a provider that may read everything."""
        provider = case.make()
        yield provider
        provider.close()


class ProviderContract(Suite):
    """What every provider owes."""

    def test_every_byte_comes_back(self, case: ProviderCase, provider: Provider) -> None:
        refs = {case.put(f"value-{number}", value): value for number, value in enumerate(case.values)}
        answers = fetch(provider, list(refs))
        for ref, value in refs.items():
            outcome = answers[canonical(provider, ref)]
            assert isinstance(outcome, Fetched), outcome
            assert case.shows(value, outcome.value.reveal()), ref

    def test_many_references_are_answered_each_once(self, case: ProviderCase, provider: Provider) -> None:
        refs = [case.put(f"many-{number}", case.values[-1]) for number in range(min(provider.batch_size, 20) + 3)]
        answers = fetch(provider, refs)
        assert sorted(answers) == sorted(canonical(provider, ref) for ref in refs)
        assert all(isinstance(outcome, Fetched) for outcome in answers.values())

    def test_a_change_shows_in_the_next_read(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("changes", case.values[-1])
        _value(provider, ref)
        case.put("changes", case.values[-2])
        assert case.shows(case.values[-2], _value(provider, ref).value.reveal())

    def test_what_is_not_there_is_absent(self, case: ProviderCase, provider: Provider) -> None:
        assert _failure(provider, case.absent()).cls is FailureClass.ABSENT

    def test_what_was_deleted_gives_no_value(self, case: ProviderCase, provider: Provider) -> None:
        case.put("stays", case.values[-1])
        ref = case.put("goes", case.values[-1])
        _value(provider, ref)
        case.delete(ref)
        assert _failure(provider, ref).cls is case.after_deletion

    def test_a_missing_object_takes_no_other_with_it(self, case: ProviderCase, provider: Provider) -> None:
        there = [case.put(f"there-{number}", case.values[-1]) for number in range(3)]
        answers = fetch(provider, [*there, case.absent()])
        assert [isinstance(outcome, Fetched) for outcome in answers.values()].count(True) == 3
        assert len(answers) == 4

    def test_canonical_names_are_their_own_and_cost_no_request(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("name", case.values[-1])
        before = case.requests()
        once = canonical(provider, ref)
        assert canonical(provider, once) == once
        assert once.store == ref.store
        assert case.requests() == before

    @pytest.mark.parametrize("key", ["", "a\nb", "a\x00b"], ids=["empty", "line-end", "nul"])
    def test_what_can_be_no_name_is_a_problem(self, case: ProviderCase, provider: Provider, key: str) -> None:
        ref = case.put("name", case.values[-1])._replace(key=key)
        assert isinstance(provider.canonical(ref), Problem)

    def test_making_one_asks_nobody_and_imports_no_sdk(self, case: ProviderCase) -> None:
        job = {
            "spec": case.spec,
            "options": case.options(),
            "base": str(case.base),
            "ca": str(case.tls.ca_file) if case.tls.ca_file else None,
        }
        run = [sys.executable, "-c", _CONSTRUCTION, json.dumps(job), *case.sdk]
        found = subprocess.run(run, capture_output=True, text=True, check=False, cwd=case.base)  # noqa: S603 — ourselves
        assert (found.returncode, found.stdout.strip(), found.stderr) == (0, "[]", "")

    def test_closing_is_quiet_early_and_late_and_twice(self, case: ProviderCase) -> None:
        never_used = case.make()
        never_used.close()
        never_used.close()
        used = case.make()
        fetch(used, [case.put("closing", case.values[-1])])
        started = time.monotonic()
        used.close()
        used.close()
        assert time.monotonic() - started < 5

    def test_eight_threads_read_at_once(self, case: ProviderCase, provider: Provider) -> None:
        refs = [case.put(f"thread-{number}", case.values[number % len(case.values)]) for number in range(24)]
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(lambda ref: _one(provider, ref), refs))
        for number, outcome in enumerate(outcomes):
            assert isinstance(outcome, Fetched), outcome
            assert case.shows(case.values[number % len(case.values)], outcome.value.reveal())

    def test_without_budget_nothing_reaches_the_store(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("budget", case.values[-1])
        before = case.requests()
        assert fetch(provider, [ref], Allowance(most=0)) == {}
        assert case.requests() == before

    def test_every_request_is_spent_beforehand(self, case: ProviderCase, provider: Provider) -> None:
        refs = [case.put("spent", case.values[-1]), case.absent()]
        before, call = case.requests(), Allowance()
        fetch(provider, refs, call)
        assert 1 <= case.requests() - before <= call.spent

    def test_a_budget_that_runs_out_midway_is_kept(self, case: ProviderCase) -> None:
        refs = [case.put("midway", case.values[-1]), case.absent()]
        for most in range(1, 5):
            provider, before = case.make(), case.requests()
            fetch(provider, refs, Allowance(most=most))
            assert case.requests() - before <= most
            provider.close()

    def test_a_cancelled_call_asks_nothing(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("cancelled", case.values[-1])
        before, call = case.requests(), Allowance()
        call.cancelled.set()
        assert fetch(provider, [ref], call) == {}
        assert case.requests() == before

    def test_a_new_login_reads_on(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("login", case.values[-1])
        _value(provider, ref)
        provider.relogin()
        _value(provider, ref)

    def test_no_value_or_credential_is_printed_or_logged(
        self, case: ProviderCase, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        ref = case.put("canary", _with_canary(case.values[-1]))
        with caplog.at_level(logging.DEBUG):
            provider = case.make()
            answers = fetch(provider, [ref, case.absent()])
            provider.close()
        _shows_nothing(case, provider, answers, caplog, capfd)


class VersionContract(Suite):
    """For stores that keep versions."""

    def test_each_version_has_a_name_of_its_own(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("versioned", case.values[-1])
        first = _value(provider, ref)
        again = _value(provider, ref)
        case.put("versioned", case.values[-2])
        second = _value(provider, ref)
        assert first.version == again.version != second.version
        assert first.version

    def test_a_pinned_version_stays(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("pinned", case.values[-1])
        pinned = ref._replace(version=_value(provider, ref).version)
        case.put("pinned", case.values[-2])
        assert case.shows(case.values[-1], _value(provider, pinned).value.reveal())
        assert _value(provider, pinned).version == pinned.version


class DenialContract(Suite):
    """For stores that grant rights to single objects."""

    def test_a_missing_right_is_denied_and_nothing_else(self, case: ProviderCase, provider: Provider) -> None:
        ref, other = case.put("denied", case.values[-1]), case.put("granted", case.values[-1])
        case.deny(ref)
        failure = _failure(provider, ref)
        assert (failure.cls, failure.scope) == (FailureClass.DENIED, "ref")
        _value(provider, other)


class NetworkContract(Suite):
    """For stores that are reached over a network."""

    def test_an_address_where_nothing_listens_is_unavailable(self, case: ProviderCase) -> None:
        ref = case.put("unreachable", case.values[-1])
        provider = case.make(case.nowhere(), timeouts=Timeouts(connect=2, read=2, total=4))
        answers = fetch(provider, [ref, case.absent()])
        assert [outcome.cls for outcome in answers.values() if isinstance(outcome, Failure)] == [
            FailureClass.UNAVAILABLE
        ] * 2
        provider.close()

    def test_no_credential_is_shown_where_nothing_listens(
        self, case: ProviderCase, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        ref = case.put("canary", _with_canary(case.values[-1]))
        with caplog.at_level(logging.DEBUG):
            provider = case.make(case.nowhere(), timeouts=Timeouts(connect=2, read=2, total=4))
            answers = fetch(provider, [ref])
            provider.close()
        _shows_nothing(case, provider, answers, caplog, capfd)

    def test_a_deadline_that_is_all_but_past_ends_the_read(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("late", case.values[-1])
        started = time.monotonic()
        fetch(provider, [ref], Allowance(seconds=0.0))
        assert time.monotonic() - started < 5


def _with_canary(value: bytes) -> bytes:
    """Put the canary into a value, inside the last quoted text of a JSON object."""
    return value[:-2] + CANARY.encode() + b'"}' if value.endswith(b'"}') else CANARY.encode() + value


def _shows_nothing(
    case: ProviderCase,
    provider: Provider,
    answers: Mapping[RemoteRef, Outcome],
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    printed = capfd.readouterr()
    shown: list[str] = [repr(provider), str(provider), printed.out, printed.err]
    shown += [repr(outcome) for outcome in answers.values()]
    shown += [logging.Formatter().format(record) for record in caplog.records]
    for hidden in (CANARY, *case.credentials()):
        assert hidden not in "\n".join(shown)


_CONSTRUCTION = """
import importlib, json, pathlib, sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        raise SystemExit(event)

sys.addaudithook(refuse)
import msgspec
from syncd.model.reference import RemoteRef
from syncd.model.store import StoreSettings, Timeouts, Tls

job = json.loads(sys.argv[1])
module, _, name = job["spec"].partition(":")
spec = getattr(importlib.import_module(module), name)
options = msgspec.convert(job["options"], spec.options)
tls = Tls(ca_file=pathlib.Path(job["ca"])) if job["ca"] else Tls()
settings = StoreSettings("store", pathlib.Path(job["base"]), Timeouts(), tls)
assert not list(spec.check(options, settings))
provider = spec.create(options, settings)
provider.canonical(RemoteRef("store", "name"))
print(sorted(module for module in sys.argv[2:] if module in sys.modules))
"""
