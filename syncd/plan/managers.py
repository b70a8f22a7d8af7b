"""What else makes and keeps Secrets in a cluster, and the marks by which each knows its own."""

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from syncd.model.mapping import Manager
from syncd.model.secret import LiveSecret
from syncd.plan.marks import MANAGED_BY, MANAGER

# By which label or annotation each manager knows its own; a name ending in / stands for all under it.
_MARKS: Final[tuple[tuple[str, Manager], ...]] = (
    ("meta.helm.sh/release-name", "helm"),
    ("argocd.argoproj.io/tracking-id", "argocd"),
    ("argocd.argoproj.io/instance", "argocd"),
    ("kustomize.toolkit.fluxcd.io/name", "flux"),
    ("helm.toolkit.fluxcd.io/name", "flux"),
    ("reconcile.external-secrets.io/", "eso"),
    ("secrets.hashicorp.com/", "vso"),
    ("cert-manager.io/certificate-name", "cert-manager"),
    ("controller.cert-manager.io/fao", "cert-manager"),
    ("sealedsecrets.bitnami.com/", "sealed-secrets"),
    ("secrets-store.csi.k8s.io/managed", "secrets-store-csi"),
)
_PREFIXES: Final = tuple(prefix for prefix, _ in _MARKS)
_NAMES: Final[dict[Manager, str]] = {
    "helm": "Helm",
    "argocd": "Argo CD",
    "flux": "Flux",
    "eso": "External Secrets Operator",
    "vso": "Vault Secrets Operator",
    "cert-manager": "cert-manager",
    "sealed-secrets": "Sealed Secrets",
    "secrets-store-csi": "Secrets Store CSI Driver",
}
_MANAGED_BY: Final[dict[str, Manager]] = {
    "helm": "helm",
    "argocd": "argocd",
    "flux": "flux",
    "external-secrets": "eso",
    "hashicorp-vso": "vso",
    "cert-manager": "cert-manager",
}
"""What stands in the label app.kubernetes.io/managed-by, in lower case."""
_OWNERS: Final[dict[str, Manager]] = {
    "ExternalSecret": "eso",
    "VaultStaticSecret": "vso",
    "VaultDynamicSecret": "vso",
    "VaultPKISecret": "vso",
    "HCPVaultSecretsApp": "vso",
    "Certificate": "cert-manager",
    "SealedSecret": "sealed-secrets",
    "SecretProviderClassPodStatus": "secrets-store-csi",
}
"""Kinds of ownerReferences."""


class Claim(NamedTuple):
    """Somebody else's mark on a Secret."""

    manager: Manager | None
    """As `adopt: {from: […]}` names it; None for what cannot be named there."""
    name: str
    """In words, for a message."""


def claims(live: LiveSecret, *, ours: Collection[str] = (), by_label: bool) -> tuple[Claim, ...]:
    """List who claims a Secret, each once. `ours` are names that our own mapping sets, which are no claims.

    `by_label`: does what the label app.kubernetes.io/managed-by says count too? Not on a Secret of ours, where it is
    ours to set.
    """
    return tuple(dict.fromkeys(_claims(live, ours, by_label=by_label)))


def _claims(live: LiveSecret, ours: Collection[str], *, by_label: bool) -> Iterator[Claim]:
    for owner in live.owners:
        yield Claim(_OWNERS.get(owner.partition("/")[0]), owner)
    if any(name.startswith(_PREFIXES) for names in (live.labels, live.annotations) for name in names):
        names = [name for name in (*live.labels, *live.annotations) if name not in ours]
        for prefix, manager in _MARKS:
            if any(name.startswith(prefix) for name in names):
                yield Claim(manager, _NAMES[manager])
    said = live.labels.get(MANAGED_BY, "")
    if by_label and said and said != MANAGER:
        found = _MANAGED_BY.get(said.lower())
        yield Claim(found, _NAMES[found] if found else said)
