"""Nodes of Jinja2's parser to parts of our own: what is on this list is known, everything else is a mistake."""

from collections.abc import Iterable, Mapping
from typing import Final, cast

from jinja2 import nodes

from syncd.template.filters import FILTERS
from syncd.template.signature import Filter, Parameter
from syncd.template.spelling import closest, quoted
from syncd.template.tree import (
    ALL,
    Asked,
    Body,
    Branches,
    Chosen,
    Compared,
    Comparison,
    Constant,
    Either,
    Entry,
    Expression,
    Filtered,
    Items,
    Joined,
    Loop,
    LoopFact,
    Mistake,
    Name,
    Negated,
    Pairs,
    Program,
    Reckoned,
    Shown,
    Sign,
    Statement,
    Words,
)

LOOP_FACTS: Final = ("index", "index0", "first", "last", "length")
_SIGNS: Final[Mapping[type[nodes.Node], Sign]] = {
    nodes.Add: "+",
    nodes.Sub: "-",
    nodes.Mul: "*",
    nodes.FloorDiv: "//",
    nodes.Mod: "%",
}
_REFUSED: Final[dict[type[nodes.Node], tuple[str, str]]] = {
    nodes.Call: ("nothing can be called", "use a filter: VALUE | FILTER"),
    nodes.Slice: ("a part of a list or text cannot be cut out so", "use split, first or last"),
    nodes.Div: ("there is no division with a fraction", "// divides whole numbers"),
    nodes.Pow: ("there are no powers", ""),
    nodes.Pos: ("a number needs no +", ""),
}


class Reader:
    """Reads one template. Mistakes are put in `mistakes`; something harmless stands for what was wrong."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self.mistakes: list[Mistake] = []
        self._loops = 0

    def program(self, template: nodes.Template) -> Program:
        """Read a whole template."""
        return Program(self._body(template.body))

    def _wrong(self, line: int, message: str, hint: str = "") -> Constant:
        self.mistakes.append(Mistake(line, message, hint))
        return Constant(line, None)

    def _body(self, parts: Iterable[nodes.Node]) -> Body:
        return tuple(statement for part in parts for statement in self._statements(part))

    def _statements(self, node: nodes.Node) -> Iterable[Statement]:
        line = node.lineno
        match node:
            case nodes.Output():
                for part in node.nodes:
                    if isinstance(part, nodes.TemplateData):
                        yield Words(part.lineno, part.data)
                    else:
                        yield Shown(part.lineno, self._expression(part))
            case nodes.If():
                tests = [node, *node.elif_]
                branches = tuple((self._expression(each.test), self._body(each.body)) for each in tests)
                yield Branches(line, branches, self._body(node.else_))
            case nodes.For():
                yield self._loop(node)
            case _:
                self._wrong(line, f"{type(node).__name__.lower()} does not belong to the subset")

    def _loop(self, node: nodes.For) -> Loop:
        if node.test is not None:
            self._wrong(node.lineno, "a loop takes no `if`", "put an if inside of it")
        if node.recursive:
            self._wrong(node.lineno, "a loop is not recursive")
        of = self._expression(node.iter)
        names = self._targets(node.target)
        self._loops += 1
        body = self._body(node.body)
        self._loops -= 1
        return Loop(node.lineno, names, of, body, self._body(node.else_))

    def _targets(self, target: nodes.Node) -> tuple[str, ...]:
        parts = target.items if isinstance(target, nodes.Tuple) else [cast("nodes.Expr", target)]
        names = tuple(part.name for part in parts if isinstance(part, nodes.Name))
        if len(names) != len(parts) or len(names) not in (1, 2) or len(set(names)) != len(names):
            self._wrong(target.lineno, "a loop takes one name, or two for pairs", "for key, value in data | items")
        for name in names:
            if name in (ALL, "loop"):
                self._wrong(target.lineno, f"a loop cannot use the name {quoted(name)}", "take another one")
        return names

    def _expression(self, node: nodes.Node) -> Expression:  # noqa: C901, PLR0911, PLR0912 — a table of kinds
        line = node.lineno
        match node:
            case nodes.Const():
                return Constant(line, node.value)
            case nodes.Name():
                return self._name(line, node.name)
            case nodes.Getattr():
                return self._attribute(node)
            case nodes.Getitem(arg=nodes.Slice()):
                return self._refused(node.arg)
            case nodes.Getitem():
                return Entry(line, self._expression(node.node), self._expression(node.arg))
            case nodes.List() | nodes.Tuple():
                return Items(line, tuple(map(self._expression, node.items)))
            case nodes.Dict():
                return self._pairs(node)
            case nodes.Filter():
                return self._filter(node)
            case nodes.Test():
                return self._test(node)
            case nodes.Concat():
                return Joined(line, tuple(map(self._expression, node.nodes)))
            case nodes.And() | nodes.Or():
                return Either(
                    line,
                    "and" if isinstance(node, nodes.And) else "or",
                    self._expression(node.left),
                    self._expression(node.right),
                )
            case nodes.Not():
                return Negated(line, self._expression(node.node))
            case nodes.Compare():
                others = tuple((cast("Comparison", each.op), self._expression(each.expr)) for each in node.ops)
                return Compared(line, self._expression(node.expr), others)
            case nodes.Neg():
                return Reckoned(line, "-", Constant(line, 0), self._expression(node.node))
            case nodes.Add() | nodes.Sub() | nodes.Mul() | nodes.FloorDiv() | nodes.Mod():
                sign = _SIGNS[type(node)]
                return Reckoned(line, sign, self._expression(node.left), self._expression(node.right))
            case nodes.CondExpr():
                if node.expr2 is None:
                    return self._wrong(line, "an `if` without `else`", "write A if TEST else B")
                return Chosen(line, *map(self._expression, (node.test, node.expr1, node.expr2)))
            case _:
                return self._refused(node)

    def _refused(self, node: nodes.Node) -> Constant:
        message, hint = _REFUSED.get(type(node), (f"{type(node).__name__.lower()} does not belong to the subset", ""))
        return self._wrong(node.lineno, message, hint)

    def _name(self, line: int, name: str) -> Expression:
        if name == "loop":
            return self._wrong(line, "`loop` alone is no value", "write loop.index, loop.first, loop.last")
        return Name(line, name)

    def _attribute(self, node: nodes.Getattr) -> Expression:
        line, fact = node.lineno, node.attr
        if not (isinstance(node.node, nodes.Name) and node.node.name == "loop"):
            hint = (
                f'write VALUE["{fact}"]' if fact.isidentifier() and not fact.startswith("_") else 'write VALUE["KEY"]'
            )
            return self._wrong(line, "values have no attributes", hint)
        if not self._loops:
            return self._wrong(line, "there is no loop around `loop`")
        if fact not in LOOP_FACTS:
            return self._wrong(line, f"there is no loop.{quoted(fact)[1:-1]}", closest(fact, LOOP_FACTS))
        return LoopFact(line, fact)

    def _pairs(self, node: nodes.Dict) -> Expression:
        pairs: dict[str, Expression] = {}
        for pair in node.items:
            key = pair.key.value if isinstance(pair.key, nodes.Const) else None
            if not isinstance(key, str):
                return self._wrong(pair.lineno, "a key of an object is a text between quotes")
            if key in pairs:
                return self._wrong(pair.lineno, f"the key {quoted(key)} stands here twice", "remove one of them")
            pairs[key] = self._expression(pair.value)
        return Pairs(node.lineno, tuple(pairs.items()))

    def _test(self, node: nodes.Test) -> Expression:
        of = self._expression(node.node)
        if node.args or node.kwargs or node.dyn_args or node.dyn_kwargs:
            return self._wrong(node.lineno, "a test takes no argument")
        if node.name == "defined":
            return Asked(node.lineno, "defined", of)
        if node.name == "none":
            return Asked(node.lineno, "none", of)
        return self._wrong(node.lineno, f"there is no test {quoted(node.name)}", "there are `is defined` and `is none`")

    def _filter(self, node: nodes.Filter) -> Expression:
        if node.node is None:
            return self._wrong(node.lineno, "a filter without a value")
        of = self._expression(node.node)
        known = FILTERS.get(node.name)
        if known is None:
            hint = closest(node.name, FILTERS) or "docs/templates.md lists them"
            return self._wrong(node.lineno, f"there is no filter {quoted(node.name)}", hint)
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            return self._wrong(node.lineno, "arguments are written one by one", "leave the * out")
        return Filtered(node.lineno, node.name, of, self._arguments(node, known))

    def _arguments(self, node: nodes.Filter, known: Filter) -> tuple[Expression | None, ...]:
        """Give an argument, or None, for each parameter."""
        names = [parameter.name for parameter in known.parameters]
        found: dict[str, nodes.Expr] = dict(zip(names, node.args, strict=False))
        if len(node.args) > len(names):
            most = len(names) or "no"
            self._wrong(node.lineno, f"the filter {node.name} takes {most} argument{'s' * (most != 1)}")
        for keyword in node.kwargs:
            key, value = str(keyword.key), keyword.value
            if key not in names:
                told = f"the filter {node.name} has no argument {quoted(key)}"
                self._wrong(node.lineno, told, closest(key, names))
            elif key in found:
                self._wrong(node.lineno, f"the argument {quoted(key)} is given twice")
            else:
                found[key] = value
        return tuple(self._argument(node, parameter, found.get(parameter.name)) for parameter in known.parameters)

    def _argument(self, node: nodes.Filter, parameter: Parameter, written: nodes.Expr | None) -> Expression | None:
        if written is None:
            if parameter.required:
                hint = f"one of {', '.join(parameter.words)}" if parameter.words else ""
                self._wrong(node.lineno, f"the filter {node.name} needs {quoted(parameter.name)}", hint)
            return None
        argument = self._expression(written)
        value = argument.value if isinstance(argument, Constant) else None
        mistake = parameter.mistake(constant=isinstance(argument, Constant), value=value)
        if mistake:
            self._wrong(node.lineno, f"{quoted(parameter.name)} of the filter {node.name} must be {mistake}")
        return argument
