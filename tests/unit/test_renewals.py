"""Short-lived secrets in the daemon: issued once, renewed in time, replaced with an overlap, given back at the end."""

from dataclasses import replace

from syncd.model.mapping import SecretMapping
from syncd.model.position import Position
from syncd.model.secret import LiveSecret
from syncd.model.selection import Lease
from syncd.plan.leases import OVERLAP, book_of
from syncd.testing.memory_leases import Engine, LeaseCounter
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
