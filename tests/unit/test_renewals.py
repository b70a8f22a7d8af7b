"""Short-lived secrets in the daemon: issued once, renewed in time, replaced with an overlap, given back at the end."""

from dataclasses import replace

import pytest

from syncd.model.mapping import SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass
from syncd.model.secret import DesiredSecret, LiveSecret, WriteFailure, WriteOutcome
from syncd.model.selection import Lease
from syncd.plan.leases import OVERLAP, book_of, end_of
from syncd.redact import SecretValue
from syncd.target.seam import Permit
from syncd.testing.memory_leases import LOST, Engine, LeaseCounter
from syncd.testing.memory_target import Asked, Granted
from tests.unit.daemon_rig import DaemonRig, key

CREDS = "database/creds/app"
HOUR = 3600.0


def leased(name: str = "db", *entries: Lease, **fields: object) -> SecretMapping:
    """Map what an engine issues to its own keys."""
    made = SecretMapping(
        f"team/{name}",
        key(name),
        Position("syncd.yaml", 1, 1),
        "Opaque",
        data_from=entries or (Lease("vault", CREDS),),
        interval=300.0,
    )
    return replace(made, **fields)  # type: ignore[arg-type]


def rig_of(*mappings: SecretMapping, engine: Engine | None = None, before: DaemonRig | None = None) -> DaemonRig:
    """Make a daemon; with `before`, one that is started after that one ended: what stands outside of it goes on."""
    rig = DaemonRig(*mappings, cluster=before.cluster if before else None, shelf=before.shelf if before else None)
    if before is None:
        vault_of(rig).engines[CREDS] = engine or Engine(HOUR)
    else:
        rig.stores["vault"].leases = before.stores["vault"].leases
        vault_of(rig).clock = rig.time.clock
        rig.time.sleep(before.now() - rig.now())
    return rig


def vault_of(rig: DaemonRig) -> LeaseCounter:
    return rig.stores["vault"].leases


def living(rig: DaemonRig) -> list[str]:
    """Give the numbers of the leases that live."""
    return [each.id.rpartition("/")[2] for each in vault_of(rig).live()]


def live(rig: DaemonRig, name: str = "db") -> LiveSecret:
    return rig.cluster.secrets[key(name)]


def test_a_short_lived_secret_is_issued_once_and_left_alone_until_it_is_due() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(2000.0)
    assert rig.data("db") == {"username": b"username-1", "password": b"password-1"}
    assert vault_of(rig).count("issue") == 1
    assert vault_of(rig).asked == vault_of(rig).asked[:1], "an unchanged pass asks the store nothing"
    (record,) = book_of(live(rig)).leases
    assert (record.lease, record.expires - record.issued, record.keys) == (f"{CREDS}/1", HOUR, ("password", "username"))
    assert rig.verbs("db").count("update") == 0
    rig.stop()


def test_it_is_renewed_at_two_thirds_of_its_life_and_the_secret_says_so() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(3 * HOUR)
    renewals = [at - 1000.0 for at, verb in vault_of(rig).asked if verb == "renew"]
    assert len(renewals) >= 4
    gaps = [after - before for before, after in zip([0.0, *renewals], renewals, strict=False)]
    assert all(2400 * 0.9 - 2 <= gap <= 2400 + 2 for gap in gaps), gaps
    assert vault_of(rig).count("issue") == 1
    (record,) = book_of(live(rig)).leases
    assert record.expires - record.since == HOUR
    assert rig.verbs("db").count("update") == len(renewals)
    assert rig.data("db")["password"] == b"password-1"
    assert rig.log.told().count("secret-updated") == 0
    rig.stop()


def test_one_that_cannot_be_renewed_is_replaced_in_time_and_the_old_one_lives_on_for_a_while() -> None:
    rig = rig_of(leased(), engine=Engine(HOUR, renewable=False))
    rig.start()
    rig.run(2405.0)
    assert rig.data("db")["password"] == b"password-2"
    assert living(rig) == ["1", "2"]
    rig.run(OVERLAP + 1)
    assert living(rig) == ["2"]
    assert rig.log.of("secret-updated")[0]["reason"] == "lease-issued"
    rig.stop()


def test_one_whose_renewal_is_cut_short_is_replaced_at_once() -> None:
    rig = rig_of(leased(), engine=Engine(HOUR, max_ttl=4000.0))
    rig.start()
    rig.run(2405.0)
    assert rig.data("db")["password"] == b"password-2"
    assert vault_of(rig).count("issue") == 2
    assert living(rig) == ["1", "2"]
    rig.run(OVERLAP + 1)
    assert living(rig) == ["2"]
    rig.stop()


def test_a_restart_keeps_what_the_secret_holds() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(1000.0)
    rig.stop()
    again = rig_of(leased(), before=rig)
    again.start()
    again.run(500.0)
    assert vault_of(again).count("issue") == 1
    assert vault_of(again).count("renew") == 0
    again.run(1500.0)
    assert vault_of(again).count("issue") == 1
    assert vault_of(again).count("renew") == 1
    again.stop()


def test_what_was_renewed_and_not_noted_before_a_crash_is_found_alive_after_it() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(100.0)
    rig.stop()
    vault_of(rig).all[0].ends += 10 * HOUR  # renewed, and the Secret still says an hour
    again = rig_of(leased(), before=rig)
    again.time.sleep(2 * HOUR)
    again.start()
    again.run(100.0)
    assert vault_of(again).count("issue") == 1
    assert vault_of(again).count("renew") == 1
    again.stop()


def test_a_restart_and_a_token_that_ends_sooner_than_its_leases() -> None:
    rig = rig_of(leased(), engine=Engine(10 * HOUR))
    vault_of(rig).owners["login-1"] = 1000.0 + HOUR
    rig.start()
    rig.run(100.0)
    (record,) = book_of(live(rig)).leases
    assert (record.owner, end_of(record) - record.issued) == ("login-1", HOUR)
    rig.stop()
    vault_of(rig).login = "login-2"  # of the next process, which cannot prolong the other
    again = rig_of(leased(), before=rig)
    again.start()
    again.run(2 * HOUR)
    assert again.data("db")["password"] == b"password-2"
    assert vault_of(again).all[1].at < 1000.0 + HOUR * 2 / 3 + 1, "replaced before the token took the lease along"
    assert living(again) == ["2"]
    again.stop()


def test_a_secret_that_was_edited_or_deleted_by_hand_is_issued_anew() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(1000.0)
    secret = live(rig)
    edited = {**secret.data, "password": SecretValue(b"by hand")}
    rig.cluster.put(DesiredSecret(secret.key, secret.type, edited, secret.labels, secret.annotations))
    rig.run(400.0)
    assert rig.data("db") == {"username": b"username-2", "password": b"password-2"}
    assert living(rig) == ["1", "2"]
    rig.run(OVERLAP + 1)
    assert living(rig) == ["2"]
    rig.cluster.remove(key("db"))
    rig.run(400.0)
    assert rig.data("db") == {"username": b"username-3", "password": b"password-3"}
    rig.stop()


def test_nothing_makes_it_issue_in_a_loop() -> None:
    rig = rig_of(leased(interval=10.0))
    rig.start()
    rig.run(5.0)
    for _ in range(2 * 3600 // 5):
        rig.cluster.remove(key("db"))  # somebody who deletes it again and again
        rig.run(5.0)
    # At 0, 30, 60, 120 … s after each other: 8 strikes in two hours, and the first issue.
    assert vault_of(rig).count("issue") <= 10
    held = rig.log.of("secret-held")
    assert held
    assert held[0]["reason"] == "would-issue"
    rig.stop()


def test_a_lost_answer_is_not_followed_by_another_call_at_once() -> None:
    rig = rig_of(leased(interval=10.0))
    vault_of(rig).faults["issue"] = [LOST] * 3
    rig.start()
    rig.run(20.0)
    assert vault_of(rig).count("issue") == 1
    rig.run(30.0 + 60.0 + 120.0 + 60.0)
    assert vault_of(rig).count("issue") == 4
    assert rig.data("db")["password"] == b"password-4"
    rig.run(2 * HOUR)
    assert vault_of(rig).count("issue") == 4
    rig.stop()


def test_what_was_issued_for_a_write_that_was_refused_is_revoked() -> None:
    rig = rig_of(leased(interval=10.0))
    rig.on_call = lambda asked: rig.cluster.terminating.update({"team"} if asked.verb == "create" else ())
    rig.start()
    rig.run(20.0)
    assert rig.data("db") == {}
    assert vault_of(rig).count("issue") == 1
    assert living(rig) == []
    rig.stop()


@pytest.mark.parametrize("arrived", [True, False])
def test_a_write_of_which_it_is_not_known_what_became(arrived: bool) -> None:  # noqa: FBT001 — a case of the test
    rig = rig_of(leased(interval=10.0))
    lost = [True]

    def answer(asked: Asked) -> WriteFailure | None:
        rig.calls.append((rig.now(), asked))
        if asked.verb != "create" or not lost:
            return None
        lost.clear()
        if arrived:
            rig.cluster.answer = lambda _asked: None
            rig.cluster.create(wanted[0], Granted())
            rig.cluster.answer = answer
        return WriteFailure(asked.key, "unavailable", "timeout", "nobody knows")

    create, wanted = rig.target.create, list[DesiredSecret]()

    def noted(desired: DesiredSecret, permit: Permit) -> WriteOutcome:
        wanted[:] = [desired]
        return create(desired, permit)

    rig.target.create = noted  # type: ignore[method-assign]
    rig.cluster.answer = answer
    rig.start()
    rig.run(1.0)
    assert living(rig) == ["1"], "it may be the one that the Secret holds"
    rig.run(60.0)
    assert rig.data("db")["password"] == (b"password-1" if arrived else b"password-2")
    assert living(rig) == (["1"] if arrived else ["2"])
    rig.stop()


def test_a_process_that_dies_between_issue_and_write_leaves_one_that_runs_out() -> None:
    rig = rig_of(leased())

    # As long as this process lives, which is no longer than the test looks at it.
    rig.on_call = lambda asked: rig.time.sleep(1e12) if asked.verb == "create" else None
    rig.start()
    rig.run(1.0)
    assert rig.data("db") == {}
    assert living(rig) == ["1"]
    again = rig_of(leased(), before=rig)
    again.start()
    again.run(70.0)
    assert again.data("db")["password"] == b"password-2"
    again.run(HOUR)
    assert living(again) == ["2"]
    again.stop()


def test_a_renewal_that_fails_is_tried_again_before_the_lease_is_over() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(10.0)
    vault_of(rig).faults["renew"] = [Failure(FailureClass.UNAVAILABLE, "server-error", "down")] * 4
    rig.run(HOUR - 20)
    assert vault_of(rig).count("renew") == 5
    assert vault_of(rig).count("issue") == 1
    assert [fields["message"] for fields in rig.log.of("lease-not-renewed")] == ["down"], "told once"
    rig.stop()


@pytest.mark.parametrize(
    "failure",
    [
        Failure(FailureClass.UNUSABLE, "lease-gone", "over", transient=False),
        Failure(FailureClass.DENIED, "permission-denied", "no", transient=False),
    ],
)
def test_one_that_the_store_knows_no_more_or_does_not_renew_is_replaced(failure: Failure) -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(10.0)
    vault_of(rig).faults["renew"] = [failure]
    rig.run(2405.0)
    assert rig.data("db")["password"] == b"password-2"
    assert vault_of(rig).count("renew") == 1
    rig.stop()


def test_the_clock_on_the_wall_neither_hastens_nor_delays_a_renewal() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(1000.0)
    rig.step = -20 * HOUR
    rig.run(3 * HOUR)
    assert vault_of(rig).count("issue") == 1
    assert vault_of(rig).count("renew") >= 4
    rig.step = 20 * HOUR
    rig.run(HOUR)
    assert vault_of(rig).count("issue") == 1
    assert living(rig) == ["1"]
    rig.stop()


def test_leases_are_counted() -> None:
    rig = rig_of(leased(), engine=Engine(HOUR, renewable=False))
    rig.start()
    rig.run(HOUR)
    text = rig.metrics.text().decode()
    assert 'syncd_leases_total{event="issued",store="vault"} 2.0' in text
    assert 'syncd_leases_total{event="revoked",store="vault"} 1.0' in text
    rig.stop()


def rig_wall(rig: DaemonRig) -> float:
    """Give the wall clock of the rig."""
    return 1e9 + rig.time.clock()
