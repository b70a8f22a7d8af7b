"""One decision for one Secret, from what is wanted and what is there: the first matching row.

| # | wanted | live | plan | reason |
| --- | --- | --- | --- | --- |
| 1 | in a protected namespace | any | conflict | `protected-namespace` |
| 2 | mapping suspended | any | suspended | `suspended` |
| 3 | any | the target did not tell | unreadable | `target-<class>` |
| 4 | any | annotation syncd.dev/suspend: "true" | suspended | `suspended` |
| 5 | source gone, removal due | ours | delete (with merge: update) | `source-absent` |
| 5 | a `find` shrank, removal of its keys due | ours | update | `source-absent` |
| 6 | refused otherwise, or a `find` shrank | any | unreadable | `source-<class>`, or the check's own code |
| 7 | content | missing | create | `missing` |
| 8 | content | foreign, or nobody's without `adopt` | conflict | `not-owned`, `other-manager`, `key-lost`… |
| 9 | content | ours, claimed by another manager too, no merge, not named by `adopt` | conflict | `two-writers` |
| 10 | content | ours, of another tenant, no `adopt` | conflict | `other-tenant` |
| 11 | content | equal | unchanged | `in-sync` |
| 12 | content from an older version than recorded | differs | unreadable | `source-stale` |
| 13 | content of another type | nobody's, `adopt` | conflict | `not-adoptable` |
| 14 | content of another type | ours | replace | `type-changed` |
| 15 | content with other data | immutable, nobody's, `adopt` | conflict | `not-adoptable` |
| 16 | content with other data | immutable, ours | replace | `immutable` |
| 17 | content | nobody's, `adopt`; of managers that `adopt` names | update | `adopted` |
| 18 | content | ours, differs | update | `source-changed`, `mapping-changed`, `drift`, `mark-outdated` |
| 19 | content | ours, signed under a name or key of before | update | `mark-outdated` |
| 20 | content with a short-lived secret that is yet to be issued | as in 7 and 13 to 18 | as there | `would-issue` |
| 21 | content with one that was just issued | ours | update | `lease-issued` |

Replacements are held without `allow_replace`, and what would issue without `issue`. Whatever would write without the
instance's key is not `writable`.
"""

from dataclasses import replace

from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Change, KeyChanges
from syncd.model.reference import FailureClass, RemoteRef
from syncd.model.secret import (
    Built,
    Content,
    DesiredSecret,
    Live,
    LiveSecret,
    Missing,
    ReadFailure,
    Refusal,
    SourceVersion,
)
from syncd.plan.differences import Difference, desired_secret, difference, recreated, stale, why
from syncd.plan.finds import covers, kept_whole
from syncd.plan.instance import Instance, Rules
from syncd.plan.issuing import before_issue
from syncd.plan.marks import SUSPEND, mapping_text
from syncd.plan.ownership import Verdict, judge
from syncd.plan.removal import gone, obstacle, remove, why_kept


def plan_one(  # noqa: PLR0911 — a return for each row of the table above
    mapping: SecretMapping,
    built: Built,
    live: Live,
    *,
    instance: Instance,
    rules: Rules,
    confirmed_absent: bool = False,
) -> Change:
    """Decide for one Secret.

    Asked again, with what stands there now, when a create met an object or a precondition failed.
    """
    verdict = None
    if isinstance(live, LiveSecret):
        verdict = judge(live, instance, mapping=mapping_text(mapping.tenant, mapping.id))
    first, built = built, kept_whole(mapping, built, verdict.mark if verdict is not None else None)
    base = Change(
        mapping.key,
        Action.UNREADABLE,
        "",
        mapping=mapping.id,
        tenant=mapping.tenant,
        ownership=verdict.ownership if verdict is not None else "none",
        sources=_sources(mapping, built),
        origin=mapping.origin,
        live=live if isinstance(live, LiveSecret) else None,
        writable=instance.may_write(mapping.key.target),
    )
    if mapping.key.namespace in rules.protected_namespaces:
        message = f"{mapping.key}: nothing is written in namespace {mapping.key.namespace}; choose another one"
        return replace(base, action=Action.CONFLICT, reason="protected-namespace", message=message)
    if mapping.suspend:
        message = f"{mapping.key}: left alone, the mapping says `suspend: true`"
        return replace(base, action=Action.SUSPENDED, reason="suspended", message=message)
    if isinstance(live, ReadFailure):
        return replace(base, reason=f"target-{live.cls.value}", message=live.message)
    if verdict is None or isinstance(live, Missing):
        return _refused(base, built) if isinstance(built, Refusal) else _made(base, mapping, built, instance, rules)
    if live.annotations.get(SUSPEND) == "true":
        message = f"{mapping.key}: left alone, its annotation {SUSPEND} says so"
        return replace(base, action=Action.SUSPENDED, reason="suspended", message=message)
    if isinstance(built, Refusal):
        confirmed = confirmed_absent and covers(first, built)
        return _sourceless(base, mapping, built, live, verdict, instance=instance, rules=rules, confirmed=confirmed)
    conflict = _conflict(mapping, live, verdict, instance)
    if conflict is not None:
        return replace(base, action=Action.CONFLICT, reason=conflict[0], message=conflict[1])
    return _compared(base, mapping, built, live, verdict, instance=instance, rules=rules)


def _made(base: Change, mapping: SecretMapping, content: Content, instance: Instance, rules: Rules) -> Change:
    if content.unissued:
        return before_issue(base, mapping, content, None, mark=None, rules=rules)
    desired = desired_secret(mapping, content, instance=instance, mark=None)
    keys = KeyChanges(added=tuple(sorted(desired.data)))
    message = "; ".join(content.remarks)
    return replace(base, action=Action.CREATE, reason="missing", keys=keys, desired=desired, message=message)


def _compared(
    base: Change,
    mapping: SecretMapping,
    content: Content,
    live: LiveSecret,
    verdict: Verdict,
    *,
    instance: Instance,
    rules: Rules,
) -> Change:
    mark = verdict.mark
    if content.unissued:
        return before_issue(base, mapping, content, live, mark=mark, rules=rules)
    desired = desired_secret(mapping, content, instance=instance, live=live, mark=mark, formerly=rules.formerly)
    found = difference(desired, live, ours=content.data.keys(), outdated=verdict.outdated)
    base = replace(base, keys=found.keys, labels=found.labels, annotations=found.annotations)
    retyped = desired.type != live.type
    if not retyped and not found.any():
        return replace(base, action=Action.UNCHANGED, reason="in-sync")
    old = stale(mark, content, formerly=rules.formerly) if mark is not None else None
    if old is not None:
        message = (
            f"{mapping.key}: {old.ref} answered version {old.version}, older than the one written before, and not made "
            "later; the Secret is kept"
        )
        return replace(base, reason="source-stale", message=message)
    if retyped or (live.immutable and found.keys.any()):
        reason = "type-changed" if retyped else "immutable"
        return _replaced(base, desired, live, content, mark_ours=mark is not None, reason=reason, rules=rules)
    if mark is None:
        return replace(base, action=Action.UPDATE, reason="adopted", message=_adopted(live), desired=desired)
    reason = why(found, mark, content, formerly=rules.formerly, outdated=verdict.outdated)
    if any(given.fresh for given in content.leases.values()):
        reason = "lease-issued"
    anew = recreated(mark, content, formerly=rules.formerly)
    said = [_hint(reason, found), *(f"{old.ref} was deleted and made anew" for old in anew), *content.remarks]
    return replace(base, action=Action.UPDATE, reason=reason, message="; ".join(filter(None, said)), desired=desired)


def _replaced(
    base: Change,
    desired: DesiredSecret,
    live: LiveSecret,
    content: Content,
    *,
    mark_ours: bool,
    reason: str,
    rules: Rules,
) -> Change:
    what = f"type {live.type} cannot become {desired.type}" if reason == "type-changed" else "it is immutable"
    if not mark_ours:
        message = f"{base.key} is not ours and cannot be taken over: {what}; delete it, or choose another name"
        return replace(base, action=Action.CONFLICT, reason="not-adoptable", message=message)
    desired = replace(desired, immutable=content.immutable)
    change = replace(base, action=Action.REPLACE, reason=reason, desired=desired)
    if rules.allow_replace:
        return replace(change, message=f"{base.key}: {what}, so it is deleted and made anew")
    message = f"{base.key}: {what}; `--allow-replace` or `guards.allowReplace` lets it be deleted and made anew"
    return replace(change, outcome="held", message=message)


def _sourceless(
    base: Change,
    mapping: SecretMapping,
    refusal: Refusal,
    live: LiveSecret,
    verdict: Verdict,
    *,
    instance: Instance,
    rules: Rules,
    confirmed: bool,
) -> Change:
    forbids = obstacle(live, verdict, instance, _conflict(mapping, live, verdict, instance))
    if not (rules.prune and confirmed and gone(mapping, refusal) and not forbids):
        return _refused(base, refusal, after=why_kept(mapping, refusal, verdict, obstacle=forbids, prune=rules.prune))
    if refusal.otherwise is None:
        return _removed(base, mapping, live, verdict)
    change = _compared(base, mapping, refusal.otherwise, live, verdict, instance=instance, rules=rules)
    return replace(change, reason="source-absent") if change.action is Action.UPDATE else change


def _removed(base: Change, mapping: SecretMapping, live: LiveSecret, verdict: Verdict) -> Change:
    mark = verdict.mark
    merge = mapping.merge or (mark is not None and mark.merge)
    if mark is None or (merge and live.immutable):
        message = f"{mapping.key}: its source is gone, but the object is shared (merge) and immutable; it is kept"
        return replace(base, reason="source-absent", message=message)
    removal = remove(live, mark, merge=merge, reason="source-absent")
    return replace(
        base,
        action=removal.action,
        reason=removal.reason,
        keys=removal.keys,
        labels=removal.labels,
        annotations=removal.annotations,
        message=removal.message,
        desired=removal.desired,
    )


def _refused(base: Change, refusal: Refusal, *, after: str = "") -> Change:
    reason = refusal.reason if refusal.cls is FailureClass.CONFIG else f"source-{refusal.cls.value}"
    return replace(base, reason=reason, message="; ".join(filter(None, (refusal.message, after))), also=refusal.also)


def _conflict(mapping: SecretMapping, live: LiveSecret, verdict: Verdict, instance: Instance) -> tuple[str, str] | None:
    """Say why a writer must keep off, as a reason code and a message that names both owners and the way out."""
    wants = f"mapping {mapping.id} of syncd instance {instance.name} wants it"
    claimed = verdict.unnamed(mapping.adopt_from)
    if verdict.mark is None:
        named = verdict.reason == "other-manager" and bool(mapping.adopt_from) and not claimed
        if named or (verdict.ownership == "none" and mapping.adopt):
            return None
        return verdict.reason, f"{live.key} {verdict.holder}; {wants}: {verdict.way_out}"
    if claimed and not mapping.merge:
        way_out = "let go of it there, or set `merge: true` to share it"
        return "two-writers", f"{live.key} belongs to this instance and also to {claimed}; {wants}: {way_out}"
    if verdict.mark.tenant != mapping.tenant and not mapping.adopt:
        # Never whose: a tenant learns nothing of another's mappings.
        return "other-tenant", f"{live.key} belongs to another tenant; {wants}: choose another name, or `adopt: true`"
    return None


def _adopted(live: LiveSecret) -> str:
    if not live.owners:
        return ""
    return (
        f"{live.key}: its owner {', '.join(live.owners)} stays; `kubectl delete --cascade=orphan` on that one lets go "
        "of the Secret, any other deletion takes it along"
    )


def _hint(reason: str, found: Difference) -> str:
    if reason == "drift" and found.keys.any():
        return "edited by hand, or changed in the mapping: its sources are at the versions last written"
    return ""


def _sources(mapping: SecretMapping, built: Built) -> tuple[SourceVersion, ...]:
    """List what a decision rests on: what was read, and with an empty version what is absent.

    An absent source that is optional is one of them, and a query that found nothing: a key leaves on its store's word,
    so that store's guard holds.
    """
    told = {source.ref for source in built.sources}
    absent = (selection.ref for selection in mapping.selections()) if isinstance(built, Content) else built.absent
    stores = {ref.store for ref in told}
    nothing = (RemoteRef(q.store, q.path or "/", mount=q.mount) for q in mapping.queries() if q.store not in stores)
    return built.sources + tuple(
        SourceVersion(ref, "") for ref in dict.fromkeys((*absent, *nothing)) if ref not in told
    )
