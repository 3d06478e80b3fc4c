"""Expressions over whole arrays of positions, with numpy: masks, tile counts and pictures come from here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from patternc.ir.expr import LIMIT, Arith, Bool, Compare, Expr, ExprError, Int, Logic, Sym
from patternc.ir.plan import PerHead
from patternc.lowering.emptiness import Holds

_COMPARE = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_BINARY = {"+": np.add, "-": np.subtract, "*": np.multiply, "min": np.minimum, "max": np.maximum}


def evaluate(expr: Expr, values: Mapping[str, Any], head: int = 0) -> Any:
    """The value of ``expr`` where symbols are integers or arrays of int64 that broadcast.

    ``head`` picks from constants that differ from head to head.  Where a number could leave 62 bits the arrays are
    turned into Python's integers first, which is slow and exact.  Raises `ExprError` for a division by zero.
    """
    used = {name: value for name, value in values.items() if name in expr.symbols}
    sizes = {name: _largest(value) for name, value in used.items()}
    kind = np.int32 if _fits(expr, sizes, 1 << 31) else np.int64 if _fits(expr, sizes) else object
    return _value(expr, {name: _cast(value, kind) for name, value in used.items()}, head)


def _cast(value: Any, kind: Any) -> Any:
    return value.astype(kind) if isinstance(value, np.ndarray) and value.dtype != bool else value


def _largest(value: Any) -> int:
    """The largest magnitude."""
    return max(abs(int(np.min(value))), abs(int(np.max(value)))) if np.size(value) else 0


def _value(expr: Expr, values: Mapping[str, Any], head: int) -> Any:
    match expr:
        case Int(value) | Bool(value):
            return value
        case Sym(name):
            return values[name]
        case PerHead(constants):
            return constants[head]
        case Compare(op, left, right):
            return _COMPARE[op](_value(left, values, head), _value(right, values, head))
        case Logic("not", args):
            return np.logical_not(_value(args[0], values, head))
        case Logic(op, args):
            return _joined(op, args, values, head)
        case Holds():
            return _value(expr.test(), values, head)
        case Arith("neg", args):
            return -_value(args[0], values, head)
        case Arith("abs", args):
            return abs(_value(args[0], values, head))
        case Arith(("//" | "%") as op, args):
            left, right = (_value(a, values, head) for a in args)
            if np.any(np.equal(right, 0)):
                raise ExprError("division by zero")
            quotient = left // right
            return quotient if op == "//" else left - quotient * right
        case Arith(op, args) if op in _BINARY:
            return reduce(_BINARY[op], (_value(a, values, head) for a in args))
        case _:
            raise TypeError(f"no array can be made of {expr!r}")


def _joined(op: str, args: tuple[Expr, ...], values: Mapping[str, Any], head: int) -> Any:
    """`and`, `or`; they stop early at a part that is one truth value for all, as in Python.

    Parts of one shape are joined first, so that what only queries or only keys decide is not spread over all pairs.
    """
    decides = op == "or"
    join = np.logical_or if decides else np.logical_and
    found: dict[tuple[int, ...], Any] = {(): not decides}
    for arg in args:
        part = _value(arg, values, head)
        if np.ndim(part) == 0 and bool(part) == decides:
            return decides
        shape = np.shape(part)
        found[shape] = join(found[shape], part) if shape in found else part
    small_first = sorted(found, key=lambda shape: int(np.prod(shape)) if shape else 0)
    return reduce(join, (found[shape] for shape in small_first))


def _fits(expr: Expr, sizes: Mapping[str, int], limit: int = LIMIT) -> bool:
    """Whether no number in ``expr`` can reach ``limit``."""
    if isinstance(expr, Holds):
        expr = expr.test()
    if isinstance(expr, Compare | Logic):
        return all(_fits(child, sizes, limit) for child in expr.children())
    return isinstance(expr, Bool) or _magnitude(expr, sizes) < limit


def _magnitude(expr: Expr, sizes: Mapping[str, int]) -> int:
    """A bound on the magnitude of ``expr`` and of everything in it."""
    match expr:
        case Int(value):
            return abs(value)
        case Sym(name):
            return sizes.get(name, 0)
        case PerHead(constants):
            return max(abs(c) for c in constants)
        case Arith(op, args):
            parts = [_magnitude(a, sizes) for a in args]
            if op == "*":
                return max(*parts, parts[0] * parts[1])
            return sum(parts) + 1 if op in ("+", "-", "//", "%") else max(parts)
        case _:
            return LIMIT
