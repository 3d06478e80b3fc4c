"""Lowers relations of the syntax tree: primitives build their atoms, `where` the closest kinds that are exact."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from patternc.diagnostics import Report
from patternc.frontend import ast
from patternc.frontend.scope import Scope, bind
from patternc.frontend.to_expr import ToExpr
from patternc.ir.expr import POSITIONS, TRUE, ZERO, Bool, Expr, Int, compare
from patternc.ir.program import Requirement
from patternc.ir.recognise import LowerBounds, recognised
from patternc.ir.relation import (
    EVERYTHING,
    NOTHING,
    Complement,
    Condition,
    Relation,
    difference,
    intersection,
    union,
)
from patternc.primitives import PRIMITIVES, Given, Kind, Parameter
from patternc.source import Span

MAX_PARTS = 2000
"""The most atoms that a relation may have: definitions that use each other twice double it at every step."""
MAX_DEPTH = 100
"""How deep a relation may be nested, definitions put in."""


@dataclass(frozen=True)
class Lowered:
    """A relation, and what its arguments must satisfy."""

    relation: Relation
    domains: tuple[Requirement, ...]


class ToRelation:
    """Lowers the relations of one pattern, which were checked before."""

    def __init__(self, scope: Scope, bounds: LowerBounds, report: Report):
        self.scope = scope
        self.bounds = bounds
        self.report = report
        self.numbers = ToExpr(scope, report)
        self.defined: dict[str, Lowered] = {}
        self.extents: dict[str, tuple[int, int]] = {}

    def define(self, name: str, node: ast.Expression) -> None:
        """Give a relation a name."""
        before = len(self.report.found)
        self.defined[name] = self.lower(node)
        # What is too large is said once, and not of all that is made of it.
        self.extents[name] = self._extent(node) if len(self.report.found) == before else (1, 1)

    def domains(self) -> Iterator[Requirement]:
        """Those of all definitions."""
        for lowered in self.defined.values():
            yield from lowered.domains

    def lower(self, node: ast.Expression) -> Lowered:
        """A relation of the IR, with the domains of the arguments in it.  One that is too large is reported."""
        parts, depth = self._extent(node)
        if parts > MAX_PARTS or depth > MAX_DEPTH:
            what = f"has more than {MAX_PARTS} parts" if parts > MAX_PARTS else f"is nested more than {MAX_DEPTH} deep"
            self.report.error("bound", f"the relation {what}, the most that is allowed", node.span)
            return Lowered(NOTHING, ())
        domains: dict[Span, Requirement] = {}
        relation = self._relation(node, domains)
        return Lowered(relation, tuple(domains.values()))

    def _extent(self, node: ast.Expression) -> tuple[int, int]:
        """How many atoms a relation has at least and how deep it is, counted before it is built."""
        match node:
            case ast.Reference(name=name):
                return self.extents.get(name, (1, 1))
            case ast.Comparison(ops=ops):
                return len(ops), 1
            case _:
                inner = [self._extent(child) for child in ast.children(node)]
                return max(1, sum(size for size, _ in inner)), 1 + max((depth for _, depth in inner), default=0)

    def _relation(self, node: ast.Expression, domains: dict[Span, Requirement]) -> Relation:
        match node:
            case ast.Reference(name=name) if name in self.defined:
                lowered = self.defined[name]
                domains.update({domain.span: domain for domain in lowered.domains})
                return lowered.relation
            case ast.Reference(name=name):
                return PRIMITIVES[name].build(Given({}, {}))
            case ast.Joined(op=op, operands=operands):
                join = union if op == "|" else intersection
                return join(*(self._relation(o, domains) for o in operands))
            case ast.Binary(left=left, right=right):
                return difference(self._relation(left, domains), self._relation(right, domains))
            case ast.Call():
                return self._primitive(node, domains)
            case _:
                raise TypeError(f"not a relation: {node!r}")

    def _primitive(self, node: ast.Call, domains: dict[Span, Requirement]) -> Relation:
        primitive = PRIMITIVES[node.function.text]
        bound = bind(node.arguments, primitive.parameters, primitive.signature, node.span, self.report)
        numbers: dict[str, Expr] = {p.name: p.default for p in primitive.parameters if p.default is not None}
        relations: dict[str, Relation] = {}
        for parameter in primitive.parameters:
            value = bound.get(parameter.name)
            if value is None or (isinstance(value, ast.Reference) and value.name == "all"):
                continue
            match parameter.kind:
                case Kind.RELATION:
                    relations[parameter.name] = self._relation(value, domains)
                case Kind.CONDITION:
                    relations[parameter.name] = self._where(value, domains)
                case _:
                    numbers[parameter.name] = self.numbers.number(value)
                    domain = _domain(parameter, primitive.name, numbers[parameter.name], value)
                    if domain.condition != TRUE:
                        domains[domain.span] = domain
        return primitive.build(Given(numbers, relations))

    def _where(self, node: ast.Expression, domains: dict[Span, Requirement]) -> Relation:
        lower = ToExpr(self.scope.inside_where(), self.report)
        for divisor in _divisors(node):
            value = lower.number(divisor)
            if not isinstance(value, Int) and not value.symbols & POSITIONS:
                domains[divisor.span] = Requirement(compare("!=", value, ZERO), "a division by zero", divisor.span)
        return recognised(_conditions(node, lower.condition), self.bounds)


def _domain(parameter: Parameter, primitive: str, value: Expr, node: ast.Expression) -> Requirement:
    message = f"the argument `{parameter.name}` of `{primitive}` must be at least {parameter.minimum}"
    return Requirement(compare(">=", value, Int(parameter.minimum)), message, node.span)


def _conditions(node: ast.Expression, lower: Callable[[ast.Expression], Expr]) -> Relation:
    """`and`, `or`, `not` as operations on relations; each comparison an atom."""
    match node:
        case ast.Joined(op=op, operands=operands):
            join = intersection if op == "and" else union
            return join(*(_conditions(o, lower) for o in operands))
        case ast.Not(operand=operand):
            return Complement(_conditions(operand, lower))
        case _:
            test = lower(node)
            if isinstance(test, Bool):
                return EVERYTHING if test.value else NOTHING
            return Condition(test=test)


def _divisors(node: ast.Expression) -> Iterator[ast.Expression]:
    if isinstance(node, ast.Binary) and node.op in ("//", "%"):
        yield node.right
    for child in ast.children(node):
        yield from _divisors(child)
