"""The form of the mark and its proof."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.model.mapping import SecretKey
from syncd.model.reference import RemoteRef
from syncd.model.secret import SourceVersion
from syncd.plan import marks
from tests.unit.plan_makers import ME, OTHER_KEY, REF, SECRET, content, mapping, written


def test_a_secret_carries_the_whole_mark() -> None:
    live = written()

    assert live.labels == {"env": "production", "app.kubernetes.io/managed-by": "syncd", "syncd.dev/instance": "prod"}
    assert live.annotations.keys() == {
        "syncd.dev/mapping",
        "syncd.dev/sources",
        "syncd.dev/managed",
        "syncd.dev/when-mapping-gone",
        "syncd.dev/owner",
        "syncd.dev/schema",
    }
    assert live.annotations["syncd.dev/schema"] == "1"
    assert live.annotations["syncd.dev/mapping"] == "/payments/db"
    assert json.loads(live.annotations["syncd.dev/managed"]) == {"keys": ["password"], "labels": ["env"]}
    assert json.loads(live.annotations["syncd.dev/sources"]) == [
        {"store": "vault", "mount": "secret", "key": "payments/db", "version": "7"}
    ]


def test_what_is_written_is_read_back() -> None:
    wanted = mapping(tenant="payments", when_mapping_gone="delete", merge=True)

    mark = marks.read_mark(written(wanted, content(created=12.5)).annotations)

    assert (mark.tenant, mark.mapping, mark.when_mapping_gone) == ("payments", "payments/payments/db", "delete")
    assert (sorted(mark.keys), sorted(mark.labels), sorted(mark.annotations)) == (["password"], ["env"], [])
    assert mark.merge
    assert mark.sources == (SourceVersion(REF, "7", 12.5),)
    assert mark.stores == {"vault"}


def test_no_value_stands_in_a_mark() -> None:
    live = written(built=content({"password": "canary-5tr0ng"}))

    assert "canary" not in repr(live) + "".join(live.annotations.values())


def test_the_sources_can_be_cut_to_stores_or_left_out() -> None:
    sources = [SourceVersion(RemoteRef(store, key), "1") for store, key in (("b", "x"), ("a", "y"), ("b", "z"))]

    assert marks.sources_text(sources, "store") == '[{"store":"a"},{"store":"b"}]'
    assert marks.sources_text(sources, "none") is None
    told = marks.read_mark({marks.SOURCES: '[{"store":"a"},{"store":"b"}]'})
    assert (told.sources, sorted(told.stores)) == (None, ["a", "b"])


def test_a_list_of_sources_over_4_kib_is_a_count() -> None:
    sources = [SourceVersion(RemoteRef("vault", f"team/{number:04}"), "1") for number in range(200)]

    text = marks.sources_text(sources, "full")

    assert text == '{"count":200}'
    assert marks.read_mark({marks.SOURCES: text}).sources is None


def test_the_order_of_sources_leaves_no_trace() -> None:
    sources = [SourceVersion(RemoteRef("vault", key), "1") for key in ("b", "a", "c")]

    assert marks.sources_text(sources, "full") == marks.sources_text(sources[::-1], "full")


@pytest.mark.parametrize("field", ["mapping", "sources", "managed", "when-mapping-gone", "schema"])
def test_the_proof_binds_every_field_that_syncd_writes(field: str) -> None:
    annotations = dict(written().annotations)
    assert ME.key is not None
    assert marks.proved(ME.key, "prod", SECRET, annotations)

    changed = {**annotations, f"syncd.dev/{field}": annotations[f"syncd.dev/{field}"] + " "}
    gone = {name: text for name, text in annotations.items() if name != f"syncd.dev/{field}"}

    assert not marks.proved(ME.key, "prod", SECRET, changed)
    assert not marks.proved(ME.key, "prod", SECRET, gone)


@pytest.mark.parametrize("part", ["target", "namespace", "name"])
def test_the_proof_binds_the_object(part: str) -> None:
    assert ME.key is not None
    elsewhere = SECRET._replace(**{part: "other"})

    assert not marks.proved(ME.key, "prod", elsewhere, written().annotations)


def test_the_proof_binds_the_instance_and_the_key() -> None:
    assert ME.key is not None
    assert OTHER_KEY.key is not None
    annotations = written().annotations

    assert not marks.proved(ME.key, "staging", SECRET, annotations)
    assert not marks.proved(OTHER_KEY.key, "prod", SECRET, annotations)


def test_the_proof_does_not_bind_what_the_user_writes() -> None:
    assert ME.key is not None

    assert marks.proved(ME.key, "prod", SECRET, {**written().annotations, "syncd.dev/suspend": "true", "note": "x"})


@pytest.mark.parametrize("owner", ["", "nonsense!", "é", "AAAA", "A"])
def test_a_malformed_proof_proves_nothing(owner: str) -> None:
    assert ME.key is not None

    assert not marks.proved(ME.key, "prod", SECRET, {**written().annotations, "syncd.dev/owner": owner})


_CUTS = st.lists(st.integers(0, 6), min_size=4, max_size=4).map(sorted)


@given(st.text(alphabet="a1:,", max_size=6), _CUTS, _CUTS)
def test_two_marks_never_have_one_message(text: str, here: list[int], there: list[int]) -> None:
    """The same letters, parted in two ways."""

    def parts(cuts: list[int]) -> list[str]:
        return [text[start:end] for start, end in zip([0, *cuts], [*cuts, None], strict=True)]

    def message(instance: str, target: str, namespace: str, name: str, mapping_name: str) -> bytes:
        return marks._message(instance, SecretKey(target, namespace, name), {marks.MAPPING: mapping_name})

    assert (message(*parts(here)) == message(*parts(there))) == (parts(here) == parts(there))


@pytest.mark.parametrize("text", ["", "nonsense", "[1]", '{"keys":3}', "[" * 100_000, '{"x":' * 100_000, '{"count":3}'])
def test_a_mark_that_cannot_be_read_says_nothing(text: str) -> None:
    mark = marks.read_mark({marks.MANAGED: text, marks.SOURCES: text, marks.WHEN_MAPPING_GONE: text})

    assert (mark.keys, mark.sources, mark.when_mapping_gone) == (frozenset(), None, "keep")


@pytest.mark.parametrize(
    ("version", "expected"),
    [("8", 8), ("08", 8), ("", None), ("-1", None), ("٣", None), ("1e3", None), ("9" * 32, None), ("AWSCURRENT", None)],
)
def test_only_short_plain_numbers_count(version: str, expected: int | None) -> None:
    assert marks.number(version) == expected
