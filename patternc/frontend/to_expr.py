"""Lowers numbers and conditions of the syntax tree to expressions of the intermediate representation."""

from __future__ import annotations

from collections.abc import Mapping

from patternc.diagnostics import Report
from patternc.frontend import ast
from patternc.frontend.scope import MEASURES, Scope
from patternc.ir.expr import (
    ZERO,
    Expr,
    ExprError,
    Int,
    Sym,
    arith,
    compare,
    conjunction,
    disjunction,
    negation,
)
from patternc.ir.program import Infinity, Measure


class ToExpr:
    """Lowers expressions of one scope, which were checked before; parameters with a value in ``given`` are that value.

    What has no value, such as a division by zero, is reported at its place.
    """

    def __init__(self, scope: Scope, report: Report, given: Mapping[str, Expr] | None = None):
        self.scope = scope
        self.report = report
        self.given = given or {}

    def number(self, node: ast.Expression) -> Expr:
        """A number as an expression of the IR."""
        match node:
            case ast.Number(value=value):
                return Int(value)
            case ast.Reference(name="oo"):
                return Infinity()
            case ast.Reference(name=name):
                symbol = self.scope.symbol(name) or name
                return self.given.get(symbol, Sym(symbol))
            case ast.Negative(operand=operand):
                return self._arith("neg", node, operand)
            case ast.Binary(op=op, left=left, right=right):
                return self._arith(op, node, left, right)
            case ast.Call(function=function, arguments=arguments) if function.text in MEASURES:
                return Measure(function.text, self.number(arguments[0].value))
            case ast.Call(function=function, arguments=arguments):
                return self._arith(function.text, node, *(a.value for a in arguments))
            case _:
                raise TypeError(f"not a number: {node!r}")

    def _arith(self, op: str, node: ast.Expression, *operands: ast.Expression) -> Expr:
        values = [self.number(o) for o in operands]
        try:
            return arith(op, *values)
        except ExprError as error:
            self.report.error("value", str(error), node.span)
            return ZERO

    def condition(self, node: ast.Expression) -> Expr:
        """A condition as an expression of the IR."""
        match node:
            case ast.Comparison(operands=operands, ops=ops):
                values = [self.number(o) for o in operands]
                return conjunction(compare(op, a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
            case ast.Not(operand=operand):
                return negation(self.condition(operand))
            case ast.Joined(op="and", operands=operands):
                return conjunction(self.condition(o) for o in operands)
            case ast.Joined(operands=operands):
                return disjunction(self.condition(o) for o in operands)
            case _:
                raise TypeError(f"not a condition: {node!r}")
