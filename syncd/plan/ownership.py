"""Whose a live Secret is. Ownership is proven, not claimed: a label alone is never enough.

| what stands on the live Secret | verdict | reason |
| --- | --- | --- |
| our whole mark, its proof good for this target, namespace and name | proven | |
| our whole mark, its proof good under a name or key of before | proven, outdated | |
| our whole mark, no key at hand | unverified | |
| in a plain target, our whole mark, made for this target, namespace and name | unverified | |
| in a plain target, our whole mark of this very mapping, which names another target or none | unverified, outdated | |
| no syncd mark, no other manager's | none | `not-owned` |
| no syncd mark, another manager's or an ownerReference | foreign | `other-manager` |
| the label of another instance, or of a name of before with a proof by no key of before | foreign | `other-instance` |
| our label, a newer schema | foreign | `newer-schema` |
| part of a mark only; or a copy: another mapping's mark whose proof or place does not fit | foreign | `mark-not-ours` |
| our whole mark of this very mapping that this key did not sign | foreign | `key-lost` |
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from syncd.model.mapping import Manager
from syncd.model.plan import Ownership
from syncd.model.secret import LiveSecret
from syncd.plan.instance import Instance
from syncd.plan.managers import Claim, claims
from syncd.plan.marks import (
    INSTANCE,
    MANAGED_BY,
    MANAGER,
    MAPPING,
    MARK_ANNOTATIONS,
    OWNER,
    PLACE,
    SCHEMA,
    SCHEMA_VERSION,
    Mark,
    number,
    place_text,
    proved,
    read_mark,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whose a live Secret is, and why."""

    ownership: Ownership
    reason: str = ""
    """Fixed code of the conflict that a writer would meet; empty where it is ours."""
    holder: str = ""
    """Whose it is, in words that follow its name in a message: `belongs to Helm`."""
    way_out: str = ""
    """What a person can do about it."""
    mark: Mark | None = None
    """What the mark says, where it is ours; a mark that is not believed is not handed on."""
    claims: tuple[Claim, ...] = ()
    """Whose marks stand on it beside ours, or in the place of ours."""
    outdated: bool = False
    """Ours, under a name or a key of before: to be signed anew."""

    @property
    def ours(self) -> bool:
        """Tell whether it bears our mark, proven or as far as can be told."""
        return self.mark is not None

    @property
    def also(self) -> str:
        """Name who claims it too, where it is ours; empty where nobody does."""
        return _listed(self.claims) if self.ours else ""

    def unnamed(self, managers: Collection[Manager]) -> str:
        """Name those who claim it and are not among `managers`; empty where nobody does."""
        return _listed(claim for claim in self.claims if claim.manager not in managers)


def judge(live: LiveSecret, instance: Instance, *, mapping: str) -> Verdict:  # noqa: PLR0911 — a return for each row
    """Judge whose `live` is; `mapping`, in the form of `mapping_text`, is the one on whose behalf we ask."""
    labels, annotations = live.labels, live.annotations
    if INSTANCE not in labels and labels.get(MANAGED_BY) != MANAGER and MARK_ANNOTATIONS.isdisjoint(annotations):
        return _unmarked(live)
    refused = _strange_mark(live, instance)
    if refused is not None:
        return refused
    named = labels[INSTANCE]
    present = named == instance.name
    if live.key.target in instance.plain_targets:
        return _plain(live, mapping=mapping, present=present)
    if instance.key is None:
        return _ours("unverified", live, outdated=not present)
    for key in instance.key.signers(named, present=present):
        if proved(key, named, live.key, annotations):
            return _ours("proven", live, outdated=not present or key is not instance.key)
    if annotations[MAPPING] != mapping:
        return Verdict("foreign", "mark-not-ours", "bears a mark of syncd that was copied onto it", _HAND_MADE)
    if not present:
        holder = f"belongs to syncd instance {named} by its label, but no key in `home: {{previous: …}}` signed it"
        return Verdict("foreign", "other-instance", holder, "name the key of that instance there")
    holder = f"belongs to syncd instance {instance.name} by its label, but this instance's key did not sign its mark"
    return Verdict("foreign", "key-lost", holder, _KEY_LOST)


def _plain(live: LiveSecret, *, mapping: str, present: bool) -> Verdict:
    """Judge a mark without a proof: it counts where it says that it was made.

    One of before said nothing of that, and a target may have got another name: there it counts for its own mapping.
    """
    place = live.annotations.get(PLACE)
    if place == place_text(live.key):
        return _ours("unverified", live, outdated=not present)
    same_name = place is None or place.partition("/")[2] == place_text(live.key).partition("/")[2]
    if same_name and live.annotations[MAPPING] == mapping:
        return _ours("unverified", live, outdated=True)
    return Verdict("foreign", "mark-not-ours", "bears a mark of syncd that was copied onto it", _HAND_MADE)


def _strange_mark(live: LiveSecret, instance: Instance) -> Verdict | None:
    named, annotations = live.labels.get(INSTANCE), live.annotations
    if named is not None and named != instance.name and named not in instance.former:
        way_out = f"remove it from one of the two configurations, or let {named} delete it first"
        return Verdict("foreign", "other-instance", f"belongs to syncd instance {named}", way_out)
    schema = annotations.get(SCHEMA)
    if schema is not None and (number(schema) or 0) > int(SCHEMA_VERSION):
        holder = f"belongs to a newer syncd (mark schema {schema})"
        return Verdict("foreign", "newer-schema", holder, "run that version")
    signed = OWNER in annotations or live.key.target in instance.plain_targets
    if named is None or schema != SCHEMA_VERSION or MAPPING not in annotations or not signed:
        return Verdict("foreign", "mark-not-ours", "bears an incomplete mark of syncd", _HAND_MADE)
    return None


_HAND_MADE = "delete the Secret, or take the syncd labels and annotations off it"
_KEY_LOST = "bring back the key that signed it, or sign it anew with `syncd own --resign`"
_LET_GO = "choose another name, or let go of it there first"


def _ours(ownership: Ownership, live: LiveSecret, *, outdated: bool) -> Verdict:
    mark = read_mark(live.annotations)
    also = claims(live, ours=mark.labels | mark.annotations, by_label=False)
    return Verdict(ownership, mark=mark, claims=also, outdated=outdated)


def _unmarked(live: LiveSecret) -> Verdict:
    found = claims(live, by_label=True)
    if found:
        words = [claim.manager for claim in found if claim.manager is not None]
        way_out = _LET_GO
        if len(words) == len(found):
            named = ", ".join(dict.fromkeys(words))
            way_out = f"{_LET_GO}, or take it over with `adopt: {{from: [{named}]}}` in the mapping"
        return Verdict("foreign", "other-manager", f"belongs to {_listed(found)}", way_out, claims=found)
    holder = "bears nobody's mark"
    if live.managers:
        holder += f" (written by {', '.join(live.managers)})"
    return Verdict(
        "none", "not-owned", holder, "set `adopt: true` in the mapping to take it over, or choose another name"
    )


def _listed(found: Iterable[Claim]) -> str:
    return ", ".join(dict.fromkeys(claim.name for claim in found))
