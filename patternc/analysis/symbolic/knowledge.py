"""What a claim may assume, and questions about it: yes, no, or a case distinction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cached_property, reduce
from math import inf

from patternc.analysis.symbolic.lowering import Context, Sample, SplitError, UnsupportedError
from patternc.analysis.symbolic.polynomial import Poly
from patternc.analysis.symbolic.presburger import decide
from patternc.analysis.symbolic.proving import Prover, difficulty
from patternc.analysis.symbolic.sampling import predicate, samples
from patternc.ir.expr import Bool, Compare, Expr, Int, Logic, Sym, add, compare, mul, negation, sub

PROBES = 60
"""So many samples, well spread, accompany the search for proofs."""


QUICK, THOROUGH = 2, 3
"""How many facts are multiplied with each other, for questions on the way and for the claim itself."""


class UndeterminedError(Exception):
    """Whether ``condition`` holds depends on the parameters: the case must be split."""

    def __init__(self, condition: Expr):
        super().__init__(str(condition))
        self.condition = condition


class Knowledge:
    """Conditions on integer symbols, and assignments that satisfy them, in the order of `samples`."""

    def __init__(self, assumptions: Iterable[Expr], order: Sequence[str], known: Iterable[Sample] | None = None):
        self.assumptions = tuple(dict.fromkeys(part for a in assumptions for part in _conjuncts(a)))
        self.order = tuple(order)
        self.first = self.assumptions
        """What was assumed before any case distinction."""
        self.samples = samples(self.assumptions, self.order) if known is None else list(known)
        self.until = inf
        """When to give up, on the monotonic clock."""
        self._answers: dict[tuple[Expr, bool], bool] = {}

    def given(self, condition: Expr) -> Knowledge:
        """The same with one more condition."""
        holds = predicate(condition)
        result = Knowledge((*self.assumptions, condition), self.order, (s for s in self.samples if holds(s)))
        result.first, result.until = self.first, self.until
        return result

    @property
    def contradictory(self) -> bool:
        """Whether nothing satisfies the assumptions, as far as is found."""
        if self.samples:
            return False
        return self.proves(Bool(False)) or any(self._by_sign(Sym(name)) for name in self.order)

    def _by_sign(self, symbol: Expr) -> bool:
        """Whether neither a symbol >= 0 nor one below satisfies the assumptions."""
        halves = (compare(">=", symbol, Int(0)), compare("<=", symbol, Int(-1)))
        return all(self.given(half).proves(Bool(False)) for half in halves)

    @cached_property
    def _probes(self) -> list[Sample]:
        return self.samples[:: max(1, len(self.samples) // PROBES)]

    @cached_property
    def _prover(self) -> Prover:
        return Prover(self.assumptions, self._probes)

    def proves(self, condition: Expr, thorough: bool = False) -> bool:
        """Whether ``condition`` is found to hold for all that satisfies the assumptions."""
        if isinstance(condition, Bool):
            if condition.value:
                return True
            if self.samples:
                return False
        key = (condition, thorough)
        if key not in self._answers:
            self._answers[key] = not self.counterexample(condition) and self._proves(condition, thorough)
        return self._answers[key]

    def _proves(self, condition: Expr, thorough: bool) -> bool:
        answer = decide(self.assumptions, condition, self.order)
        if isinstance(answer, dict):
            self.samples.append(answer)
            return False
        return answer is True or self._prover.proves(condition, THOROUGH if thorough else QUICK, self.until)

    def ask(self, condition: Expr) -> bool:
        """Whether ``condition`` holds; `UndeterminedError` where that depends or is not found."""
        if self.proves(condition):
            return True
        if self.proves(negation(condition)):
            return False
        raise UndeterminedError(condition)

    def settle(self, condition: Expr) -> None:
        """Remember a condition that is proved, for later proofs that would not find it."""
        if condition not in self.assumptions and self.proves(condition):
            self.assumptions = (*self.assumptions, condition)
            self.__dict__.pop("_prover", None)
            self.__dict__.pop("_context", None)

    def counterexample(self, condition: Expr) -> Sample | None:
        """The first sample for which ``condition`` has the value false."""
        holds = predicate(condition)
        return next((s for s in self.samples if holds(s) is False), None)

    @cached_property
    def _context(self) -> Context:
        """The assumptions as polynomials, without those that need a case distinction."""
        context = Context((), self._probes)
        for assumption in sorted(self.assumptions, key=difficulty):
            if isinstance(assumption, Compare) and assumption.op not in ("==", "!="):
                with suppress(SplitError, UnsupportedError):
                    context.assume(assumption)
        return context

    def normal(self, expr: Expr) -> Expr:
        """``expr`` multiplied out, where it is a polynomial with whole coefficients under the assumptions."""
        try:
            return _expression(self._context.poly(expr), frozenset(self.order)) or expr
        except (SplitError, UnsupportedError):
            return expr

    def larger(self, *values: Expr) -> Expr:
        """The largest of the values."""
        best = values[0]
        for value in values[1:]:
            best = best if self.ask(compare(">=", best, value)) else value
        return best

    def smaller(self, *values: Expr) -> Expr:
        """The smallest of the values."""
        best = values[0]
        for value in values[1:]:
            best = best if self.ask(compare("<=", best, value)) else value
        return best


def _conjuncts(condition: Expr) -> tuple[Expr, ...]:
    if isinstance(condition, Logic) and condition.op == "and":
        return tuple(part for arg in condition.args for part in _conjuncts(arg))
    return () if condition == Bool(True) else (condition,)


def _expression(poly: Poly, symbols: frozenset[str]) -> Expr | None:
    """The polynomial as an expression, its highest powers first."""
    if not poly.variables <= symbols or any(not isinstance(c, int) for _, c in poly.terms):
        return None
    result: Expr = Int(0)
    for monomial, c in sorted(poly.terms, key=lambda t: (-len(t[0]), t[0])):
        size = reduce(mul, [Sym(name) for name in monomial], Int(1))
        size = mul(Int(abs(int(c))), size)
        result = sub(result, size) if c < 0 else add(result, size)
    return result
