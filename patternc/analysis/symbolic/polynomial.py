"""Polynomials with rational coefficients in named integer variables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from math import gcd, lcm
from typing import TypeAlias

Monomial: TypeAlias = tuple[str, ...]
"""The variables of a product, sorted, each as often as its power: ``("k", "k", "p")`` is ``k*k*p``."""
Number: TypeAlias = int | Fraction


_ONE = (((), 1),)


@lru_cache(maxsize=1 << 16)
def _product(left: Monomial, right: Monomial) -> Monomial:
    """Two monomials multiplied; the same few meet very often."""
    return tuple(sorted(left + right))


@dataclass(frozen=True)
class Poly:
    """A sum of monomials; ``terms`` is sorted and holds no zero coefficient."""

    terms: tuple[tuple[Monomial, Number], ...]

    @staticmethod
    def of(coefficients: Mapping[Monomial, Number]) -> Poly:
        """The polynomial of monomials and their coefficients; zeros are left out."""
        whole = ((m, c.numerator if c.denominator == 1 else c) for m, c in coefficients.items() if c)
        return Poly(tuple(sorted(whole)))

    @staticmethod
    def constant(value: Number) -> Poly:
        """A number."""
        return Poly((((), value),) if value else ())

    @staticmethod
    def variable(name: str) -> Poly:
        """A variable."""
        return Poly((((name,), 1),))

    @cached_property
    def coefficients(self) -> dict[Monomial, Number]:
        """The coefficient of each monomial."""
        return dict(self.terms)

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of the variables in it."""
        return frozenset(name for monomial, _ in self.terms for name in monomial)

    @cached_property
    def degree(self) -> int:
        """The largest number of variables in a monomial."""
        return max((len(m) for m, _ in self.terms), default=0)

    @property
    def value(self) -> Number | None:
        """Its value where it is constant."""
        if not self.terms:
            return 0
        return self.terms[0][1] if self.terms[-1][0] == () else None  # the monomial 1 is sorted first

    def __add__(self, other: Poly) -> Poly:
        result = dict(self.terms)
        for monomial, c in other.terms:
            result[monomial] = result.get(monomial, 0) + c
        return Poly.of(result)

    def __neg__(self) -> Poly:
        return Poly(tuple((m, -c) for m, c in self.terms))

    def __sub__(self, other: Poly) -> Poly:
        return self + -other

    def __mul__(self, other: Poly) -> Poly:
        if self.terms == _ONE:
            return other
        result: dict[Monomial, Number] = {}
        for m1, c1 in self.terms:
            for m2, c2 in other.terms:
                monomial = _product(m1, m2)
                result[monomial] = result.get(monomial, 0) + c1 * c2
        return Poly.of(result)

    def plus(self, value: Number) -> Poly:
        """The sum with a number."""
        return self + Poly.constant(value)

    def times(self, factor: Number) -> Poly:
        """The product with a number."""
        return Poly.of({m: c * factor for m, c in self.terms})

    def substituted(self, name: str, value: Poly) -> Poly:
        """The polynomial with a variable replaced."""
        if name not in self.variables:
            return self
        result = Poly(())
        for monomial, c in self.terms:
            part = Poly.of({tuple(v for v in monomial if v != name): c})
            for _ in range(monomial.count(name)):
                part = part * value
            result = result + part
        return result

    def evaluated(self, values: Mapping[str, int]) -> Number:
        """Its value where every variable has one."""
        total: Number = 0
        for monomial, c in self.terms:
            for name in monomial:
                c = c * values[name]
            total += c
        return total

    @cached_property
    def primitive(self) -> Poly:
        """The positive multiple with whole coefficients that have no common divisor."""
        if not self.terms:
            return self
        scale = lcm(*[c.denominator for _, c in self.terms])
        whole = [int(c * scale) for _, c in self.terms]
        divisor = gcd(*whole)
        if scale == divisor == 1:
            return self
        return Poly(tuple((m, c // divisor) for (m, _), c in zip(self.terms, whole, strict=True)))

    @cached_property
    def tightened(self) -> Poly:
        """For ``self >= 0`` over the integers: `primitive`, its constant rounded down to what integers can reach."""
        if not self.terms:
            return self
        scale = lcm(*[c.denominator for _, c in self.terms])
        whole = {m: int(c * scale) for m, c in self.terms}
        divisor = gcd(*(c for m, c in whole.items() if m)) or 1
        return Poly.of({m: c // divisor for m, c in whole.items()})

    def quotient(self, divisor: Poly) -> tuple[Poly, Poly]:
        """``(quotient, remainder)`` of the division by the divisor's leading term; coefficients stay whole."""
        lead, factor = max(divisor.terms, key=lambda t: (len(t[0]), t[0]))
        quotient, rest, remainder = Poly(()), self, Poly(())
        while rest.terms:
            monomial, c = max(rest.terms, key=lambda t: (len(t[0]), t[0]))
            left = _without(monomial, lead)
            whole, over = divmod(c, factor) if left is not None else (0, c)
            if left is None or not whole:
                remainder += Poly.of({monomial: c})
                rest -= Poly.of({monomial: c})
                continue
            step = Poly.of({left: whole})
            quotient += step
            rest -= step * divisor
            if over:
                remainder += Poly.of({monomial: over})
                rest -= Poly.of({monomial: over})
        return quotient, remainder

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        parts: list[str] = []
        for monomial, c in sorted(self.terms, key=lambda t: (-len(t[0]), t[0])):
            sign = "-" if c < 0 else "+" if parts else ""
            factors = list(monomial) if abs(c) == 1 and monomial else [str(abs(c)), *monomial]
            parts.append(f"{sign}{' ' if parts else ''}{'*'.join(factors)}")
        return " ".join(parts)


def _without(monomial: Monomial, part: Monomial) -> Monomial | None:
    """The monomial divided by ``part``, or None."""
    left = list(monomial)
    for name in part:
        if name not in left:
            return None
        left.remove(name)
    return tuple(left)


def total(parts: Iterable[Poly]) -> Poly:
    """The sum."""
    result: dict[Monomial, Number] = {}
    for part in parts:
        for monomial, c in part.terms:
            result[monomial] = result.get(monomial, 0) + c
    return Poly.of(result)
