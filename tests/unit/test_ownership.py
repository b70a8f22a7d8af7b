"""Whose a live Secret is, one test for each row of the table, and the forgeries."""

from dataclasses import replace

import pytest

from syncd.model.secret import LiveSecret
from syncd.plan.instance import Instance
from syncd.plan.ownership import Verdict, judge
from tests.unit.plan_makers import KEYLESS, ME, OTHER_KEY, PLAIN, SECRET, content, foreign, mapping, written


def _judge(live: LiveSecret, instance: Instance = ME) -> Verdict:
    return judge(live, instance, mapping="/payments/db")


def test_our_mark_with_its_proof_is_proven() -> None:
    verdict = _judge(written())

    assert (verdict.ownership, verdict.reason, verdict.ours, verdict.also) == ("proven", "", True, "")


def test_without_a_key_our_mark_is_unverified() -> None:
    assert _judge(written(), KEYLESS).ownership == "unverified"


def test_in_a_plain_target_the_plain_mark_counts() -> None:
    live = written(instance=PLAIN)

    assert "syncd.dev/owner" not in live.annotations
    assert (_judge(live, PLAIN).ownership, _judge(live, PLAIN).ours) == ("unverified", True)
    assert _judge(live, replace(PLAIN, key=ME.key)).ownership == "unverified"


def test_a_secret_without_marks_is_nobodys() -> None:
    verdict = _judge(foreign(managers=("kubectl-create",)))

    assert (verdict.ownership, verdict.reason) == ("none", "not-owned")
    assert "kubectl-create" in verdict.holder
    assert "adopt" in verdict.way_out


@pytest.mark.parametrize(
    ("labels", "annotations", "manager"),
    [
        ({"app.kubernetes.io/managed-by": "Helm"}, {}, "Helm"),
        ({}, {"meta.helm.sh/release-name": "db"}, "Helm"),
        ({}, {"argocd.argoproj.io/tracking-id": "a:/Secret:b/c"}, "Argo CD"),
        ({"kustomize.toolkit.fluxcd.io/name": "apps"}, {}, "Flux"),
        ({"reconcile.external-secrets.io/created-by": "x"}, {}, "External Secrets Operator"),
        ({"secrets.hashicorp.com/vso-ownerRefUID": "x"}, {}, "Vault Secrets Operator"),
        ({}, {"cert-manager.io/certificate-name": "web"}, "cert-manager"),
        ({}, {"sealedsecrets.bitnami.com/managed": "true"}, "Sealed Secrets"),
        ({"app.kubernetes.io/managed-by": "terraform"}, {}, "terraform"),
    ],
)
def test_the_mark_of_another_manager_is_foreign(
    labels: dict[str, str], annotations: dict[str, str], manager: str
) -> None:
    """I2."""
    verdict = _judge(foreign(labels=labels, annotations=annotations))

    assert (verdict.ownership, verdict.reason, verdict.holder) == ("foreign", "other-manager", f"belongs to {manager}")


def test_an_owner_reference_is_foreign() -> None:
    verdict = _judge(foreign(owners=("ExternalSecret/db",)))

    assert (verdict.reason, verdict.holder) == ("other-manager", "belongs to ExternalSecret/db")


def test_another_instance_is_foreign_even_with_the_same_key() -> None:
    verdict = _judge(written(instance=replace(ME, name="staging")))

    assert (verdict.ownership, verdict.reason) == ("foreign", "other-instance")
    assert verdict.holder == "belongs to syncd instance staging"


def test_a_newer_schema_is_left_alone() -> None:
    """J13."""
    live = written()

    verdict = _judge(replace(live, annotations={**live.annotations, "syncd.dev/schema": "2"}))

    assert (verdict.ownership, verdict.reason) == ("foreign", "newer-schema")


@pytest.mark.parametrize("missing", ["syncd.dev/owner", "syncd.dev/schema", "syncd.dev/mapping"])
@pytest.mark.parametrize("instance", [ME, KEYLESS])
def test_part_of_a_mark_is_no_mark(missing: str, instance: Instance) -> None:
    live = written()
    annotations = {name: text for name, text in live.annotations.items() if name != missing}

    verdict = _judge(replace(live, annotations=annotations), instance)

    assert (verdict.ownership, verdict.reason) == ("foreign", "mark-not-ours")


@pytest.mark.parametrize("labels", [{"app.kubernetes.io/managed-by": "syncd"}, {"syncd.dev/instance": "prod"}])
def test_labels_alone_are_never_enough(labels: dict[str, str]) -> None:
    """I3."""
    assert _judge(foreign(labels=labels)).reason == "mark-not-ours"
    assert _judge(foreign(labels=labels), PLAIN).reason == "mark-not-ours"


def test_annotations_without_the_label_are_no_mark() -> None:
    assert _judge(replace(written(), labels={})).reason == "mark-not-ours"


@pytest.mark.parametrize("part", ["namespace", "name"])
def test_a_copied_secret_is_not_ours(part: str) -> None:
    """I3: a mark saved from another place proves nothing here."""
    elsewhere = SECRET._replace(**{part: "other"})
    copy = written(mapping(elsewhere), key=SECRET)

    verdict = _judge(copy)

    assert (verdict.ownership, verdict.reason, verdict.mark) == ("foreign", "mark-not-ours", None)


def test_a_mark_that_this_key_did_not_sign_says_that_the_key_is_lost() -> None:
    verdict = _judge(written(instance=OTHER_KEY))

    assert (verdict.ownership, verdict.reason) == ("foreign", "key-lost")
    assert "syncd own --resign" in verdict.way_out


def test_a_mark_edited_by_hand_is_not_believed() -> None:
    live = written()

    verdict = _judge(replace(live, annotations={**live.annotations, "syncd.dev/when-mapping-gone": "delete"}))

    assert (verdict.ownership, verdict.mark) == ("foreign", None)


def test_ours_and_claimed_by_another_manager_names_it() -> None:
    live = written()

    verdict = _judge(replace(live, annotations={**live.annotations, "meta.helm.sh/release-name": "db"}))

    assert (verdict.ownership, verdict.also) == ("proven", "Helm")


def test_the_label_that_is_ours_to_set_is_no_claim() -> None:
    live = written(mapping(merge=True))

    assert _judge(replace(live, labels={**live.labels, "app.kubernetes.io/managed-by": "Helm"})).also == ""


def test_a_name_that_our_own_mapping_sets_is_no_claim() -> None:
    live = written(built=content(annotations={"argocd.argoproj.io/tracking-id": "x"}))

    assert _judge(live).also == ""
