"""One value out of what a store answered: the whole, a property or a query's result, decoded as told."""

import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from syncd.json_text import Flaw, JsonValue, cut, parts, read, spelled
from syncd.model.reference import FailureClass, Fetched, RemoteRef
from syncd.model.selection import Decode, Selection


class Fault(NamedTuple):
    """Why a key or a Secret cannot be made. Sorts by what a person should look at first."""

    cls: FailureClass
    reason: str
    """Fixed code in kebab-case."""
    message: str
    """What is wrong with what; the caller says for which mapping and key."""


def shown(name: str) -> str:
    """Quote a name that comes from outside for a message: escaped, and cut where it is long."""
    clipped = name if len(name) <= 100 else name[:100] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in clipped) + '"'


class Answers:
    """The answers that one mapping builds from; each is read as JSON once at most."""

    __slots__ = ("_trees",)

    def __init__(self) -> None:
        """Start with nothing read."""
        self._trees: dict[RemoteRef, JsonValue | Flaw] = {}

    def tree(self, ref: RemoteRef, fetched: Fetched) -> JsonValue | Fault:
        """Give the answer as JSON."""
        if ref not in self._trees:
            self._trees[ref] = read(fetched.value.reveal())
        tree = self._trees[ref]
        return _flawed(ref, tree, structured=fetched.structured) if isinstance(tree, Flaw) else tree


def _flawed(ref: RemoteRef, flaw: Flaw, *, structured: bool = False) -> Fault:
    if flaw is Flaw.NOT_JSON and not structured:
        advice = "a property, a query and dataFrom need JSON; take the whole value with data instead"
        return Fault(FailureClass.CONFIG, "not-json", f"{ref} {flaw.value}; {advice}")
    reason = "json-" + flaw.name.lower().replace("_", "-") if flaw is not Flaw.NOT_JSON else "not-json"
    return Fault(FailureClass.MALFORMED, reason, f"{ref} {flaw.value}; mend the value in the store")


def select(selection: Selection, fetched: Fetched, answers: Answers) -> bytes | Fault:
    """Give the selected bytes, decoded."""
    part = _selected(selection, fetched, answers)
    return part if isinstance(part, Fault) else decoded(part, selection)


def extract(selection: Selection, fetched: Fetched, answers: Answers) -> dict[str, bytes] | Fault:
    """Give every key of the selected JSON object with its value, each decoded."""
    ref = selection.ref
    if selection.property is None and selection.query is None:
        data = fetched.value.reveal()
        tree = answers.tree(ref, fetched)
    else:
        selected = _selected(selection, fetched, answers)
        if isinstance(selected, Fault):
            return selected
        data = selected
        inner = read(data)
        tree = _flawed(ref, inner) if isinstance(inner, Flaw) else inner
    if isinstance(tree, Fault):
        return tree
    if not isinstance(tree, dict):
        advice = "dataFrom needs an object; take the value with data instead"
        return Fault(FailureClass.CONFIG, "not-an-object", f"{ref} is JSON, but no object; {advice}")
    return _entries(selection, tree, data)


def _entries(selection: Selection, tree: Mapping[str, JsonValue], data: bytes) -> dict[str, bytes] | Fault:
    made: dict[str, bytes] = {}
    cuts: dict[str, bytes] | Flaw | None = None
    for key, value in tree.items():
        if isinstance(value, dict | list):
            cuts = parts(data) if cuts is None else cuts
            part = cuts if isinstance(cuts, Flaw) else cuts[key]
        elif value is None:
            return _null(selection.ref, key)
        else:
            part = spelled(value)
        if isinstance(part, Flaw):
            return _flawed(selection.ref, part)
        if selection.decode != "none":
            plain = decoded(part, selection)
            if isinstance(plain, Fault):
                return plain._replace(message=f"{plain.message} (its key {shown(key)})")
            part = plain
        made[key] = part
    return made


def _selected(selection: Selection, fetched: Fetched, answers: Answers) -> bytes | Fault:
    if selection.property is None and selection.query is None:
        return fetched.value.reveal()
    tree = answers.tree(selection.ref, fetched)
    if isinstance(tree, Fault):
        return tree
    if selection.query is not None:
        return _queried(selection.ref, selection.query, tree)
    found = _find(tree, selection.property or "", exact=bool(selection.ref.part))
    if found is None:
        advice = "name one that is there, or say `optional: true`"
        text = f"{selection.ref} has no property {shown(selection.property or '')}; {advice}"
        return Fault(FailureClass.CONFIG, "property-missing", text)
    path, value = found
    if value is None:
        return _null(selection.ref, selection.property or "")
    part = cut(fetched.value.reveal(), path) if isinstance(value, dict | list) else spelled(value)
    return _flawed(selection.ref, part) if isinstance(part, Flaw) else part


def _null(ref: RemoteRef, name: str) -> Fault:
    text = f"the property {shown(name)} of {ref} is null, which is no value; set or remove it in the store"
    return Fault(FailureClass.MALFORMED, "null-value", text)


_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}")


def _find(tree: JsonValue, name: str, *, exact: bool) -> tuple[tuple[str | int, ...], JsonValue] | None:
    """Follow `name`: the top-level key of that very name, else a dotted path, where a number counts into an array.

    `exact`: the former alone, as for metadata, whose names may have any dots.
    """
    if isinstance(tree, dict) and name in tree:
        return (name,), tree[name]
    if exact:
        return None
    path: list[str | int] = []
    for step in name.split("."):
        if isinstance(tree, dict) and step in tree:
            path.append(step)
            tree = tree[step]
        elif isinstance(tree, list) and _INDEX.fullmatch(step) and int(step) < len(tree):
            path.append(int(step))
            tree = tree[int(step)]
        else:
            return None
    return tuple(path), tree


def _queried(ref: RemoteRef, expression: str, tree: JsonValue) -> bytes | Fault:
    from syncd.build import query  # noqa: PLC0415 — jmespath is only loaded where a mapping has a query

    result = query.run(expression, tree)
    if isinstance(result, bytes):
        return result
    if isinstance(result, Flaw):
        return _flawed(ref, result)
    reason = (
        "property-missing" if result is query.QueryFlaw.NOTHING else f"query-{result.name.lower()}".replace("_", "-")
    )
    text = f"the query {shown(expression)} {result.value} in {ref}; correct the query"
    return Fault(FailureClass.CONFIG, reason, text)


_BLANKS: Final = b" \t\r\n\v\f"


def _base64(data: bytes) -> bytes:
    return binascii.a2b_base64(data, strict_mode=True)


def _base64url(data: bytes) -> bytes:
    if b"+" in data or b"/" in data:
        raise binascii.Error
    if b"=" not in data:  # RFC 7515 leaves the padding out, RFC 4648 does not
        data += b"=" * (-len(data) % 4)
    return binascii.a2b_base64(data.translate(bytes.maketrans(b"-_", b"+/")), strict_mode=True)


_DECODERS: Final[Mapping[Decode, Callable[[bytes], bytes]]] = {
    "base64": _base64,
    "base64url": _base64url,
    "hex": binascii.unhexlify,
}


def decoded(data: bytes, selection: Selection) -> bytes | Fault:
    """Decode strictly as the selection says; white space between the characters is allowed, as in wrapped base64."""
    if selection.decode == "none":
        return data
    try:
        return _DECODERS[selection.decode](data.translate(None, _BLANKS))
    except ValueError:  # binascii.Error among them
        text = f"what was selected of {selection.ref} is not {selection.decode}; correct `decode` or the value"
        return Fault(FailureClass.CONFIG, "not-decodable", text)
