"""Expressions as polynomials: what is not polynomial becomes a variable with the inequalities that define it.

=================  ==================================================================================================
``a // b``         a variable ``u`` with ``b*u <= a <= b*u + b - 1``, where ``b >= 1`` follows from what is known
``a % b``          ``a - b * (a // b)``
``min max abs``    the argument that is known to be it; where nothing is known `SplitError` asks for a case distinction
``ceil_log2(e)``   a variable ``u >= 0`` with ``2**t * (u - t) <= e - 1`` for all ``t >= 0``, and ``(u-1)*(e-1) >= 0``
``c ** e``         a variable ``u >= (c - 1)*e + 1``, for a number ``c >= 2`` and ``e >= 0``; ``c**(e+1) = c * c**e``
=================  ==================================================================================================

Of the logarithm: if ``e <= 2**t`` then ``u <= t``; else ``u = t + j`` with ``e - 1 >= 2**(t+j-1)``, and
``2**(j-1) >= j``.  Of the power: Bernoulli's inequality.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import product

from patternc.analysis.symbolic.polynomial import Poly
from patternc.analysis.symbolic.positivity import contradiction
from patternc.ir.expr import Arith, Compare, Expr, Int, Sym, ceil_log2

Sample = dict[str, int]

LOG_TANGENTS = 4
MAX_POWER = 12
_RESIDUES = 4096


class SplitError(Exception):
    """Two cases must be told apart: ``poly >= 0`` or ``poly <= -1``."""

    def __init__(self, poly: Poly):
        super().__init__(str(poly))
        self.poly = poly


class UnsupportedError(ValueError):
    """An expression without a polynomial form, or one that is not known to have a value."""


class Context:
    """What is known in one case: polynomials that are >= 0, and variables that stand for expressions.

    ``samples`` are assignments that satisfy what is known (as many as are at hand): a question that one of them
    answers with no is not put to the search for proofs.
    """

    def __init__(self, known: Iterable[Poly], samples: Iterable[Sample], degree: int = 2):
        self.known: list[Poly] = []
        self.samples = [dict(s) for s in samples]
        self.degree = degree
        self._bindings: dict[str, Poly] = {}
        self._named: set[str] = set()
        self._answers: dict[Poly, bool] = {}
        for poly in known:
            self.add(poly)

    def add(self, poly: Poly) -> None:
        """Take ``poly >= 0`` for granted."""
        poly = self.reduced(poly).tightened
        if poly in self.known or ((value := poly.value) is not None and value >= 0):
            return
        self.known.append(poly)
        self._answers = {p: yes for p, yes in self._answers.items() if yes}
        self._keep(poly)

    def _keep(self, poly: Poly) -> None:
        """Drop the samples for which ``poly`` is negative."""
        if self.samples_with(poly.variables):
            self.samples = [s for s in self.samples if poly.evaluated(s) >= 0]

    def samples_with(self, variables: frozenset[str]) -> list[Sample]:
        """The samples, where they have values for the variables; all of them have the same ones."""
        return self.samples if self.samples and variables <= self.samples[0].keys() else []

    def copy(self) -> Context:
        """The same knowledge, to be added to."""
        result = Context((), self.samples, self.degree)
        result.known = list(self.known)
        result._bindings = dict(self._bindings)
        result._named = set(self._named)
        result._answers = dict(self._answers)
        return result

    def assume(self, condition: Compare) -> None:
        """Take a comparison for granted; `SplitError` where it needs a case distinction."""
        gap = self.poly(condition.right) - self.poly(condition.left)
        match condition.op:
            case "<=":
                self.add(gap)
            case "<":
                self.add(gap.plus(-1))
            case ">=":
                self.add(-gap)
            case ">":
                self.add((-gap).plus(-1))
            case "==":
                self._equate(gap)
            case _:
                if self.nonnegative(gap):
                    self.add(gap.plus(-1))
                elif self.nonnegative(-gap):
                    self.add((-gap).plus(-1))
                else:
                    raise SplitError(gap.tightened)

    def _equate(self, gap: Poly) -> None:
        """Take ``gap == 0`` for granted: a variable is replaced where it stands alone in it."""
        gap = self.reduced(gap)
        for monomial, c in gap.terms:
            alone = len(monomial) == 1 and sum(monomial[0] in m for m, _ in gap.terms) == 1
            if alone and abs(c) == 1 and monomial[0] not in self._named:
                name = monomial[0]
                value = (Poly.variable(name).times(c) - gap).times(c)
                self._bindings = {n: p.substituted(name, value) for n, p in self._bindings.items()}
                self._bindings[name] = value
                before, self.known = self.known, []
                self._answers.clear()
                if self.samples_with(gap.variables):
                    self.samples = [s for s in self.samples if gap.evaluated(s) == 0]
                for poly in before:
                    self.add(poly)
                return
        self.add(gap)
        self.add(-gap)

    def reduced(self, poly: Poly) -> Poly:
        """The polynomial with bound variables replaced."""
        for name in poly.variables & self._bindings.keys():
            poly = poly.substituted(name, self._bindings[name])
        return poly

    def nonnegative(self, poly: Poly) -> bool:
        """Whether ``poly >= 0`` is found to follow from what is known."""
        poly = self.reduced(poly).tightened
        if (value := poly.value) is not None:
            return value >= 0
        if poly not in self._answers:
            counter = any(poly.evaluated(s) < 0 for s in self.samples_with(poly.variables))
            self._answers[poly] = (
                not counter and contradiction([*self.known, (-poly).plus(-1)], self.degree) is not None
            )
        return self._answers[poly]

    def poly(self, expr: Expr) -> Poly:
        """``expr`` as a polynomial.  Raises `SplitError` and `UnsupportedError`."""
        match expr:
            case Int(value):
                return Poly.constant(value)
            case Sym(name):
                return self.reduced(Poly.variable(name))
            case Arith("neg", (arg,)):
                return -self.poly(arg)
            case Arith("+", (a, b)):
                return self.poly(a) + self.poly(b)
            case Arith("-", (a, b)):
                return self.poly(a) - self.poly(b)
            case Arith("*", (a, b)):
                return self.poly(a) * self.poly(b)
            case Arith("//", (a, b)):
                return self.floor(self.poly(a), self.poly(b))
            case Arith("%", (a, b)):
                dividend, divisor = self.poly(a), self.poly(b)
                return dividend - divisor * self.floor(dividend, divisor)
            case Arith("**", (a, b)):
                return self._power(self.poly(a), self.poly(b))
            case Arith("min", args):
                return self._extreme([self.poly(a) for a in args], -1)
            case Arith("max", args):
                return self._extreme([self.poly(a) for a in args], 1)
            case Arith("abs", (a,)):
                value = self.poly(a)
                return self._extreme([value, -value], 1)
            case Arith("ceil_log2", (a,)):
                return self._logarithm(self.poly(a))
            case _:
                raise UnsupportedError(f"no polynomial for {expr!r}")

    def _extreme(self, values: list[Poly], sign: int) -> Poly:
        """The largest (``sign`` 1) or smallest (-1) of ``values``."""
        best = values[0]
        for value in values[1:]:
            gap = (best - value).times(sign)
            if self.nonnegative(gap):
                continue
            if not self.nonnegative(-gap):
                raise SplitError(self.reduced(gap).tightened)
            best = value
        return best

    def floor(self, dividend: Poly, divisor: Poly) -> Poly:
        """``dividend // divisor``, in one form however it was written."""
        if self.nonnegative((-divisor).plus(-1)):
            dividend, divisor = -dividend, -divisor
        elif not self.nonnegative(divisor.plus(-1)):
            raise UnsupportedError(f"{divisor} may be 0")
        scale = 1
        for _, c in (*dividend.terms, *divisor.terms):
            scale *= c.denominator
        quotient, rest = dividend.times(scale).quotient(divisor.times(scale))
        divisor = divisor.times(scale)
        if (exact := _by_residues(rest, divisor)) is not None:
            return quotient + exact
        if self.nonnegative(rest) and self.nonnegative((divisor - rest).plus(-1)):
            return quotient
        lead = max(rest.terms, key=lambda t: (len(t[0]), t[0]))
        if lead[1] < 0:
            # floor(r/b) = -(floor((-r - 1)/b) + 1), the upper rounding of -r/b being floor((-r - 1)/b) + 1.
            return quotient - self.floor((-rest).plus(-1), divisor).plus(1)
        name = f"floor(({rest})/({divisor}))"
        if name in self._named:
            return quotient + Poly.variable(name)
        self._name(name, lambda s: int(rest.evaluated(s) // divisor.evaluated(s)), rest.variables | divisor.variables)
        variable = Poly.variable(name)
        self.add(rest - divisor * variable)
        self.add((divisor * variable + divisor - rest).plus(-1))
        for bound in (1, 0, -1):
            if self.nonnegative(rest - divisor.times(bound)):
                self.add(variable.plus(-bound))
                break
        return quotient + variable

    def _name(self, name: str, value: Callable[[Sample], int], variables: frozenset[str]) -> None:
        self._named.add(name)
        for sample in self.samples_with(variables):
            sample[name] = value(sample)
        # Cases may speak of the name already.
        for poly in self.known:
            if name in poly.variables:
                self._keep(poly)

    def _logarithm(self, argument: Poly) -> Poly:
        if (value := argument.value) is not None and value >= 1:
            return Poly.constant(ceil_log2(int(value)))
        if not self.nonnegative(argument.plus(-1)):
            raise UnsupportedError(f"ceil_log2 of {argument}, which may be below 1")
        halved = 0
        while all(isinstance(c, int) and c % 2 == 0 for _, c in argument.terms):
            argument, halved = argument.times(1).quotient(Poly.constant(2))[0], halved + 1
        name = f"ceil_log2({argument})"
        variable = Poly.variable(name)
        if name not in self._named:
            self._name(name, lambda s: ceil_log2(int(argument.evaluated(s))), argument.variables)
            self.add(variable)
            for t in range(LOG_TANGENTS):
                self.add(argument.plus(-1) - variable.plus(-t).times(2**t))
            self.add(variable.plus(-1) * argument.plus(-1))
        return variable.plus(halved)

    def _power(self, base: Poly, exponent: Poly) -> Poly:
        e, b = exponent.value, base.value
        if e is not None:
            if not 0 <= e <= MAX_POWER:
                raise UnsupportedError(f"power {e}")
            result = Poly.constant(1)
            for _ in range(int(e)):
                result = result * base
            return result
        if b is None or b < 2:
            raise UnsupportedError("a power whose base is not a number from 2 up")
        if not self.nonnegative(exponent):
            raise UnsupportedError(f"the exponent {exponent} may be negative")
        shift = int(exponent.coefficients.get((), 0))
        free = exponent.plus(-shift)
        if abs(shift) > MAX_POWER or (shift > 0 and not self.nonnegative(free)):
            shift, free = 0, exponent
        name = f"{b}**({free})"
        variable = Poly.variable(name)
        if name not in self._named:
            self._name(name, lambda s: int(b ** min(int(free.evaluated(s)), 100)), free.variables)
        # b**free is b**(free + shift) * b**-shift where shift < 0.
        least = exponent.times(b - 1).plus(1).times(b**-shift) if shift < 0 else free.times(b - 1).plus(1)
        self.add(variable - least)
        return variable.times(Fraction(b) ** shift)


def _by_residues(dividend: Poly, divisor: Poly) -> Poly | None:
    """The quotient where the remainder is the same for all integers: ``t*(t+1) // 2`` is a polynomial."""
    modulus = divisor.value
    if modulus is None or not dividend.terms:
        return None if dividend.terms else Poly(())
    names = sorted(dividend.variables)
    if modulus == 1:
        return dividend
    if modulus ** len(names) > _RESIDUES:
        return None
    residues = {
        int(dividend.evaluated(dict(zip(names, values, strict=True)))) % int(modulus)
        for values in product(range(int(modulus)), repeat=len(names))
    }
    if len(residues) > 1:
        return None
    return dividend.plus(-residues.pop()).times(Fraction(1, int(modulus)))
