"""What `apply --prune` removes, and all that it keeps, against the real servers."""

import json
from collections.abc import Callable, Mapping, Sequence

import pytest

from tests.servers.owned import OURS, change, configure
from tests.servers.world import World

GONE = {"whenSourceGone": "delete"}
LEFT = {"whenMappingGone": "delete"}
PRUNE = ("apply", "--yes", "--prune")


def of_path(number: int, **fields: object) -> dict[str, object]:
    """Give a mapping of a source of its own."""
    return {"name": f"s{number}", "data": {"password": f"app/s{number}#password"}, **GONE, **fields}


def fill(world: World, *numbers: int) -> None:
    """Put the sources of `of_path` there."""
    for number in numbers:
        world.openbao.put(world.mount, f"app/s{number}", {"password": f"p{number}"})


def standing(world: World, numbers: Sequence[int]) -> int:
    """Count the Secrets of `of_path` that hold what they must."""
    return sum(world.live(f"s{number}") == {"password": f"p{number}".encode()} for number in numbers)


def test_a_source_that_is_gone_takes_its_secret_along_only_with_prune_and_after_a_second_look(world: World) -> None:
    """I-DEL."""
    numbers = range(4)
    fill(world, *numbers)
    configure(world, *(of_path(number) for number in numbers))
    world.run("apply", "--yes")
    world.openbao.remove(world.mount, "app/s0")
    kept = world.run("apply", "--yes", expect=1)
    assert "source-absent" in kept.stdout
    assert standing(world, numbers) == 4
    shown = json.loads(world.run("diff", "--prune", "--format", "json", expect=1).stdout)
    assert [one["name"] for one in shown["changes"] if one["action"] == "delete"] == ["s0"]
    before, mark = world.openbao.mark(), world.kube.mark()
    done = world.run(*PRUNE)
    assert "looking again in 5 s" in done.stderr
    asked = [one.path for one in world.openbao.requests(before, under=f"{world.mount}/data/app/s0")]
    assert len(asked) == 2
    deletes = [entry for entry in world.asked(mark) if entry.verb == "delete"]
    assert [(entry.resource, entry.name) for entry in deletes] == [("secrets", "s0")]
    assert world.kube.secret(world.namespace, "s0") is None
    assert standing(world, numbers) == 3


def test_keep_is_never_overridden(world: World) -> None:
    fill(world, 0, 1, 2)
    configure(world, of_path(0, whenSourceGone="keep"), of_path(1), of_path(2))
    world.run("apply", "--yes")
    world.openbao.remove(world.mount, "app/s0")
    world.run(*PRUNE, "--allow-deletes", "99", expect=1)
    assert standing(world, range(3)) == 3


def test_wiped_stores_remove_nothing_however_often_it_is_pruned(world: World) -> None:
    """A16, I-CAP: a store of 50 sources, and one of 3."""
    fill(world, *range(53))
    small = [of_path(number, store="small") for number in range(50, 53)]
    vault = world.stores()["vault"]
    configure(world, *(of_path(number) for number in range(50)), *small, stores={"vault": vault, "small": vault})
    world.run("apply", "--yes")
    world.openbao.unmount(world.mount)
    world.openbao.mount(name=world.mount)
    world.openbao.put(world.mount, "app/new", {"password": "after the wipe"})
    for _ in range(5):
        done = world.run(*PRUNE, expect=1)
        for store in ("vault", "small"):
            assert f"store {store} answers absent for so many of its sources that it is not believed" in done.stdout
        assert "`syncd apply --prune --allow-deletes 53`" in done.stdout
    assert standing(world, range(53)) == 53


def test_removals_beyond_the_hours_limit_are_held_with_numbers_and_the_flag(world: World) -> None:
    """I-CAP."""
    numbers = range(12)
    fill(world, *numbers)
    configure(world, *(of_path(number) for number in numbers))
    world.run("apply", "--yes")
    for number in range(3):
        world.openbao.remove(world.mount, f"app/s{number}")
    held = world.run(*PRUNE, expect=1).stdout
    assert "has 1 removal(s) in this hour and the limit is 1 (5 % of 12 mapping(s), at most 10)" in held
    assert "`syncd apply --prune --allow-deletes 3`" in held
    assert standing(world, numbers) == 11
    # The second run finds the first one's removal in the inventory.
    world.run(*PRUNE, expect=1)
    assert standing(world, numbers) == 11
    world.run(*PRUNE, "--allow-deletes", "1", expect=1)
    assert standing(world, numbers) == 10


def test_a_key_gone_from_a_source_read_in_full_leaves_at_once_and_counts(world: World) -> None:
    """F7, I-CAP."""
    for number in range(2):
        world.openbao.put(world.mount, f"app/all{number}", {"a": "1", "b": "2"})
    mappings = [{"name": f"all{number}", "dataFrom": [{"key": f"app/all{number}"}]} for number in range(2)]
    configure(world, *mappings)
    world.run("apply", "--yes")
    for number in range(2):
        world.openbao.put(world.mount, f"app/all{number}", {"a": "1"})
    held = world.run("apply", "--yes", expect=1).stdout
    assert "has 1 removal(s) in this hour and the limit is 1" in held
    assert sorted(len(world.live(f"all{number}")) for number in range(2)) == [1, 2]
    world.run("apply", "--yes", "--allow-deletes", "1")
    assert [len(world.live(f"all{number}")) for number in range(2)] == [1, 1]


def vault_version_deleted(world: World) -> None:
    world.openbao.delete_version(world.mount, f"app/{world.tag}")


def vault_version_destroyed(world: World) -> None:
    world.openbao.destroy(world.mount, f"app/{world.tag}", 1)


def aws_scheduled_for_deletion(world: World) -> None:
    world.moto.delete(f"app/{world.tag}", recovery_days=7)


def key_vault_disabled(world: World) -> None:
    world.keyvault.disable(f"app-{world.tag}")


def key_vault_expired(world: World) -> None:
    world.keyvault.expire(f"app-{world.tag}")


def key_vault_soft_deleted(world: World) -> None:
    world.keyvault.delete(f"app-{world.tag}")


SOURCES: Mapping[str, Callable[[World], dict[str, object]]] = {
    "vault": lambda world: {"store": "vault", "key": f"app/{world.tag}", "property": "password"},
    "aws": lambda world: {"store": "aws", "key": f"app/{world.tag}"},
    "azure": lambda world: {"store": "azure", "key": f"app-{world.tag}"},
}


@pytest.mark.parametrize(
    ("store", "happens"),
    [
        ("vault", vault_version_deleted),
        ("vault", vault_version_destroyed),
        ("aws", aws_scheduled_for_deletion),
        ("azure", key_vault_disabled),
        ("azure", key_vault_expired),
        ("azure", key_vault_soft_deleted),
    ],
)
def test_what_can_come_back_is_kept_whatever_the_run_may_do(
    world: World, store: str, happens: Callable[[World], None]
) -> None:
    """A10, D9, D10, D11, D12, D14."""
    world.openbao.put(world.mount, f"app/{world.tag}", {"password": "good"})
    world.moto.put(f"app/{world.tag}", "good")
    world.keyvault.put(f"app-{world.tag}", "good")
    world.configure([{"name": "app", "data": {"password": SOURCES[store](world)}, **GONE}])
    world.run("apply", "--yes")
    happens(world)
    for _ in range(5):
        done = world.run(*PRUNE, "--allow-deletes", "99", expect=1)
        assert "source-unusable" in done.stdout
        assert "looking again" not in done.stderr
    assert world.live("app") == {"password": b"good"}


def test_an_aws_secret_without_a_value_is_kept(world: World) -> None:
    """D13."""
    name = f"app/{world.tag}/later"
    world.moto.put(name, "good")
    world.configure([{"name": "app", "data": {"password": {"store": "aws", "key": name}}, **GONE}])
    world.run("apply", "--yes")
    world.moto.delete(name)
    world.moto.put_without_value(name)
    for _ in range(5):
        done = world.run(*PRUNE, "--allow-deletes", "99", expect=1)
        assert "source-unusable" in done.stdout
    assert world.live("app") == {"password": b"good"}


def test_a_store_out_of_reach_or_without_rights_removes_nothing(world: World) -> None:
    """A1, B1."""
    fill(world, 0, 1, 2)
    configure(world, *(of_path(number) for number in range(3)))
    world.run("apply", "--yes")
    (world.folder / "secret-id").write_text("no-such-id\n")
    done = world.run(*PRUNE, "--allow-deletes", "99", expect=1)
    assert "source-denied" in done.stdout
    assert standing(world, range(3)) == 3


def test_the_secret_of_a_mapping_that_is_gone_stays_until_it_is_pruned_and_only_where_its_mark_says_so(
    world: World,
) -> None:
    """G8."""
    world.openbao.put(world.mount, "app/db", {"password": "ours"})
    configure(world, OURS, {**OURS, **LEFT, "name": "goes"}, {**OURS, "name": "stays"})
    world.run("apply", "--yes")
    configure(world, OURS)
    kept = world.run("apply", "--yes").stdout
    assert "not-pruned" in kept
    assert (change(world, "goes")["action"], change(world, "stays")["reason"]) == ("orphan", "keep")
    assert world.run("diff", "--prune", expect=1).stdout.count("delete") >= 1
    world.run(*PRUNE)
    assert world.kube.secret(world.namespace, "goes") is None
    assert world.live("stays") == {"password": b"ours"}
    # What is gone is forgotten, what stays is still known.
    assert change(world, "stays")["action"] == "orphan"
    shown = json.loads(world.run("diff", "--format", "json", expect=None).stdout)
    assert [one["name"] for one in shown["changes"]] == ["app", "stays"]


def test_an_orphan_that_somebody_took_over_is_not_removed(world: World) -> None:
    """I-OWN."""
    world.openbao.put(world.mount, "app/db", {"password": "ours"})
    configure(world, OURS, {**OURS, **LEFT, "name": "goes"})
    world.run("apply", "--yes")
    world.kube.put_secret(world.namespace, "goes", {"password": b"theirs"}, labels={"team": "a"})
    configure(world, OURS)
    world.run(*PRUNE, "--allow-deletes", "99", expect=None)
    assert world.live("goes") == {"password": b"theirs"}


def test_nothing_outside_a_selection_is_removed(world: World) -> None:
    world.openbao.put(world.mount, "app/db", {"password": "ours"})
    configure(world, OURS, {**OURS, **LEFT, "name": "goes"})
    world.run("apply", "--yes")
    configure(world, OURS)
    world.run(*PRUNE, "--allow-deletes", "99", "--select", f"{world.namespace}/app")
    assert world.live("goes") == {"password": b"ours"}


def test_a_shared_secret_is_let_go_of_and_never_deleted(world: World) -> None:
    world.openbao.put(world.mount, "app/db", {"password": "ours"})
    world.kube.put_secret(world.namespace, "shared", {"theirs": b"x"}, labels={"team": "a"})
    configure(world, OURS, {**OURS, **LEFT, "name": "shared", "merge": True, "adopt": True})
    world.run("apply", "--yes")
    assert world.live("shared") == {"password": b"ours", "theirs": b"x"}
    configure(world, OURS)
    world.run(*PRUNE)
    live = world.kube.secret(world.namespace, "shared")
    assert live is not None
    assert world.live("shared") == {"theirs": b"x"}
    assert "syncd.dev" not in json.dumps(
        {name: text for name, text in live["metadata"].items() if name != "managedFields"}  # type: ignore[attr-defined]
    )
