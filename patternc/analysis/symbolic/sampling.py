"""Assignments of small and of telling numbers to symbols, and fast evaluation of conditions for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from patternc.analysis.symbolic.lowering import Sample
from patternc.ir.expr import Arith, Bool, Compare, Expr, ExprError, Int, Logic, Sym, ceil_log2, conjunction, power

GRID = 1000
LARGE = 200
UNBOUNDED = -2
_SPREAD = (0, 1, 2, 3, 5, 8, 16, 17, 31, 64, 100, 257, 1000, 4096)
_FUNCTIONS: dict[str, Any] = {
    "ceil_log2": ceil_log2,
    "power": power,
    "__builtins__": {"min": min, "max": max, "abs": abs},
}


def predicate(condition: Expr) -> Callable[[Sample], bool | None]:
    """A function that says whether the condition is true for an assignment; None where it has no value."""
    compute = _function(condition)

    def holds(values: Sample) -> bool | None:
        try:
            return bool(compute(values))
        except (ExprError, ZeroDivisionError):
            return None

    return holds


@lru_cache(maxsize=4096)
def _function(expr: Expr) -> Callable[[Sample], int | bool]:
    return eval(f"lambda s: {_source(expr)}", _FUNCTIONS)  # the source is built here, of nothing but numbers and names


def _source(expr: Expr) -> str:
    match expr:
        case Int(value) | Bool(value):
            return f"({value})"
        case Sym(name):
            return f"s[{name!r}]"
        case Compare(op, left, right):
            return f"({_source(left)} {op} {_source(right)})"
        case Logic("not", (arg,)):
            return f"(not {_source(arg)})"
        case Logic(op, args):
            return "(" + f" {op} ".join(_source(a) for a in args) + ")"
        case Arith("neg", (arg,)):
            return f"(-{_source(arg)})"
        case Arith("**", (a, b)):
            return f"power({_source(a)}, {_source(b)})"
        case Arith("+" | "-" | "*" | "//" | "%" as op, (a, b)):
            return f"({_source(a)} {op} {_source(b)})"
        case Arith(op, args):
            return f"{op}({', '.join(_source(a) for a in args)})"
        case _:
            raise ExprError(f"no value: {expr!r}")


def samples(assumptions: Sequence[Expr], order: Sequence[str]) -> list[Sample]:
    """Assignments that satisfy the assumptions, the smallest first: by `L` and `n`, then by the sum of the others."""
    condition = conjunction(assumptions)
    if condition == Bool(False):
        return []
    defined = _definitions(assumptions, order)
    free = [name for name in order if name not in defined]
    found: dict[tuple[int, ...], Sample] = {}
    holds = predicate(condition)
    lows = [_least(assumptions, name) for name in free]
    for values in _candidates(lows, sorted(_constants(condition))):
        assignment = dict(zip(free, values, strict=True))
        try:
            for name, value in defined.items():
                assignment[name] = int(_function(value)(assignment))
        except (ExprError, ZeroDivisionError):
            continue
        if holds(assignment):
            key = tuple(assignment[name] for name in order)
            found[key] = {name: assignment[name] for name in order}
    leading = sum(name in ("L", "n") for name in order)
    return [found[key] for key in sorted(found, key=lambda k: (k[:leading], sum(k[leading:]), k))]


def _least(assumptions: Sequence[Expr], name: str) -> int:
    """The least value that the plain bounds among the assumptions leave to a symbol; a little below 0 without any."""
    lows = [UNBOUNDED]
    for part in assumptions:
        match part:
            case Compare(">=" | "==", Sym(symbol), Int(value)) | Compare("<=" | "==", Int(value), Sym(symbol)):
                lows += [value] if symbol == name else []
            case Compare(">", Sym(symbol), Int(value)) | Compare("<", Int(value), Sym(symbol)):
                lows += [value + 1] if symbol == name else []
            case _:
                continue
    return max(lows)


def _candidates(lows: Sequence[int], constants: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """A grid of the smallest values, then a reproducible choice of larger ones and of neighbours of the constants."""
    if not lows:
        yield ()
        return
    side = max(2, min(64, int(GRID ** (1 / len(lows)))))
    yield from product(*(range(low, low + side) for low in lows))
    near = sorted({c + shift for c in constants[:40] for shift in (-1, 0, 1) if c + shift >= 0})
    generator = random.Random(len(lows))
    for _ in range(LARGE):
        yield tuple(
            max(low, generator.choice(near) if near and generator.random() < 0.5 else generator.choice(_SPREAD))
            for low in lows
        )


def _constants(expr: Expr) -> set[int]:
    if isinstance(expr, Int):
        return {expr.value}
    return set().union(*(_constants(child) for child in expr.children()))


def _definitions(assumptions: Sequence[Expr], order: Sequence[str]) -> dict[str, Expr]:
    """Symbols that an assumption equates with an expression over symbols that are still free."""
    defined: dict[str, Expr] = {}
    used: set[str] = set()
    for part in assumptions:
        if not isinstance(part, Compare) or part.op != "==":
            continue
        for side, other in ((part.left, part.right), (part.right, part.left)):
            if not isinstance(side, Sym) or side.name not in order or side.name in defined or side.name in used:
                continue
            if other.symbols & ({side.name} | defined.keys()):
                continue
            defined[side.name] = other
            used |= other.symbols
            break
    return defined
