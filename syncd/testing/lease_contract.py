# ruff: noqa: S101, D102 — this is a test suite: asserts are how it speaks, and a test's name says what it shows
"""The duties of `syncd.fetch.seam.Leases`, as `provider_contract` has those of every provider.

    class TestMyStore(ProviderContract, LeaseContract): ...

The methods of `ProviderCase` that are named after it belong to it.
"""

import json
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest

from syncd.fetch.seam import CallAborted, Leases, Provider
from syncd.model.lease import Grant, Issue, Issued, Renewal, Revocation, Revoked
from syncd.model.reference import Failure, FailureClass
from syncd.model.store import Timeouts
from syncd.node import Problem
from syncd.testing.provider_case import Allowance, ProviderCase
from syncd.testing.provider_contract import Suite

__all__ = ["LeaseContract", "UnreachableLeaseContract"]

_PATIENCE = 10.0


def _leases(provider: Provider) -> Leases:
    assert isinstance(provider, Leases)
    return cast("Leases", provider)


def _issued(provider: Provider, wanted: Issue, call: Allowance | None = None) -> tuple[dict[str, object], Grant]:
    found = _leases(provider).issue(wanted, call or Allowance())
    assert isinstance(found, Issued), found
    content = json.loads(found.value.reveal())
    assert [each for each in content.values() if isinstance(each, str) and len(each) > 8 and each in repr(found)] == []
    return content, found.grant


def _renewed(provider: Provider, grant: Grant) -> Grant | Failure:
    return _leases(provider).renew_lease(Renewal("store", grant.lease, grant.owner), Allowance())


def _revoked(provider: Provider, grant: Grant) -> Revoked | Failure:
    return _leases(provider).revoke_lease(Revocation("store", grant.lease), Allowance())


def _ends(case: ProviderCase, lease: str) -> bool:
    """Wait until the store has ended a lease: some do so after they answered."""
    until = time.monotonic() + _PATIENCE
    while case.lives(lease) and time.monotonic() < until:
        time.sleep(0.05)
    return not case.lives(lease)


class LeaseContract(Suite):
    """What a provider owes that issues short-lived secrets."""

    def test_a_canonical_path_is_its_own_and_costs_no_request(self, case: ProviderCase, provider: Provider) -> None:
        path, before = case.endpoint().path, case.issued()
        assert _leases(provider).canonical_path(path) == path
        assert isinstance(_leases(provider).canonical_path(""), Problem)
        assert case.issued() == before

    def test_each_issue_gives_another_that_lives_and_ends(self, case: ProviderCase, provider: Provider) -> None:
        (first, one), (second, other) = (_issued(provider, case.endpoint()) for _ in range(2))
        assert first
        assert None not in first.values()
        assert first.keys() == second.keys()
        assert first != second
        assert one.lease != other.lease
        assert case.lives(one.lease)
        assert min(one.seconds, other.seconds) > 30
        assert case.issued() == 2

    def test_a_revoked_one_is_over_and_revoked_twice_is_fine(self, case: ProviderCase, provider: Provider) -> None:
        (_, goes), (_, stays) = (_issued(provider, case.endpoint()) for _ in range(2))
        assert _revoked(provider, goes) == Revoked()
        assert _ends(case, goes.lease)
        assert _revoked(provider, goes) == Revoked()
        assert case.lives(stays.lease)

    def test_one_that_is_over_is_told_apart_from_one_that_cannot_go_on(
        self, case: ProviderCase, provider: Provider
    ) -> None:
        _, grant = _issued(provider, case.endpoint())
        assert grant.renewable == case.renewable
        answer = _renewed(provider, grant)
        if case.renewable:
            assert isinstance(answer, Grant), answer
            assert (answer.lease, answer.owner) == (grant.lease, grant.owner)
            assert answer.seconds > 30
        else:
            assert isinstance(answer, Failure), answer
            assert (answer.cls, answer.reason) == (FailureClass.CONFIG, "lease-not-renewable")
        assert case.lives(grant.lease)
        _revoked(provider, grant)
        assert _ends(case, grant.lease)
        over = _renewed(provider, grant)
        assert isinstance(over, Failure), over
        assert (over.cls, over.reason) == (FailureClass.UNUSABLE, "lease-gone")
        assert grant.lease.rpartition("/")[2] not in over.message

    def test_what_was_issued_outlives_the_process_and_a_later_one_ends_it(self, case: ProviderCase) -> None:
        first = case.make()
        _, grant = _issued(first, case.endpoint())
        first.close()
        assert case.lives(grant.lease)
        later = case.make()
        assert _revoked(later, grant) == Revoked()
        assert _ends(case, grant.lease)
        later.close()

    def test_what_no_engine_issues_fails_and_says_so(self, case: ProviderCase, provider: Provider) -> None:
        wanted = case.endpoint()
        found = _leases(provider).issue(wanted._replace(path=wanted.path + "-not"), Allowance())
        assert isinstance(found, Failure), found
        assert found.message
        assert not found.stale_credential

    def test_without_budget_or_time_nothing_is_issued(self, case: ProviderCase, provider: Provider) -> None:
        stopped = Allowance()
        stopped.cancelled.set()
        for call in (Allowance(most=0), stopped):
            with pytest.raises(CallAborted):
                _leases(provider).issue(case.endpoint(), call)
        assert case.issued() == 0

    def test_an_issue_is_one_request_that_is_spent_beforehand(self, case: ProviderCase, provider: Provider) -> None:
        _issued(provider, case.endpoint())
        call = Allowance()
        _issued(provider, case.endpoint(), call)
        assert case.issued() == 2
        assert call.spent >= 1

    def test_eight_threads_issue_eight(self, case: ProviderCase, provider: Provider) -> None:
        with ThreadPoolExecutor(8) as pool:
            grants = [grant for _, grant in pool.map(lambda _: _issued(provider, case.endpoint()), range(8))]
        assert len({grant.lease for grant in grants}) == 8
        assert case.issued() == 8


class UnreachableLeaseContract(Suite):
    """For stores that are reached over a network."""

    def test_nothing_is_issued_where_nothing_listens(
        self, case: ProviderCase, caplog: pytest.LogCaptureFixture
    ) -> None:
        provider = case.make(case.nowhere(), timeouts=Timeouts(connect=2, read=2, total=4))
        with caplog.at_level(logging.DEBUG):
            found = _leases(provider).issue(case.endpoint(), Allowance())
        provider.close()
        assert isinstance(found, Failure), found
        assert found.cls is FailureClass.UNAVAILABLE
        shown = repr(found) + "".join(logging.Formatter().format(record) for record in caplog.records)
        assert [hidden for hidden in case.credentials() if hidden in shown] == []
