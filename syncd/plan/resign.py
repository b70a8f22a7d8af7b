"""Which Secrets a person may have signed anew after the instance's key was lost (`syncd own --resign`).

| what stands on the live Secret of a mapping | follows |
| --- | --- |
| nothing of ours, another's mark, a mark of another mapping or schema, part of a mark | nothing |
| our whole mark of this very mapping, its proof good | nothing; it is told to the inventory |
| the same, its proof not good | update `resigned`: the proof alone |
| the same, but the mapping or an annotation says `suspend`, or the namespace is protected | left alone |
| the same, claimed by another manager too, no merge, not named by `adopt` | left alone |

A mark says who wrote it, but without the key it proves nothing: whoever may edit Secrets in a namespace can write one
by hand. So each is shown to a person first.
"""

from dataclasses import replace

from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Change
from syncd.model.secret import Live, LiveSecret, ReadFailure
from syncd.plan.differences import resigned
from syncd.plan.instance import Instance, Rules
from syncd.plan.lease_records import EMPTY
from syncd.plan.managers import claims
from syncd.plan.marks import INSTANCE, MAPPING, SUSPEND, mapping_text, read_mark
from syncd.plan.ownership import judge


def plan_resign(mapping: SecretMapping, live: Live, *, instance: Instance, rules: Rules) -> Change | None:
    """Decide for the Secret of one mapping; None where there is nothing to sign.

    An instance without a key stands before its new one: every mark that fits is then to be signed.
    """
    change = Change(mapping.key, Action.UPDATE, "resigned", mapping=mapping.id, tenant=mapping.tenant)
    change = replace(change, origin=mapping.origin, ownership="unverified")
    if isinstance(live, ReadFailure):
        return replace(change, action=Action.UNREADABLE, reason=f"target-{live.cls.value}", message=live.message)
    if not isinstance(live, LiveSecret) or mapping.key.target in instance.plain_targets:
        return None
    change = replace(change, live=live)
    text = mapping_text(mapping.tenant, mapping.id)
    verdict = judge(live, instance, mapping=text)
    if verdict.ownership == "proven" and not verdict.outdated:
        return replace(change, action=Action.UNCHANGED, reason="in-sync", ownership="proven")
    claimed_by_name = live.labels.get(INSTANCE) == instance.name and live.annotations.get(MAPPING) == text
    if verdict.reason != "key-lost" and not (verdict.ownership == "unverified" and claimed_by_name):
        return None
    left = _left(mapping, live, rules)
    if left is not None:
        action, reason, message = left
        return replace(change, action=action, reason=reason, message=f"{mapping.key}: left alone, {message}")
    # Nobody believed so far what it says of leases, and a proof would have them revoked on its word.
    book = None if verdict.ownership == "proven" else EMPTY
    return replace(change, desired=resigned(live, instance, book=book))


def _left(mapping: SecretMapping, live: LiveSecret, rules: Rules) -> tuple[Action, str, str] | None:
    if mapping.key.namespace in rules.protected_namespaces:
        return Action.CONFLICT, "protected-namespace", f"nothing is written in namespace {mapping.key.namespace}"
    if mapping.suspend:
        return Action.SUSPENDED, "suspended", "the mapping says `suspend: true`"
    if live.annotations.get(SUSPEND) == "true":
        return Action.SUSPENDED, "suspended", f"its annotation {SUSPEND} says so"
    mark = read_mark(live.annotations)
    found = claims(live, ours=mark.labels | mark.annotations, by_label=False)
    others = [claim.name for claim in found if claim.manager not in mapping.adopt_from]
    if others and not mapping.merge:
        return Action.CONFLICT, "two-writers", f"it is also claimed by {', '.join(others)}"
    return None
