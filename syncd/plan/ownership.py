"""Whose a live Secret is. Ownership is proven, not claimed: a label alone is never enough.

| what stands on the live Secret | verdict | reason |
| --- | --- | --- |
| our whole mark, its proof good for this target, namespace and name | proven | |
| our whole mark, no key at hand; or in a plain target | unverified | |
| no syncd mark, no other manager's | none | `not-owned` |
| no syncd mark, another manager's or an ownerReference | foreign | `other-manager` |
| the label of another instance | foreign | `other-instance` |
| our label, a newer schema | foreign | `newer-schema` |
| part of a mark only; or a mark of another mapping that the proof does not fit (a copy) | foreign | `mark-not-ours` |
| our whole mark of this very mapping that this key did not sign | foreign | `key-lost` |
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from syncd.model.plan import Ownership
from syncd.model.secret import LiveSecret
from syncd.plan.instance import Instance
from syncd.plan.marks import (
    INSTANCE,
    MANAGED_BY,
    MANAGER,
    MAPPING,
    MARK_ANNOTATIONS,
    OWNER,
    SCHEMA,
    SCHEMA_VERSION,
    Mark,
    number,
    proved,
    read_mark,
)

# By which label or annotation each manager knows its own; a name ending in / stands for all under it.
_MANAGERS: Final = (
    ("meta.helm.sh/release-name", "Helm"),
    ("argocd.argoproj.io/tracking-id", "Argo CD"),
    ("argocd.argoproj.io/instance", "Argo CD"),
    ("kustomize.toolkit.fluxcd.io/name", "Flux"),
    ("helm.toolkit.fluxcd.io/name", "Flux"),
    ("reconcile.external-secrets.io/", "External Secrets Operator"),
    ("secrets.hashicorp.com/", "Vault Secrets Operator"),
    ("cert-manager.io/certificate-name", "cert-manager"),
    ("controller.cert-manager.io/fao", "cert-manager"),
    ("sealedsecrets.bitnami.com/", "Sealed Secrets"),
    ("secrets-store.csi.k8s.io/managed", "Secrets Store CSI Driver"),
)
_PREFIXES: Final = tuple(prefix for prefix, _ in _MANAGERS)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose a live Secret is, and why."""

    ownership: Ownership
    reason: str = ""
    """Fixed code of the conflict that a writer would meet; empty where it is ours."""
    holder: str = ""
    """Whose it is, in words for a message."""
    way_out: str = ""
    """What a person can do about it."""
    mark: Mark | None = None
    """What the mark says, where it is ours; a mark that is not believed is not handed on."""
    also: str = ""
    """Ours, and yet another manager claims it too: its name."""

    @property
    def ours(self) -> bool:
        """Tell whether it bears our mark, proven or as far as can be told."""
        return self.mark is not None


def judge(live: LiveSecret, instance: Instance, *, mapping: str) -> Verdict:
    """Judge whose `live` is; `mapping`, in the form of `mapping_text`, is the one on whose behalf we ask."""
    labels, annotations = live.labels, live.annotations
    if INSTANCE not in labels and labels.get(MANAGED_BY) != MANAGER and MARK_ANNOTATIONS.isdisjoint(annotations):
        return _unmarked(live)
    refused = _strange_mark(live, instance)
    if refused is not None:
        return refused
    if instance.key is None or live.key.target in instance.plain_targets:
        return _ours("unverified", live)
    if proved(instance.key, instance.name, live.key, annotations):
        return _ours("proven", live)
    if annotations[MAPPING] != mapping:
        return Verdict("foreign", "mark-not-ours", "whoever copied a syncd mark onto it", _HAND_MADE)
    holder = f"syncd instance {instance.name} by its label, but this instance's key did not sign its mark"
    return Verdict("foreign", "key-lost", holder, _KEY_LOST)


def _strange_mark(live: LiveSecret, instance: Instance) -> Verdict | None:
    named, annotations = live.labels.get(INSTANCE), live.annotations
    if named is not None and named != instance.name:
        way_out = f"remove it from one of the two configurations, or let {named} delete it first"
        return Verdict("foreign", "other-instance", f"syncd instance {named}", way_out)
    schema = annotations.get(SCHEMA)
    if schema is not None and (number(schema) or 0) > int(SCHEMA_VERSION):
        return Verdict("foreign", "newer-schema", f"a newer syncd (mark schema {schema})", "run that version")
    signed = OWNER in annotations or live.key.target in instance.plain_targets
    if named is None or schema != SCHEMA_VERSION or MAPPING not in annotations or not signed:
        return Verdict("foreign", "mark-not-ours", "whoever left an incomplete syncd mark on it", _HAND_MADE)
    return None


_HAND_MADE = "delete the Secret, or take the syncd labels and annotations off it"
_KEY_LOST = "bring back the key that signed it, or sign it anew with `syncd own --resign`"


def _ours(ownership: Ownership, live: LiveSecret) -> Verdict:
    mark = read_mark(live.annotations)
    # A name that our own mapping sets is no claim of somebody else's.
    also = _manager(live, ours=mark.labels | mark.annotations)
    return Verdict(ownership, mark=mark, also=also)


def _unmarked(live: LiveSecret) -> Verdict:
    manager = _manager(live) or live.labels.get(MANAGED_BY, "")
    if manager:
        return Verdict("foreign", "other-manager", manager, "choose another name, or let go of it there first")
    holder = "nobody's by its marks"
    if live.managers:
        holder += f" (written by {', '.join(live.managers)})"
    return Verdict(
        "none", "not-owned", holder, "set `adopt: true` in the mapping to take it over, or choose another name"
    )


def _manager(live: LiveSecret, ours: Collection[str] = ()) -> str:
    if live.owners:
        return ", ".join(live.owners)
    if any(name.startswith(_PREFIXES) for names in (live.labels, live.annotations) for name in names):
        names = [name for name in (*live.labels, *live.annotations) if name not in ours]
        for prefix, manager in _MANAGERS:
            if any(name.startswith(prefix) for name in names):
                return manager
    return ""
