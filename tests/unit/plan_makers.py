"""Mappings, contents and live Secrets for the tests of the plan stage."""

from collections.abc import Mapping
from dataclasses import replace

from syncd.keys import InstanceKey
from syncd.model.mapping import SecretKey, SecretMapping
from syncd.model.plan import Change
from syncd.model.position import Position
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import Content, DesiredSecret, LiveSecret, Missing, Refusal, SourceVersion
from syncd.model.selection import Selection
from syncd.plan.decision import plan_one
from syncd.plan.instance import Instance, Rules
from syncd.redact import SecretValue

ME = Instance("prod", InstanceKey(SecretValue(bytes(range(32)))), "/etc/syncd.yaml")
KEYLESS = replace(ME, key=None)
OTHER_KEY = replace(ME, key=InstanceKey(SecretValue(bytes(32))))
PLAIN = replace(KEYLESS, plain_targets=frozenset({"default"}))
SECRET = SecretKey("default", "payments", "db")
REF = RemoteRef("vault", "payments/db", mount="secret")
RULES = Rules()


def mapping(key: SecretKey = SECRET, ref: RemoteRef = REF, **fields: object) -> SecretMapping:
    """Make a mapping of one key, `password`."""
    made = SecretMapping(str(key), key, Position("syncd.yaml", 3, 5), "Opaque", data=(("password", Selection(ref)),))
    return replace(made, **fields)  # type: ignore[arg-type]


def values(data: Mapping[str, str]) -> dict[str, SecretValue]:
    return {name: SecretValue(text.encode()) for name, text in data.items()}


def content(
    data: Mapping[str, str] | None = None, *, version: str = "7", created: float | None = None, **fields: object
) -> Content:
    """Make a content that came from version `version` of the source."""
    wanted = values(data if data is not None else {"password": "s3cret"})
    made = Content("Opaque", wanted, {"env": "production"}, {}, (SourceVersion(REF, version, created),))
    return replace(made, **fields)  # type: ignore[arg-type]


def refusal(cls: FailureClass = FailureClass.ABSENT, reason: str = "not-found") -> Refusal:
    absent = (REF,) if cls is FailureClass.ABSENT else ()
    return Refusal(cls, reason, "password: the source answered so", absent=absent)


def stored(desired: DesiredSecret | None, **fields: object) -> LiveSecret:
    """Make the live Secret that a write of `desired` leaves."""
    assert desired is not None
    d = desired
    live = LiveSecret(d.key, "uid-1", "41", d.type, dict(d.data), dict(d.labels), dict(d.annotations), d.immutable)
    return replace(live, **fields)  # type: ignore[arg-type]


def written(
    wanted: SecretMapping | None = None, built: Content | None = None, instance: Instance = ME, **fields: object
) -> LiveSecret:
    """Make the live Secret that a first write of a mapping leaves."""
    wanted = wanted or mapping()
    change = plan_one(wanted, built or content(), Missing(wanted.key), instance=instance, rules=RULES)
    return stored(change.desired, **fields)


def foreign(**fields: object) -> LiveSecret:
    """Make a live Secret that bears nobody's mark."""
    live = LiveSecret(SECRET, "uid-9", "8", "Opaque", values({"password": "theirs"}), {"app": "db"}, {})
    return replace(live, **fields)  # type: ignore[arg-type]


def decide(
    wanted: SecretMapping, built: Content | Refusal, live: LiveSecret, rules: Rules = RULES, instance: Instance = ME
) -> Change:
    return plan_one(wanted, built, live, instance=instance, rules=rules)
