"""For a terminal: a block for each Secret that changes or needs a person, and one line that counts the rest.

Many Secrets that fail for one cause share a block.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from syncd.model.plan import WRITES, Action, Change, Plan
from syncd.model.report import PassReport, StoreCost
from syncd.model.secret import SourceVersion
from syncd.report.alike import blocks, causes
from syncd.report.spelling import Color, Spelling, escaped
from syncd.report.summary import done, planned

SYMBOLS: Final = {
    Action.CREATE: "+",
    Action.UPDATE: "~",
    Action.REPLACE: "-/+",
    Action.DELETE: "-",
    Action.UNCHANGED: " ",
    Action.CONFLICT: "!",
    Action.UNREADABLE: "?",
    Action.SUSPENDED: "=",
    Action.ORPHAN: "o",
}
_COLORS: Final[dict[Action, Color]] = {
    Action.CREATE: "green",
    Action.UPDATE: "yellow",
    Action.REPLACE: "magenta",
    Action.DELETE: "red",
    Action.UNCHANGED: "bold",
    Action.CONFLICT: "red",
    Action.UNREADABLE: "red",
    Action.SUSPENDED: "cyan",
    Action.ORPHAN: "cyan",
}
_UNTOUCHED: Final = {
    Action.CONFLICT: "left as it is",
    Action.UNREADABLE: "kept as it is",
    Action.SUSPENDED: "left alone while it is suspended",
    Action.ORPHAN: "left as it is",
}


_NAMED: Final = 3
"""So many Secrets of a group are named."""


def plan_as_text(plan: Plan, spelling: Spelling) -> str:
    """Spell what would change."""
    return "\n".join([*_blocks(plan, spelling), f"Plan: {planned(plan)}."]) + "\n"


def report_as_text(report: PassReport, spelling: Spelling) -> str:
    """Spell what was done, and what it cost."""
    lines = [*_blocks(report.plan, spelling)]
    lines += [_cost(name, report.stores[name]) for name in sorted(report.stores)]
    lines.append(f"Applied: {done(report.plan)}. {report.seconds:.1f} s.")
    if report.interrupted:
        lines.append("Interrupted before the last write; run it again to finish.")
    return "\n".join(lines) + "\n"


def source(version: SourceVersion) -> str:
    """Name a source and the version that was read; not escaped."""
    known = version.version and version.version != version.ref.version
    return f"{version.ref} (version {version.version})" if known else str(version.ref)


def _blocks(plan: Plan, spelling: Spelling) -> Iterator[str]:
    """Give the head, and a block for each change that is more than a count, each with an empty line after it."""
    if plan.target:
        yield f"Target: {spelling.painted(escaped(plan.target), 'bold')}"
    yield from (f"Note: {escaped(note)}" for note in plan.notes)
    if plan.target or plan.notes:
        yield ""
    several = len({change.key.target for change in plan.changes}) > 1
    for change, *others in blocks([change for change in plan.changes if change.action is not Action.UNCHANGED]):
        number = 1 + len(others)
        yield _head(change, spelling, name=f"{number} Secrets" if others else str(change.key), several=several)
        body = _shared(change, others, spelling) if others else _body(change, spelling)
        yield from (f"    {line}" for line in body)
        yield ""


def _shared(change: Change, others: Sequence[Change], spelling: Spelling) -> Iterator[str]:
    names = [str(found.key) for found in (change, *others[: _NAMED - 1])]
    yield escaped(f"{', '.join(names)} and {len(others) + 1 - _NAMED} more (`--format json` names them)")
    first, *also = causes(change)
    yield from map(escaped, spelling.messages(first, also))
    if change.action in _UNTOUCHED:
        yield "what is there of them is kept"


def _head(change: Change, spelling: Spelling, *, name: str, several: bool) -> str:
    where = f"{change.key.target}: " if several else ""
    title = escaped(f"{SYMBOLS[change.action]} {where}{name}")
    words = [change.action.value, f"({escaped(change.reason)})"]
    if change.outcome:
        words.append(change.outcome)
    # A folder is written all the same: there the plain mark is all that can be known, and saying so each time is noise.
    if change.ownership == "unverified" and not change.writable and change.action in WRITES:
        words.append("[ownership unverified]")
    return "  ".join([spelling.painted(title, _COLORS[change.action]), *words])


def _body(change: Change, spelling: Spelling) -> Iterator[str]:
    keys = change.keys
    for action, names in ((Action.CREATE, keys.added), (Action.DELETE, keys.removed), (Action.UPDATE, keys.changed)):
        for name in names:
            yield spelling.painted(f"{SYMBOLS[action]} {escaped(spelling.key(name))}", _COLORS[action])
    if change.action in WRITES:
        if keys.unchanged:
            number = len(keys.unchanged)
            yield f"  {number} {'key' if number == 1 else 'keys'} unchanged"
        if change.labels:
            yield f"labels: {escaped(', '.join(change.labels))}"
        if change.annotations:
            yield f"annotations: {escaped(', '.join(change.annotations))}"
    if change.mapping and change.mapping != str(change.key):
        owner = f"{change.tenant}/{change.mapping}" if change.tenant else change.mapping
        yield f"mapping: {escaped(owner)}"
    told = spelling.messages(change.message, change.also)
    yield from (f"source: {escaped(source(found))}" for found in change.sources if not _about(told, found))
    yield from map(escaped, told)
    if change.action in _UNTOUCHED:
        yield f"{_UNTOUCHED[change.action] if _may_stand(change) else 'nothing is written'}{_place(change)}"


def _about(messages: Sequence[str], found: SourceVersion) -> bool:
    """Tell whether one of these messages is about this source."""
    begins = (f"source {found.ref}: ", f"source {found.ref} ")
    return any(message.startswith(begins) for message in messages)


def _may_stand(change: Change) -> bool:
    """Tell whether there is, or may be, a Secret that stays: not where only its source was asked, and it is missing."""
    return change.live is not None or change.action is not Action.UNREADABLE or change.reason.startswith("target-")


def _place(change: Change) -> str:
    return f" ({escaped(str(change.origin))})" if change.origin is not None else ""


def _cost(name: str, cost: StoreCost) -> str:
    failures = f", {cost.failures} failed" if cost.failures else ""
    calls = "1 call" if cost.calls == 1 else f"{cost.calls} calls"
    sources = "1 source" if cost.sources == 1 else f"{cost.sources} sources"
    leases = f" and {cost.leases} {'lease' if cost.leases == 1 else 'leases'}" if cost.leases else ""
    return f"Store {escaped(name)}: {calls} for {sources}{leases}{failures}"
