"""Mappings, answers and what was built of them, for the tests of the build step."""

from collections.abc import Mapping

from hypothesis import HealthCheck, settings

from syncd.build import build
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.position import Position
from syncd.model.reference import Fetched, RemoteRef
from syncd.model.secret import Built, Content, Refusal
from syncd.model.selection import Extract, Literally, Selection
from syncd.redact import SecretValue

DB = RemoteRef("vault", "payments/db", mount="secret")
API = RemoteRef("aws", "prod/api")
ORIGIN = Position("syncd.yaml", 3, 5)
CANARY = "c4nary-Value"
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""


def mapping(
    *,
    data: Mapping[str, Selection | Literally] | None = None,
    data_from: tuple[Extract, ...] = (),
    type_: str = "Opaque",
    annotations: Mapping[str, str] | None = None,
    allow_empty: bool | frozenset[str] = False,
) -> SecretMapping:
    return SecretMapping(
        id="payments/db",
        key=SecretKey("default", "payments", "db"),
        origin=ORIGIN,
        type=type_,
        data=tuple((data or {}).items()),
        data_from=data_from,
        annotations=tuple((annotations or {}).items()),
        allow_empty=allow_empty,
    )


def answer(data: bytes, *, version: str = "7", structured: bool = False) -> Fetched:
    return Fetched(SecretValue(data), version, structured=structured)


def values(built: Built) -> dict[str, bytes]:
    assert isinstance(built, Content), built
    return {key: value.reveal() for key, value in built.data.items()}


def refusal(built: Built) -> Refusal:
    assert isinstance(built, Refusal)
    return built


def one(data: bytes, selection: Selection) -> Built:
    return build(mapping(data={"k": selection}), {selection.ref: answer(data)})
