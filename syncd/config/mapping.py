"""Mappings of the file, and the `SecretMapping` that each becomes once everything in it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import msgspec

from syncd.config.checks import ChecksShape, checks_of
from syncd.config.convert import NotYet, Shape, always, anything_but, one_of
from syncd.config.dynamic import lease_mistakes
from syncd.config.entries import EntryShape, entry
from syncd.config.metadata import annotations, labels
from syncd.config.names import (
    NAME_HINT,
    SHORT_TYPES,
    full_type,
    is_data_key,
    is_dns_subdomain,
    is_id,
    mints_credentials,
    nearest,
)
from syncd.config.placement import Places, namespace_of, target_of
from syncd.config.references import TOLD, Catalogue, DataShape, Report, source
from syncd.config.template import TemplateShape, template_of, templated, with_templates
from syncd.config.timing import interval_of, schedule_of
from syncd.config.typed import (
    BasicAuthShape,
    BuilderShape,
    RegistryShape,
    SshAuthShape,
    TlsSecretShape,
    builder_of,
    implied_type,
    type_mistakes,
)
from syncd.model.mapping import Manager, Policy, SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.selection import DataSource, Entry
from syncd.model.shaping import Builder, keys_of
from syncd.node import Problem, Text, text


class AdoptShape(Shape, frozen=True, kw_only=True):
    """Whose Secrets may be taken over."""

    managers: list[Manager] = msgspec.field(name="from")


class MappingShape(Shape, frozen=True, kw_only=True):
    """One Secret and where its keys come from."""

    name: Text
    namespace: Text | None = None
    id: Text | None = None
    store: Text | None = None
    target: Text | None = None
    type: Text | None = None
    labels: dict[str, Text] = msgspec.field(default_factory=dict)
    annotations: dict[str, Text] = msgspec.field(default_factory=dict)
    data: dict[str, DataShape | Text] = msgspec.field(default_factory=dict)
    data_from: list[EntryShape] = msgspec.field(default_factory=list)
    tls: TlsSecretShape | None = None
    docker: list[RegistryShape] | None = None
    basic_auth: BasicAuthShape | None = None
    ssh_auth: SshAuthShape | None = None
    template: TemplateShape | None = None
    checks: ChecksShape | None = None
    allow_empty: bool | list[Text] = False
    interval: Text | None = None
    schedule: Text | None = None
    time_zone: Text | None = None
    refresh: Literal["periodic"] = "periodic"
    restart: Literal["none"] = "none"
    suspend: bool = False
    adopt: AdoptShape | bool = False
    merge: bool = False
    immutable: bool = False
    when_source_gone: Policy = "keep"
    when_mapping_gone: Policy = "keep"

    not_yet: ClassVar[NotYet] = {
        "namespaces": always,
        "namespaceSelector": always,
        "movedFrom": always,
        "restart": anything_but("none"),
        "keepVersions": always,
        "refresh": one_of("onChange", "once"),
        "immutable": one_of("versioned"),
    }

    def builders(self) -> dict[str, BuilderShape]:
        """Give what makes the keys of a typed Secret, by its field; one at most is right."""
        fields = {"tls": self.tls, "docker": self.docker, "basicAuth": self.basic_auth, "sshAuth": self.ssh_auth}
        return {name: shape for name, shape in fields.items() if shape is not None}


@dataclass(frozen=True, slots=True)
class Given:
    """What a mapping is read against: the defaults of its file and of the platform's, and what it may name."""

    catalogue: Catalogue
    places: Places
    store: str = ""
    """Of references that name none; empty where no default is."""
    interval: float = 300.0
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    allow_types: frozenset[str] = frozenset()


def mapping_of(written: MappingShape, origin: Position, given: Given) -> tuple[SecretMapping, Report]:
    """Give the mapping, every reference canonical, and all that is wrong with it: nothing, or it is not to be used."""
    report: Report = []
    name = text(written.name)
    if not is_dns_subdomain(name):
        report.append(Problem(("name",), f"{name[:64]!r} is not a name for a Secret", NAME_HINT))
    namespace = namespace_of(written.namespace, given.places, report)
    key = SecretKey(target_of(written.target, given.places, report), namespace, name)
    secret_type = _type_of(written, given, report)
    store = _store_of(written, given, report)
    data, data_from = _sources(written, store, given.catalogue, report)
    builder = builder_of(written.builders(), store=store, catalogue=given.catalogue, report=report)
    report.extend(type_mistakes(written.builders(), secret_type if written.type else "", builder, written.data))
    known = _known_keys(written, builder)
    template = template_of(written.template, data, known, report)
    finished = with_templates(known, template)
    read_or_made = None if known is None or finished is None else known | finished
    own_labels = templated("labels", written.template, data, written.labels, secret_type, report)
    own_annotations = templated("annotations", written.template, data, written.annotations, secret_type, report)
    mapping = SecretMapping(
        id=_id_of(written, key, report),
        key=key,
        origin=origin,
        type=secret_type,
        data=data,
        data_from=data_from,
        builder=builder,
        template=template,
        checks=checks_of(written.checks, finished, report),
        labels=labels(own_labels, given.labels, secret_type, report),
        annotations=annotations(own_annotations, given.annotations, secret_type, report),
        interval=interval_of(written.interval, given.interval, report),
        schedule=schedule_of(written.schedule, written.time_zone, written.interval, report),
        time_zone=None if written.time_zone is None else text(written.time_zone),
        allow_empty=_allow_empty(written, read_or_made, report),
        suspend=written.suspend,
        adopt=bool(written.adopt),
        adopt_from=_adopt_from(written, report),
        merge=written.merge,
        immutable=written.immutable,
        when_source_gone=written.when_source_gone,
        when_mapping_gone=written.when_mapping_gone,
    )
    report.extend(lease_mistakes(mapping.leases(), written.template, immutable=written.immutable))
    return mapping, report


def _adopt_from(written: MappingShape, report: Report) -> frozenset[Manager]:
    if isinstance(written.adopt, bool):
        return frozenset()
    if not written.adopt.managers:
        report.append(Problem(("adopt", "from"), "an empty list", "name a manager, or write `adopt: true`"))
    return frozenset(written.adopt.managers)


def _id_of(written: MappingShape, key: SecretKey, report: Report) -> str:
    if written.id is None:
        return str(key)
    found = text(written.id)
    if not is_id(found):
        report.append(Problem(("id",), "not an id", "letters, digits, -, _, . and /"))
    return found


def _type_of(written: MappingShape, given: Given, report: Report) -> str:
    name = implied_type(written.builders()) if written.type is None else text(written.type)
    found = full_type(name)
    if found is None:
        meant = nearest(name, SHORT_TYPES)
        hint = (
            f"did you mean {meant}?" if meant else f"{', '.join(SHORT_TYPES)}, or a full name such as example.com/kind"
        )
        report.append(Problem(("type",), f"{name[:64]!r} is not a type of Secret", hint))
        return ""
    if mints_credentials(found) and found not in given.allow_types:
        hint = "the platform may list it under `guards.allowTypes`"
        report.append(Problem(("type",), f"{found} makes or changes credentials of the cluster", hint))
    return found


def _store_of(written: MappingShape, given: Given, report: Report) -> str:
    """Give the store of every reference that names none."""
    if written.store is None:
        return given.store
    store = text(written.store)
    if store in given.catalogue.providers:
        return store
    report.append(given.catalogue.unknown(store))
    return TOLD


def _known_keys(written: MappingShape, builder: Builder | None) -> frozenset[str] | None:
    """Give the keys that the Secret can have; None where the stores tell, or what the file says is wrong already."""
    if written.data_from or (builder is None and written.builders()):
        return None
    return frozenset(written.data) | (keys_of(builder) if builder else frozenset())


def _sources(
    written: MappingShape, store: str, catalogue: Catalogue, report: Report
) -> tuple[tuple[tuple[str, DataSource], ...], tuple[Entry, ...]]:
    """Give where the keys come from, those of a builder aside."""
    if not written.data and not written.data_from and not written.builders():
        hint = "a Secret is made of one of them at least, or of tls, docker, basicAuth or sshAuth"
        report.append(Problem((), "it has neither data nor dataFrom", hint))
    data: list[tuple[str, DataSource]] = []
    for key, value in written.data.items():
        if not is_data_key(key):
            hint = "letters, digits, -, _ and ., at most 253; not . and not starting with .."
            report.append(Problem(("data", key), "not a key for a Secret", hint))
        found = source(value, ("data", key), store=store, catalogue=catalogue, report=report)
        if found is not None:
            data.append((key, found))
    data_from: list[Entry] = []
    for index, shape in enumerate(written.data_from):
        taken = entry(shape, ("dataFrom", index), store=store, catalogue=catalogue, report=report)
        if taken is None:
            continue
        if taken in data_from:
            report.append(Problem(("dataFrom", index), "this entry stands here twice", "remove one of them"))
        data_from.append(taken)
    return tuple(data), tuple(data_from)


def _allow_empty(written: MappingShape, known: frozenset[str] | None, report: Report) -> bool | frozenset[str]:
    if isinstance(written.allow_empty, bool):
        return written.allow_empty
    keys = [text(key) for key in written.allow_empty]
    for index, key in enumerate(keys):
        if not is_data_key(key):
            report.append(Problem(("allowEmpty", index), "not a key for a Secret"))
        elif known is not None and key not in known:
            meant = nearest(key, known)
            report.append(
                Problem(("allowEmpty", index), "no such key under data", f"did you mean {meant}?" if meant else "")
            )
    return frozenset(keys)
