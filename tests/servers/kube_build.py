"""Build kube-apiserver and etcd for the tests, once for a machine: `python -m tests.servers.kube_build` before them.

Both are Go tools, pinned in `kube/go.mod` and `etcd/go.mod`. The first build takes minutes; the binaries are kept in
a folder named after the pins. `KUBEBUILDER_ASSETS` names a folder that holds both already.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_PACKAGES: Final = {
    "kube": ("kube-apiserver", "k8s.io/kubernetes/cmd/kube-apiserver"),
    "etcd": ("etcd", "go.etcd.io/etcd/server/v3"),
}
_GO_PLACES: Final = ("/usr/local/go/bin", "/usr/lib/go/bin")
_ASSETS: Final = os.environ.get("KUBEBUILDER_ASSETS", "")
_CACHE: Final = os.environ.get("SYNCD_TEST_CACHE", "")


@dataclass(frozen=True)
class Binaries:
    """Where the servers' programs are."""

    apiserver: Path
    etcd: Path

    def exist(self) -> bool:
        """Tell whether both are there."""
        return self.apiserver.is_file() and self.etcd.is_file()


def kube_available() -> str | None:
    """Say why the Kubernetes tests cannot run here; None where they can (a build may come first)."""
    if _ASSETS:
        given = _in(Path(_ASSETS))
        return None if given.exist() else f"KUBEBUILDER_ASSETS={_ASSETS} does not hold kube-apiserver and etcd"
    if _in(_folder()).exist() or _go() is not None:
        return None
    return "no Go to build kube-apiserver and etcd with, and no KUBEBUILDER_ASSETS that holds them"


def binaries() -> Binaries:
    """Give the programs, building them where that is not done yet.

    Two runs at once build once. Raises RuntimeError with the end of the compiler's output.
    """
    if reason := kube_available():
        raise RuntimeError(reason)
    if _ASSETS:
        return _in(Path(_ASSETS))
    folder = _folder()
    found = _in(folder)
    if found.exist():
        return found
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for module, (program, package) in _PACKAGES.items():
            if not (folder / program).is_file():
                _build(module, package, folder / program)
    return found


def _in(folder: Path) -> Binaries:
    return Binaries(folder / "kube-apiserver", folder / "etcd")


def _home() -> Path:
    # Not $HOME: tests point that at a folder of their own.
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def _folder() -> Path:
    pins = hashlib.sha256()
    for module in _PACKAGES:
        for name in ("go.mod", "go.sum"):
            pins.update((_HERE / module / name).read_bytes())
    root = Path(_CACHE) if _CACHE else _home() / ".cache" / "syncd-tests"
    return root / pins.hexdigest()[:16]


def _go() -> str | None:
    return shutil.which("go") or shutil.which("go", path=os.pathsep.join(_GO_PLACES))


def _build(module: str, package: str, program: Path) -> None:
    go = _go()
    assert go is not None, "kube_available said otherwise"
    sys.stderr.write(f"building {package}, which takes minutes the first time\n")
    unfinished = program.with_name(f"{program.name}.unfinished")
    result = subprocess.run(
        [go, "build", "-trimpath", "-buildvcs=false", "-o", str(unfinished), package],
        cwd=_HERE / module,
        env={**os.environ, "HOME": str(_home())},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        message = f"{package} could not be built:\n{result.stderr[-4000:]}"
        raise RuntimeError(message)
    unfinished.replace(program)


def main() -> int:
    """Build both and print where they are; without the means, say so: a failure where CI is set."""
    if reason := kube_available():
        sys.stderr.write(f"Kubernetes tests will be left out: {reason}\n")
        return 1 if os.environ.get("CI") else 0
    found = binaries()
    print(found.apiserver)
    print(found.etcd)
    return 0


if __name__ == "__main__":
    sys.exit(main())
