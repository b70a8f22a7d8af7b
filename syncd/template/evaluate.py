"""Running a template: an interpreter of the parts in `tree`, which counts everything that it does."""

from collections.abc import Callable, Mapping
from typing import Final, assert_never

from syncd.template.filters import FILTERS
from syncd.template.meter import Limits, Meter, Reason, stop
from syncd.template.operators import calculated, compared
from syncd.template.spelling import quoted
from syncd.template.tree import (
    ALL,
    Asked,
    Body,
    Branches,
    Chosen,
    Compared,
    Constant,
    Either,
    Entry,
    Expression,
    Filtered,
    Items,
    Joined,
    Loop,
    LoopFact,
    Name,
    Negated,
    Pairs,
    Program,
    Reckoned,
    Shown,
    Words,
)
from syncd.template.values import ABSENT, Value, bytes_of, encoded, fail, is_true, kind, list_of, number_of, text_of

_AN_ITEM: Final = 64
"""Bytes that an item of a list is taken for, besides its text."""


class Run:
    """One rendering."""

    def __init__(self, values: Mapping[str, bytes], limits: Limits) -> None:
        """Start with the mapping's keys, whose values are bytes as stores keep them."""
        self.line = 1
        """Of the part that is looked at, for the message of an error."""
        self._meter = Meter(limits)
        self._values = values
        self._scopes: list[dict[str, Value]] = []
        self._out: list[bytes] = []
        self._kinds: Mapping[type, Callable[..., Value]] = {
            Constant: self._constant,
            Name: self._name,
            LoopFact: self._loop_fact,
            Entry: self._entry,
            Items: self._items,
            Pairs: self._pairs,
            Filtered: self._filtered,
            Asked: self._asked,
            Joined: self._joined,
            Either: self._either,
            Negated: lambda part: not is_true(self._value(part.of)),
            Compared: self._compared,
            Reckoned: self._reckoned,
            Chosen: lambda part: self._value(part.then if is_true(self._value(part.test)) else part.otherwise),
        }

    def output(self, program: Program) -> bytes:
        """Give what the template makes. Raises StoppedError."""
        self._run(program.body)
        return b"".join(self._out)

    def _run(self, body: Body) -> None:
        for part in body:
            self.line = part.line
            self._meter.step()
            match part:
                case Words():
                    self._put_out(encoded(part.text))
                case Shown():
                    self._put_out(self._spelled(self._value(part.of)))
                case Branches():
                    chosen = (inner for test, inner in part.branches if is_true(self._value(test)))
                    self._run(next(chosen, part.otherwise))
                case Loop():
                    self._loop(part)
                case _:
                    assert_never(part)

    def _put_out(self, data: bytes) -> None:
        self._meter.put_out(len(data))
        self._out.append(data)

    def _spelled(self, value: Value) -> bytes:
        if value is None or isinstance(value, list | dict):
            fail(f"{kind(value)} has no text form" + ("" if value is None else "; `tojson` makes text of it"))
        return bytes_of(text_of(value, self._meter, "what is put out"), self._meter, "what is put out")

    def _loop(self, part: Loop) -> None:
        over = self._value(part.of)
        if isinstance(over, dict):
            self._meter.work(_AN_ITEM * len(over))
            over = list(over)
        items = list_of(over, "a loop")
        if not items:
            self._run(part.otherwise)
            return
        scope: dict[str, Value] = {}
        self._scopes.append(scope)
        for index, item in enumerate(items):
            self._meter.loop()
            scope.update(self._named(part, item))
            scope["loop"] = {
                "index": index + 1, "index0": index, "first": not index, "last": index == len(items) - 1,
                "length": len(items),
            }  # fmt: skip
            self._run(part.body)
        self._scopes.pop()

    @staticmethod
    def _named(part: Loop, item: Value) -> dict[str, Value]:
        if len(part.names) == 1:
            return {part.names[0]: item}
        if not isinstance(item, list) or len(item) != len(part.names):
            fail("a loop with two names needs pairs, as `items` gives them")
        return dict(zip(part.names, item, strict=True))

    def _value(self, part: Expression) -> Value:
        """Give what a part is; what is not there stops the rendering."""
        value = self._maybe(part)
        if value is ABSENT:
            stop(Reason.UNDEFINED, f"{_described(part)} is not there; `default` gives another value")
        return value

    def _maybe(self, part: Expression) -> Value:
        self.line = part.line
        self._meter.step()
        return self._kinds[type(part)](part)

    @staticmethod
    def _constant(part: Constant) -> Value:
        return part.value

    def _name(self, part: Name) -> Value:
        for scope in reversed(self._scopes):
            if part.name in scope:
                return scope[part.name]
        if part.name == ALL:
            self._meter.work(_AN_ITEM * len(self._values))
            return {key: self._values[key] for key in sorted(self._values)}
        return self._values.get(part.name, ABSENT)

    def _loop_fact(self, part: LoopFact) -> Value:
        facts = self._scopes[-1]["loop"]
        return facts[part.fact] if isinstance(facts, dict) else ABSENT

    def _entry(self, part: Entry) -> Value:
        key = self._value(part.key)
        if isinstance(part.of, Name) and part.of.name == ALL:
            return self._values.get(text_of(key, self._meter, "a key"), ABSENT)
        of = self._value(part.of)
        if isinstance(of, dict):
            return of.get(text_of(key, self._meter, "a key"), ABSENT)
        if not isinstance(of, list):
            fail(f"{kind(of)} has no entries; `fromjson` reads one that is JSON")
        index = number_of(key, "an entry of a list")
        return of[index] if 0 <= index < len(of) else ABSENT

    def _items(self, part: Items) -> Value:
        self._meter.work(_AN_ITEM * len(part.items))
        return [self._value(item) for item in part.items]

    def _pairs(self, part: Pairs) -> Value:
        self._meter.work(_AN_ITEM * len(part.pairs))
        return {key: self._value(value) for key, value in part.pairs}

    def _filtered(self, part: Filtered) -> Value:
        known = FILTERS[part.name]
        value = self._maybe(part.of) if known.takes_absent else self._value(part.of)
        arguments = (
            parameter.default if written is None else self._argument(written, parameter.kind)
            for parameter, written in zip(known.parameters, part.arguments, strict=True)
        )
        return known.apply(self._meter, value, *arguments)

    def _argument(self, written: Expression, wanted: str) -> Value:
        value = self._value(written)
        return text_of(value, self._meter, "an argument") if wanted == "text" else value

    def _asked(self, part: Asked) -> Value:
        if part.test == "defined":
            return self._maybe(part.of) is not ABSENT
        return self._value(part.of) is None

    def _joined(self, part: Joined) -> Value:
        texts: list[str] = []
        size = 0
        for each in part.parts:
            texts.append(text_of(self._value(each), self._meter, "`~`"))
            size += len(texts[-1])
            self._meter.foresee(size)
        return self._meter.make("".join(texts))

    def _either(self, part: Either) -> Value:
        left = self._value(part.left)
        return left if is_true(left) is (part.word == "or") else self._value(part.right)

    def _compared(self, part: Compared) -> Value:
        left = self._value(part.first)
        for comparison, written in part.others:
            right = self._value(written)
            if not compared(self._meter, comparison, left, right):
                return False
            left = right
        return True

    def _reckoned(self, part: Reckoned) -> Value:
        return calculated(part.sign, self._value(part.left), self._value(part.right))


def _described(part: Expression) -> str:
    """Name a part for a message: names and keys that stand in the template, never what they stand for."""
    match part:
        case Name():
            return f"the key {quoted(part.name)}"
        case Entry(key=Constant(value=str() as key)):
            return f"the entry {quoted(key)}"
        case Filtered():
            return f"what `{part.name}` was asked for"
        case _:
            return "what stands here"
