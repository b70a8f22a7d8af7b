"""What a target on an API server must keep beside the contract of all targets: types, UIDs, immutability, quota.

It holds the cluster in memory to what the real kube-apiserver does, so that what is proved on the one counts for the
other.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from syncd.model.secret import Missing
from syncd.testing.memory_target import Granted
from syncd.testing.target_bench import (
    Bench,
    alike,
    claim,
    done,
    equal,
    judged_as,
    look,
    made_secret,
    refused,
    standing,
    wanted_secret,
)


def never_changes_a_type(bench: Bench) -> None:
    """Try that an update to another type is refused and changes nothing."""
    live = made_secret(bench)
    refused(bench.target.update(live, replace(wanted_secret(live.key), type="example.com/other"), Granted()), "invalid")
    equal(standing(bench, live.key), live, "it stands as it was")


def keeps_what_is_immutable(bench: Bench) -> None:
    """Try that data and the mark of immutability stay, that metadata may change, and that it can be deleted."""
    asked = replace(wanted_secret(bench.fresh()), immutable=True)
    done(bench.target.create(asked, Granted()))
    live = standing(bench, asked.key)
    other = replace(wanted_secret(live.key, data="other"), immutable=True)
    fewer = replace(asked, data={"username": asked.data["username"]})
    for change in (other, fewer, replace(asked, immutable=False)):
        refused(bench.target.update(live, change, Granted()), "invalid")
        equal(standing(bench, live.key), live, "it stands as it was")
    relabelled = replace(asked, labels={"foreign": "other"})
    done(bench.target.update(live, relabelled, Granted()))
    changed = standing(bench, live.key)
    alike(relabelled, changed)
    done(bench.target.delete(changed, Granted()))
    claim(isinstance(look(bench, live.key), Missing), "it is gone")


def can_be_made_immutable(bench: Bench) -> None:
    """Try that an update may switch immutability on, together with new data."""
    live = made_secret(bench)
    asked = replace(wanted_secret(live.key, data="last"), immutable=True)
    done(bench.target.update(live, asked, Granted()))
    alike(asked, standing(bench, live.key))


def gives_no_new_version_where_nothing_changes(bench: Bench) -> None:
    """Try that a write of what stands there leaves the object as it is."""
    live = made_secret(bench)
    written = done(bench.target.update(live, wanted_secret(live.key), Granted()))
    equal((written.uid, written.resource_version), (live.uid, live.resource_version), "what a write confirms")
    equal(standing(bench, live.key), live, "it stands as it was")


def gives_what_is_made_anew_another_uid(bench: Bench) -> None:
    """Try that deleting and creating makes another object."""
    live = made_secret(bench)
    done(bench.target.delete(live, Granted()))
    done(bench.target.create(wanted_secret(live.key), Granted()))
    claim(standing(bench, live.key).uid != live.uid, "it is another object")


def tells_of_a_quota_before_it_tells_what_stands(bench: Bench) -> None:
    """Try that a full namespace takes no create, not even of a name that is taken, and all else goes on (H4)."""
    if bench.fill is None:
        return
    live = made_secret(bench)
    bench.fill(live.key.namespace)
    refused(bench.target.create(wanted_secret(live.key._replace(name="another")), Granted()), "quota")
    refused(bench.target.create(wanted_secret(live.key), Granted()), "quota")
    done(bench.target.update(live, wanted_secret(live.key, data="newer"), Granted()))
    done(bench.target.delete(standing(bench, live.key), Granted()))


def takes_nothing_new_in_a_namespace_that_ends(bench: Bench) -> None:
    """Try that a terminating namespace refuses creates alone (H3)."""
    if bench.terminate is None:
        return
    live = made_secret(bench)
    bench.terminate(live.key.namespace)
    refused(bench.target.create(wanted_secret(live.key._replace(name="another")), Granted()), "gone")
    refused(bench.target.create(wanted_secret(live.key), Granted()), "gone")
    done(bench.target.update(live, wanted_secret(live.key, data="newer"), Granted()))
    done(bench.target.delete(standing(bench, live.key), Granted()))


def makes_no_namespace(bench: Bench) -> None:
    """Try that in a namespace that is not there nothing is found and nothing is written (H5)."""
    if bench.missing is None:
        return
    key = bench.fresh()._replace(namespace=bench.missing())
    claim(isinstance(look(bench, key), Missing), "nothing is there")
    refused(bench.target.create(wanted_secret(key), Granted()), "gone")
    refused(bench.target.update(judged_as(wanted_secret(key)), wanted_secret(key, data="newer"), Granted()), "gone")
    refused(bench.target.delete(judged_as(wanted_secret(key)), Granted()), "gone")


API_SERVER_CASES: Final[Sequence[Callable[[Bench], None]]] = (
    never_changes_a_type,
    keeps_what_is_immutable,
    can_be_made_immutable,
    gives_no_new_version_where_nothing_changes,
    gives_what_is_made_anew_another_uid,
    tells_of_a_quota_before_it_tells_what_stands,
    takes_nothing_new_in_a_namespace_that_ends,
    makes_no_namespace,
)
