"""Claims as formulas: terms replaced by their closed forms, claims by the comparisons that they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from patternc.analysis.closed_form import Bounds, Cases, Value
from patternc.analysis.family import INFINITE
from patternc.ir.expr import (
    COMPARISONS,
    MIRRORED,
    ONE,
    TRUE,
    ZERO,
    Arith,
    Bool,
    Expr,
    arith,
    compare,
    conjunction,
    disjunction,
    negation,
    sub,
)
from patternc.ir.program import Chain, Claim, Covers, GapFree, Measure

Lookup = Callable[[str, Expr], Value | None]
"""The value of a measure at an argument; None where no rule gives it."""


class NoClosedFormError(ValueError):
    """No rule gives a term of the claim."""


@dataclass
class Translation:
    """Builds the formula of a claim, and remembers the closed forms that it took."""

    lookup: Lookup
    causal: Callable[[], bool] = lambda: False
    """Whether membership is a function of the lag, and no lag is negative."""
    exact: bool = True
    """Whether the formula is equivalent to the claim; else it only implies the claim."""
    used: dict[Measure, Value] = field(default_factory=dict)

    def formula(self, claim: Claim) -> Expr | None:
        """What the claim says of its parameters; None for claims that are no comparisons of terms."""
        match claim:
            case Chain(operands, ops):
                pairs = zip(operands, ops, operands[1:], strict=False)
                return conjunction(self.comparison(a, op, b) for a, op, b in pairs)
            case Covers(tokens, Expr() as layers):
                return self.comparison(Measure("depth", tokens), "<=", layers)
            case GapFree(layers):
                return self.comparison(Measure("prefix", layers), "==", Measure("reach", layers))
            case _:
                return None

    def measured(self, term: Measure) -> Value:
        """The value of a term of the claim, looked up once.  Raises `NoClosedFormError`."""
        argument = self.value(term.argument)
        term = Measure(term.name, argument)
        if term not in self.used:
            value = self.lookup(term.name, argument)
            if value is None:
                raise NoClosedFormError(term.name)
            self.used[term] = value
        return self.used[term]

    def comparison(self, left: Expr, op: str, right: Expr) -> Expr:
        """``left op right`` with its terms replaced by closed forms.  Raises `NoClosedFormError`."""
        if isinstance(right, Measure) and right.name == "depth":
            left, op, right = right, MIRRORED[op], left
        try:
            return self.compared(left, op, right)
        except NoClosedFormError:
            if not isinstance(left, Measure) or left.name != "depth" or isinstance(right, Measure) or not self.causal():
                raise
        return self.by_prefix(self.value(left.argument), op, self.value(right))

    def by_prefix(self, tokens: Expr, op: str, layers: Expr) -> Expr:
        """A comparison with ``depth(tokens)``, which is at most L >= 1 exactly where ``prefix(L) >= tokens - 1``."""
        if layers == INFINITE:
            raise NoClosedFormError("depth")
        last = sub(tokens, ONE)

        def at_most(count: Expr) -> Expr:
            alone = conjunction((compare("<=", tokens, ONE), compare(">=", count, ZERO)))
            seen = self.compared(Measure("prefix", count), ">=", last)
            return disjunction((alone, conjunction((compare(">=", count, ONE), seen))))

        fewer = sub(layers, ONE)
        match op:
            case "<=":
                return at_most(layers)
            case "<":
                return at_most(fewer)
            case ">":
                return negation(at_most(layers))
            case ">=":
                return negation(at_most(fewer))
            case _:
                equal = conjunction((at_most(layers), negation(at_most(fewer))))
                return equal if op == "==" else negation(equal)

    def compared(self, left: Expr, op: str, right: Expr) -> Expr:
        """The comparison of two sides, case by case where one has cases."""
        a, b = self.enclosed(left), self.enclosed(right)
        if isinstance(a, Cases) or isinstance(b, Cases):
            return conjunction(
                disjunction((negation(conjunction((given, also))), extended(op, x, y)))
                for given, x in _cases(a)
                for also, y in _cases(b)
            )
        if not isinstance(a, Bounds) and not isinstance(b, Bounds):
            return extended(op, a, b)
        self.exact = False
        low, high = _bounds(a), _bounds(b)
        if op in ("<", "<="):
            return extended(op, low.upper, high.lower)
        if op in (">", ">="):
            return extended(op, low.lower, high.upper)
        raise NoClosedFormError("the exact value of a term that is only enclosed")

    def enclosed(self, operand: Expr) -> Value:
        """An operand of a comparison: a term's value or bounds, or an expression."""
        return self.measured(operand) if isinstance(operand, Measure) else self.value(operand)

    def value(self, expr: Expr) -> Expr:
        """``expr`` with its terms replaced; `oo` where one is."""
        if isinstance(expr, Measure):
            value = self.measured(expr)
            if isinstance(value, Bounds | Cases):
                raise NoClosedFormError(expr.name)
            return value
        if not isinstance(expr, Arith):
            return expr
        args = [self.value(a) for a in expr.args]
        if INFINITE not in args:
            return arith(expr.op, *args)
        finite = [a for a in args if a != INFINITE]
        if expr.op == "min" and finite:
            return finite[0]
        if expr.op in ("max", "+") or (expr.op == "-" and finite and args[0] == INFINITE):
            return INFINITE
        raise NoClosedFormError("arithmetic with oo")


def _bounds(value: Expr | Bounds) -> Bounds:
    return value if isinstance(value, Bounds) else Bounds(value, value)


def _cases(value: Value) -> tuple[tuple[Expr, Expr], ...]:
    if isinstance(value, Bounds):
        raise NoClosedFormError("the exact value of a term that is only enclosed")
    return value.pieces if isinstance(value, Cases) else ((TRUE, value),)


def extended(op: str, left: Expr, right: Expr) -> Expr:
    """The comparison of two values that may be infinite."""
    if left != INFINITE and right != INFINITE:
        return compare(op, left, right)
    order = (left == INFINITE) - (right == INFINITE)
    return Bool(COMPARISONS[op](order, 0))
