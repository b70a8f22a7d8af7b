"""Short-lived secrets in the build: their keys, what hangs on them, and what would lose a value."""

from dataclasses import replace

import pytest

from syncd.build import build
from syncd.model.lease import Fresh, Given, Grant, Kept
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, RemoteRef
from syncd.model.secret import Built, Content, Refusal
from syncd.model.selection import DataSource, Entry, Extract, KeyRules, Lease, Literally, Selection
from syncd.model.shaping import Checks, Template
from syncd.redact import SecretValue

NOW = 1_800_000_000.0
CREDS = Lease("vault", "database/creds/app")
OTHER = Lease("vault", "database/creds/other", overrides=True)
REF = RemoteRef("vault", "app", mount="secret")


def wants(*entries: Entry, data: dict[str, DataSource] | None = None, **fields: object) -> SecretMapping:
    key = SecretKey("default", "team", "db")
    made = SecretMapping("db", key, Position("f", 1, 1), "Opaque", tuple((data or {}).items()), entries or (CREDS,))
    return replace(made, **fields)  # type: ignore[arg-type]


def fresh(text: bytes = b'{"username":"u","password":"p"}') -> Fresh:
    return Fresh(SecretValue(text), Grant("id", 3600.0), NOW)


def kept(overridden: tuple[str, ...] = (), **data: str) -> Kept:
    return Kept({key: SecretValue(value.encode()) for key, value in data.items()}, NOW - 60, overridden)


def content(built: Built) -> tuple[dict[str, bytes], Content]:
    assert isinstance(built, Content), built
    return {key: value.reveal() for key, value in built.data.items()}, built


def refused(built: Built) -> tuple[FailureClass, str]:
    assert isinstance(built, Refusal)
    return built.cls, built.reason


def test_what_was_issued_gives_its_keys_by_the_rules_of_its_entry() -> None:
    lease = replace(CREDS, keys=KeyRules(exclude=("^ttl$",), rename=(("username", "user"),), prefix="DB_"))
    value = fresh(b'{"username":"u","password":"p","ttl":60,"ca_chain":["a","b"],"port":5432}')
    data, built = content(build(wants(lease), {}, leased={lease: value}, now=NOW))
    assert data == {"DB_user": b"u", "DB_password": b"p", "DB_ca_chain": b'["a","b"]', "DB_port": b"5432"}
    assert built.leases == {lease: Given(("DB_ca_chain", "DB_password", "DB_port", "DB_user"), (), value)}
    (source,) = built.sources
    assert (source.ref, source.version, source.created) == (RemoteRef("vault", lease.path), "2027-01-15T08:00:00Z", NOW)


def test_what_is_kept_stands_under_its_keys_already() -> None:
    lease = replace(CREDS, keys=KeyRules(rename=(("username", "user"),), prefix="DB_"))
    data, built = content(build(wants(lease), {}, leased={lease: kept(DB_user="u")}, now=NOW))
    assert data == {"DB_user": b"u"}
    assert built.leases == {lease: Given(("DB_user",))}


def test_what_was_not_issued_leaves_templates_and_checks_for_later() -> None:
    template, checks = Template((("url", "{{ username }}"),)), Checks(required=("username",))
    mapping = wants(data={"host": Literally("db")}, template=template, checks=checks)
    data, built = content(build(mapping, {}, now=NOW))
    assert data == {"host": b"db"}
    assert built.unissued == (CREDS,)
    data, built = content(build(mapping, {}, leased={CREDS: fresh()}, now=NOW))
    assert data == {"host": b"db", "username": b"u", "password": b"p", "url": b"u"}
    assert built.unissued == ()


def test_any_other_fault_comes_first() -> None:
    down = Failure(FailureClass.UNAVAILABLE, "sealed", "sealed")
    built = build(wants(data={"k": Selection(REF)}), {REF: down}, now=NOW)
    assert refused(built) == (FailureClass.UNAVAILABLE, "source-unavailable")


def test_two_entries_that_give_one_key() -> None:
    both = {CREDS: fresh(), OTHER: fresh(b'{"username":"o"}')}
    data, built = content(build(wants(CREDS, OTHER), {}, leased=both, now=NOW))
    assert data == {"username": b"o", "password": b"p"}
    assert (built.leases[CREDS].keys, built.leases[CREDS].overridden) == (("password",), ("username",))
    plain = replace(OTHER, overrides=False)
    clash = build(wants(CREDS, plain), {}, leased={CREDS: fresh(), plain: both[OTHER]}, now=NOW)
    assert refused(clash) == (FailureClass.CONFIG, "key-clash")


def test_what_something_else_gives_need_not_be_kept_but_is_missed_when_that_is_gone() -> None:
    overriding = wants(data={"username": Literally("me")})
    data, built = content(build(overriding, {}, leased={CREDS: fresh()}, now=NOW))
    assert data == {"username": b"me", "password": b"p"}
    assert built.leases[CREDS].keys == ("password",)
    again = {CREDS: kept(("username",), password="p")}
    assert content(build(overriding, {}, leased=again, now=NOW))[1].unissued == ()
    assert content(build(wants(), {}, leased=again, now=NOW))[1].unissued == (CREDS,)


def test_a_clash_is_told_also_where_the_value_is_lost() -> None:
    extract = Extract(Selection(REF))
    outcomes = {REF: Fetched(SecretValue(b'{"username":"x"}'), "1", structured=True)}
    leased = {CREDS: kept(("username",), password="p")}
    assert refused(build(wants(CREDS, extract), outcomes, leased=leased, now=NOW)) == (FailureClass.CONFIG, "key-clash")


@pytest.mark.parametrize(
    "template",
    [
        Template((("password", "{{ password | urlencode }}!"),)),
        Template((("url", "{{ username }}"),), keep=False),
    ],
)
def test_a_template_that_replaces_or_drops_a_key_is_refused(template: Template) -> None:
    built = build(wants(template=template), {}, leased={CREDS: fresh()}, now=NOW)
    assert refused(built) == (FailureClass.CONFIG, "lease-key-lost")


def test_what_an_engine_answers_must_be_whole() -> None:
    for text in (b"[]", b"{", b'{"a":null}', b'{"a b":"c"}'):
        built = build(wants(), {}, leased={CREDS: fresh(text)}, now=NOW)
        assert isinstance(built, Refusal), text
