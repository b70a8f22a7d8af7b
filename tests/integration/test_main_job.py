"""The main job against the real servers: three stores, one Secret, as a dry run and once."""

import json
import secrets

import pytest

from tests.servers.canary import leaks
from tests.servers.world import World

BINARY = bytes(range(256)) + b"\r\n\x00\xff\xfe"


def fill(world: World) -> dict[str, bytes]:
    """Put one value into every store, and give what the Secret must hold."""
    password = "p-" + secrets.token_hex(8)
    world.openbao.put(world.mount, "app/db", {"password": password, "port": 5432})
    text, pem = "t-" + secrets.token_hex(8), "line one\r\nline two\n"
    world.moto.put(f"app/{world.tag}/text", text)
    world.moto.put(f"app/{world.tag}/binary", BINARY)
    world.keyvault.put(f"ca-{world.tag}", pem)
    return {
        "password": password.encode(),
        "port": b"5432",
        "text": text.encode(),
        "binary": BINARY,
        "ca.crt": pem.encode(),
        "host": b"db.internal",
    }


def one_secret(world: World) -> dict[str, object]:
    return {
        "name": "app",
        "labels": {"env": "test"},
        "data": {
            "password": {"store": "vault", "key": "app/db", "property": "password"},
            "port": {"store": "vault", "key": "app/db", "property": "port"},
            "text": {"store": "aws", "key": f"app/{world.tag}/text"},
            "binary": {"store": "aws", "key": f"app/{world.tag}/binary"},
            "ca.crt": {"store": "azure", "key": f"ca-{world.tag}"},
            "host": {"literal": "db.internal"},
        },
    }


def test_one_secret_from_three_stores_is_shown_written_and_left_alone(world: World) -> None:
    expected = fill(world)
    world.configure([one_secret(world)])

    mark = world.kube.mark()
    shown = json.loads(world.run("diff", "--format", "json", expect=1).stdout)
    assert shown["summary"]["create"] == 1
    asked = world.asked(mark)
    assert asked
    assert {entry.verb for entry in asked} <= {"get", "list"}
    assert world.kube.secret(world.namespace, "app") is None

    world.run("apply", "--yes")
    assert world.live("app") == expected

    assert "0 to create" in world.run("diff", expect=0).stdout
    mark = world.kube.mark()
    world.run("apply", "--yes")
    asked = world.asked(mark)
    assert asked
    assert {entry.verb for entry in asked} == {"get"}


def test_what_is_written_bears_the_marks_and_no_value(world: World) -> None:
    expected = fill(world)
    world.configure([one_secret(world)])
    world.run("apply", "--yes")
    live = world.kube.secret(world.namespace, "app")
    assert live is not None
    metadata = live["metadata"]
    assert isinstance(metadata, dict)
    assert metadata["labels"] == {
        "app.kubernetes.io/managed-by": "syncd",
        "syncd.dev/instance": f"test-{world.tag}",
        "env": "test",
    }
    assert "ownerReferences" not in metadata
    written = json.dumps(metadata)
    assert not any(value.decode("latin-1") in written for value in expected.values() if len(value) > 12)


def test_a_rotated_value_is_a_difference_of_that_key_alone(world: World) -> None:
    expected = fill(world)
    world.configure([one_secret(world)])
    world.run("apply", "--yes")
    world.openbao.put(world.mount, "app/db", {"password": "rotated-value", "port": 5432})
    shown = json.loads(world.run("diff", "--format", "json", expect=1).stdout)
    (change,) = [change for change in shown["changes"] if change["action"] == "update"]
    assert change["keys"]["changed"] == ["password"]
    assert change["reason"] == "source-changed"
    world.run("apply", "--yes")
    assert world.live("app") == expected | {"password": b"rotated-value"}


def test_a_secret_of_somebody_else_is_a_conflict_and_stays(world: World) -> None:
    fill(world)
    world.kube.put_secret(world.namespace, "app", {"password": b"theirs"})
    world.configure([one_secret(world)])
    assert "conflict" in world.run("diff", expect=2).stdout
    done = world.run("apply", "--yes", expect=1)
    assert "conflict" in done.stdout
    assert world.live("app") == {"password": b"theirs"}


def test_apply_needs_yes_where_nobody_can_answer(world: World) -> None:
    fill(world)
    world.configure([one_secret(world)])
    assert "--yes" in world.run("apply", expect=2).stderr
    assert world.kube.secret(world.namespace, "app") is None


def test_writing_wants_the_context_said(world: World) -> None:
    fill(world)
    world.configure([one_secret(world)], target={"kubernetes": {"kubeconfig": "kubeconfig"}})
    assert "--context syncd-test" in world.run("apply", "--yes", expect=3).stderr
    assert "syncd-test" in world.run("diff", expect=1).stdout
    world.run("apply", "--yes", "--context", "syncd-test")


def test_select_leaves_the_rest_alone(world: World) -> None:
    fill(world)
    literal = {"data": {"k": {"literal": "v"}}}
    world.configure([one_secret(world), {"name": "other", **literal}])
    world.run("apply", "--yes", "--select", f"{world.namespace}/oth*")
    assert world.live("other") == {"k": b"v"}
    assert world.kube.secret(world.namespace, "app") is None
    assert "matches no Secret" in world.run("apply", "--yes", "--select", "no/such", expect=2).stderr


def test_one_source_that_fails_keeps_its_secret_and_stops_no_other(world: World) -> None:
    expected = fill(world)
    world.configure(
        [one_secret(world), {"name": "other", "data": {"k": {"store": "vault", "key": "app/db", "property": "port"}}}]
    )
    world.run("apply", "--yes", expect=None)
    world.moto.delete(f"app/{world.tag}/text", recovery_days=7)
    world.openbao.put(world.mount, "app/db", {"password": "new", "port": 1})
    shown = world.run("apply", "--yes", expect=1).stdout
    assert "source-unusable" in shown
    assert world.live("app") == expected


def test_hundred_mappings_over_twenty_paths_are_twenty_reads_and_one_login(world: World) -> None:
    for path in range(20):
        world.openbao.put(world.mount, f"p{path}", {f"k{key}": f"v{path}-{key}" for key in range(5)})
    world.configure(
        [
            {
                "name": f"s{number}",
                "data": {
                    f"k{key}": {"store": "vault", "key": f"p{number % 20}", "property": f"k{key}"} for key in range(5)
                },
            }
            for number in range(100)
        ]
    )
    before = world.openbao.mark()
    world.run("apply", "--yes")
    reads = world.openbao.requests(before, under=f"{world.mount}/data/")
    assert sorted(asked.path for asked in reads) == sorted(f"{world.mount}/data/p{path}" for path in range(20))
    assert len({asked.accessor for asked in reads}) == 1
    assert world.live("s42") == {f"k{key}": f"v2-{key}".encode() for key in range(5)}


def test_forty_five_aws_secrets_are_three_batches(world: World) -> None:
    for number in range(45):
        world.moto.put(f"b/{world.tag}/{number}", f"value-{number}")
    keys = {f"k{number}": {"store": "aws", "key": f"b/{world.tag}/{number}"} for number in range(45)}
    world.configure([{"name": "many", "data": keys}])
    before = world.moto.mark()
    world.run("apply", "--yes")
    asked = world.moto.requests(before, access_key_id=world.aws.access_key_id)
    assert [entry.operation for entry in asked] == ["BatchGetSecretValue"] * 3
    assert world.live("many")["k44"] == b"value-44"


@pytest.mark.parametrize("form", ["text", "unified", "json", "markdown"])
def test_every_form_of_a_diff_hides_the_values(world: World, form: str) -> None:
    expected = fill(world)
    world.configure([one_secret(world)])
    printed = world.run("diff", "--format", form, "--log-level", "debug", expect=1)
    secret = [expected[name] for name in ("password", "text", "binary", "ca.crt")]
    assert "binary" in printed.stdout
    assert leaks(secret, where=form, text=(printed.stdout + printed.stderr).encode()) == []
