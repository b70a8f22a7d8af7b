"""For programs: the form that the documentation promises, with its version in it."""

import json
from typing import TypeAlias

from syncd.model.plan import FORMAT_VERSION, Change, Plan
from syncd.report.spelling import Spelling

_Json: TypeAlias = str | int | list["_Json"] | dict[str, "_Json"]


def plan_as_json(plan: Plan, spelling: Spelling) -> str:
    """Spell a plan as one JSON object, in ASCII, so that no name can act on a terminal."""
    whole: _Json = {
        "formatVersion": FORMAT_VERSION,
        "summary": {**plan.summary()},
        "changes": [_change(change, spelling) for change in plan.changes],
    }
    return json.dumps(whole, indent=1) + "\n"


def _change(change: Change, spelling: Spelling) -> _Json:
    keys = change.keys
    made: dict[str, _Json] = {
        "target": change.key.target,
        "namespace": change.key.namespace,
        "name": change.key.name,
        "mapping": change.mapping,
        "action": change.action.value,
        "reason": change.reason,
        "ownership": change.ownership,
        "keys": {
            "added": _names(keys.added, spelling),
            "removed": _names(keys.removed, spelling),
            "changed": _names(keys.changed, spelling),
            "unchanged": _names(keys.unchanged, spelling),
        },
        "metadata": {"labels": [*change.labels], "annotations": [*change.annotations]},
        "sources": [
            {"store": source.ref.store, "key": source.ref.key, "version": source.version} for source in change.sources
        ],
        "message": spelling.message(change.message),
    }
    if change.message and change.origin is not None:
        made["position"] = str(change.origin)
    if change.also and spelling.messages("", change.also) == change.also:
        made["also"] = [*change.also]
    if change.outcome:
        made["outcome"] = change.outcome
    return made


def _names(names: tuple[str, ...], spelling: Spelling) -> list[_Json]:
    return [spelling.key(name) for name in names]
