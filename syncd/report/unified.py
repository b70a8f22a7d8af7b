"""Like a patch: one header a Secret, a line for each key, every value behind a mask that says only whose it is."""

from collections.abc import Iterator, Mapping
from typing import Final

from syncd.model.plan import WRITES, Action, Change, Plan
from syncd.report.spelling import Spelling, escaped
from syncd.report.summary import planned

_NOTHING: Final = "/dev/null"


def plan_as_unified(plan: Plan, spelling: Spelling) -> str:
    """Spell what would change; what is no line of a patch stands behind `#`."""
    lines = [f"# Target: {escaped(plan.target)}"] if plan.target else []
    lines += [f"# {escaped(note)}" for note in plan.notes]
    several = len({change.key.target for change in plan.changes}) > 1
    for change in plan.changes:
        name = escaped(f"{change.key.target}/{change.key}" if several else str(change.key))
        if change.action in WRITES:
            lines += _patch(change, name, spelling)
        elif change.action is not Action.UNCHANGED:
            first, *also = spelling.messages(change.message, change.also) or ("",)
            place = f" [{escaped(str(change.origin))}]" if change.message and change.origin is not None else ""
            message = f": {escaped(first)}{place}" if first else ""
            lines.append(f"# {name}: {change.action.value} ({escaped(change.reason)}){message}")
            lines += [f"#   {escaped(told)}" for told in also]
    lines.append(f"# Plan: {planned(plan)}.")
    return "\n".join(lines) + "\n"


def _patch(change: Change, name: str, spelling: Spelling) -> Iterator[str]:
    yield spelling.painted(f"--- {_NOTHING if change.action is Action.CREATE else f'live/{name}'}", "bold")
    yield spelling.painted(f"+++ {_NOTHING if change.action is Action.DELETE else f'desired/{name}'}", "bold")
    held = ", held" if change.outcome == "held" else ""
    yield spelling.painted(f"@@ {change.action.value}: {escaped(change.reason)}{held} @@", "cyan")
    yield from (f"# {escaped(told)}" for told in spelling.messages(change.message, change.also))
    yield from _data(change, spelling)
    live, desired = change.live, change.desired
    labels = (live.labels if live else None, desired.labels if desired else None)
    annotations = (live.annotations if live else None, desired.annotations if desired else None)
    yield from _names("labels", change.labels, labels, spelling)
    yield from _names("annotations", change.annotations, annotations, spelling)


def _data(change: Change, spelling: Spelling) -> Iterator[str]:
    keys = change.keys
    kinds = dict.fromkeys(keys.added, "+") | dict.fromkeys(keys.removed, "-")
    kinds |= dict.fromkeys(keys.changed, "~") | dict.fromkeys(keys.unchanged, " ")
    if kinds:
        yield " data:"
    for name in sorted(kinds):
        kind, shown = kinds[name], escaped(spelling.key(name))
        if kind == " ":
            yield f"   {shown}: <secret>"
        if kind in "-~":
            yield spelling.painted(f"-  {shown}: <secret: old>", "red")
        if kind in "+~":
            yield spelling.painted(f"+  {shown}: <secret: new>", "green")


def _names(
    title: str,
    names: tuple[str, ...],
    sides: tuple[Mapping[str, str] | None, Mapping[str, str] | None],
    spelling: Spelling,
) -> Iterator[str]:
    """List labels or annotations by name alone: an annotation of others may hold a whole Secret.

    `sides` are what is there and what shall be, None where that is not known.
    """
    live, desired = sides
    if names:
        yield f" {title}:"
    for name in names:
        if live is None or name in live:
            yield spelling.painted(f"-  {escaped(name)}: <old>", "red")
        if desired is None or name in desired:
            yield spelling.painted(f"+  {escaped(name)}: <new>", "green")
