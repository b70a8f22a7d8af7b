"""How every source answered last, in a daemon: which stores were not read yet, and which are not believed."""

from syncd.daemon.latest import Latest
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import FailureClass, Query, RemoteRef, Wanted
from syncd.model.selection import Finding, Selection
from syncd.reconcile import Seen

BELOW = Query("vault", "app/")
KEY = SecretKey("default", "team", "s")
MAPPING = SecretMapping(
    "team/s", KEY, Position("f", 1, 1), "Opaque", (("k", Selection(RemoteRef("aws", "k"))),), (Finding(BELOW),)
)
NAMED = RemoteRef("aws", "k")


def refs(*names: str) -> frozenset[RemoteRef]:
    return frozenset(RemoteRef("vault", f"app/{name}") for name in names)


def seen(
    found: frozenset[RemoteRef] | None, lost: frozenset[RemoteRef] = frozenset(), query: FailureClass | None = None
) -> Seen:
    classes: dict[Wanted, FailureClass | None] = {NAMED: None, BELOW: query}
    classes.update(dict.fromkeys(found or ()))
    classes.update(dict.fromkeys(lost, FailureClass.ABSENT))
    return Seen((), {}, (), classes, {} if found is None else {KEY: found | lost})


def test_a_store_is_read_once_its_queries_were_answered() -> None:
    latest = Latest([MAPPING])
    assert latest.judged(Seen((), {})).unread == {"aws", "vault"}
    assert latest.judged(seen(None, query=FailureClass.UNAVAILABLE)).unread == {"vault"}
    assert latest.judged(seen(refs("a"))).unread == set()


def test_what_a_find_has_lost_counts_until_it_is_let_go() -> None:
    latest = Latest([MAPPING])
    assert latest.judged(seen(refs("a", "b", "c"))).suspect == set()
    assert latest.judged(seen(refs("a"), refs("b", "c", "d"))).suspect == {"vault"}
    assert latest.judged(seen(refs("a"))).suspect == set()


def test_a_find_that_failed_leaves_what_it_said_before() -> None:
    latest = Latest([MAPPING])
    latest.judged(seen(refs("a"), refs("b", "c", "d")))
    assert latest.judged(seen(None, query=FailureClass.UNAVAILABLE)).suspect == {"vault"}
