"""Conditions in `where` are quasi-affine in the positions: what masks, bounds and proofs can work with exactly."""

from __future__ import annotations

from patternc.diagnostics import Report
from patternc.frontend import ast
from patternc.frontend.scope import POSITIONS


def check(node: ast.Expression, report: Report) -> bool:
    """Whether an expression holds a position.  A product of two positions and the like is reported at its place."""
    match node:
        case ast.Reference(name=name):
            return name in POSITIONS
        case ast.Binary(op=op, left=left, right=right):
            return _binary(op, left, right, node, report)
        case ast.Call(function=function, arguments=arguments):
            held = [a for a in arguments if check(a.value, report)]
            if held and function.text == "ceil_log2":
                report.error("affine", "a logarithm of a position is not quasi-affine", held[0].span)
            return bool(held)
        case _:
            # Every part is looked at, not only the first that holds one.
            return any([check(child, report) for child in ast.children(node)])


def _binary(op: str, left: ast.Expression, right: ast.Expression, node: ast.Expression, report: Report) -> bool:
    first, second = check(left, report), check(right, report)
    if op == "*" and first and second:
        hint = "at most one factor of a product may hold a position"
        report.error("affine", "a product of two positions is not quasi-affine", node.span, hint)
    elif op in ("//", "%") and second:
        hint = "`d` modulo `n` is the wrapped window `ring(l, r)`" if _is_length(right) and op == "%" else ""
        report.error("affine", f"the right side of `{op}` may not hold a position", right.span, hint)
    elif op == "**" and (first or second):
        report.error("affine", "a power of a position is not quasi-affine", node.span)
    return first or second


def _is_length(node: ast.Expression) -> bool:
    return isinstance(node, ast.Reference) and node.name == "n"
