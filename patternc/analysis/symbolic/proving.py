"""Proofs of formulas over integers: case distinctions, and a contradiction in each case.

A formula is an `Expr` of comparisons, `and`, `or` and `not`.  It is proved where in every case its negation contradicts
the assumptions; cases come from alternatives in the assumptions and from `min`, `max` and `abs`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import inf
from time import monotonic

from patternc.analysis.symbolic.lowering import Context, Sample, SplitError, UnsupportedError
from patternc.analysis.symbolic.polynomial import Poly
from patternc.analysis.symbolic.positivity import contradiction
from patternc.ir.expr import Arith, Bool, Compare, Expr, Logic, disjunction, negation

MAX_ALTERNATIVES = 64
MAX_CASES = 96
MAX_SECONDS = 4.0
"""A search that takes longer is given up between two cases."""
DEGREE = 3


class Prover:
    """Searches for proofs from fixed assumptions.

    ``samples`` are assignments that satisfy the assumptions; they save searches for proofs that cannot exist.
    """

    def __init__(self, assumptions: Sequence[Expr], samples: Sequence[Sample] = ()):
        self.assumptions = assumptions
        self.samples = samples
        self._cases: dict[tuple[tuple[Compare, ...], tuple[Poly, ...]], Context | SplitError] = {}
        self._left, self._degree, self._until = 0, DEGREE, 0.0

    def proves(self, goal: Expr, degree: int = DEGREE, until: float = inf) -> bool:
        """Whether ``goal`` is found to follow for all integers, by products of at most ``degree`` facts.

        What is not found by the time ``until`` (on the monotonic clock) is given up.
        """
        self._left, self._degree, self._until = MAX_CASES, degree, min(monotonic() + MAX_SECONDS, until)
        try:
            return all(self._goal(case, goal) for case in _alternatives(self.assumptions))
        except UnsupportedError:
            return False

    def _goal(self, case: tuple[Compare, ...], goal: Expr) -> bool:
        match goal:
            case Bool(True):
                return True
            case Logic("and", args):
                return all(self._goal(case, arg) for arg in args)
            case Logic("or", (first, *others)):
                rest = disjunction(others)
                return all(self._goal(case + choice, rest) for choice in _choices(negation(first)))
            case Compare("<=" | "<" as op, Arith("max", args), right):
                return all(self._goal(case, Compare(op, arg, right)) for arg in args)
            case Compare(">=" | ">" as op, left, Arith("max", args)):
                return all(self._goal(case, Compare(op, left, arg)) for arg in args)
            case Compare("==", left, right):
                return all(self._goal(case, Compare(op, left, right)) for op in ("<=", ">="))
            case Compare("!=", left, right):
                return self._goal((*case, Compare("<=", left, right)), Compare("<", left, right))
            case Compare():
                return self._follows(case, goal, ())
            case Bool(False):
                return self._follows(case, None, ())
            case _:
                raise UnsupportedError("a goal of no known kind")

    def _follows(self, case: tuple[Compare, ...], goal: Compare | None, splits: tuple[Poly, ...]) -> bool:
        """Whether the goal (None: a contradiction) follows in this case and under ``splits``."""
        if self._left <= 0 or monotonic() > self._until:
            return False
        self._left -= 1
        try:
            context = self._context(case, splits)
            denied = [] if goal is None else [_denial(goal, context)]
        except SplitError as split:
            halves = (split.poly, (-split.poly).plus(-1))
            return all(self._follows(case, goal, (*splits, half)) for half in halves)
        if denied and any(denied[0].evaluated(s) >= 0 for s in context.samples_with(denied[0].variables)):
            return False
        facts = [*context.known, *denied]
        if contradiction(facts, self._degree) is not None:
            return True
        whole = _whole_number_facts(facts) if self._degree >= DEGREE else []
        return bool(whole) and contradiction([*facts, *whole], self._degree) is not None

    def _context(self, case: tuple[Compare, ...], splits: tuple[Poly, ...]) -> Context:
        """What is known in a case.  Raises `SplitError`."""
        key = (case, splits)
        if key not in self._cases:
            context = Context(splits, self.samples)
            try:
                for condition in sorted(case, key=difficulty):
                    # A condition that has no polynomial form is not used.
                    with suppress(UnsupportedError):
                        context.assume(condition)
                self._cases[key] = context
            except SplitError as split:
                self._cases[key] = split
        found = self._cases[key]
        if isinstance(found, SplitError):
            raise found
        return found.copy()


def _alternatives(conditions: Sequence[Expr]) -> Iterator[tuple[Compare, ...]]:
    """The conjunctions of comparisons whose union the conditions are."""
    cases: list[tuple[Compare, ...]] = [()]
    for condition in conditions:
        choices = list(_choices(condition))
        cases = [c + choice for c in cases for choice in choices]
        if len(cases) > MAX_ALTERNATIVES:
            raise UnsupportedError("too many cases in the conditions")
    yield from cases


def _choices(condition: Expr) -> Iterator[tuple[Compare, ...]]:
    match condition:
        case Bool(True):
            yield ()
        case Bool(False):
            return
        case Compare():
            yield (condition,)
        case Logic("and", args):
            yield from _alternatives(args)
        case Logic("or", args):
            for arg in args:
                yield from _choices(arg)
        case Logic("not", (arg,)) if not isinstance(arg, Logic | Compare | Bool):
            raise UnsupportedError("a condition of no known kind")
        case Logic("not", (arg,)):
            yield from _choices(negation(arg))
        case _:
            raise UnsupportedError("a condition of no known kind")


def _whole_number_facts(facts: Sequence[Poly]) -> list[Poly]:
    """``(v - b)*(v - b - 1) >= 0`` for every variable v with a lower bound b: a whole number lies not between two."""
    found: list[Poly] = []
    for fact in facts:
        names = [m for m, _ in fact.terms if m]
        if len(names) == 1 and len(names[0]) == 1 and fact.coefficients[names[0]] == 1:
            found.append(fact * fact.plus(-1))
    return found


def _denial(goal: Compare, context: Context) -> Poly:
    """The polynomial that is >= 0 exactly where the goal fails."""
    gap = context.poly(goal.right) - context.poly(goal.left)
    match goal.op:
        case "<=":
            return (-gap).plus(-1).tightened
        case "<":
            return (-gap).tightened
        case ">=":
            return gap.plus(-1).tightened
        case _:
            return gap.tightened


def difficulty(condition: Expr) -> int:
    """Plain conditions first: they decide the signs that the others need."""
    return sum(_weight(child) for child in condition.children())


def _weight(expr: Expr) -> int:
    own = 0 if getattr(expr, "op", "") in ("", "+", "-", "neg") else 1 if getattr(expr, "op", "") == "*" else 10
    return own + sum(_weight(child) for child in expr.children())
