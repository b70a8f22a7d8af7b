"""Section E of the catalogue: binary, huge and weird values."""

import json
from pathlib import Path

import pytest

from syncd.build import build
from syncd.model.plan import Action
from syncd.model.reference import Fetched, RemoteRef
from syncd.model.secret import Content, DesiredSecret, LiveSecret
from syncd.model.selection import Extract, Literally, Selection
from syncd.model.shaping import TlsPair
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryReader, DirectoryTarget
from syncd.testing.memory_target import Granted
from tests.authority import Issued, issued
from tests.faults.memory_site import Site, secret, wants

REF = RemoteRef("memory", "app")
ODD = [
    b"trailing newline\n",
    b"\n",
    b"line\r\nline\r\n",
    b"\xef\xbb\xbfwith a byte order mark",
    b"nul \x00 inside",
    b"\x00",
    bytes(range(256)),
    b"\xff\xfe not UTF-8",
    " ünï  \u2028".encode(),
]
CODE = [
    b"{{ 7*7 }}",
    b"{% for x in y %}",
    b"${HOME} $(id) `id`",
    b"!!python/object/apply:os.system [id]",
    b"&a [*a, *a]",
    b"%{env}",
    b"<%= 1 %>",
    b"yes",
    b"012",
    b"~",
    b"---\n- a: b\n...\n",
]


# E1, E7, E9


@pytest.mark.parametrize("value", [*ODD, *CODE])
def test_a_value_arrives_as_the_bytes_that_it_is(value: bytes, tmp_path: Path) -> None:
    site = Site(wants("app"))
    site.store.put("app", value)
    site.apply()
    assert site.values("app") == {"value": value}
    assert [change.action for change in site.apply().changes] == [Action.UNCHANGED]
    folder = DirectoryTarget(tmp_path)
    folder.create(DesiredSecret(secret("app"), "Opaque", {"value": SecretValue(value)}, {}, {}), Granted())
    (live,) = DirectoryReader(tmp_path).read([secret("app")])
    assert isinstance(live, LiveSecret)
    assert {key: each.reveal() for key, each in live.data.items()} == {"value": value}


@pytest.mark.parametrize("value", [text for text in CODE if b"\n" not in text])
def test_a_property_that_looks_like_code_is_its_text(value: bytes) -> None:
    outcomes = {REF: Fetched(SecretValue(b'{"p": "%s"}' % value), "1")}
    by_property = wants("app", data=(("p", Selection(REF, property="p")),))
    by_object = wants("app", data=(), data_from=(Extract(Selection(REF)),))
    for mapping in (by_property, by_object):
        built = build(mapping, outcomes)
        assert isinstance(built, Content)
        assert {key: each.reveal() for key, each in built.data.items()} == {"p": value}


# E2


def test_what_a_secret_cannot_hold_is_refused_whole_and_never_cut() -> None:
    site = Site(wants("app"))
    site.store.put("app", b"x")
    site.apply()
    site.store.put("app", b"x" * (1024 * 1024 + 1))
    (change,) = site.apply().changes
    assert (change.action, change.reason) == (Action.UNREADABLE, "too-large")
    assert site.values("app") == {"value": b"x"}


# E10


def _tls_site() -> Site:
    pair = TlsPair(Selection(REF, property="crt"), Selection(REF, property="key"))
    return Site(wants("app", data=(), builder=pair, type="kubernetes.io/tls", interval=60.0))


def _put(site: Site, certificate: Issued, key: Issued) -> dict[str, bytes]:
    texts = {"crt": certificate.pem.decode(), "key": key.key_pem().decode()}
    site.store.put("app", json.dumps(texts).encode())
    return {"tls.crt": certificate.pem, "tls.key": key.key_pem()}


def _valid(start: float, end: float) -> Issued:
    return issued("web", start=start, end=end)


def test_a_pair_that_does_not_fit_or_is_not_valid_keeps_the_old_one() -> None:
    site = _tls_site()
    good = _valid(0.0, site.now + 60.0)
    before = _put(site, good, good)
    assert [change.action for change in site.apply().changes] == [Action.CREATE]
    assert site.values("app") == before
    expired, early, other = _valid(0.0, site.now - 1.0), _valid(site.now + 1.0, site.now + 60.0), _valid(0.0, 2000.0)
    for certificate, key, reason in (
        (expired, expired, "tls-not-valid"),
        (early, early, "tls-not-valid"),
        (other, good, "tls-key-mismatch"),
    ):
        _put(site, certificate, key)
        (change,) = site.apply().changes
        assert (change.action, change.reason) == (Action.UNREADABLE, reason)
        assert site.values("app") == before


def test_the_daemon_holds_a_pair_against_the_clock_at_each_pass() -> None:
    site = _tls_site()
    old = _valid(0.0, site.now + 600.0)
    before = _put(site, old, old)
    site.run(500)
    assert site.values("app") == before
    assert not site.said("secret-unreadable")
    site.run(300)
    assert site.values("app") == before
    (line,) = site.said("secret-unreadable")
    assert line["reason"] == "tls-not-valid"
    new = _valid(0.0, site.now + 6000.0)
    after = _put(site, new, new)
    site.run(300)
    assert site.values("app") == after


# E14


@pytest.mark.parametrize("value", [b"CHANGEME", b" change-me\n", b"placeholder", b" ", b"\r\n"])
def test_a_value_that_looks_like_none_is_written_and_remarked_upon(value: bytes) -> None:
    site = Site(wants("app"))
    site.store.put("app", value)
    (created,) = site.apply().changes
    assert site.values("app") == {"value": value}
    assert 'the value of "value" ' in created.message
    site.store.put("app", b"a real one")
    (updated,) = site.apply().changes
    assert updated.message == ""
    site.store.put("app", value)
    site.run(10)
    (line,) = site.said("secret-updated")
    assert 'the value of "value" ' in str(line["message"])


@pytest.mark.parametrize("value", [b"x", b"changeme2", b"\x00", b"not a placeholder"])
def test_other_values_are_not_remarked_upon(value: bytes) -> None:
    built = build(wants("app"), {REF: Fetched(SecretValue(value), "1")})
    assert isinstance(built, Content)
    assert built.remarks == ()


def test_a_text_of_the_file_stands_there_on_purpose() -> None:
    built = build(wants("app", data=(("k", Literally("CHANGEME")),)), {})
    assert isinstance(built, Content)
    assert built.remarks == ()
