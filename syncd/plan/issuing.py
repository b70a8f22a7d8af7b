"""The plan for a Secret whose short-lived secrets are yet to be issued: what will be written, as far as it is known.

A diff shows it and never issues. A run that may issue does so right before the write, and judges the Secret anew with
what it got; so what the new judgement may take away has to be counted by the guards here already.
"""

from dataclasses import replace

from syncd.model.mapping import SecretMapping
from syncd.model.plan import Action, Change, KeyChanges, Unissued
from syncd.model.secret import Content, LiveSecret
from syncd.model.selection import Lease
from syncd.plan.instance import Rules
from syncd.plan.leases import fingerprint
from syncd.plan.marks import Mark

WOULD_ISSUE = "would-issue"


def before_issue(
    base: Change, mapping: SecretMapping, content: Content, live: LiveSecret | None, *, mark: Mark | None, rules: Rules
) -> Change:
    """Plan the write that follows once its short-lived secrets are there.

    `live` is None where nothing stands there, `mark` None where what stands there is not ours yet.
    """
    change = replace(
        base,
        action=Action.CREATE if live is None else Action.UPDATE,
        reason=WOULD_ISSUE,
        keys=_keys(mapping, content, live, mark),
        unissued=Unissued(content.unissued, mapping.when_mapping_gone),
    )
    named = ", ".join(dict.fromkeys(f"{lease.store}:{lease.path}" for lease in content.unissued))
    message = f"{base.key} needs a short-lived secret of {named}, whose keys are known once it is issued"
    if live is not None and (live.type != content.type or live.immutable):
        what = "has another type" if live.type != content.type else "is immutable"
        if mark is None:
            message = f"{base.key} is not ours and {what}; delete it, or choose another name"
            return replace(base, action=Action.CONFLICT, reason="not-adoptable", message=message)
        change = replace(change, action=Action.REPLACE)
        if not rules.allow_replace:
            message += f"; it {what}, so `--allow-replace` or `guards.allowReplace` has to let it be made anew"
            return replace(change, outcome="held", message=message)
    if not rules.issue:
        return replace(change, outcome="held", message=f"{message}: by `syncd apply --issue`, or by the daemon")
    return replace(change, message=message)


def _keys(mapping: SecretMapping, content: Content, live: LiveSecret | None, mark: Mark | None) -> KeyChanges:
    """Tell the keys by what is known: those of the same lease come again, and a template's are made again."""
    if live is None:
        return KeyChanges(added=tuple(sorted(content.data)))
    again = _of_the_same(content.unissued, mark) | _made(mapping)
    mine = mark.keys if mark is not None else frozenset()
    may_go = live.data.keys() & mine if mapping.merge else live.data.keys()
    present = content.data.keys() & live.data.keys()
    changed = {key for key in present if content.data[key] != live.data[key]} | (again & live.data.keys())
    return KeyChanges(
        added=tuple(sorted(content.data.keys() - live.data.keys())),
        removed=tuple(sorted(may_go - content.data.keys() - again)),
        changed=tuple(sorted(changed)),
        unchanged=tuple(sorted(present - changed)),
    )


def _of_the_same(leases: tuple[Lease, ...], mark: Mark | None) -> frozenset[str]:
    wanted = {fingerprint(lease) for lease in leases}
    records = () if mark is None else mark.book.leases
    return frozenset(key for each in records if each.of in wanted for key in each.keys)


def _made(mapping: SecretMapping) -> frozenset[str]:
    return frozenset() if mapping.template is None else frozenset(key for key, _ in mapping.template.data)
