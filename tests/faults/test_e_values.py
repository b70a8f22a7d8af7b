"""Section E of the catalogue: binary, huge and weird values."""

from pathlib import Path

import pytest

from syncd.build import build
from syncd.model.plan import Action
from syncd.model.reference import Fetched, RemoteRef
from syncd.model.secret import Content, DesiredSecret, LiveSecret
from syncd.model.selection import Extract, Literally, Selection
from syncd.redact import SecretValue
from syncd.target.directory import DirectoryReader, DirectoryTarget
from syncd.testing.memory_target import Granted
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
