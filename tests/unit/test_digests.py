"""Digests of contents: equal where the contents are, and no two contents spelled alike."""

from hypothesis import example, given
from hypothesis import strategies as st

from syncd.daemon.digests import Digests
from syncd.redact import SecretValue

DIGESTS = Digests(b"k" * 32)
DATA = st.dictionaries(st.text(max_size=5), st.binary(max_size=5), max_size=4)
TEXTS = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=4)


def of(data: dict[str, bytes], *texts: dict[str, str]) -> bytes:
    return DIGESTS.of({name: SecretValue(value) for name, value in data.items()}, *texts)


@example(one=({}, {}, {"": ""}), other=({}, {"": ""}, {}))
@given(one=st.tuples(DATA, TEXTS, TEXTS), other=st.tuples(DATA, TEXTS, TEXTS))
def test_two_digests_are_equal_where_the_contents_are(
    one: tuple[dict[str, bytes], dict[str, str], dict[str, str]],
    other: tuple[dict[str, bytes], dict[str, str], dict[str, str]],
) -> None:
    assert (of(*one) == of(*other)) == (one == other)
    assert of(*one) == of(*one)


@given(data=DATA, texts=TEXTS)
def test_the_order_of_names_does_not_matter(data: dict[str, bytes], texts: dict[str, str]) -> None:
    assert of(data, texts) == of(dict(reversed(data.items())), dict(reversed(texts.items())))


def test_another_process_digests_otherwise() -> None:
    data = {"k": SecretValue(b"v")}
    assert Digests().of(data) != Digests().of(data)
