"""The loader: files in, one whole checked configuration out, or every problem of every file."""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Generic

from syncd.config.convert import MORE, MOST_PROBLEMS, convert, salvage
from syncd.config.defaults import narrowed
from syncd.config.document import DefaultsShape, MappingFileShape, PlatformShape
from syncd.config.files import PLATFORM_LIMIT, ConfigurationError, SourceFile, included
from syncd.config.mapping import Given, MappingShape, mapping_of
from syncd.config.placement import NO_NAMESPACE, Places
from syncd.config.platform import daemon_of, guards_of, home_of, instance_mistake
from syncd.config.references import TOLD, Catalogue
from syncd.config.settings import Configuration, LogSettings, TargetSettings
from syncd.config.spec import P, StoreSpec
from syncd.config.stores import store_of
from syncd.config.targets import targets_of
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.store import Store
from syncd.node import Problem, Tree, text

_STAND_INS: Final[Mapping[str, Tree]] = {"version": 1, "instance": "unnamed"}
_NAMELESS: Final[Mapping[str, Tree]] = {"name": "unnamed"}
_OPEN_FIELDS: Final = frozenset({"data", "labels", "annotations"})
"""Fields of a mapping whose entries are looked at one by one."""
_KEYS: Final = frozenset({"data", "dataFrom", "tls", "docker", "basicAuth", "sshAuth"})
"""Fields of a mapping that give keys, and those that name some."""
_OF_KEYS: Final = frozenset({"allowEmpty", "checks"})
_SETTINGS: Final = frozenset({"defaults", "guards", "home", "daemon", "log"})
"""Fields at the top whose own fields can each be left out."""
_PLACE: Final = frozenset({"name", "namespace", "target"})
"""Fields of a mapping that say which Secret it writes."""


def load(
    path: Path, specs: Mapping[str, StoreSpec[P]], *, own_namespace: str = "syncd", may_consume: bool = False
) -> Configuration[P]:
    """Load the configuration whose main file is `path`, and every file that it includes.

    `specs` are the types of stores by the word after `type:`. `own_namespace` is the home namespace where the file
    names none: the Pod's own inside a cluster; no mapping may write there. `may_consume` tells the stores whether what
    serves only once may be used up. Reads files and nothing else; the providers of the stores are made, which costs no
    I/O. Raises ConfigurationError with every problem of every file.
    """
    with _collector_off():
        return _Loader(path, specs, own_namespace, may_consume=may_consume).load()


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the cyclic collector from looking again and again at a tree that only grows, and has no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _in_defaults(problems: Iterable[Problem]) -> set[str]:
    """Name the fields of `defaults` that were wrong in shape; all of them where the whole was."""
    if any(problem.path == ("defaults",) for problem in problems):
        return {"store", "namespace"}
    return {str(problem.path[1]) for problem in problems if problem.path[:1] == ("defaults",)}


def _mapping(item: Tree, origin: Position, given: Given) -> tuple[SecretMapping | None, list[Problem]]:
    """Read one mapping: what it says, as far as that can be told, and all that is wrong with it."""
    shape = convert(item, MappingShape)
    if not isinstance(shape, list):
        return mapping_of(shape, origin, given)
    left = salvage(item, shape, MappingShape, stand_ins=_NAMELESS, deep=_OPEN_FIELDS)
    if left is None:
        return None, shape
    found, further = mapping_of(left, origin, given)
    return found, shape + [problem for problem in further if not _follows(problem, shape)]


def _follows(problem: Problem, told: Iterable[Problem]) -> bool:
    """Tell whether a problem is only there because what was told already was left out."""
    if not problem.path or problem == NO_NAMESPACE:
        return True
    for other in told:
        if problem.path[0] in _OF_KEYS and other.path and other.path[0] in _KEYS:
            return True
        place = other.path[:2] if other.path[:1] and other.path[0] in _OPEN_FIELDS else other.path[:1]
        if problem.path[: len(place)] == place:
            return True
    return False


class _Loader(Generic[P]):
    """One load: the main file first, since it says what the others are checked against."""

    def __init__(self, path: Path, specs: Mapping[str, StoreSpec[P]], own_namespace: str, *, may_consume: bool) -> None:
        self._path = path
        self._specs = specs
        self._own_namespace = own_namespace
        self._may_consume = may_consume
        self._files: list[SourceFile] = []
        self._mappings: list[SecretMapping] = []
        self._keys: dict[SecretKey, SecretMapping] = {}
        self._ids: dict[str, SecretMapping] = {}

    def load(self) -> Configuration[P]:
        main = SourceFile.open(self._path, limit=PLATFORM_LIMIT)
        self._files.append(main)
        fields = main.fields()
        if fields is None:
            raise ConfigurationError(main.diagnostics())
        secrets, stores_tree = fields.pop("secrets", []), fields.pop("stores", {})
        top, broken = self._top(main, fields)
        failed = {part for problem in broken for part in problem.path[:1]}
        problems = main.problems
        if "instance" not in failed and (mistake := instance_mistake(text(top.instance))) is not None:
            problems.append(mistake)
        targets = {} if failed & {"target", "targets"} else self._targets(main, top)
        guards = guards_of(top.guards, problems)
        home = home_of(top.home, instance=text(top.instance), base=main.folder, report=problems)
        daemon = daemon_of(top.daemon, problems)
        stores, providers = self._stores(main, stores_tree)
        base = Given(
            Catalogue({**providers, TOLD: None}),
            Places(targets, guards.protected_namespaces | {home.namespace or self._own_namespace}),
            allow_types=guards.allow_types,
        )
        given = narrowed(base, top.defaults, problems, failed=_in_defaults(broken))
        self._read_mappings(main, secrets, given)
        patterns = [text(pattern) for pattern in top.include]
        for file in included(main, patterns, besides=self._path):
            if isinstance(file, Problem):
                problems.append(file)
            else:
                self._read_file(file, given)
        self._tell()
        return Configuration(
            file=Path(os.path.abspath(self._path)),  # noqa: PTH100 — resolve() would follow a symlink
            instance=text(top.instance),
            targets=targets,
            stores=stores,
            mappings=tuple(self._mappings),
            guards=guards,
            home=home,
            daemon=daemon,
            log=LogSettings(top.log.level, top.log.format),
            files=tuple(file.folder / Path(file.shown).name for file in self._files),
        )

    def _tell(self) -> None:
        """Raise what was found, in the order of the files and of the lines in each."""
        diagnostics = [diagnostic for file in self._files for diagnostic in file.diagnostics()]
        if diagnostics:
            raise ConfigurationError(diagnostics)

    def _top(self, main: SourceFile, fields: dict[str, Tree]) -> tuple[PlatformShape, list[Problem]]:
        """Give the main file's own settings, broken ones at their defaults, and what is wrong with those."""
        found = convert(fields, PlatformShape)
        if not isinstance(found, list):
            return found, []
        main.problems.extend(found)
        left = salvage(fields, found, PlatformShape, stand_ins=_STAND_INS, deep=_SETTINGS)
        return left or PlatformShape(version=1, instance="unnamed"), found

    def _targets(self, main: SourceFile, top: PlatformShape) -> dict[str, TargetSettings]:
        found = targets_of(top.target, top.targets, base=main.folder)
        if isinstance(found, list):
            main.problems.extend(found)
            return {}
        return found

    def _stores(self, main: SourceFile, tree: Tree) -> tuple[dict[str, Store[P]], dict[str, P | None]]:
        """Give the stores, and for every name under `stores:` who spells its names; None where it is broken."""
        if not isinstance(tree, dict):
            main.problems.append(Problem(("stores",), "expected a mapping", "write stores: {NAME: {type: …}}"))
            return {}, {}
        stores: dict[str, Store[P]] = {}
        for index, (name, options) in enumerate(tree.items()):
            origin = main.position("stores", index)
            found = store_of(name, options, self._specs, base=main.folder, origin=origin, may_consume=self._may_consume)
            if isinstance(found, list):
                main.problems.extend(problem.under("stores", name) for problem in found)
            else:
                stores[name] = found
        formerly: dict[str, str] = {}
        for store in stores.values():
            if store.formerly is not None and (store.formerly in tree or store.formerly in formerly):
                other = formerly.get(store.formerly, store.formerly)
                where = ("stores", store.name, "formerly")
                main.problems.append(Problem(where, f"this name is taken by the store {other}"))
            elif store.formerly is not None:
                formerly[store.formerly] = store.name
        return stores, {name: stores[name].provider if name in stores else None for name in tree}

    def _read_file(self, file: SourceFile, given: Given) -> None:
        """Read a file of mappings."""
        self._files.append(file)
        fields = file.fields()
        if fields is None:
            return
        secrets = fields.pop("secrets", [])
        found = convert(fields, MappingFileShape)
        broken: list[Problem] = []
        shape: MappingFileShape | None
        if isinstance(found, list):
            broken = found
            file.problems.extend(broken)
            shape = salvage(fields, broken, MappingFileShape, stand_ins=_STAND_INS, deep={"defaults"})
        else:
            shape = found
        defaults = DefaultsShape() if shape is None else shape.defaults
        narrower = narrowed(given, defaults, file.problems, failed=_in_defaults(broken))
        self._read_mappings(file, secrets, narrower)

    def _read_mappings(self, file: SourceFile, items: Tree, given: Given) -> None:
        """Read the mappings of a file, and let go of their trees one by one."""
        if not isinstance(items, list):
            file.problems.append(Problem(("secrets",), "expected a list", "write [] for none"))
            return
        for index, item in enumerate(items):
            items[index] = None
            found, report = _mapping(item, file.position("secrets", index), given)
            if found is not None:
                report.extend(self._taken(found, report))
            if report:
                file.problems.extend(problem.under("secrets", index) for problem in report)
                if len(file.problems) > MOST_PROBLEMS:
                    file.problems.append(MORE.under("secrets"))
                    return
            elif found is not None:
                self._mappings.append(found)

    def _taken(self, mapping: SecretMapping, report: Iterable[Problem]) -> list[Problem]:
        """Say what another mapping has already: its Secret, or its id."""
        wrong = {problem.path[0] for problem in report if problem.path}
        if wrong & _PLACE:
            return []
        same = self._keys.setdefault(mapping.key, mapping)
        if same is not mapping:
            hint = f"the other one stands at {same.origin}"
            return [Problem(("name",), f"another mapping writes the Secret {mapping.key} too", hint)]
        same = mapping if "id" in wrong else self._ids.setdefault(mapping.id, mapping)
        if same is not mapping:
            return [Problem(("id",), f"another mapping has the id {mapping.id} too", f"it stands at {same.origin}")]
        return []
