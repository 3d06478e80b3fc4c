"""Quasi-affine expressions in a normal form, and the exact solution of comparisons in one variable.

The normal form is ``c + sum of coefficient * key``; a key is a symbol, a floor division whose inner coefficients are
reduced modulo its divisor, or an operation kept as it is (`min`, `max`, `abs`).  A remainder is written with its floor
division.  So ``(k + 5 - k) % 4`` has no `k` in it, and a symbol that is absent does not matter to the value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import TypeAlias

from patternc.analysis.intset import ALL, EMPTY, INF, Bound, IntSet, TooLarge, congruent, interval, piecewise, reduced
from patternc.ir.expr import COMPARISONS, Arith, Expr, Int, Sym

MAX_SAMPLES = 1 << 20
"""A set that would take more evaluations than this to write down is refused: `TooLarge`."""


@dataclass(frozen=True)
class Floor:
    """``inner // divisor``, the divisor positive."""

    inner: Linear
    divisor: int


@dataclass(frozen=True)
class Kept:
    """An operation that is not linear: ``min``, ``max`` or ``abs``."""

    op: str
    args: tuple[Linear, ...]


Key: TypeAlias = "str | Floor | Kept"


@dataclass(frozen=True)
class Linear:
    """``const + sum of coefficient * key``; no coefficient is 0."""

    items: frozenset[tuple[Key, int]]
    const: int = 0

    @cached_property
    def coefficients(self) -> dict[Key, int]:
        """The coefficient of each symbol and division."""
        return dict(self.items)

    @cached_property
    def symbols(self) -> frozenset[str]:
        """The names of the symbols in it."""
        return frozenset().union(*(_key_symbols(key) for key, _ in self.items))

    def __add__(self, other: Linear) -> Linear:
        result = dict(self.coefficients)
        for key, c in other.items:
            result[key] = result.get(key, 0) + c
        return make(result, self.const + other.const)

    def __sub__(self, other: Linear) -> Linear:
        return self + other.times(-1)

    def times(self, factor: int) -> Linear:
        """The product with a number."""
        return make({key: c * factor for key, c in self.items}, self.const * factor)

    def floor(self, divisor: int) -> Linear:
        """``self // divisor``: whole multiples move out of the division."""
        if divisor < 0:
            return self.times(-1).floor(-divisor)
        outside = make({k: c // divisor for k, c in self.items}, self.const // divisor)
        inside = make({k: c % divisor for k, c in self.items}, self.const % divisor)
        return outside + make({Floor(inside, divisor): 1}, 0) if inside.items else outside


class NotQuasiAffine(ValueError):  # noqa: N818
    """A product of two positions, a division by one, a power of one."""


def make(coefficients: Mapping[Key, int], const: int) -> Linear:
    """The expression of coefficients and a constant; zeros are left out."""
    return Linear(frozenset((k, c) for k, c in coefficients.items() if c), const)


def constant(value: int) -> Linear:
    """A number."""
    return Linear(frozenset(), value)


def symbol(name: str) -> Linear:
    """A symbol."""
    return Linear(frozenset({(name, 1)}))


def _key_symbols(key: Key) -> frozenset[str]:
    match key:
        case Floor(inner, _):
            return inner.symbols
        case Kept(_, args):
            return frozenset().union(*(a.symbols for a in args))
        case _:
            return frozenset({key})


def linear(expr: Expr, values: Mapping[str, Linear]) -> Linear:
    """``expr`` in normal form, symbols replaced by ``values``.  Raises `NotQuasiAffine`."""
    match expr:
        case Int(value):
            return constant(value)
        case Sym(name):
            return values.get(name) or symbol(name)
        case Arith(op, args):
            return _operation(op, [linear(a, values) for a in args])
        case _:
            raise NotQuasiAffine(f"not a number: {expr!r}")


def _operation(op: str, args: list[Linear]) -> Linear:
    first, last = args[0], args[-1]
    match op:
        case "+":
            return first + last
        case "-":
            return first - last
        case "neg":
            return first.times(-1)
        case "*" if not first.items or not last.items:
            return last.times(first.const) if not first.items else first.times(last.const)
        case "//" if not last.items and last.const:
            return first.floor(last.const)
        case "%" if not last.items and last.const:
            return first - first.floor(last.const).times(last.const)
        case "min" | "max" | "abs":
            return _kept(op, args)
        case _:
            raise NotQuasiAffine(f"`{op}` of positions")


def _kept(op: str, args: list[Linear]) -> Linear:
    if all(not a.items for a in args):
        values = [a.const for a in args]
        return constant(abs(values[0]) if op == "abs" else min(values) if op == "min" else max(values))
    distinct = tuple(dict.fromkeys(args))
    return distinct[0] if op != "abs" and len(distinct) == 1 else make({Kept(op, distinct): 1}, 0)


def function(form: Linear) -> Callable[[int], int]:
    """The value of the form as a function of its one symbol."""
    return eval(f"lambda x: {_source(form)}")  # the source is built here, from numbers and one name


def _source(form: Linear) -> str:
    parts = [str(form.const)]
    for key, c in form.items:
        match key:
            case Floor(inner, divisor):
                part = f"({_source(inner)}) // {divisor}"
            case Kept(op, args):
                part = f"{op}({', '.join(_source(a) for a in args)})"
            case _:
                part = "x"
        parts.append(f"{c} * ({part})")
    return " + ".join(parts)


def _unnamed(form: Linear) -> Linear:
    """The form with its one symbol called x, so that equal questions are recognised."""

    def unnamed(key: Key) -> Key:
        match key:
            case Floor(inner, divisor):
                return Floor(_unnamed(inner), divisor)
            case Kept(op, args):
                return Kept(op, tuple(_unnamed(a) for a in args))
            case _:
                return "x"

    return Linear(frozenset((unnamed(key), c) for key, c in form.items), form.const)


def solutions(form: Linear, op: str) -> IntSet:
    """All x with ``form(x) op 0``, where ``form`` has one symbol.  Raises `TooLarge`."""
    return _solutions(_unnamed(form), op)


@lru_cache(maxsize=256)
def _solutions(form: Linear, op: str) -> IntSet:
    if not form.items:
        return ALL if COMPARISONS[op](form.const, 0) else EMPTY
    if op == "!=":
        return _solutions(form, "==").complement()
    if op in (">", "<"):
        return _solutions(form, "<=" if op == ">" else ">=").complement()
    if op == "<=":
        return _solutions(form.times(-1), ">=")
    if op == ">=":
        return _at_least(form, 0)
    return _equal_to(form)


def _single(form: Linear) -> tuple[Key, int] | None:
    return next(iter(form.items)) if len(form.items) == 1 else None


def _at_least(form: Linear, bound: int) -> IntSet:
    """All x with ``form(x) >= bound``."""
    if (single := _single(form)) is not None:
        key, c = single
        need = bound - form.const
        if isinstance(key, str):
            return interval(-(-need // c), None) if c > 0 else interval(None, need // c)
        if isinstance(key, Floor):
            if c > 0:
                return _at_least(key.inner, -(-need // c) * key.divisor)
            return _at_least(key.inner, (need // c + 1) * key.divisor).complement()
    if (remainder := _remainder(form)) is not None:
        period, offset, sign, const = remainder
        # sign * ((x + offset) mod period) + const >= bound
        low, high = (bound - const, period - 1) if sign > 0 else (0, const - bound)
        low, high = max(low, 0), min(high, period - 1)
        return congruent(period, low - offset, high - low + 1)
    return _by_samples(form, lambda v: v >= bound, bound)


def _equal_to(form: Linear) -> IntSet:
    """All x with ``form(x) == 0``."""
    if (single := _single(form)) is not None:
        key, c = single
        if form.const % c:
            return EMPTY
        target = -form.const // c
        if isinstance(key, str):
            return interval(target, target)
        if isinstance(key, Floor):
            low, high = target * key.divisor, (target + 1) * key.divisor
            return _at_least(key.inner, low) - _at_least(key.inner, high)
    if (remainder := _remainder(form)) is not None:
        period, offset, sign, const = remainder
        target = -const * sign
        return congruent(period, target - offset) if 0 <= target < period else EMPTY
    return _by_samples(form, lambda v: v == 0, 0)


def _remainder(form: Linear) -> tuple[int, int, int, int] | None:
    """(period, offset, sign, const) where the form is ``sign * ((x + offset) mod period) + const``."""
    if len(form.items) != 2:
        return None
    floor = next((k for k in form.coefficients if isinstance(k, Floor)), None)
    name = next((k for k in form.coefficients if isinstance(k, str)), None)
    if floor is None or name is None or (inner := _single(floor.inner)) is None or inner != (name, 1):
        return None
    sign = form.coefficients[name]
    if abs(sign) != 1 or form.coefficients[floor] != -sign * floor.divisor:
        return None
    return floor.divisor, floor.inner.const, sign, form.const - sign * floor.inner.const


@dataclass(frozen=True)
class Tail:
    """From ``start`` on (towards one end) the value is ``slope * x`` plus something periodic, at most ``size``."""

    slope: Fraction
    period: int
    size: Fraction
    start: int

    def plus(self, other: Tail) -> Tail:
        """The sum."""
        period = math.lcm(self.period, other.period)
        return Tail(self.slope + other.slope, period, self.size + other.size, max(self.start, other.start))

    def times(self, factor: int) -> Tail:
        """The product with a number."""
        return Tail(self.slope * factor, self.period, self.size * abs(factor), self.start)

    def floor(self, divisor: int) -> Tail:
        """The quotient by a positive number, rounded down."""
        step = self.slope * self.period
        period = self.period * (divisor // math.gcd(int(step), divisor))
        return Tail(self.slope / divisor, period, self.size / divisor + 1, self.start)


def _greatest(tails: Iterable[Tail]) -> Tail:
    tails = list(tails)
    top = max(t.slope for t in tails)
    best = [t for t in tails if t.slope == top]
    result = Tail(top, math.lcm(*(t.period for t in best)), max(t.size for t in best), max(t.start for t in tails))
    for t in tails:
        if t.slope < top:
            crossing = math.ceil((t.size + result.size) / (top - t.slope))
            result = Tail(result.slope, result.period, result.size, max(result.start, crossing))
    return result


def _tail(form: Linear, sign: int) -> Tail:
    """How the form behaves at ``sign * x`` for large x."""
    result = Tail(Fraction(0), 1, Fraction(abs(form.const)), 0)
    for key, c in form.items:
        match key:
            case Floor(inner, divisor):
                part = _tail(inner, sign).floor(divisor)
            case Kept("max", args):
                part = _greatest(_tail(a, sign) for a in args)
            case Kept("min", args):
                part = _greatest(_tail(a, sign).times(-1) for a in args).times(-1)
            case Kept(_, args):
                inner_tail = _tail(args[0], sign)
                part = _greatest((inner_tail, inner_tail.times(-1)))
            case _:
                part = Tail(Fraction(sign), 1, Fraction(0), 0)
        result = result.plus(part.times(c))
    return result


def _keeps(form: Linear) -> bool:
    """Whether the two ends of the form may differ."""
    keys = [key for key, _ in form.items]
    return any(isinstance(k, Kept) or (isinstance(k, Floor) and _keeps(k.inner)) for k in keys)


def _by_samples(form: Linear, test: Callable[[int], bool], bound: int) -> IntSet:
    """Both ends by their slope or period, what lies between by evaluation."""
    compute = function(form)
    ends: list[tuple[int, int, bool]] = []
    for sign in (-1, 1):
        tail = _tail(form, sign)
        start = tail.start
        if tail.slope:
            start = max(start, math.ceil((tail.size + abs(bound)) / abs(tail.slope)) + 1)
        ends.append((start, 1 if tail.slope else tail.period, bool(tail.slope)))
    (down, down_period, _), (up, up_period, _) = ends
    if down + up + down_period + up_period > MAX_SAMPLES:
        raise TooLarge("a condition that is periodic only far out")

    def members(lo: int, hi: int) -> list[tuple[int, int]]:
        return [(x, x) for x in range(lo, hi + 1) if test(compute(x))]

    if down == up == 0 and not _keeps(form):
        period, found = reduced(up_period, [x for x, _ in members(0, up_period - 1)])
        return piecewise([(-INF, INF, period, [(x, x) for x in found])])
    pieces: list[tuple[Bound, Bound, int, list[tuple[int, int]]]] = [
        (-INF, -down - 1, down_period, members(-down - down_period, -down - 1))
    ]
    middle = interval(-down, up - 1) if up + down > 0 else EMPTY
    inside = piecewise((x, x, 1, [(0, 0)]) for x, _ in members(-down, up - 1))
    pieces.append((up, INF, up_period, members(up, up + up_period - 1)))
    ends_set = piecewise(pieces[:1]) | piecewise(pieces[1:])
    return (ends_set - middle) | inside
