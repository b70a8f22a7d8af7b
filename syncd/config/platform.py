"""The platform's own settings: guards, home, daemon, log, and the instance that owns what is written."""

import re
from pathlib import Path
from typing import Final

from syncd.config.convert import NOT_YET_MESSAGE
from syncd.config.document import DaemonShape, GuardsShape, HomeShape
from syncd.config.durations import number
from syncd.config.names import LABEL_HINT, SHORT_TYPES, full_type, has_control, is_dns_label, nearest
from syncd.config.references import Report
from syncd.config.settings import DaemonSettings, Guards, Home
from syncd.node import Problem, text

MOST_WORKERS: Final = 256
WHOLE: Final = 100.0
"""Percent."""
_LISTEN: Final = re.compile(r"(?:[A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):(\d{1,5})", re.ASCII)
_PORTS: Final = 65_535


def instance_mistake(name: str) -> Problem | None:
    """Say why `name` cannot name the owner of what is written."""
    if is_dns_label(name):
        return None
    return Problem(("instance",), f"{name[:64]!r} is not a name for an instance", LABEL_HINT)


def guards_of(shape: GuardsShape, report: Report) -> Guards:
    """Give the guards; problems go to `report`, paths from the top of the file."""
    default = Guards()
    if shape.max_deletes.count < 0:
        report.append(Problem(("guards", "maxDeletes", "count"), "below 0"))
    percent = number(text(shape.max_deletes.percent))
    if percent is None or percent > WHOLE:
        report.append(Problem(("guards", "maxDeletes", "percent"), "not a number from 0 to 100"))
    if shape.allow_restart:
        report.append(Problem(("guards", "allowRestart"), NOT_YET_MESSAGE))
    types: set[str] = set()
    for index, written in enumerate(shape.allow_types):
        found = full_type(text(written))
        if found is None:
            meant = nearest(text(written), SHORT_TYPES)
            hint = f"did you mean {meant}?" if meant else "a full name such as example.com/kind"
            report.append(Problem(("guards", "allowTypes", index), "not a type of Secret", hint))
        types.add(found or "")
    protected = default.protected_namespaces
    if shape.protected_namespaces is not None:
        protected = frozenset(map(text, shape.protected_namespaces))
        for index, written in enumerate(shape.protected_namespaces):
            if not is_dns_label(text(written)):
                where = ("guards", "protectedNamespaces", index)
                report.append(Problem(where, "not a name for a namespace", LABEL_HINT))
    return Guards(
        max_deletes_count=shape.max_deletes.count,
        max_deletes_percent=percent or 0.0,
        allow_no_mappings=shape.allow_no_mappings,
        allow_replace=shape.allow_replace,
        allow_restart=shape.allow_restart,
        allow_types=frozenset(types),
        protected_namespaces=protected,
    )


def home_of(shape: HomeShape, *, base: Path, report: Report) -> Home:
    """Give where the instance keeps its things; problems go to `report`, paths from the top of the file."""
    namespace = None if shape.namespace is None else text(shape.namespace)
    if namespace is not None and not is_dns_label(namespace):
        report.append(Problem(("home", "namespace"), f"{namespace[:64]!r} is not a name for a namespace", LABEL_HINT))
    key_file = None if shape.key_file is None else text(shape.key_file)
    if key_file == "":
        report.append(Problem(("home", "keyFile"), "empty", "leave it out to keep the key in the home namespace"))
    configuration = None if shape.configuration is None else text(shape.configuration)
    if configuration is not None and (not configuration or has_control(configuration)):
        report.append(Problem(("home", "configuration"), "not a name", "some text without control characters"))
    return Home(namespace, None if key_file is None else base / key_file, configuration, shape.sources)


def daemon_of(shape: DaemonShape, report: Report) -> DaemonSettings:
    """Give how the daemon behaves; problems go to `report`, paths from the top of the file."""
    listen = None if shape.listen is None else text(shape.listen)
    if listen is not None:
        found = _LISTEN.fullmatch(listen)
        if found is None or int(found[1]) > _PORTS:
            report.append(Problem(("daemon", "listen"), "not an address to listen on", "HOST:PORT, or :PORT"))
    if not 1 <= shape.workers <= MOST_WORKERS:
        report.append(Problem(("daemon", "workers"), f"not a number from 1 to {MOST_WORKERS}"))
    if shape.leader_election.enabled is True:
        report.append(Problem(("daemon", "leaderElection", "enabled"), NOT_YET_MESSAGE))
    return DaemonSettings(listen, shape.workers)
