"""What is counted against a limit, in a real cluster: never merged with what another process counted meanwhile."""

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from syncd.ledger import Ledger
from syncd.model.inventory import Inventory, Removal
from syncd.target.home import KubernetesHome
from syncd.target.kube_answer import Answer, CallFailed
from syncd.target.kube_api import Api, Place
from syncd.target.kube_login import resolve
from syncd.target.seam import Permit
from tests.servers.home_use import PERMIT, made_key, of, reason, saved
from tests.servers.kube import Kube
from tests.servers.kube_use import api

pytestmark = pytest.mark.kube


class _Losing(Api):
    """An API whose next patch arrives, and whose answer does not."""

    lost = False
    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def patch(self, place: Place, body: bytes, permit: Permit | None) -> Answer:
        answer = super().patch(place, body, permit)
        if self.lost:
            self.lost = False
            self.meanwhile()
            raise CallFailed(reason="timeout", sent=True, message="no answer")
        return answer


@pytest.fixture
def namespace(kube: Kube) -> str:
    return kube.namespace()


@pytest.fixture
def losing(kube: Kube) -> Iterator[_Losing]:
    opened = _Losing(resolve(kubeconfig=kube.kubeconfig(), context=None, environment=os.environ))
    yield opened
    opened.close()


def test_a_save_whose_answer_is_lost_is_known_by_what_stands_there(losing: _Losing, namespace: str) -> None:
    home = KubernetesHome(losing, instance="prod", namespace=namespace)
    key = made_key(home)
    saved(home, of("a"), key)
    home.inventory(key)
    losing.lost = True
    counted = of("a", removals=(Removal(1.0, "", "s", 1),))
    assert home.save(counted, key, PERMIT, merge=False) is None
    assert not losing.lost
    assert home.inventory(key) == counted


def test_a_save_whose_answer_is_lost_and_that_another_writer_followed_is_counted_anew(
    kube: Kube, losing: _Losing, namespace: str
) -> None:
    calls = api(kube.kubeconfig())
    home, other = (KubernetesHome(each, instance="prod", namespace=namespace) for each in (losing, calls))
    key = made_key(home)
    saved(home, of("a"), key)
    home.inventory(key)
    losing.meanwhile = lambda: saved(other, of("theirs"), key)
    losing.lost = True
    assert reason(home.save(of("a", "b"), key, PERMIT, merge=False)) == "inventory-changed"
    assert home.inventory(key) == of("a", "b", "theirs")
    calls.close()


def test_of_removals_that_many_processes_count_at_once_no_more_than_the_limit_go(
    kube: Kube, losing: _Losing, namespace: str
) -> None:
    """I-CAP: each process reads, finds room, and saves within the same milliseconds."""
    home = KubernetesHome(losing, instance="prod", namespace=namespace)
    key = made_key(home)
    saved(home, of("a"), key)
    limit, together = 2, threading.Barrier(6)
    let_through: list[int] = []

    def remove(number: int) -> None:
        own = api(kube.kubeconfig())
        mine = KubernetesHome(own, instance="prod", namespace=namespace)
        allowed = False

        def count(inventory: Inventory) -> Inventory | None:
            nonlocal allowed
            allowed = len(inventory.removals) < limit
            added = (Removal(float(number), "", "s", 1),)
            return replace(inventory, removals=inventory.removals + added) if allowed else None

        ledger = Ledger(mine, key, Inventory())
        together.wait(20)
        if ledger.record(count, PERMIT, fresh=True) is None and allowed:
            let_through.append(number)
        own.close()

    threads = [threading.Thread(target=remove, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(let_through) == limit
    found = home.inventory(key)
    assert isinstance(found, Inventory)
    assert sorted(removal.at for removal in found.removals) == sorted(map(float, let_through))
