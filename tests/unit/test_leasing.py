"""One run over a store that issues: what a diff, an apply and an apply that may issue ask of it, and give back."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from syncd.fetch.gateway import Gateway
from syncd.fetch.seam import Call
from syncd.keys import InstanceKey
from syncd.lease_memory import FIRST_WAIT, LeaseMemory
from syncd.leases import LeaseEvent, Leasing
from syncd.model.lease import Issue, Issued
from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Change, Plan
from syncd.model.reference import Failure, FailureClass, RemoteRef
from syncd.model.secret import DesiredSecret
from syncd.model.selection import KeyRules, Lease, Literally, Selection
from syncd.model.shaping import Checks
from syncd.plan.instance import Instance, Rules
from syncd.plan.leases import OVERLAP
from syncd.reconcile import Seen, Standing, plan, see
from syncd.redact import SecretValue
from syncd.report import render_diff
from syncd.testing.memory_leases import LOST, Engine
from syncd.testing.memory_provider import MemoryProvider, memory_store
from syncd.testing.memory_target import Asked, Cluster, Granted, MemoryReader, MemoryTarget
from syncd.told import start_reading
from syncd.writing import Writer
from tests.unit.test_renewals import CREDS, HOUR, leased

OTHER = "database/creds/other"
ISSUE = Rules(issue=True, max_deletes_percent=100.0)
ME = Instance("prod", InstanceKey(SecretValue(bytes(range(32)))), "/etc/syncd.yaml")


class Place:
    """A store that issues, a cluster, and runs over both on one clock."""

    def __init__(self) -> None:
        """Let two engines issue."""
        self.now = 1_800_000_000.0
        self.vault = MemoryProvider("vault", clock=lambda: self.now)
        self.leases = self.vault.leases
        self.leases.engines |= {CREDS: Engine(HOUR), OTHER: Engine(HOUR, keys=("token",))}
        self.kv = MemoryProvider("kv")
        self.cluster = Cluster()
        self.memory = LeaseMemory(lambda: self.now)
        self.events: list[LeaseEvent] = []
        self.permit = Granted()
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens between the look and the writes."""

    def diff(self, *mappings: SecretMapping, rules: Rules = Rules()) -> Plan:  # noqa: B008 — frozen
        standing = Standing.of(mappings, instance=ME, rules=rules)
        gateway = self.gateway()
        seen = self.see(mappings, standing, gateway, MemoryReader(self.cluster))
        return plan(seen, standing, inventory=None, target="", now=self.now)

    def apply(self, *mappings: SecretMapping, rules: Rules = ISSUE) -> tuple[Change, ...]:
        standing = Standing.of(mappings, instance=ME, rules=rules)
        gateway, target = self.gateway(), MemoryTarget(self.cluster)
        leasing = Leasing(
            gateway,
            {"default": target},
            standing,
            self.permit,
            self.memory,
            wall=lambda: self.now,
            observe=self.events.append,
        )
        seen = leasing.tended(self.see(mappings, standing, gateway, target))
        made = plan(seen, standing, inventory=None, target="", now=self.now)
        self.meanwhile()
        writer = Writer({"default": target}, standing, self.permit, leasing=leasing)
        written = writer.carry_out(made, seen, now=self.now)
        leasing.tidied(seen, written.changes)
        gateway.close()
        return written.changes

    def see(
        self, mappings: tuple[SecretMapping, ...], standing: Standing, gateway: Gateway, target: MemoryReader
    ) -> Seen:
        return see(
            mappings,
            start_reading(mappings, gateway),
            {"default": target},
            look_at=[mapping.key for mapping in mappings],
            now=self.now,
            holdings=standing.holdings(self.now),
        )

    def gateway(self) -> Gateway:
        return Gateway({"vault": memory_store(self.vault, "vault"), "kv": memory_store(self.kv, "kv")})

    def data(self, mapping: SecretMapping) -> dict[str, bytes]:
        live = self.cluster.secrets.get(mapping.key)
        return {key: value.reveal() for key, value in live.data.items()} if live else {}

    def living(self) -> list[str]:
        return [each.id.rpartition("/")[2] for each in self.leases.live()]


def test_a_diff_shows_what_would_be_issued_and_asks_the_store_nothing() -> None:
    place, mapping = Place(), leased()
    for rules, outcome in ((Rules(), "held"), (ISSUE, "")):
        (change,) = place.diff(mapping, rules=rules).changes
        assert (change.action, change.reason, change.outcome) == (Action.CREATE, "would-issue", outcome)
    assert place.leases.asked == []
    assert place.cluster.writes() == []


@pytest.mark.parametrize("form", ["text", "unified", "json", "markdown"])
def test_every_form_of_a_diff_tells_it(form: Literal["text", "unified", "json", "markdown"]) -> None:
    place, mapping = Place(), leased(data=(("host", Literally("db")),))
    place.apply(mapping)
    place.cluster.secrets[mapping.key].data.pop("password")  # type: ignore[attr-defined]  # a dict in memory
    made = place.diff(mapping)
    shown = render_diff(made, form=form, color=False, redact_keys=False)
    assert "would-issue" in shown or "short-lived" in shown
    assert "username-1" not in shown


def test_a_run_that_may_not_issue_leaves_it_alone_and_goes_on_with_what_is_held() -> None:
    place, mapping = Place(), leased()
    (change,) = place.apply(mapping, rules=Rules())
    assert (change.reason, change.outcome) == ("would-issue", "held")
    assert place.leases.asked == []
    (change,) = place.apply(mapping)
    assert change.outcome == "done"
    place.now += HOUR / 2
    (change,) = place.apply(replace(mapping, labels=(("a", "b"),)), rules=Rules())
    assert (change.action, change.reason, change.outcome) == (Action.UPDATE, "mapping-changed", "done")
    place.now += HOUR / 2 - 10
    (change,) = place.apply(mapping, rules=Rules())
    assert place.leases.asked == place.leases.asked[:1], "due, and not renewed by who may not"
    place.now += 20
    (change,) = place.apply(mapping, rules=Rules())
    assert (change.action, change.reason, change.outcome) == (Action.UPDATE, "would-issue", "held")
    assert place.data(mapping)["password"] == b"password-1"


def test_runs_that_come_now_and_then_renew_and_replace() -> None:
    place, mapping = Place(), leased()
    place.leases.engines[CREDS].max_ttl = 2.5 * HOUR
    for _ in range(40):
        place.apply(mapping)
        place.now += HOUR / 10
        assert place.living(), "never without a live one"
    assert place.leases.count("issue") == 2
    assert place.leases.count("renew") >= 3
    assert place.living() == ["2"]


def test_several_leases_of_one_secret_are_issued_and_replaced_one_by_one() -> None:
    place = Place()
    place.leases.engines[OTHER] = Engine(HOUR / 2, renewable=False, keys=("token",))
    mapping = leased("db", Lease("vault", CREDS), Lease("vault", OTHER, keys=KeyRules(prefix="API_")))
    place.apply(mapping)
    assert place.data(mapping) == {"username": b"username-1", "password": b"password-1", "API_token": b"token-2"}
    place.now += HOUR / 3 + 1
    place.apply(mapping)
    assert place.data(mapping) == {"username": b"username-1", "password": b"password-1", "API_token": b"token-3"}
    place.now += OVERLAP + 1
    place.apply(mapping)
    assert place.living() == ["1", "3"]


def test_where_the_second_of_two_is_refused_the_first_is_given_back() -> None:
    place = Place()
    del place.leases.engines[OTHER]
    mapping = leased("db", Lease("vault", CREDS), Lease("vault", OTHER))
    (change,) = place.apply(mapping)
    assert (change.action, change.reason) == (Action.UNREADABLE, "source-config")
    assert place.living() == []
    assert place.data(mapping) == {}
    assert [event.kind for event in place.events] == ["issued", "revoked", "not-issued"]


def test_what_a_check_refuses_is_given_back_and_not_tried_again_at_once() -> None:
    place, mapping = Place(), leased(checks=Checks(required=("port",)))
    (change,) = place.apply(mapping)
    assert (change.action, change.reason) == (Action.UNREADABLE, "check-required")
    assert place.living() == []
    (change,) = place.apply(mapping)
    assert change.outcome == "held"
    place.now += FIRST_WAIT + 1
    place.apply(mapping)
    assert place.leases.count("issue") == 2


def test_another_writer_between_the_look_and_the_write_wins() -> None:
    place, mapping = Place(), leased()
    place.apply(mapping)
    place.now += 2 * HOUR

    def other() -> None:
        live = place.cluster.secrets[mapping.key]
        place.cluster.put(DesiredSecret(live.key, live.type, live.data, {**live.labels, "x": "y"}, live.annotations))

    place.meanwhile = other
    (change,) = place.apply(mapping)
    assert change.outcome == "skipped"
    assert place.living() == []
    assert place.data(mapping)["password"] == b"password-1"


def test_values_that_were_taken_from_a_secret_are_not_written_over_a_newer_one() -> None:
    place, mapping = Place(), leased(data=(("k", Selection(RemoteRef("kv", "app"))),))
    place.kv.put("app", b"one")
    place.apply(mapping)
    place.kv.put("app", b"two")
    other = Place()
    other.now, other.cluster, other.kv, other.vault = place.now, place.cluster, place.kv, place.vault

    def replaced() -> None:
        live = place.cluster.secrets[mapping.key]
        place.cluster.put(DesiredSecret(live.key, live.type, {}, live.labels, live.annotations))
        other.apply(mapping)

    place.meanwhile = replaced
    (change,) = place.apply(mapping)
    assert change.outcome == "skipped"
    assert place.data(mapping) == {"k": b"two", "username": b"username-2", "password": b"password-2"}


def test_a_stop_issues_nothing() -> None:
    place, mapping = Place(), leased()
    place.permit.open = False
    (change,) = place.apply(mapping)
    assert change.outcome == "skipped"
    assert place.leases.asked == []


@pytest.mark.parametrize("entries", [1, 2])
def test_once_all_is_issued_no_stop_comes_before_the_write(entries: int) -> None:
    place = Place()
    mapping = leased("db", *(Lease("vault", path) for path in (CREDS, OTHER)[:entries]))
    issue = place.vault.issue

    def stops(wanted: Issue, call: Call) -> Issued | Failure:
        place.permit.open = False
        return issue(wanted, call)

    place.vault.issue = stops  # type: ignore[method-assign]
    (change,) = place.apply(mapping)
    assert change.outcome == ("done" if entries == 1 else "skipped")
    assert len(place.living()) == len(place.cluster.secrets) == (1 if entries == 1 else 0)


def test_an_answer_with_other_keys_than_were_counted_is_not_written() -> None:
    place, mapping = Place(), leased()
    place.apply(mapping)
    place.now += 2 * HOUR
    place.leases.engines[CREDS].keys = ("token",)
    (change,) = place.apply(mapping)
    assert change.outcome == "skipped"
    assert set(place.data(mapping)) == {"username", "password"}
    assert place.living() == []


def test_a_mapping_that_asks_another_engine_takes_keys_away_within_the_guards() -> None:
    place, mapping = Place(), leased()
    place.apply(mapping)
    other = replace(mapping, data_from=(Lease("vault", OTHER),))
    (change,) = place.apply(other)
    assert change.outcome == "done"
    assert place.data(mapping) == {"token": b"token-2"}
    third = replace(mapping, data_from=(Lease("vault", CREDS),))
    place.now += 60
    (change,) = place.apply(third, rules=replace(ISSUE, max_deletes_count=0))
    assert change.outcome == "done", "at least one"


def test_one_call_is_made_whatever_the_failure_says() -> None:
    for failure in (
        LOST,
        Failure(FailureClass.THROTTLED, "rate-limited", "slow down", retry_after=0.01),
        Failure(FailureClass.MALFORMED, "answer-malformed", "nonsense"),
        Failure(FailureClass.ABSENT, "not-found", "nothing there"),
    ):
        place, mapping = Place(), leased()
        place.leases.faults["issue"] = [failure]
        (change,) = place.apply(mapping)
        assert place.leases.count("issue") == 1
        assert change.action is Action.UNREADABLE
        assert change.reason != "source-absent", "nothing is ever removed for it"


def test_a_dead_login_alone_lets_the_same_be_asked_again() -> None:
    place, mapping = Place(), leased()
    place.leases.faults["issue"] = [
        Failure(FailureClass.DENIED, "token-expired", "log in anew", scope="store", stale_credential=True)
    ]
    (change,) = place.apply(mapping)
    assert change.outcome == "done"
    assert place.leases.count("issue") == 2
    assert place.vault.relogins == 1


def test_a_store_without_the_power_is_told() -> None:
    place, mapping = Place(), leased("db", Lease("nowhere", CREDS))
    (change,) = place.apply(mapping)
    assert (change.action, change.reason) == (Action.UNREADABLE, "source-config")


def test_a_write_that_is_lost_and_found_keeps_what_it_wrote() -> None:
    place, mapping = Place(), leased()

    def lost(asked: Asked) -> None:
        if asked.verb == "create":
            message = "a defect"
            raise ValueError(message)

    place.cluster.answer = lost
    (change,) = place.apply(mapping)
    assert change.outcome == "failed"
    assert place.living() == ["1"], "it may have been written"
    place.cluster.answer = lambda _asked: None
    place.now += FIRST_WAIT + 1
    place.apply(mapping)
    assert place.living() == ["2"]
