"""A template once it was read: the few kinds of parts that it is made of.

Lines count from 1 in the template's text.
"""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

ALL: Final = "data"
"""The name that stands for all keys."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, a whole number, `true`, `false` or `none` that stands in the template."""

    line: int
    value: str | int | bool | None


@dataclass(frozen=True, slots=True)
class Name:
    """A key of the mapping, or what a loop around it counts; `data` for all keys."""

    line: int
    name: str


@dataclass(frozen=True, slots=True)
class LoopFact:
    """`loop.index` and its kin, of the innermost loop."""

    line: int
    fact: str


@dataclass(frozen=True, slots=True)
class Entry:
    """`OF[KEY]`."""

    line: int
    of: "Expression"
    key: "Expression"


@dataclass(frozen=True, slots=True)
class Items:
    """`[A, B]`."""

    line: int
    items: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Pairs:
    """`{"A": B}`."""

    line: int
    pairs: tuple[tuple[str, "Expression"], ...]


@dataclass(frozen=True, slots=True)
class Filtered:
    """`OF | NAME(…)`, its arguments in the order of the filter's parameters; None for one that is left out."""

    line: int
    name: str
    of: "Expression"
    arguments: tuple["Expression | None", ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """`OF is defined`, `OF is none`."""

    line: int
    test: Literal["defined", "none"]
    of: "Expression"


@dataclass(frozen=True, slots=True)
class Joined:
    """`A ~ B ~ C`."""

    line: int
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """`A and B`, `A or B`: the first that decides."""

    line: int
    word: Literal["and", "or"]
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negated:
    """`not A`."""

    line: int
    of: "Expression"


Comparison: TypeAlias = Literal["eq", "ne", "lt", "lteq", "gt", "gteq", "in", "notin"]


@dataclass(frozen=True, slots=True)
class Compared:
    """`A < B < C`, where every neighbour fits."""

    line: int
    first: "Expression"
    others: tuple[tuple[Comparison, "Expression"], ...]


Sign: TypeAlias = Literal["+", "-", "*", "//", "%"]


@dataclass(frozen=True, slots=True)
class Reckoned:
    """`A + B` and its kin, of whole numbers; `- A` has 0 on its left."""

    line: int
    sign: Sign
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Chosen:
    """`A if TEST else B`."""

    line: int
    test: "Expression"
    then: "Expression"
    otherwise: "Expression"


Expression: TypeAlias = (
    Constant
    | Name
    | LoopFact
    | Entry
    | Items
    | Pairs
    | Filtered
    | Asked
    | Joined
    | Either
    | Negated
    | Compared
    | Reckoned
    | Chosen
)


@dataclass(frozen=True, slots=True)
class Words:
    """Text that is put out as it stands."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """`{{ OF }}`."""

    line: int
    of: Expression


@dataclass(frozen=True, slots=True)
class Branches:
    """`if`, `elif` and `else`."""

    line: int
    branches: tuple[tuple[Expression, "Body"], ...]
    otherwise: "Body"


@dataclass(frozen=True, slots=True)
class Loop:
    """`for NAMES in OF`, and `else` where there is nothing to go over."""

    line: int
    names: tuple[str, ...]
    of: Expression
    body: "Body"
    otherwise: "Body"


Statement: TypeAlias = Words | Shown | Branches | Loop
Body: TypeAlias = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A whole template."""

    body: Body


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong with a template before it is ever used, and what to write instead."""

    line: int
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """The keys of a mapping, as far as its file tells them."""

    keys: frozenset[str]
    literals: frozenset[str] = frozenset()
    """Those whose values stand in the file and are not secret."""
    more: bool = False
    """Can there be keys that the file does not name, such as those of a JSON object?"""


def below(part: Expression) -> tuple[Expression, ...]:  # noqa: C901, PLR0911 — one case for each kind
    """Give the expressions that an expression is made of, itself not among them."""
    match part:
        case Constant() | Name() | LoopFact():
            return ()
        case Entry():
            return (part.of, part.key)
        case Items():
            return part.items
        case Pairs():
            return tuple(value for _, value in part.pairs)
        case Filtered():
            return (part.of, *(argument for argument in part.arguments if argument is not None))
        case Asked() | Negated():
            return (part.of,)
        case Joined():
            return part.parts
        case Either() | Reckoned():
            return (part.left, part.right)
        case Compared():
            return (part.first, *(other for _, other in part.others))
        case Chosen():
            return (part.test, part.then, part.otherwise)
