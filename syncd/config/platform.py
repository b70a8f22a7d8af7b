"""The platform's own settings: guards, home, daemon, log, and the instance that owns what is written."""

import re
from pathlib import Path
from typing import Final

from syncd.config.convert import NOT_YET_MESSAGE
from syncd.config.document import DaemonShape, GuardsShape, HomeShape, PreviousShape
from syncd.config.durations import number
from syncd.config.names import (
    LABEL_HINT,
    NAME_HINT,
    SHORT_TYPES,
    full_type,
    has_control,
    is_dns_label,
    is_dns_subdomain,
    nearest,
)
from syncd.config.references import Report
from syncd.config.settings import DaemonSettings, Guards, Home, PreviousHome
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
        max_changes_percent=_max_changes(text(shape.max_changes), report),
        allow_no_mappings=shape.allow_no_mappings,
        allow_replace=shape.allow_replace,
        allow_restart=shape.allow_restart,
        allow_types=frozenset(types),
        protected_namespaces=protected,
    )


def _max_changes(written: str, report: Report) -> float | None:
    if written == "off":
        return None
    percent = number(written.removesuffix("%").rstrip()) if written.endswith("%") else None
    if not percent or percent > WHOLE:
        report.append(Problem(("guards", "maxChanges"), "not a share", "a percentage such as 30%, or off"))
    return percent


def home_of(shape: HomeShape, *, instance: str, base: Path, report: Report) -> Home:
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
    previous = tuple(
        _previous(written, index, instance=instance, base=base, report=report)
        for index, written in enumerate(shape.previous)
    )
    file = None if key_file is None else base / key_file
    for index, before in enumerate(previous):
        if file is not None and before.instance == instance and before.key_file == file:
            where = ("home", "previous", index, "keyFile")
            report.append(Problem(where, "the file that holds the present key", "the file that holds the old one"))
    return Home(namespace, file, configuration, shape.sources, previous)


def _previous(written: PreviousShape, index: int, *, instance: str, base: Path, report: Report) -> PreviousHome:
    """Give a name and key of before: the name is this instance's own where none is said, the key then another one."""
    where = ("home", "previous", index)
    name = instance if written.instance is None else text(written.instance)
    if name != instance and not is_dns_label(name):
        report.append(Problem((*where, "instance"), f"{name[:64]!r} is not a name for an instance", LABEL_HINT))
    if written.secret is not None and written.key_file is not None:
        report.append(Problem((*where, "keyFile"), "secret and keyFile exclude each other", "keep one of them"))
    if written.key_file is not None:
        file = text(written.key_file)
        if not file:
            report.append(Problem((*where, "keyFile"), "empty", "the path of the file that holds the old key"))
        return PreviousHome(name, key_file=base / file)
    secret = f"syncd-{name}" if written.secret is None else text(written.secret)
    if written.secret is not None and not is_dns_subdomain(secret):
        report.append(Problem((*where, "secret"), f"{secret[:64]!r} is not a name for a Secret", NAME_HINT))
    elif secret == f"syncd-{instance}":
        hint = "the Secret or the file that holds the old one"
        report.append(Problem(where, f"{secret} holds the key of instance {instance} itself", hint))
    return PreviousHome(name, secret)


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
