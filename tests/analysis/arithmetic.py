"""Random expressions and conditions over a few symbols, reproducible by their seed."""

from __future__ import annotations

import random
from collections.abc import Sequence

from patternc.ir.expr import Expr, Int, Sym, arith, compare, conjunction, disjunction, neg, negation

COMPARISONS = ("<=", "<", ">=", ">", "==", "!=")


def expression(draw: random.Random, names: Sequence[str], depth: int = 2, linear: bool = False) -> Expr:
    """A random expression; a linear one has whole-number factors and divisors only."""
    choice = draw.random()
    if depth == 0 or choice < 0.3:
        return Sym(draw.choice(names)) if draw.random() < 0.7 else Int(draw.randint(-3, 5))
    a = expression(draw, names, depth - 1, linear)
    b = expression(draw, names, depth - 1, linear)
    if choice < 0.65:
        return arith(draw.choice("+-"), a, b)
    if choice < 0.75:
        return arith("*", Int(draw.randint(-3, 3)) if linear else a, b)
    if choice < 0.85:
        return arith(draw.choice(("min", "max")), a, b)
    if choice < 0.9:
        return neg(a) if draw.random() < 0.5 else arith("abs", a)
    divisor = Int(draw.randint(1, 4)) if linear or draw.random() < 0.5 else Sym(draw.choice(names))
    return arith(draw.choice(("//", "%")), a, divisor)


def condition(draw: random.Random, names: Sequence[str], depth: int = 2, linear: bool = False) -> Expr:
    choice = draw.random()
    if choice < 0.7:
        op = draw.choice(COMPARISONS)
        return compare(op, expression(draw, names, depth, linear), expression(draw, names, depth, linear))
    parts = [condition(draw, names, depth - 1, linear) for _ in range(2)] if depth else []
    if not parts:
        return compare("<=", Sym(names[0]), Sym(names[-1]))
    if choice < 0.8:
        return negation(parts[0])
    return conjunction(parts) if choice < 0.9 else disjunction(parts)
