"""For a comment on a pull request: the counts, a table, and the keys behind a fold."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from syncd.model.plan import Action, Change, Plan
from syncd.report.spelling import Spelling, escaped
from syncd.report.summary import planned
from syncd.report.text import SYMBOLS, source

_SPECIAL: Final = re.compile(r"[\\`*\[\]<>()#|~&$]|:(?=/)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""What starts markup; an entity never does (CommonMark 0.31, section 2.5)."""


def plan_as_markdown(plan: Plan, spelling: Spelling) -> str:
    """Spell what would change."""
    title = f"### syncd diff: {literal(plan.target)}" if plan.target else "### syncd diff"
    lines = [title, "", f"**Plan: {planned(plan)}.**", ""]
    lines += [f"> {literal(note)}\n" for note in plan.notes]
    shown = [change for change in plan.changes if change.action is not Action.UNCHANGED]
    if shown:
        several = len({change.key.target for change in shown}) > 1
        lines += ["| | Secret | Action | Reason | Keys |", "| --- | --- | --- | --- | --- |"]
        lines += [_row(change, several=several) for change in shown]
        lines += ["", "<details>", "<summary>Details</summary>", ""]
        for change in shown:
            lines += [f"**{_name(change, several=several)}**", "", *_details(change, spelling), ""]
        lines.append("</details>")
    return "\n".join(lines).rstrip("\n") + "\n"


def literal(text: str) -> str:
    """Escape what Markdown would act on, so that a text is shown as it is; `@` mentions nobody within code."""
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", escaped(text)).replace("@", "<code>@</code>")


def code(text: str) -> str:
    """Show a name as code, where no mention and no reference is looked for."""
    return f"<code>{_SPECIAL.sub(lambda found: f'&#{ord(found[0])};', escaped(text))}</code>"


def _name(change: Change, *, several: bool) -> str:
    return code(f"{change.key.target}: {change.key}" if several else str(change.key))


def _row(change: Change, *, several: bool) -> str:
    keys = change.keys
    signed = (("+", keys.added), ("-", keys.removed), ("~", keys.changed))
    counts = " ".join(f"{sign}{len(names)}" for sign, names in signed if names)
    action = f"{change.action.value}, {change.outcome}" if change.outcome else change.action.value
    symbol = f"`{SYMBOLS[change.action]}`"
    cells = [symbol, _name(change, several=several), action, code(change.reason), f"`{counts}`" if counts else ""]
    return f"| {' | '.join(cells)} |"


def _details(change: Change, spelling: Spelling) -> Iterator[str]:
    keys = change.keys
    for word, names in (("added", keys.added), ("removed", keys.removed), ("changed", keys.changed)):
        if names:
            yield f"- {word}: {_listed(spelling.key(name) for name in names)}"
    if change.labels:
        yield f"- labels: {_listed(change.labels)}"
    if change.annotations:
        yield f"- annotations: {_listed(change.annotations)}"
    if change.sources:
        yield f"- sources: {_listed(map(source, change.sources))}"
    yield from (f"- {literal(told)}" for told in spelling.messages(change.message, change.also))
    if change.message and change.origin is not None:
        yield f"- mapping: {code(str(change.origin))}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))
