"""The top level of the file: a platform's configuration, and a file of mappings."""

from typing import ClassVar, Literal

import msgspec

from syncd.config.convert import NotYet, Shape, always, one_of
from syncd.config.mapping import MappingShape
from syncd.config.stores import StoreShape
from syncd.config.targets import TargetShape
from syncd.node import Text


class DefaultsShape(Shape, frozen=True, kw_only=True):
    """What mappings get where they say nothing."""

    interval: Text | None = None
    store: Text | None = None
    namespace: Text | None = None
    labels: dict[str, Text] = msgspec.field(default_factory=dict)
    annotations: dict[str, Text] = msgspec.field(default_factory=dict)


class MaxDeletesShape(Shape, frozen=True, kw_only=True):
    """How much may be removed in an hour and store; at least 1."""

    count: int = 10
    percent: Text = 5


class GuardsShape(Shape, frozen=True, kw_only=True):
    """What a run may change without being told twice."""

    max_deletes: MaxDeletesShape = MaxDeletesShape()
    max_changes: Text = "off"
    allow_no_mappings: bool = False
    allow_replace: bool = False
    allow_restart: bool = False
    allow_types: list[Text] = msgspec.field(default_factory=list)
    protected_namespaces: list[Text] | None = None


class PreviousShape(Shape, frozen=True, kw_only=True):
    """A name or a key that the instance had before."""

    instance: Text | None = None
    secret: Text | None = None
    key_file: Text | None = None


class HomeShape(Shape, frozen=True, kw_only=True):
    """Where the instance keeps its key, inventory and Lease."""

    namespace: Text | None = None
    key_file: Text | None = None
    configuration: Text | None = None
    sources: Literal["full", "store", "none"] = "full"
    previous: list[PreviousShape] = msgspec.field(default_factory=list)


class LeaderElectionShape(Shape, frozen=True, kw_only=True):
    """Whether replicas elect one that writes."""

    enabled: Literal["auto"] | bool = "auto"


class DaemonShape(Shape, frozen=True, kw_only=True):
    """How `syncd run` behaves."""

    listen: Text | None = None
    workers: int = 16
    leader_election: LeaderElectionShape = LeaderElectionShape()
    drift: Literal["poll"] = "poll"

    not_yet: ClassVar[NotYet] = {"drift": one_of("watch"), "audit": always, "shards": always}


class LogShape(Shape, frozen=True, kw_only=True):
    """How much is logged, and in which form."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class MappingFileShape(Shape, frozen=True, kw_only=True):
    """A file of mappings, which a platform's configuration includes."""

    version: Literal[1]
    defaults: DefaultsShape = DefaultsShape()
    secrets: list[MappingShape] = msgspec.field(default_factory=list)


class PlatformShape(Shape, frozen=True, kw_only=True):
    """A platform's configuration: the file that `--config` names."""

    version: Literal[1]
    instance: Text
    target: TargetShape | None = None
    targets: dict[str, TargetShape] | None = None
    stores: dict[str, StoreShape] = msgspec.field(default_factory=dict)
    include: list[Text] = msgspec.field(default_factory=list)
    defaults: DefaultsShape = DefaultsShape()
    secrets: list[MappingShape] = msgspec.field(default_factory=list)
    guards: GuardsShape = GuardsShape()
    home: HomeShape = HomeShape()
    daemon: DaemonShape = DaemonShape()
    log: LogShape = LogShape()

    not_yet: ClassVar[NotYet] = {"tenants": always}
