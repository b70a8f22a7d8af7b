"""Templates in the build step: what they make of a mapping's keys, and why a Secret is refused."""

from collections.abc import Mapping

import pytest

from syncd.build import build
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Failure, FailureClass, Fetched, Outcome, RemoteRef
from syncd.model.secret import Built, Content, Refusal
from syncd.model.selection import Extract, Literally, Selection
from syncd.model.shaping import Checks, Template
from syncd.redact import SecretValue

DB = RemoteRef("vault", "payments/db", mount="secret")
CANARY = b'{"user": "app", "password": "c4nary-Value", "empty": "", "bytes": "x"}'
DATA: Mapping[str, Selection | Literally] = {
    "user": Selection(DB, "user"),
    "password": Selection(DB, "password"),
    "host": Literally("db.internal"),
}


def built(
    templates: Mapping[str, str],
    *,
    keep: bool = True,
    data: Mapping[str, Selection | Literally] = DATA,
    data_from: tuple[Extract, ...] = (),
    allow_empty: bool | frozenset[str] = False,
    checks: Checks = Checks(),  # noqa: B008 — frozen
    type_: str = "Opaque",
    answer: Outcome = Fetched(SecretValue(CANARY), "7"),  # noqa: B008 — frozen
) -> Built:
    mapping = SecretMapping(
        id="payments/db",
        key=SecretKey("default", "payments", "db"),
        origin=Position("syncd.yaml", 3, 5),
        type=type_,
        data=tuple(data.items()),
        data_from=data_from,
        template=Template(tuple(templates.items()), keep),
        allow_empty=allow_empty,
        checks=checks,
    )
    return build(mapping, {DB: answer})


def values(result: Built) -> dict[str, bytes]:
    assert isinstance(result, Content), result
    return {key: value.reveal() for key, value in result.data.items()}


def refusal(result: Built) -> Refusal:
    assert isinstance(result, Refusal), result
    return result


def test_a_template_makes_a_key_of_the_others() -> None:
    found = values(built({"url": "https://{{ user }}:{{ password | urlencode }}@{{ host }}/\n"}))
    assert found == {
        "user": b"app",
        "password": b"c4nary-Value",
        "host": b"db.internal",
        "url": b"https://app:c4nary-Value@db.internal/\n",
    }


def test_keys_that_no_template_names_are_dropped_where_it_says_so() -> None:
    assert values(built({"url": "{{ user }}"}, keep=False)) == {"url": b"app"}


def test_a_template_replaces_the_key_of_its_name_and_sees_what_stood_there() -> None:
    assert values(built({"user": "<{{ user }}>"}))["user"] == b"<app>"


def test_no_template_sees_what_another_makes_so_their_order_makes_no_difference() -> None:
    templates = {"user": "b", "x": "{{ user }}"}
    assert values(built(templates)) == values(built(dict(reversed(templates.items()))))
    assert values(built(templates))["x"] == b"app"
    assert refusal(built({"x": "a", "y": "{{ x }}"})).reason == "template-undefined"


def test_keys_of_an_object_may_be_named() -> None:
    found = values(built({"x": "{{ password }}"}, data={}, data_from=(Extract(Selection(DB)),), allow_empty=True))
    assert found["x"] == b"c4nary-Value"


def test_the_rules_of_a_type_and_the_checks_are_held_against_what_templates_make() -> None:
    docker = {".dockerconfigjson": '{{ {"auths": {host: {}}} | tojson }}'.replace("host:", '"h":')}
    assert values(built(docker, type_="kubernetes.io/dockerconfigjson", keep=False))
    broken = built({".dockerconfigjson": "{{ user }}"}, type_="kubernetes.io/dockerconfigjson")
    assert refusal(broken).reason == "docker-config-not-json"
    assert refusal(built({"x": "{{ user }}"}, checks=Checks(json=("x",)))).reason == "check-json"
    assert refusal(built({"a/b": "x"})).reason == "bad-key"
    assert refusal(built({"x": "{{ user }}" + "x" * (1024 * 1024)})).reason == "template-invalid"


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ("\n{{ nothing }}", "template-undefined", "line 2: the key `nothing` is not there; `default` gives"),
        ("{{ password | fromjson }}", "template-failed", "line 1: what fromjson was given is not JSON"),
        ("{{ password | int }}", "template-failed", "line 1: int needs a whole number of at most 18 digits, and was"),
        ("{{ password == 5 }}", "template-failed", "line 1: a text cannot be compared with a number"),
        ("{% for a in password | split('') %}{% endfor %}", "template-failed", "line 1: split was asked to split"),
        ("{{ password.x }}", "template-invalid", "line 1: values have no attributes"),
        ("a\n{{ password | sha256 }}", "template-invalid", "line 2: the filter sha256 is for literals"),
        ("{{ password", "template-invalid", "line 1: not a template: unexpected end of template"),
        ("{% if not password %}x{% endif %}", "empty-value", "comes out empty; correct it, or name the key in `allow"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_rendered_refuses_the_whole_secret(text: str, reason: str, message: str) -> None:
    """G15, E9, I-LEAK: the key and the line are named, no value is."""
    found = refusal(built({"good": "{{ user }}", "bad": text}))
    assert (found.cls, found.reason) == (FailureClass.CONFIG, reason)
    assert found.message.startswith('mapping payments/db, template: key "bad"')
    assert message in found.message
    assert "c4nary" not in found.message


def test_bytes_that_are_no_text_are_refused_and_never_replaced() -> None:
    data = {"raw": Selection(DB)}
    answer = Fetched(SecretValue(b"caf\xe9"), "1")
    found = refusal(built({"x": "{{ raw }}"}, data=data, answer=answer))
    assert found.reason == "not-text"
    assert values(built({"x": "{{ raw | b64encode }}"}, data=data, answer=answer))["x"] == b"Y2Fm6Q=="
    assert values(built({"x": "text"}, data=data, answer=answer))["raw"] == b"caf\xe9"


def test_every_fault_of_every_template_counts() -> None:
    found = refusal(built({"a": "{{ x }}", "b": "{{ y }}", "c": "{{ user }}"}))
    assert len(found.also) == 1


def test_an_empty_result_is_let_pass_where_the_mapping_says_so() -> None:
    assert values(built({"x": ""}, allow_empty=True))["x"] == b""
    assert values(built({"x": ""}, allow_empty=frozenset({"x"})))["x"] == b""


def test_nothing_is_rendered_while_a_source_is_missing() -> None:
    found = refusal(built({"x": "{{ nothing }}"}, answer=Failure(FailureClass.ABSENT, "not-found")))
    assert (found.reason, found.absent) == ("source-absent", (DB,))


def test_the_key_of_an_optional_source_may_be_missing() -> None:
    data = {"k": Selection(DB, "nothing", optional=True), "user": Selection(DB, "user")}
    assert values(built({"x": "{{ k | default('none') }}{% if k is defined %}!{% endif %}"}, data=data))["x"] == b"none"
