"""Expressions over positions as Python functions, for one pair or for whole arrays of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from patternc.ir.expr import LIMIT, Arith, Bool, Compare, Expr, ExprError, Int, Logic, Sym, evaluate

_NAMES = {".q": "q", ".k": "k"}
_VECTOR = {"min": "minimum", "max": "maximum", "and": " & ", "or": " | "}
_SCALAR = {"and": " and ", "or": " or "}


@lru_cache(maxsize=512)
def function(expr: Expr, vector: bool, size: int) -> Callable[..., Any]:
    """``expr`` over `q` and `k`, both of magnitude at most ``size``, as a function ``(q, k)``.

    With ``vector`` the arguments are numpy integer arrays that broadcast.  Where a value could leave 62 bits the
    function computes pair by pair and raises `ExprError` where it does.
    """
    try:
        if not _fits(expr, size):
            raise OverflowError
        source = _source(expr, vector)
    except (OverflowError, ExprError):
        return _vectorised(expr) if vector else _careful(expr)
    if not vector:
        return eval(f"lambda q, k: {source}", {})  # the source is built here, from numbers and two names
    import numpy as np

    names = {"minimum": np.minimum, "maximum": np.maximum, "abs": np.abs, "logical_not": np.logical_not, "mod": _mod}
    compute = eval(f"lambda q, k: {source}", names)
    if not _fits(expr, size, 1 << 31):
        return compute
    return lambda q, k: compute(q.astype(np.int32), k.astype(np.int32))


def _mod(x: Any, divisor: int) -> Any:
    """``x % divisor``, several times faster than numpy's own where the divisor is one number."""
    return x - (x // divisor) * divisor


def _careful(expr: Expr) -> Callable[[int, int], int | bool]:
    return lambda q, k: evaluate(expr, {".q": q, ".k": k})


def _vectorised(expr: Expr) -> Callable[..., Any]:
    import numpy as np

    careful = _careful(expr)
    return lambda q, k: np.vectorize(lambda x, y: careful(int(x), int(y)), otypes=[bool])(q, k)


def _source(expr: Expr, vector: bool) -> str:
    match expr:
        case Int(number):
            return f"({number})"
        case Bool(truth):
            return str(truth)
        case Sym(name):
            return _NAMES[name]
        case Compare(op, left, right):
            return f"({_source(left, vector)} {op} {_source(right, vector)})"
        case Logic("not", args):
            return f"logical_not({_source(args[0], vector)})" if vector else f"(not {_source(args[0], vector)})"
        case Logic(op, args):
            return "(" + (_VECTOR if vector else _SCALAR)[op].join(_source(a, vector) for a in args) + ")"
        case Arith("neg", args):
            return f"(-{_source(args[0], vector)})"
        case Arith("min" | "max" as op, args) if vector:
            first, *rest = (_source(a, vector) for a in args)
            for other in rest:
                first = f"{_VECTOR[op]}({first}, {other})"
            return first
        case Arith("min" | "max" | "abs" as op, args):
            return f"{op}({', '.join(_source(a, vector) for a in args)})"
        case Arith("+" | "-" | "*" as op, args):
            return f"({_source(args[0], vector)} {op} {_source(args[1], vector)})"
        case Arith("//" | "%" as op, args) if isinstance(args[1], Int) and args[1].value:
            left, right = (_source(a, vector) for a in args)
            return f"mod({left}, {right})" if vector and op == "%" else f"({left} {op} {right})"
        case _:
            raise OverflowError


def _fits(expr: Expr, size: int, limit: int = LIMIT) -> bool:
    """Whether no value in ``expr`` can reach ``limit``."""
    match expr:
        case Compare(_, left, right):
            return _fits(left, size, limit) and _fits(right, size, limit)
        case Logic(_, args):
            return all(_fits(a, size, limit) for a in args)
        case Bool():
            return True
        case _:
            return _magnitude(expr, size) < limit


def _magnitude(expr: Expr, size: int) -> int:
    """A bound on the magnitude of ``expr`` and of everything in it."""
    match expr:
        case Int(number):
            return abs(number)
        case Sym():
            return size
        case Arith(op, args):
            sizes = [_magnitude(a, size) for a in args]
            if op == "*":
                return max(*sizes, sizes[0] * sizes[1])
            return sum(sizes) + 1 if op in ("+", "-", "//", "%") else max(sizes)
        case _:
            return LIMIT
