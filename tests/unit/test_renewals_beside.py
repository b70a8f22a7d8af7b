"""Leases beside what befalls their Secrets: other sources, mappings that go, hands that edit and suspend."""

from dataclasses import replace

from syncd.model.reference import RemoteRef
from syncd.model.secret import DesiredSecret
from syncd.model.selection import Selection
from syncd.plan.instance import Rules
from syncd.plan.lease_records import LEASES, Book, Retired, book_text
from syncd.plan.leases import book_of
from tests.unit.daemon_rig import DOWN
from tests.unit.test_renewals import CREDS, HOUR, leased, live, living, rig_of, rig_wall, vault_of


def test_the_leases_of_a_secret_go_with_it_when_its_mapping_is_gone() -> None:
    rig = rig_of(leased("db", when_mapping_gone="delete"), leased("kept"), leased("other"))
    rig.start()
    rig.run(10.0)
    assert living(rig) == ["1", "2", "3"]
    held = {name: book_of(live(rig, name)).leases[0].lease.rpartition("/")[2] for name in ("db", "kept", "other")}
    rig.stop()
    again = rig_of(leased("other"), before=rig)
    again.start(rules=Rules(prune=True, issue=True))
    again.run(700.0)
    assert again.data("db") == {}
    assert again.data("kept")
    assert living(again) == sorted((held["kept"], held["other"]))
    again.run(3 * HOUR)
    assert living(again) == [held["other"]], "nobody renews what no mapping wants"
    again.stop()


def test_a_lease_is_renewed_whatever_befalls_the_other_sources_of_its_secret() -> None:
    rig = rig_of(leased(data=(("k", Selection(RemoteRef("kv", "app"))),)))
    rig.start()
    rig.run(10.0)
    rig.stores["kv"].break_down(DOWN)
    rig.run(2 * HOUR)
    assert vault_of(rig).count("renew") >= 2
    assert living(rig) == ["1"]
    rig.stores["kv"].mend()
    rig.stores["kv"].put("app", b"new")
    rig.run(700.0)
    assert rig.data("db") == {"k": b"new", "username": b"username-1", "password": b"password-1"}
    assert vault_of(rig).count("issue") == 1
    rig.stop()


def test_nothing_is_issued_while_another_source_fails() -> None:
    rig = rig_of(leased(data=(("k", Selection(RemoteRef("kv", "app"))),)))
    rig.stores["kv"].break_down(DOWN)
    rig.start()
    rig.run(HOUR)
    assert vault_of(rig).asked == []
    rig.stop()


def test_a_suspended_secret_is_left_alone() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(10.0)
    secret = live(rig)
    suspended = {**secret.annotations, "syncd.dev/suspend": "true"}
    rig.cluster.put(DesiredSecret(secret.key, secret.type, secret.data, secret.labels, suspended))
    rig.run(2 * HOUR)
    assert vault_of(rig).count("renew") == 0
    rig.stop()


def test_what_a_hand_made_annotation_says_is_not_done() -> None:
    rig = rig_of(leased())
    rig.start()
    rig.run(10.0)
    secret = live(rig)
    book = book_of(secret)
    forged = replace(book.leases[0], lease=f"{CREDS}/of-others", since=0.0, expires=rig_wall(rig) + 5)
    text = book_text(Book((forged,), (Retired("vault", f"{CREDS}/also", 0.0, 9e9),)))
    assert text is not None
    annotations = {**secret.annotations, LEASES: text}
    rig.cluster.put(DesiredSecret(secret.key, secret.type, secret.data, secret.labels, annotations))
    rig.run(2 * HOUR)
    assert vault_of(rig).asked == vault_of(rig).asked[:1]
    assert rig.log.of("secret-conflict")
    rig.stop()
