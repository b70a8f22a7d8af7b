"""Taking over Secrets of other managers: by their names, and never otherwise."""

from dataclasses import replace

import pytest

from syncd.model.mapping import Manager
from syncd.model.plan import Action, Change
from syncd.model.secret import LiveSecret
from tests.unit.plan_makers import content, decide, foreign, mapping, stored, values

MARKED: list[tuple[Manager, dict[str, object]]] = [
    ("helm", {"annotations": {"meta.helm.sh/release-name": "db"}}),
    ("helm", {"labels": {"app.kubernetes.io/managed-by": "Helm"}}),
    ("argocd", {"annotations": {"argocd.argoproj.io/tracking-id": "a:/Secret:b/c"}}),
    ("argocd", {"labels": {"argocd.argoproj.io/instance": "a"}}),
    ("flux", {"labels": {"kustomize.toolkit.fluxcd.io/name": "apps"}}),
    ("eso", {"labels": {"reconcile.external-secrets.io/created-by": "x"}}),
    ("eso", {"owners": ("ExternalSecret/db",)}),
    ("vso", {"labels": {"secrets.hashicorp.com/vso-ownerRefUID": "x"}}),
    ("vso", {"labels": {"app.kubernetes.io/managed-by": "hashicorp-vso"}}),
    ("vso", {"owners": ("VaultStaticSecret/db",)}),
    ("cert-manager", {"annotations": {"cert-manager.io/certificate-name": "web"}}),
    ("cert-manager", {"owners": ("Certificate/web",)}),
    ("sealed-secrets", {"annotations": {"sealedsecrets.bitnami.com/managed": "true"}}),
    ("sealed-secrets", {"owners": ("SealedSecret/db",)}),
    ("secrets-store-csi", {"labels": {"secrets-store.csi.k8s.io/managed": "true"}}),
]


def _decide(live: LiveSecret, *managers: Manager, adopt: bool = True, merge: bool = False) -> Change:
    return decide(mapping(adopt=adopt, adopt_from=frozenset(managers), merge=merge), content(), live)


@pytest.mark.parametrize(("manager", "fields"), MARKED)
def test_a_managers_secret_is_taken_over_by_name_and_not_otherwise(manager: Manager, fields: dict[str, object]) -> None:
    """I2."""
    live = foreign(**fields)
    others: set[Manager] = {"helm", "argocd", "flux", "eso", "vso", "cert-manager", "sealed-secrets"}

    for change in (_decide(live), _decide(live, adopt=False), _decide(live, *sorted(others - {manager}))):
        assert (change.action, change.reason) == (Action.CONFLICT, "other-manager")
        assert f"`adopt: {{from: [{manager}]}}`" in change.message
    taken = _decide(live, manager)
    assert (taken.action, taken.reason) == (Action.UPDATE, "adopted")


@pytest.mark.parametrize(("manager", "fields"), MARKED)
def test_what_was_taken_over_is_then_ours_with_the_old_marks_on_it(manager: Manager, fields: dict[str, object]) -> None:
    live = foreign(**fields)
    after = stored(_decide(live, manager).desired, owners=live.owners)

    assert _decide(after, manager).action is Action.UNCHANGED
    assert live.annotations.items() <= after.annotations.items()
    assert after.labels.items() >= {k: v for k, v in live.labels.items() if not k.endswith("managed-by")}.items()


def test_once_the_name_leaves_the_mapping_two_writers_are_seen_again() -> None:
    after = stored(_decide(foreign(annotations={"meta.helm.sh/release-name": "db"}), "helm").desired)

    assert (_decide(after).action, _decide(after).reason) == (Action.CONFLICT, "two-writers")


def test_everybody_who_claims_it_must_be_named() -> None:
    live = foreign(labels={"app.kubernetes.io/managed-by": "Helm"}, annotations={"argocd.argoproj.io/tracking-id": "a"})

    assert _decide(live, "helm").reason == _decide(live, "argocd").reason == "other-manager"
    assert "Argo CD, Helm" in _decide(live, "helm").message
    assert "adopt: {from: [argocd, helm]}" in _decide(live, "helm").message
    assert _decide(live, "helm", "argocd").reason == "adopted"


@pytest.mark.parametrize(
    "fields", [{"labels": {"app.kubernetes.io/managed-by": "terraform"}}, {"owners": ("Database/db",)}]
)
def test_a_manager_that_has_no_name_here_is_never_taken_over_from(fields: dict[str, object]) -> None:
    change = _decide(foreign(**fields), "helm", "argocd", "flux", "eso", "vso", "cert-manager", "sealed-secrets")

    assert (change.action, change.reason) == (Action.CONFLICT, "other-manager")
    assert "adopt" not in change.message


def test_names_do_not_take_over_from_another_syncd_or_a_forger() -> None:
    helm = {"meta.helm.sh/release-name": "db"}

    assert _decide(foreign(labels={"syncd.dev/instance": "staging"}, annotations=helm), "helm").reason == (
        "other-instance"
    )
    assert _decide(foreign(labels={"syncd.dev/instance": "prod"}, annotations=helm), "helm").reason == "mark-not-ours"


def test_the_owner_that_stays_is_told() -> None:
    change = _decide(foreign(owners=("ExternalSecret/db",)), "eso")

    assert "ExternalSecret/db stays" in change.message
    assert "--cascade=orphan" in change.message
    assert _decide(foreign(labels={"reconcile.external-secrets.io/created-by": "x"}), "eso").message == ""


def test_a_shared_secret_keeps_the_managers_keys_and_label() -> None:
    live = foreign(labels={"app.kubernetes.io/managed-by": "Helm"}, data=values({"theirs": "x"}))

    change = _decide(live, "helm", merge=True)

    assert change.desired is not None
    assert set(change.desired.data) == {"theirs", "password"}
    assert change.desired.labels["app.kubernetes.io/managed-by"] == "Helm"


def test_an_immutable_secret_of_a_manager_is_not_replaced() -> None:
    live = replace(foreign(annotations={"meta.helm.sh/release-name": "db"}), immutable=True)

    assert (_decide(live, "helm").action, _decide(live, "helm").reason) == (Action.CONFLICT, "not-adoptable")
