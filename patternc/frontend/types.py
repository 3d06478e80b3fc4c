"""Tells numbers, conditions and relations apart, and checks that each stands where it may.

An expression whose kind is not known because of an error elsewhere is taken for whatever is wanted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum

from patternc.diagnostics import Report
from patternc.frontend import affine, ast
from patternc.frontend.scope import FUNCTIONS, MEASURES, Scope, bind, unknown_name
from patternc.primitives import PRIMITIVES
from patternc.primitives import Kind as Wanted
from patternc.source import Span


class Kind(StrEnum):
    """What an expression is; UNKNOWN after an error, and fits everywhere."""

    NUMBER = "a number"
    CONDITION = "a condition"
    RELATION = "a relation"
    UNKNOWN = "something"


_OF_WANTED = {
    Wanted.NUMBER: Kind.NUMBER,
    Wanted.COUNT: Kind.NUMBER,
    Wanted.RELATION: Kind.RELATION,
    Wanted.CONDITION: Kind.CONDITION,
}

_EXAMPLES = {
    "min": "a, b",
    "max": "a, b",
    "abs": "a",
    "ceil_log2": "a",
    "edges": "n",
    "depth": "n",
    "reach": "L",
    "coverage": "L",
    "prefix": "L",
}


class Types:
    """Checks expressions in one scope.

    ``relations`` are the relations defined so far, ``defined`` all names that are defined somewhere, with their lines.
    ``measures`` says that the terms of claims may stand.
    """

    def __init__(
        self,
        scope: Scope,
        report: Report,
        relations: Collection[str] = (),
        defined: Mapping[str, int] | None = None,
        measures: bool = False,
    ):
        self.scope = scope
        self.report = report
        self.relations = relations
        self.defined = defined or {}
        self.measures = measures
        self.hidden: dict[str, Span] = {}
        """Positions used in `where` that hide a parameter, each with the place of its first use."""

    def within(self, scope: Scope) -> Types:
        """The same checks with other names for numbers."""
        inner = Types(scope, self.report, self.relations, self.defined, self.measures)
        inner.hidden = self.hidden
        return inner

    def kind(self, node: ast.Expression) -> Kind:
        """What an expression is by its form, right or wrong."""
        match node:
            case ast.Number() | ast.Negative():
                return Kind.NUMBER
            case ast.Comparison() | ast.Not():
                return Kind.CONDITION
            case ast.Joined(op=op):
                return Kind.CONDITION if op in ("and", "or") else Kind.RELATION
            case ast.Binary(op="-", left=left, right=right):
                kinds = {self.kind(left), self.kind(right)}
                return Kind.RELATION if Kind.RELATION in kinds else self._only(kinds)
            case ast.Binary():
                return Kind.NUMBER
            case ast.Reference(name=name):
                if self.scope.symbol(name) is not None:
                    return Kind.NUMBER
                known = name in self.relations or name in PRIMITIVES
                return Kind.RELATION if known else Kind.UNKNOWN
            case ast.Call(function=function):
                return self._result(function.text)
            case ast.Bad():
                return Kind.UNKNOWN

    @staticmethod
    def _only(kinds: set[Kind]) -> Kind:
        return Kind.UNKNOWN if kinds == {Kind.UNKNOWN} else Kind.NUMBER

    def _result(self, function: str) -> Kind:
        if function in FUNCTIONS or (self.measures and function in MEASURES):
            return Kind.NUMBER
        return Kind.RELATION if function in PRIMITIVES or function == "gate" else Kind.UNKNOWN

    def number(self, node: ast.Expression) -> None:
        """Check that an expression is a number."""
        self.expect(node, Kind.NUMBER)

    def condition(self, node: ast.Expression) -> None:
        """Check that an expression is a condition."""
        self.expect(node, Kind.CONDITION)

    def relation(self, node: ast.Expression) -> None:
        """Check that an expression is a relation."""
        self.expect(node, Kind.RELATION)

    def expect(self, node: ast.Expression, wanted: Kind) -> None:
        """Check that an expression is what is wanted, and its parts."""
        kind = self.kind(node)
        if kind not in (wanted, Kind.UNKNOWN):
            self.report.error("type", f"expected {wanted}, found {kind}", node.span, self._advice(node, kind, wanted))
            return
        match node:
            case ast.Negative(operand=operand):
                self.number(operand)
            case ast.Binary(op=op, left=left, right=right):
                inner = wanted if op == "-" else Kind.NUMBER
                self.expect(left, inner)
                self.expect(right, inner)
            case ast.Comparison(operands=operands):
                for operand in operands:
                    self.number(operand)
            case ast.Not(operand=operand):
                self.condition(operand)
            case ast.Joined(op=op, operands=operands):
                for operand in operands:
                    self.expect(operand, Kind.CONDITION if op in ("and", "or") else Kind.RELATION)
            case ast.Reference():
                self._reference(node)
            case ast.Call():
                self._call(node)
            case _:
                pass

    def _advice(self, node: ast.Expression, kind: Kind, wanted: Kind) -> str:
        if wanted is Kind.RELATION and kind is Kind.CONDITION:
            match node:
                case ast.Not():
                    return "the pairs outside R are `full - R`"
                case ast.Joined(op=op, operands=operands) if any(self.kind(o) is Kind.RELATION for o in operands):
                    return f"relations are joined by `{'&' if op == 'and' else '|'}`"
                case _:
                    return "a condition becomes a relation in `where(...)`"
        if wanted is Kind.CONDITION and isinstance(node, ast.Joined):
            return f"conditions are joined by `{'and' if node.op == '&' else 'or'}`"
        if wanted is Kind.NUMBER and isinstance(node, ast.Joined) and "q" in self.scope.symbols:
            return f"`{node.op}` joins relations; conditions are joined by `{'and' if node.op == '&' else 'or'}`"
        if wanted is Kind.RELATION and isinstance(node, ast.Binary):
            return "relations are joined by `|`, `&` and `-`"
        if isinstance(node, ast.Reference) and kind is Kind.NUMBER:
            return f"`{node.name}` is a parameter" if node.name in self.scope.parameters else ""
        return ""

    # Names and calls

    def _reference(self, node: ast.Reference) -> None:
        name = node.name
        if self.scope.symbol(name) is not None:
            hides = name in self.scope.parameters and self.scope.symbols.get(name, "").startswith(".")
            if hides:
                self.hidden.setdefault(name, node.span)
        elif name in self.relations:
            pass
        elif name in PRIMITIVES:
            if PRIMITIVES[name].parameters:
                self.report.error("arity", f"`{name}` needs arguments: `{PRIMITIVES[name].signature}`", node.span)
        elif name in self.defined:
            hint = f"it is defined on line {self.defined[name]}"
            self.report.error("order", f"`{name}` is used before it is defined", node.span, hint)
        elif name in FUNCTIONS or (self.measures and name in MEASURES):
            self.report.error("arity", f"`{name}` needs arguments", node.span, f"as in `{name}({_EXAMPLES[name]})`")
        else:
            bare = [p.name for p in PRIMITIVES.values() if not p.parameters]
            unknown_name(name, node.span, self.scope, [*self.relations, *bare], self.report)

    def _call(self, node: ast.Call) -> None:
        name = node.function.text
        if name in PRIMITIVES:
            self._primitive(node)
        elif name == "gate":
            hint = "its branches are normalised apart, so it is no relation"
            message = "`gate` stands directly under `attend` or a heads entry, and nowhere else"
            self.report.error("gate", message, node.span, hint)
            for argument in node.arguments:
                self.relation(argument.value)
        elif name in FUNCTIONS:
            self._function(node)
        elif self.measures and name in MEASURES:
            self._measure(node)
        else:
            self._unknown_call(node)

    def _unknown_call(self, node: ast.Call) -> None:
        name = node.function.text
        if name in self.relations or self.scope.symbol(name) is not None:
            self.report.error("type", f"`{name}` takes no arguments", node.span)
        elif name in self.defined:
            self.report.error("order", f"`{name}` is used before it is defined", node.function.span)
        else:
            measures = MEASURES if self.measures else ()
            others = [*PRIMITIVES, *FUNCTIONS, *measures]
            unknown_name(name, node.function.span, self.scope, others, self.report)
        for argument in node.arguments:
            # What the function would take is not known, but a name that nothing defines is wrong anywhere.
            if self.kind(argument.value) is not Kind.UNKNOWN or isinstance(argument.value, ast.Reference):
                self.expect(argument.value, self.kind(argument.value))

    def _primitive(self, node: ast.Call) -> None:
        primitive = PRIMITIVES[node.function.text]
        if not primitive.parameters:
            hint = f"write `{primitive.name}`, without parentheses"
            self.report.error("arity", f"`{primitive.name}` takes no arguments", node.span, hint)
            return
        bound = bind(node.arguments, primitive.parameters, primitive.signature, node.span, self.report)
        for parameter in primitive.parameters:
            value = bound.get(parameter.name)
            if value is None:
                continue
            if parameter.kind is Wanted.COUNT and isinstance(value, ast.Reference) and value.name == "all":
                continue
            if parameter.kind is Wanted.CONDITION:
                self._where(value)
            else:
                self.expect(value, _OF_WANTED[parameter.kind])

    def _where(self, condition: ast.Expression) -> None:
        before = len(self.report.found)
        self.within(self.scope.inside_where()).condition(condition)
        if len(self.report.found) == before:
            affine.check(condition, self.report)

    def _function(self, node: ast.Call) -> None:
        name, count = node.function.text, FUNCTIONS[node.function.text]
        given = len(node.arguments)
        if given < count or (given > count and count == 1):
            more = "or more arguments" if count > 1 else "argument"
            self.report.error("arity", f"`{name}` takes {count} {more}, not {given}", node.span)
        for argument in node.arguments:
            if argument.name is not None:
                self.report.error("arity", f"the arguments of `{name}` have no names", argument.name.span)
            self.number(argument.value)

    def _measure(self, node: ast.Call) -> None:
        name = node.function.text
        takes = "a length" if name in ("edges", "depth") else "a number of layers"
        if len(node.arguments) != 1 or node.arguments[0].name is not None:
            self.report.error("arity", f"`{name}` takes one argument, {takes}", node.span)
        inner = Types(self.scope, self.report)
        for argument in node.arguments:
            if isinstance(argument.value, ast.Call) and argument.value.function.text in MEASURES:
                self.report.error("claim", "a term of a claim takes no other term", argument.value.span)
            else:
                inner.number(argument.value)
