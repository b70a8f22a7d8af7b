"""What a template may name: the keys that its mapping can give, and which of them stand in the file."""

from collections.abc import Iterator

from syncd.template.filters import FILTERS
from syncd.template.spelling import closest, quoted
from syncd.template.tree import (
    ALL,
    Body,
    Branches,
    Constant,
    Entry,
    Expression,
    Filtered,
    Known,
    Loop,
    Mistake,
    Name,
    Program,
    Shown,
    Statement,
    below,
)


def mistakes(program: Program, known: Known, *, literals_only: bool = False) -> tuple[Mistake, ...]:
    """Say what is wrong with the names of a template; see `syncd.template.mistakes`."""
    return tuple(dict.fromkeys(_Look(known, literals_only=literals_only).body(program.body, {})))


_Scope = dict[str, bool]
"""Names that loops count, and whether they stand for literals alone."""


class _Look:
    def __init__(self, known: Known, *, literals_only: bool) -> None:
        self._known = known
        self._literals_only = literals_only

    def body(self, body: Body, scope: _Scope) -> Iterator[Mistake]:
        for part in body:
            yield from self._statement(part, scope)

    def _statement(self, part: Statement, scope: _Scope) -> Iterator[Mistake]:
        match part:
            case Shown():
                yield from self._expression(part.of, scope)
            case Branches():
                for test, inner in part.branches:
                    yield from self._expression(test, scope)
                    yield from self.body(inner, scope)
                yield from self.body(part.otherwise, scope)
            case Loop():
                yield from self._expression(part.of, scope)
                literal = self._is_literal(part.of, scope)
                yield from self.body(part.body, {**scope, **dict.fromkeys(part.names, literal)})
                yield from self.body(part.otherwise, scope)
            case _:
                return

    def _expression(self, part: Expression, scope: _Scope) -> Iterator[Mistake]:
        key = _key(part, scope)
        if key is not None:
            yield from self._named(part.line, key)
            return
        if self._literals_only and isinstance(part, Name) and part.name == ALL and part.name not in scope:
            yield Mistake(part.line, f"`{ALL}` holds values that may be secret", "name the literals one by one")
        if isinstance(part, Filtered) and FILTERS[part.name].literal_only and not self._is_literal(part.of, scope):
            told = f"the filter {part.name} is for literals: a plain hash of a secret gives it away"
            yield Mistake(part.line, told, "leave it out")
        for inner in below(part):
            yield from self._expression(inner, scope)

    def _named(self, line: int, key: str) -> Iterator[Mistake]:
        known = self._known
        if key not in known.keys and not known.more:
            hint = closest(key, known.keys) or "give it under `data`"
            yield Mistake(line, f"the mapping has no key {quoted(key)}", hint)
        elif self._literals_only and key not in known.literals:
            yield Mistake(line, f"{quoted(key)} is no literal, and what stands here is for everybody to see",
                          "use keys with `literal:` alone")  # fmt: skip

    def _is_literal(self, part: Expression, scope: _Scope) -> bool:
        """Tell whether nothing but literals goes into a part."""
        key = _key(part, scope)
        if key is not None:
            return key in self._known.literals
        if isinstance(part, Name):
            return scope.get(part.name, False)
        return all(self._is_literal(inner, scope) for inner in below(part))


def _key(part: Expression, scope: _Scope) -> str | None:
    """Give the key of the mapping that a part names outright."""
    match part:
        case Name() if part.name != ALL and part.name not in scope:
            return part.name
        case Entry(of=Name(name=name), key=Constant(value=str() as key)) if name == ALL and name not in scope:
            return key
        case _:
            return None
