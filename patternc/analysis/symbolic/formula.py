"""Formulas written as text: ``formula("k*L + (p - k)*max(0, L - c + 1)", k=..., L=..., p=..., c=...)``.

The text is in the pattern language's own spelling of expressions and conditions, which is Python's.
"""

from __future__ import annotations

import ast
from functools import lru_cache, reduce

from patternc.ir.expr import Expr, Int, Sym, arith, compare, conjunction, disjunction, neg, negation, substitute

_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def formula(text: str, **values: Expr | int) -> Expr:
    """The expression or condition that ``text`` spells, with symbols replaced by ``values``."""
    return substitute(_parsed(text), values)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Expr:
    return _expr(ast.parse(text, mode="eval").body)


def _expr(node: ast.expr) -> Expr:
    match node:
        case ast.Constant(int(value)):
            return Int(value)
        case ast.Name(name):
            return Sym(name)
        case ast.BinOp(left, op, right):
            return arith(_ARITHMETIC[type(op)], _expr(left), _expr(right))
        case ast.UnaryOp(ast.USub(), operand):
            return neg(_expr(operand))
        case ast.UnaryOp(ast.Not(), operand):
            return negation(_expr(operand))
        case ast.Call(ast.Name("min" | "max" as name), args):
            return reduce(lambda a, b: arith(name, a, b), map(_expr, args))
        case ast.Call(ast.Name(name), args):
            return arith(name, *map(_expr, args))
        case ast.BoolOp(op, parts):
            return (conjunction if isinstance(op, ast.And) else disjunction)(map(_expr, parts))
        case ast.Compare(left, ops, comparators):
            sides = [_expr(e) for e in (left, *comparators)]
            pairs = zip(sides, ops, sides[1:], strict=False)
            return conjunction(compare(_COMPARISONS[type(op)], a, b) for a, op, b in pairs)
        case _:
            raise ValueError(f"not a formula: {ast.unparse(node)}")
