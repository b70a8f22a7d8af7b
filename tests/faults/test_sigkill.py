"""SIGKILL at random moments, against the real servers: nothing partial, nothing foreign, and one apply mends.

Half of the kills come at a random moment of a run, half right after the first Secret was seen to change.
"""

import base64
import random
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest

from tests.servers.keyvault import KeyVault
from tests.servers.kube import Kube
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.world import World

pytestmark = [pytest.mark.kube, pytest.mark.timeout(300)]

SECRETS = 24
KILLS = 16
FOREIGN = {"user": b"theirs", "word": b"theirs"}


@pytest.fixture
def world(tmp_path: Path, kube: Kube, openbao: OpenBao, moto: Moto, keyvault: KeyVault) -> World:
    return World.make(tmp_path, kube, openbao, moto, keyvault)


def configure(world: World) -> None:
    world.configure(
        [
            {
                "name": name,
                "interval": "10s",
                "data": {
                    key: {"store": "vault", "key": f"app/{number % 6}", "property": key} for key in ("user", "word")
                },
            }
            for number, name in enumerate([*(f"s{number}" for number in range(SECRETS)), "taken"])
        ]
    )


def rotate(world: World, generation: int) -> None:
    for number in range(6):
        world.openbao.put(world.mount, f"app/{number}", {key: f"{key}-{generation}" for key in ("user", "word")})


def secrets_of(world: World) -> dict[str, dict[str, bytes]]:
    answer = world.kube.do("GET", f"/api/v1/namespaces/{world.namespace}/secrets")
    items = cast("list[dict[str, dict[str, str]]]", answer["items"])
    return {
        item["metadata"]["name"]: {key: base64.b64decode(value) for key, value in (item.get("data") or {}).items()}
        for item in items
    }


def generation_of(data: dict[str, bytes]) -> int:
    """Give the one generation that a Secret holds; fails where it is partial or mixed."""
    assert set(data) == {"user", "word"}, f"a part of a Secret: {sorted(data)}"
    told = {key: value.decode().removeprefix(f"{key}-") for key, value in data.items()}
    assert told["user"] == told["word"], f"two versions in one Secret: {told}"
    return int(told["user"])


class Watch:
    """Looks at every Secret all the time, and keeps what it saw wrong."""

    def __init__(self, world: World) -> None:
        """Start with nothing seen."""
        self._world = world
        self._stop = threading.Event()
        self.wrong: list[str] = []
        self.looks = 0
        self.newest = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def look(self) -> None:
        self.looks += 1
        for name, data in secrets_of(self._world).items():
            try:
                if name == "taken":
                    assert data == FOREIGN, "a foreign Secret was touched"
                else:
                    self.newest = max(self.newest, generation_of(data))
            except AssertionError as error:
                self.wrong.append(f"{name}: {error}")

    def _run(self) -> None:
        while not self._stop.wait(0.03):
            self.look()

    @contextmanager
    def on(self) -> Iterator["Watch"]:
        self._thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            self._thread.join()


def start(world: World, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "syncd", *arguments],
        cwd=world.folder,
        env=world.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_kills_at_random_moments_leave_nothing_partial_and_one_apply_mends(world: World) -> None:
    """I-CRASH."""
    seed = secrets.randbits(32)
    chance = random.Random(seed)  # noqa: S311 — moments to kill at
    print(f"kills by seed {seed}")  # noqa: T201 — shown where it fails
    world.kube.put_secret(world.namespace, "taken", FOREIGN)
    configure(world)
    rotate(world, 0)
    began = time.monotonic()
    first = start(world, "apply", "--yes")
    assert first.wait(90) == 1, "the foreign Secret is a conflict"
    lasts = time.monotonic() - began
    killed = written = 0
    with Watch(world).on() as watch:
        for generation in range(1, KILLS + 1):
            rotate(world, generation)
            verb = ("run",) if chance.random() < 0.3 else ("apply", "--yes")
            process = start(world, *verb)
            if generation % 2:
                time.sleep(chance.uniform(0.2, 1.1) * lasts)
            else:
                until = time.monotonic() + 20
                while watch.newest < generation and process.poll() is None and time.monotonic() < until:
                    time.sleep(0.005)
                time.sleep(chance.uniform(0, 0.05))
            killed += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait(10)
            written += watch.newest >= generation
            assert watch.wrong == [], f"seed {seed}: {watch.wrong}"
        mended = start(world, "apply", "--yes")
        assert mended.wait(90) == 1, "the foreign Secret is a conflict"
    watch.look()
    assert watch.wrong == [], f"seed {seed}: {watch.wrong}"
    found = secrets_of(world)
    assert found.pop("taken") == FOREIGN
    assert {name: generation_of(data) for name, data in found.items()} == {f"s{n}": KILLS for n in range(SECRETS)}
    mark = world.kube.mark()
    world.run("apply", "--yes", expect=1)
    assert {entry.verb for entry in world.asked(mark) if entry.code < 300} == {"get"}
    assert killed > KILLS // 3, f"seed {seed}: only {killed} runs were still running when they were killed"
    print(f"{killed} of {KILLS} killed while running, {written} of them after a write, {watch.looks} looks")  # noqa: T201
