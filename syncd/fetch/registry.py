"""Which types of store there are: the entry points of the group `syncd.providers`, ours and strangers' alike.

Names are found by reading package metadata; an adapter's module is imported when its type is first asked for,
and its SDK not before the first fetch.
"""

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Final

import msgspec

from syncd.fetch.seam import ProviderSpec

GROUP: Final = "syncd.providers"
_OF_AN_EXTRA: Final = re.compile(r"([A-Za-z0-9._-]+)[^;]*;.*\bextra == ['\"]([^'\"]+)['\"]")
"""A line of package metadata that asks for a package with an extra (core metadata, Requires-Dist)."""

Spec = ProviderSpec[msgspec.Struct]
"""A spec of whatever options; the configuration loader decodes into `options` and hands the result to `create`."""


class ProviderUnusable(Exception):  # noqa: N818 — a state of the installation, told to a person
    """A store type is registered but cannot be used. The text says what to do."""


class Registry(Mapping[str, Spec]):
    """Store types by name. Thread-safe. Loads an entry point on first access, which may raise ProviderUnusable."""

    def __init__(self, points: Iterable[EntryPoint] | None = None, *, for_use: bool = True) -> None:
        """Look the names up; raises ProviderUnusable where two packages claim one name.

        Without `for_use` a type whose SDK is not installed is given too: to say what its options are.
        """
        self._for_use = for_use
        self._points: dict[str, EntryPoint] = {}
        self._specs: dict[str, Spec] = {}
        self._lock = threading.Lock()
        for point in entry_points(group=GROUP) if points is None else points:
            other = self._points.setdefault(point.name, point)
            if other.value != point.value:
                message = (
                    f"two packages provide the store type {point.name!r}: {_whose(other)} and {_whose(point)}; "
                    "uninstall one of them"
                )
                raise ProviderUnusable(message)

    def __getitem__(self, name: str) -> Spec:
        with self._lock:
            if name not in self._specs:
                self._specs[name] = _load(self._points[name], for_use=self._for_use)
            return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._points))

    def __len__(self) -> int:
        return len(self._points)

    def __contains__(self, name: object) -> bool:
        """Tell without loading; Mapping's own way would import the adapter."""
        return name in self._points


def _load(point: EntryPoint, *, for_use: bool) -> Spec:
    if for_use and (missing := _missing(point)):
        message = f"the store type {point.name!r} needs {missing}, which is not installed; {_remedy(point)}"
        raise ProviderUnusable(message)
    try:
        spec: object = point.load()
    except ModuleNotFoundError as error:
        message = f"the store type {point.name!r} needs the module {error.name}, which is not installed; "
        raise ProviderUnusable(message + _remedy(point)) from error
    except ImportError as error:
        message = f"the store type {point.name!r} cannot be loaded from {_whose(point)}; "
        raise ProviderUnusable(message + _remedy(point)) from error
    except AttributeError as error:
        message = f"{_whose(point)} has no such object, so the store type {point.name!r} cannot be used"
        raise ProviderUnusable(message) from error
    if not isinstance(spec, ProviderSpec):
        message = f"{_whose(point)} is no ProviderSpec, so the store type {point.name!r} cannot be used"
        raise ProviderUnusable(message)
    if spec.name != point.name:
        message = f"{_whose(point)} calls itself {spec.name!r} but is registered as {point.name!r}; rename one of them"
        raise ProviderUnusable(message)
    return spec


def _sdks(point: EntryPoint) -> list[str]:
    """List the packages that come with the extra of the type's name, if the adapter's package has one."""
    lines = (point.dist.requires if point.dist is not None else None) or ()
    found = (_OF_AN_EXTRA.match(line) for line in lines)
    return [match[1] for match in found if match is not None and match[2] == point.name]


def _missing(point: EntryPoint) -> str:
    """Name the first SDK that is not installed, without importing any."""
    for package in _sdks(point):
        try:
            distribution(package)
        except PackageNotFoundError:
            return package
    return ""


def _remedy(point: EntryPoint) -> str:
    package = point.dist.name if point.dist is not None else "its package"
    return f"install {package}[{point.name}]" if _sdks(point) else f"install {package} anew"


def _whose(point: EntryPoint) -> str:
    return f"{point.value} of {point.dist.name}" if point.dist is not None else point.value
