"""Values that may be infinite: arithmetic and comparisons, and operands of claims as the language writes them."""

from __future__ import annotations

from patternc.analysis.intset import INF, Bound
from patternc.ir.expr import ARITHMETIC, COMPARISONS, Arith, Expr, ExprError, Sym, bounded, show
from patternc.ir.program import Infinity, Measure


def compared(op: str, left: Bound, right: Bound) -> bool:
    """Whether ``left op right`` holds; each may be infinite."""
    return COMPARISONS[op](left, right)  # type: ignore[arg-type]


def extended(op: str, args: list[Bound]) -> Bound:
    """Arithmetic with infinities; `ExprError` where it has no value."""
    if all(isinstance(a, int) for a in args):
        return bounded(ARITHMETIC[op](*args))
    if op in ("min", "max"):
        return min(args) if op == "min" else max(args)
    if op in ("neg", "abs"):
        return -args[0] if op == "neg" else abs(args[0])
    if op in ("+", "-", "*"):
        a, b = args
        found = a + b if op == "+" else a - b if op == "-" else a * b if a and b else None
        if found is not None and found == found:
            return found
    raise ExprError(f"`{op}` with oo has no value")


def spelt(value: Bound | str) -> str:
    """A number as claims write it."""
    return "oo" if value == INF else "-oo" if value == -INF else str(value)


def show_claim(expr: Expr) -> str:
    """An operand of a claim as the language writes it."""
    return show(_spelt_out(expr))


def _spelt_out(expr: Expr) -> Expr:
    match expr:
        case Measure(name, argument):
            return Sym(f"{name}({show_claim(argument)})")
        case Infinity():
            return Sym("oo")
        case Arith(op, args):
            return Arith(op, tuple(_spelt_out(a) for a in args))
        case _:
            return expr
