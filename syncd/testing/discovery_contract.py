# ruff: noqa: S101, D102 — this is a test suite: asserts are how it speaks, and a test's name says what it shows
"""The duties of `syncd.fetch.seam.Discovers` and `Describes`, as `provider_contract` has those of every provider.

    class TestMyStore(ProviderContract, DiscoveryContract, TagContract, MetadataContract): ...

The methods of `ProviderCase` that are named after one of them belong to it.
"""

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from syncd.fetch import discovery
from syncd.fetch.seam import CallAborted, Describes, Discovers, Provider
from syncd.model.reference import Failure, FailureClass, Fetched, Found, Listing, Query, RemoteRef
from syncd.model.store import Timeouts
from syncd.testing.provider_case import Allowance, ProviderCase, canonical, describe, fetch, find
from syncd.testing.provider_contract import Suite

__all__ = ["DiscoveryContract", "MetadataContract", "TagContract", "UnreachableDiscoveryContract"]


def _listing(found: Found) -> Listing:
    assert isinstance(found, Listing), found
    return found


def _failure(found: Found) -> Failure:
    assert isinstance(found, Failure), found
    assert found.cls is not FailureClass.ABSENT, "no listing is absent"
    assert found.message, "a failure says something to a person"
    return found


def _put(case: ProviderCase, folder: str, *names: str) -> tuple[dict[str, RemoteRef], Query]:
    """Store objects below one path, and give them by name, and the query for all of them."""
    refs = {name: case.put(f"{folder}{case.separator}{name}", case.values[-1]) for name in names}
    ((name, ref), *_) = refs.items()
    return refs, Query(ref.store, ref.key.removesuffix(name), mount=ref.mount)


class DiscoveryContract(Suite):
    """What a provider owes that finds secrets."""

    def test_it_finds_what_lies_below_a_path_and_nothing_else(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "here", "b", "a", "c")
        _put(case, "there", "a")
        listing = _listing(find(provider, query))
        assert listing == Listing(tuple(sorted(canonical(provider, ref) for ref in refs.values())))
        assert discovery.flaw(_canonical(provider, query), listing) == ""

    def test_what_is_found_can_be_read(self, case: ProviderCase, provider: Provider) -> None:
        _, query = _put(case, "read", "a", "b")
        answers = fetch(provider, _listing(find(provider, query)).refs)
        assert [isinstance(outcome, Fetched) for outcome in answers.values()] == [True, True]

    def test_a_listing_of_many_pages_is_whole(self, case: ProviderCase, provider: Provider) -> None:
        names = [f"n{number:03}" for number in range(case.many)]
        refs, query = _put(case, "many", *names)
        assert len(_listing(find(provider, query)).refs) == len(refs)

    def test_a_pattern_sees_the_name_without_the_path(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "named", "db", "db2", "web")
        found = _listing(find(provider, query._replace(name="^db")))
        assert found.refs == tuple(sorted(canonical(provider, refs[name]) for name in ("db", "db2")))
        assert _listing(find(provider, query._replace(name="named"))).refs == ()

    def test_names_below_a_name_below_are_found_too(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "deep", "z", f"a{case.separator}b{case.separator}c", f"a{case.separator}e")
        assert len(_listing(find(provider, query)).refs) == len(refs)

    def test_a_name_that_only_begins_alike_is_not_below(self, case: ProviderCase, provider: Provider) -> None:
        _put(case, "alike2", "a")
        refs, query = _put(case, "alike", "a")
        assert len(_listing(find(provider, query)).refs) == len(refs)

    def test_nothing_below_a_path_is_an_empty_listing(self, case: ProviderCase, provider: Provider) -> None:
        _, query = _put(case, "some", "a")
        nothing = query._replace(path=query.path[:-1] + "-not" + case.separator)
        assert _listing(find(provider, nothing)).refs == ()

    def test_what_was_deleted_is_not_found(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "deleted", "goes", "stays")
        case.delete(refs["goes"])
        assert _listing(find(provider, query)).refs == (canonical(provider, refs["stays"]),)

    def test_a_canonical_query_is_its_own_and_costs_no_request(self, case: ProviderCase, provider: Provider) -> None:
        _, query = _put(case, "query", "a")
        before = case.requests()
        once = _canonical(provider, query)
        assert isinstance(provider, Discovers)
        assert provider.canonical_query(once) == once
        assert provider.canonical_query(query._replace(path=query.path.removesuffix(case.separator))) == once
        assert (once.store, once.name, once.tags) == (query.store, query.name, query.tags)
        assert case.requests() == before

    def test_without_budget_nothing_is_listed(self, case: ProviderCase, provider: Provider) -> None:
        _, query = _put(case, "budget", "a")
        before = case.requests()
        with pytest.raises(CallAborted):
            find(provider, query, Allowance(most=0))
        assert case.requests() == before

    def test_a_budget_that_runs_out_midway_gives_no_part_of_a_listing(self, case: ProviderCase) -> None:
        names = [f"n{number:03}" for number in range(case.many)]
        _, query = _put(case, "midway", *names, f"x{case.separator}y")
        for most in range(1, 5):
            provider, call, before = case.make(), Allowance(most=most), case.requests()
            try:
                assert len(_listing(find(provider, query, call)).refs) == case.many + 1
            except CallAborted:
                pass
            finally:
                provider.close()
            assert case.requests() - before <= call.spent

    def test_a_cancelled_call_lists_nothing(self, case: ProviderCase, provider: Provider) -> None:
        _, query = _put(case, "cancelled", "a")
        before, call = case.requests(), Allowance()
        call.cancelled.set()
        with pytest.raises(CallAborted):
            find(provider, query, call)
        assert case.requests() == before

    def test_eight_threads_list_at_once(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "threads", "a", "b", "c")
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: find(provider, query), range(8)))
        assert {len(_listing(each).refs) for each in found} == {len(refs)}


class TagContract(Suite):
    """What a provider owes that finds secrets by tags."""

    def test_every_tag_must_be_there_with_its_value(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "tags", "both", "one", "other", "none")
        case.tag(refs["both"], {"team": "payments", "env": "prod"})
        case.tag(refs["one"], {"team": "payments"})
        case.tag(refs["other"], {"team": "Payments", "env": "prod2"})
        tags = query._replace(tags=(("env", "prod"), ("team", "payments")))
        assert _listing(find(provider, tags)).refs == (canonical(provider, refs["both"]),)
        assert len(_listing(find(provider, query._replace(tags=(("team", "payments"),)))).refs) == 2

    def test_tags_and_names_narrow_down_together(self, case: ProviderCase, provider: Provider) -> None:
        refs, query = _put(case, "both", "a1", "a2", "b1")
        for ref in refs.values():
            case.tag(ref, {"team": "payments"})
        narrow = query._replace(name="^a", tags=(("team", "payments"),))
        assert _listing(find(provider, narrow)).refs == tuple(canonical(provider, refs[name]) for name in ("a1", "a2"))


class UnreachableDiscoveryContract(Suite):
    """For stores that are reached over a network, and that grant the right to list."""

    def test_a_missing_right_to_list_is_denied(self, case: ProviderCase, provider: Provider) -> None:
        _, query = _put(case, "denied", "a")
        case.deny_listing()
        assert _failure(find(provider, query)).cls is FailureClass.DENIED

    def test_nothing_is_found_where_nothing_listens(self, case: ProviderCase, caplog: pytest.LogCaptureFixture) -> None:
        _, query = _put(case, "unreachable", "a")
        provider = case.make(case.nowhere(), timeouts=Timeouts(connect=2, read=2, total=4))
        with caplog.at_level(logging.DEBUG):
            failure = _failure(find(provider, query))
        provider.close()
        assert failure.cls is FailureClass.UNAVAILABLE
        shown = repr(failure) + "".join(logging.Formatter().format(record) for record in caplog.records)
        assert [hidden for hidden in case.credentials() if hidden in shown] == []


class MetadataContract(Suite):
    """What a provider owes that reads metadata."""

    def test_tags_are_read_as_one_object_of_texts(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("described", case.values[-1])
        case.tag(ref, {"team": "payments", "cost.centre": "12"})
        told = describe(provider, ref)
        assert isinstance(told, Fetched), told
        content = json.loads(told.value.reveal())
        assert {name: text for name, text in content.items() if name[0] != "$"} == {
            "team": "payments",
            "cost.centre": "12",
        }
        assert all(isinstance(text, str) for text in content.values())
        assert (told.version, told.created, told.structured) == ("", None, True)

    def test_an_object_without_tags_has_metadata_all_the_same(self, case: ProviderCase, provider: Provider) -> None:
        told = describe(provider, case.put("bare", case.values[-1]))
        assert isinstance(told, Fetched), told
        assert all(name.startswith("$") for name in json.loads(told.value.reveal()))

    def test_the_metadata_of_nothing_is_absent(self, case: ProviderCase, provider: Provider) -> None:
        told = describe(provider, case.absent())
        assert isinstance(told, Failure), told
        assert told.cls is FailureClass.ABSENT

    def test_its_requests_are_spent_beforehand(self, case: ProviderCase, provider: Provider) -> None:
        ref = case.put("spent", case.values[-1])
        wanted = canonical(provider, ref._replace(part="metadata"))
        assert wanted.part == "metadata"
        before = case.requests()
        assert isinstance(provider, Describes)
        with pytest.raises(CallAborted):
            list(provider.describe([wanted], Allowance(most=0)))
        assert case.requests() == before
        call = Allowance()
        describe(provider, ref, call)
        assert 1 <= case.requests() - before <= call.spent


def _canonical(provider: Provider, query: Query) -> Query:
    assert isinstance(provider, Discovers)
    found = provider.canonical_query(query)
    assert isinstance(found, Query), found
    return found
