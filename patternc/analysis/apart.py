"""Lags that are too many for one set, such as those of strides whose periods have a large common multiple.

The parts are kept apart and put together within bounds only, where that is possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import TypeAlias

from patternc.analysis.intset import ALL, EMPTY, INF, Bound, IntSet, TooLarge, from_intervals, interval
from patternc.analysis.lagset import Term, add, terms_of, within
from patternc.analysis.shapes import Both, Either, LagIn, Shape, leaves

SPANS = tuple(1 << e for e in (6, 12, 16, 20, 24, 32, 40, 48, 56))
"""So far members are looked for."""
MAX_TERMS = 1 << 14
FEW_RUNS = 1 << 10
MAX_PARTS = 64
MAX_STEPS = 1 << 16
MANY_RUNS = 1 << 12
"""A set of more runs is not united with further terms: runs of several periods multiply."""

Combined: TypeAlias = Both | Either


@dataclass(frozen=True)
class Apart:
    """The lags of a shape that is by lag."""

    shape: Shape

    def __and__(self, bounds: IntSet) -> IntSet:
        """The members within an interval.  Raises `TooLarge`."""
        return _cut(self.shape, bounds)

    @cached_property
    def greatest(self) -> Bound:
        """The greatest lag, or `INF`.  Raises `TooLarge`."""
        return _greatest(self.shape)

    @cached_property
    def least(self) -> Bound:
        """The least lag, or ``-INF``.  Raises `TooLarge`."""
        return -_greatest(_reflected(self.shape))

    @cached_property
    def first_missing(self) -> Bound:
        """The least lag from 0 up that is no member, `INF` where all are.  Raises `TooLarge`."""
        gaps = [part.at_least(0) for part in _sets(_complement(self.shape))]
        return min((gap for gap in gaps if gap is not None), default=INF)

    @cached_property
    def terms(self) -> list[Term] | None:
        """The lags as a union of terms, where they are not too many."""
        try:
            return [term for part in _sets(self.shape) for term in terms_of(part)]
        except TooLarge:
            return None


def first_gap(groups: Sequence[tuple[IntSet | Apart, int]]) -> Bound:
    """The least lag from 0 up that is missing from the sum of so many times each set; `INF` where none is.

    Raises `TooLarge`.
    """
    total, exact = _terms_of_sum(groups)
    gap = _first_missing(total)
    if not exact and gap != INF:
        raise TooLarge("lags of several long periods at once")
    return gap


def whole_sum(groups: Sequence[tuple[IntSet | Apart, int]]) -> IntSet:
    """The sum of so many times each set.  Raises `TooLarge`."""
    total, exact = _terms_of_sum(groups)
    if not exact:
        raise TooLarge("lags of several long periods at once")
    return reduce(lambda a, b: a | b, (one_by_one(t.as_set()) for t in sorted(total)), EMPTY)


def _terms_of_sum(groups: Sequence[tuple[IntSet | Apart, int]]) -> tuple[set[Term], bool]:
    """The sum as terms, and whether none is left out."""
    total, exact = {Term(0)}, True
    for lags, count in groups:
        terms = terms_of(lags) if isinstance(lags, IntSet) else lags.terms
        if terms is None:
            raise TooLarge("lags of several long periods at once")
        for _ in range(count):
            if len(total) * len(terms) > MAX_TERMS:
                raise TooLarge(f"a sum of more than {MAX_TERMS} terms")
            sums = [_sum(x, y) for x in total for y in terms]
            exact &= None not in sums
            following = _needed({t for found in sums for t in found or ()})
            if following == total:
                break
            total = following
    return total, exact


def _sum(a: Term, b: Term) -> list[Term] | None:
    """The sum of two terms; None where it has too many."""
    try:
        return add(a, b)
    except TooLarge:
        return None


def _needed(terms: set[Term]) -> set[Term]:
    """The terms without those that lie within an endless one."""
    endless = [t for t in terms if t.hops == INF]
    return {t for t in terms if not any(t != e and within(t, e) for e in endless)}


def _first_missing(terms: set[Term]) -> Bound:
    """The least number from 0 up that is in none of the terms."""
    some, others = EMPTY, []
    # The densest first: what is missing of these is looked for in the others.
    for term in sorted(terms, key=lambda t: (-(t.width + 1) / abs(t.period), t)):
        if some.runs > MANY_RUNS:
            others.append(term.as_set())
            continue
        try:
            some |= term.as_set()
        except TooLarge:
            others.append(term.as_set())
    missing, at = some.complement(), 0
    for _ in range(MAX_STEPS):
        gap = missing.at_least(at)
        if gap is None:
            return INF
        if not any(o.contains(gap) for o in others):
            return gap
        at = gap + 1
    raise TooLarge("lags of several long periods at once")


def _cut(shape: Shape, bounds: IntSet) -> IntSet:
    match shape:
        case LagIn(lags):
            return one_by_one(lags & bounds)
        case Both(parts):
            return reduce(lambda a, b: a & b, (_cut(p, bounds) for p in parts), bounds)
        case Either(parts):
            return reduce(lambda a, b: a | b, (_cut(p, bounds) for p in parts), EMPTY)
        case _:
            raise TypeError(f"not by lag alone: {shape!r}")


def one_by_one(lags: IntSet) -> IntSet:
    """A set that has few runs as these: what is periodic with one period more does not go together with others."""
    lo, hi = lags.least, lags.greatest
    if not isinstance(lo, int) or not isinstance(hi, int):
        return lags
    few = sum((min(p.hi, hi) - max(p.lo, lo)) // p.period * len(p.runs) for p in lags.pieces) <= FEW_RUNS
    return from_intervals(lags.intervals(lo, hi)) if few else lags


def _sets(shape: Shape) -> list[IntSet]:
    """Sets whose union is the shape's lags.  Raises `TooLarge`."""
    match shape:
        case LagIn(lags):
            return [lags]
        case Either(parts):
            return [lags for part in parts for lags in _sets(part)]
        case Both(parts):
            found = [ALL]
            for part in parts:
                found = [a & b for a in found for b in _sets(part)]
                if len(found) > MAX_PARTS:
                    raise TooLarge("lags of several long periods at once")
            return found
        case _:
            raise TypeError(f"not by lag alone: {shape!r}")


def _complement(shape: Shape) -> Shape:
    return _mapped(shape, IntSet.complement, Either, Both)


def _reflected(shape: Shape) -> Shape:
    return _mapped(shape, IntSet.reflected, Both, Either)


def _mapped(shape: Shape, change: Callable[[IntSet], IntSet], both: type[Combined], either: type[Combined]) -> Shape:
    """The shape with each set changed, and ``both`` and ``either`` in the place of `Both` and `Either`."""
    match shape:
        case LagIn(lags):
            return LagIn(change(lags))
        case Both(parts):
            return both(tuple(_mapped(p, change, both, either) for p in parts))
        case Either(parts):
            return either(tuple(_mapped(p, change, both, either) for p in parts))
        case _:
            raise TypeError(f"not by lag alone: {shape!r}")


def _greatest(shape: Shape) -> Bound:
    match shape:
        case LagIn(lags):
            return lags.greatest
        case Either(parts):
            return max(map(_greatest, parts), default=-INF)
        case Both(parts):
            return _greatest_of_all(shape, min((_greatest(p) for p in parts), default=INF))
        case _:
            raise TypeError(f"not by lag alone: {shape!r}")


def _greatest_of_all(shape: Shape, top: Bound) -> Bound:
    """The greatest lag that all parts have, none of them beyond ``top``."""
    if top == -INF:
        return top
    last = max((abs(e) for leaf in leaves(shape) if isinstance(leaf, LagIn) for e in _ends(leaf.lags)), default=0)
    for span in SPANS:
        # Without a top, any member where every part has become periodic is followed by others.
        within = interval(int(last) + 1, int(last) + span) if top == INF else interval(int(top) - span, int(top))
        try:
            found = _cut(shape, within)
        except TooLarge:
            continue
        if not found.empty:
            return INF if top == INF else found.greatest
    raise TooLarge("lags of several long periods at once")


def _ends(lags: IntSet) -> list[Bound]:
    return [e for p in lags.pieces for e in (p.lo, p.hi) if abs(e) != INF]
