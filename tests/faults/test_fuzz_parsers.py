"""I-PARSE: whatever comes from outside gives a value, a failure or the parser's own error, and nothing else.

The suites of the parsers have properties of their own for arbitrary bytes; here are bytes that are nearly right, which
get further in: sound documents with pieces cut out, doubled, swapped or bent.
"""

import base64
import json
import zlib
from collections.abc import Callable
from types import MappingProxyType
from typing import Final

import pytest
from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.authority import chain_of_three
from tests.faults.parsers import PARSERS

pytestmark = pytest.mark.filterwarnings("ignore:deprecated string literal syntax:PendingDeprecationWarning")
"""jmespath's, about a literal without quotes; the program shows no warnings."""

LEAF, MIDDLE, _ = chain_of_three()
SOUND: Final = MappingProxyType({
    "configuration": b"""version: 1
instance: prod
target: {kubernetes: {kubeconfig: k, context: c}}
stores:
  vault: {type: vault, address: "https://vault.example.com", mount: secret, kvVersion: 2,
          auth: {kubernetes: {role: r}}, tls: {caFile: ca.pem}, timeouts: {connect: 5s}, limits: {requestsPerSecond: 5}}
  aws: {type: aws, region: eu-west-1, auth: {static: {accessKeyId: A, secretAccessKey: {env: K}}}}
defaults: {interval: 5m, store: vault, namespace: team, labels: {a: b}}
guards: {maxDeletes: {count: 10, percent: 5}, allowTypes: [kubernetes.io/tls]}
home: {namespace: syncd}
daemon: {listen: "127.0.0.1:0", workers: 4}
log: {level: info}
secrets:
- {name: db, data: {p: "app/db#password", q: {key: app/db, query: "a[0].b", decode: base64}}, checks: {json: [p]}}
- {name: all, dataFrom: [{key: app/db}], type: Opaque, schedule: "0 3 * * 1-5", timeZone: UTC}
""",
    "mappings": b"""[{name: db, namespace: team, data: {p: {store: vault, key: app/db, property: a.b, version: "3"}}},
 {name: x, id: a/b, data: {l: {literal: v}}, immutable: true, whenSourceGone: delete, allowEmpty: [l]}]""",
    "reference": b"app/db#password",
    "canonical": b"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
    "words": b"15 3-5 * jan mon-fri",
    "json_property": b'{"a": {"b": [{"c": "value"}, 1.10, -0, null, true]}, "d\\u00e9": "\\ud83d\\udd11"}',
    "json_object": b'{"user": "u", "port": 5432, "tls": {"ca": ["x", 1e5]}, "on": false}',
    "json_query": b'{"a": [3, 1.50, 2], "b": {"c": "x"}}',
    "json_sort": b'["b", "a", "c"]',
    "query_text": b"a[?b[0] == `1`].{x: b, y: join(',', c)} | [0] && sort_by(a, &b)[*].b[] || to_string(c.d)",
    "vault_answer": b'{"request_id": "1", "lease_id": "", "renewable": true, "lease_duration": 0, "data": {"data": '
    b'{"k": "v", "n": 1.10}, "metadata": {"version": 3, "created_time": "2024-01-01T00:00:00.5Z", "deletion_time": "",'
    b' "destroyed": false}}, "warnings": null, "mount_type": "kv", "auth": {"client_token": "s.1", "accessor": "a", '
    b'"lease_duration": 60, "renewable": true}, "errors": ["no handler for route"]}',
    "azure_answer": b'{"id": "https://kv.vault.azure.net/secrets/db/0123456789abcdef0123456789abcdef", "value": "v", '
    b'"contentType": "x", "attributes": {"enabled": true, "nbf": 1, "exp": 9999999999, "created": 1, "updated": 2}, '
    b'"error": {"code": "SecretNotFound", "message": "m", "innererror": {"code": "SecretDisabled"}}}',
    "aws_answer": b'{"ARN": "arn:aws:secretsmanager:eu-west-1:1:secret:db-AbCdEf", "Name": "db", "VersionId": "v"}',
    "kubernetes_answer": b'{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "db", "namespace": "team", '
    b'"uid": "u", "resourceVersion": "7", "labels": {"a": "b"}, "annotations": {"syncd.dev/mapping": "/db"}, '
    b'"managedFields": [{"manager": "m"}], "ownerReferences": [{"kind": "K", "name": "n"}]}, '
    b'"type": "Opaque", "data": {"p": "dg=="}, "status": "Failure", '
    b'"reason": "Invalid", "code": 422, "details": {"kind": "secrets", "name": "db", "causes": '
    b'[{"reason": "FieldValueInvalid", "field": "data[x]"}]}}',
    "mark": b'{"keys": ["p"], "labels": ["a"], "annotations": [], "merge": true, "store": "vault", "version": "3"}',
    "manifest": b'apiVersion: v1\nkind: Secret\nmetadata: {name: db, namespace: team, labels: {"a": "b"}}\n'
    b'type: Opaque\ndata:\n  "p": "dmFsdWU="\nstringData: {q: text}\nimmutable: true\n',
    "secret_file": b'# a comment\nexport A=plain # more\nB=\'single\'\nC="double \\n $x"\n',
    "key_file": bytes(range(32)),
    "template_text": b"""{% for k, v in data | items %}{{ k }}={{ v | b64encode }}{% if not loop.last %},{% endif %}
{% endfor %}{{ (x | fromjson)["a"][0] | default('n') | toml }}{{ "a" if x == 'y' and 1 < 2 + 3 else x ~ "\\n" | upper }}
{% if 'z' in x %}{# c #}{% raw %}{{ }}{% endraw %}{% endif %}""",
    "template_readers": b'{"a": "b", "c": [1.50, {"d": null}]}',
    "template_writers": b'{"a": "it\'s \\u00e9", "c": [1.50, {"d": null}]}',
    "template_quotes": b"it's 5 \n $HOME # \t",
    "tls_pair": LEAF.pem + LEAF.key_pem() + MIDDLE.pem,
    "tls_bundle": LEAF.bundle(MIDDLE, password=b"sound"),
    "ssh_key": LEAF.key_pem(PrivateFormat.OpenSSH),
    "registry": b"registry.example.com:5000/path",
    "checked": MIDDLE.pem,
    "inventory": zlib.compress(
        b'{"version": 1, "parts": 1, "entries": [["default", "team", "db", "", "db", "keep", "c"]], "removals": []}'
    ),
})  # fmt: skip

PIECES: Final = (
    b"{", b"}", b"[", b"]", b'"', b"'", b":", b": ", b",", b"\\", b"\\u", b"\\ud800", b"#", b"&a", b"*a", b"!t ", b"|",
    b"-", b"\n", b"\t", b"\r", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xe2\x80\xae", b"\xef\xbb\xbf", b"..", b"/",
    b"%2e", b"null", b"~", b"true", b"1e999", b"-0", b"99999999999999999999", b"0x1", b"NaN", b"<<: ",
    b"2024-13-45T99:99:99Z", b"9" * 400, b"a" * 300,
)  # fmt: skip


@st.composite
def bent(draw: st.DrawFn, sound: bytes) -> bytes:
    """Cut, double, swap and insert, up to six times."""
    data = sound
    for _ in range(draw(st.integers(0, 6))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        middle = data[start:end]
        new = draw(
            st.one_of(
                st.just(b""),
                st.just(middle * 2),
                st.just(middle[::-1]),
                st.sampled_from(PIECES),
                st.sampled_from(PIECES).map(lambda piece, middle=middle: piece + middle),  # type: ignore[misc]
                st.binary(max_size=8),
            )
        )
        data = data[:start] + new + data[end:]
    return data


@pytest.mark.parametrize("name", SOUND)
@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_document_that_is_nearly_right_gives_a_value_or_the_parsers_own_error(name: str, data: st.DataObject) -> None:
    """I-PARSE."""
    PARSERS[name](data.draw(bent(SOUND[name])))


@pytest.mark.parametrize("name", PARSERS)
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(data=st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_give_a_value_or_the_parsers_own_error(name: str, data: bytes) -> None:
    """I-PARSE."""
    PARSERS[name](data)


JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=15,
)


def _fields(value: object, *, depth: int = 0) -> set[str]:
    if isinstance(value, dict) and depth < 6:
        return {*value, *(name for inner in value.values() for name in _fields(inner, depth=depth + 1))}
    return {name for item in value for name in _fields(item, depth=depth + 1)} if isinstance(value, list) else set()


@pytest.mark.parametrize("name", ["vault_answer", "azure_answer", "kubernetes_answer", "mark"])
@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_field_of_an_answer_may_hold_anything(name: str, data: st.DataObject) -> None:
    """I-PARSE: the right names with any JSON below them."""
    known = st.sampled_from(sorted(_fields(json.loads(SOUND[name]))))
    tree = st.dictionaries(
        known, JSON | st.dictionaries(known, JSON | st.dictionaries(known, JSON, max_size=4), max_size=4)
    )
    PARSERS[name](json.dumps(data.draw(tree)).encode())


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(["version", "parts", "entries", "removals", "x"]), JSON | st.just(1)))
def test_a_signed_part_of_the_inventory_may_hold_anything(tree: dict[str, object]) -> None:
    """I-PARSE: an older or newer syncd with our key, or a defect of this one."""
    PARSERS["inventory"](zlib.compress(json.dumps(tree).encode()))


@pytest.mark.parametrize("coding", [base64.b64encode, base64.urlsafe_b64encode, bytes.hex])
@settings(deadline=None, max_examples=60)
@given(data=st.binary(max_size=64))
def test_encoded_bytes_are_no_surprise_to_any_parser(coding: Callable[[bytes], bytes | str], data: bytes) -> None:
    """I-PARSE."""
    coded = coding(data)
    for parser in PARSERS.values():
        parser(coded if isinstance(coded, bytes) else coded.encode())
