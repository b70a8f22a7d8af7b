"""A plain tree to a typed shape: fast where it fits, and every problem of it where it does not.

msgspec stops at the first mistake, which is right for what fits, nearly always. Only what it refuses is walked again,
field by field, to say everything that is wrong with it.
"""

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import ClassVar, Final, TypeVar

import msgspec
from msgspec import inspect as shapes

from syncd.config.names import nearest
from syncd.node import Path, Problem, Tree, text

NotYet = Mapping[str, Callable[[object], bool]]
"""Fields that the documentation names and this version does not know, with the values that it does not know."""

NOT_YET_MESSAGE: Final = "not supported yet"
MOST_PROBLEMS: Final = 200
"""So many are told of one shape, and then that there are more: nobody reads on, and a file full of nonsense must not
take minutes."""
MORE: Final = Problem((), "there are more problems here than are worth a list", "mend these first")


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False, rename="camel"):
    """A mapping of the file. `not_yet` names what is refused with "not supported yet"."""

    not_yet: ClassVar[NotYet] = {}


S = TypeVar("S", bound=msgspec.Struct)

_KINDS: Final[Mapping[type, str]] = {
    type(None): "nothing",
    bool: "true or false",
    int: "a number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_ACCEPTED: Final[Mapping[type[shapes.Type], type]] = {
    shapes.NoneType: type(None),
    shapes.BoolType: bool,
    shapes.IntType: int,
    shapes.StrType: str,
    shapes.StructType: dict,
    shapes.DictType: dict,
    shapes.ListType: list,
    shapes.VarTupleType: list,
    shapes.SetType: list,
}
"""What kind of value a shape takes; the rest is left to msgspec."""
_FOREIGN: Final = re.compile(r"(?P<what>.*?)(?: - at `(?:key in )?\$(?P<path>.*)`)?", re.DOTALL)
_STEP: Final = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\[\.\.\.\]")
_CREDENTIAL: Final = frozenset({"file", "env"})
CREDENTIAL_HINT: Final = "write {file: PATH} or {env: NAME}"


def always(_value: object) -> bool:
    """Refuse every value of a field."""
    return True


def anything_but(*words: object) -> Callable[[object], bool]:
    """Refuse all but these values."""
    return lambda value: value not in words


def one_of(*words: str) -> Callable[[object], bool]:
    """Refuse these words, alone or as fields."""
    return lambda value: any(w in words for w in value) if isinstance(value, dict) else value in words


def convert(tree: Tree, shape: type[S], *, also: Iterable[str] = ()) -> S | list[Problem]:
    """Give `tree` as a `shape`, or all that is wrong with it, with paths from here.

    `also` names fields that stand in the same mapping of the file and are somebody else's, for the hints.
    """
    try:
        return msgspec.convert(tree, shape)
    except msgspec.ValidationError as error:
        found = list(islice(_explain(tree, _info(shape), tuple(also)), MOST_PROBLEMS + 1))
        if len(found) > MOST_PROBLEMS:
            found[-1] = MORE
        return found or [_foreign(str(error))]


def salvage(
    tree: Tree, problems: Iterable[Problem], shape: type[S], *, stand_ins: Mapping[str, Tree], deep: Container[str] = ()
) -> S | None:
    """Give what is left of `tree` without its problems, so that the rest of it can be looked at too.

    Fields that are missing get `stand_ins`; of the fields `deep` only the entries with a problem are left out.
    None where nothing sensible is left.
    """
    if not isinstance(tree, dict):
        return None
    left = dict(tree)
    for problem in problems:
        if not problem.path:
            return None
        name, below = str(problem.path[0]), problem.path[1:]
        inner = left.get(name)
        if below and name in deep and isinstance(inner, dict):
            left[name] = {key: value for key, value in inner.items() if key != below[0]}
        else:
            left.pop(name, None)
    try:
        return msgspec.convert({**stand_ins, **left}, shape)
    except msgspec.ValidationError:
        return None


@cache
def _info(shape: type[msgspec.Struct]) -> shapes.Type:
    # A walk over the whole shape, which takes a millisecond.
    return shapes.type_info(shape)


def _explain(tree: Tree, info: shapes.Type, also: tuple[str, ...] = ()) -> Iterator[Problem]:
    """Find everything in `tree` that is not as `info` says."""
    members = [member for member in _members(info) if _takes(member, tree)]
    if not members:
        yield _mismatch(tree, info)
        return
    if len(members) > 1:
        return  # several shapes could fit: msgspec's own message says more
    member = members[0]
    if isinstance(member, shapes.StructType) and isinstance(tree, dict):
        yield from _explain_fields(tree, member, also)
    elif isinstance(member, shapes.DictType) and isinstance(tree, dict):
        for key, value in tree.items():
            yield from (problem.under(key) for problem in _explain(value, member.value_type))
    elif isinstance(member, (shapes.ListType, shapes.VarTupleType, shapes.SetType)) and isinstance(tree, list):
        for index, value in enumerate(tree):
            yield from (problem.under(index) for problem in _explain(value, member.item_type))


def _explain_fields(tree: dict[str, Tree], info: shapes.StructType, also: tuple[str, ...]) -> Iterator[Problem]:
    fields = {field.encode_name: field for field in info.fields}
    not_yet: NotYet = getattr(info.cls, "not_yet", {})
    for name, value in tree.items():
        if name in not_yet and not_yet[name](value):
            yield Problem((name,), NOT_YET_MESSAGE)
        elif name in fields:
            yield from (problem.under(name) for problem in _explain(value, fields[name].type))
        elif info.forbid_unknown_fields:
            meant = nearest(name, (*fields, *also, *not_yet))
            yield Problem((name,), "unknown field", f"did you mean {meant}?" if meant else _listing(fields, also))
    for name, field in fields.items():
        if field.required and name not in tree:
            yield Problem((name,), "missing", _holding(field.type))


def _holding(info: shapes.Type) -> str:
    """Say what a field that is missing would hold, where that is a mapping; nothing else needs saying."""
    for member in _members(info):
        if isinstance(member, shapes.StructType):
            return _listing((field.encode_name for field in member.fields), (), "a mapping of")
    return ""


def _listing(fields: Iterable[str], also: Iterable[str], lead: str = "known here:") -> str:
    return f"{lead} " + ", ".join((*fields, *also))


def _members(info: shapes.Type) -> tuple[shapes.Type, ...]:
    if isinstance(info, shapes.UnionType):
        return tuple(member for part in info.types for member in _members(part))
    if isinstance(info, shapes.Metadata):
        return _members(info.type)
    return (info,)


def _takes(info: shapes.Type, tree: Tree) -> bool:
    """Tell whether a value of this kind may stand here, whatever is inside it."""
    if isinstance(info, shapes.LiteralType):
        return any(type(tree) is type(value) and tree == value for value in info.values)
    return type(tree) is _ACCEPTED.get(type(info), type(tree))


def _mismatch(tree: Tree, info: shapes.Type) -> Problem:
    """Say what belongs here. Text that stands where only a mapping may is never quoted: it may be a credential."""
    members = _members(info)
    words = [str(v) for member in members if isinstance(member, shapes.LiteralType) for v in member.values]
    if words and isinstance(tree, (str, int)):
        written = text(tree)
        meant = nearest(written, words)
        return Problem(
            (), f"{_short(written)} is not one of {', '.join(words)}", f"did you mean {meant}?" if meant else ""
        )
    for member in members:
        if isinstance(member, shapes.StructType) and {field.encode_name for field in member.fields} >= _CREDENTIAL:
            return Problem((), "a credential is never written in the file", CREDENTIAL_HINT)
    wanted = " or ".join(_wanted(members)) or "something else"
    return Problem((), f"expected {wanted}, not {_KINDS[type(tree)]}", _hint(tree, members))


def _hint(tree: Tree, members: tuple[shapes.Type, ...]) -> str:
    if isinstance(tree, str) and any(isinstance(member, shapes.BoolType) for member in members):
        return "true and false are the only spellings"
    if tree is None:
        if any(isinstance(member, shapes.StrType) for member in members):
            return 'a text may be "" or "null" in quotes'
        if any(isinstance(member, shapes.ListType) for member in members):
            return "write [] for none"
        if any(isinstance(member, (shapes.StructType, shapes.DictType)) for member in members):
            return "write {} for all defaults"
    return ""


def _wanted(members: tuple[shapes.Type, ...]) -> Iterator[str]:
    kinds = {type(member) for member in members}
    if shapes.LiteralType in kinds:
        yield "one of " + ", ".join(
            str(value) for member in members if isinstance(member, shapes.LiteralType) for value in member.values
        )
    if shapes.StrType in kinds:
        yield "text"
    else:
        if shapes.BoolType in kinds:
            yield "true or false"
        if shapes.IntType in kinds:
            yield "a number"
    if kinds & {shapes.ListType, shapes.VarTupleType, shapes.SetType}:
        yield "a list"
    if kinds & {shapes.StructType, shapes.DictType}:
        yield "a mapping"


def _short(written: str) -> str:
    return repr(written if len(written) <= 40 else written[:40] + "…")


def _foreign(message: str) -> Problem:
    """Say a rule that only msgspec knows, such as a bound of a store type's option. Its texts quote no values."""
    found = _FOREIGN.fullmatch(message)
    if found is None:
        return Problem((), "not as it should be")
    path: list[str | int] = []
    for name, index in _STEP.findall(found["path"] or ""):
        if not name and not index:
            break
        path.append(name or int(index))
    result: Path = tuple(path)
    return Problem(result, found["what"][:1].lower() + found["what"][1:])
