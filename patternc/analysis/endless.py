"""Sums of lag sets without end, in one or both directions, as bits of a middle part and a period at either end.

Let A and B have a common period P beyond ``[lo, hi]`` each.  A sum of an upper and a lower end fills whole residue
classes; all other sums have either no lower or no upper end in them, so within a window they need finite parts of A
and B only, and beyond ``hi_A + hi_B + P`` they repeat with P (one of the two summands can give or take a period).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from patternc.analysis import bits
from patternc.analysis.intset import INF, IntSet, TooLarge, interval
from patternc.analysis.lagset import terms_of

MAX_SPAN = 1 << 23
MAX_STEPS = 4096


@dataclass(frozen=True)
class Endless:
    """Members within ``[lo, hi]`` as bits; above and below, those whose residue modulo the period is in a mask."""

    period: int
    lo: int
    hi: int
    middle: int
    below: int
    above: int

    def cut(self, lo: int, hi: int) -> int:
        """The members within ``[lo, hi]``; bit 0 stands for ``lo``."""
        found = 0
        if lo < self.lo:
            found |= self._periodic(self.below, lo, min(self.lo - 1, hi))
        if hi > self.hi:
            start = max(self.hi + 1, lo)
            found |= self._periodic(self.above, start, hi) << start - lo
        middle = self.middle << self.lo - lo if self.lo >= lo else self.middle >> lo - self.lo
        return (found | middle) & bits.ones(hi - lo + 1)

    def _periodic(self, mask: int, lo: int, hi: int) -> int:
        if lo > hi:
            return 0
        start = lo - lo % self.period
        span = bits.repeated(mask, self.period, (hi - start) // self.period + 1)
        return span >> lo - start & bits.ones(hi - lo + 1)

    def trimmed(self) -> Endless:
        """With a middle as short as can be."""
        hi = self.lo - 1 + (self.middle ^ self._periodic(self.above, self.lo, self.hi)).bit_length()
        odd = self.middle ^ self._periodic(self.below, self.lo, self.hi)
        lo = self.lo + ((odd & -odd).bit_length() - 1 if odd else self.hi - self.lo + 1)
        # Where the upper end reaches down to the lower one, a middle of one period keeps them apart.
        lo, hi = min(lo, hi), max(lo, hi)
        return Endless(self.period, lo, hi, self.cut(lo, hi), self.below, self.above)

    def first_gap(self) -> int | float:
        """The least number from 0 up that is not a member."""
        top = max(self.hi, 0) + self.period
        held = self.cut(0, top)
        return INF if held == bits.ones(top + 1) else bits.first_missing(held)

    def holds_all_from_0(self) -> bool:
        """Whether no lag from 0 on is missing."""
        return self.first_gap() == INF


def endless(lags: IntSet, period: int) -> Endless:
    """``lags`` with a period that is a multiple of the periods at its ends."""
    pieces = lags.pieces
    lo = int(pieces[0].lo) if pieces[0].lo != -INF else int(min(pieces[0].hi, 0))
    hi = int(pieces[-1].hi) if pieces[-1].hi != INF else int(max(pieces[-1].lo, lo))
    if hi - lo > MAX_SPAN or period > MAX_SPAN:
        raise TooLarge("lags without end that become periodic only far out")
    below = bits.from_set(lags, lo - period, lo - 1) if pieces[0].lo == -INF else 0
    above = bits.from_set(lags, hi + 1, hi + period) if pieces[-1].hi == INF else 0
    turned = (bits.rotated(below, lo - period, period), bits.rotated(above, hi + 1, period))
    return Endless(period, lo, hi, bits.from_set(lags, lo, hi), *turned)


def common_period(sets: Sequence[IntSet]) -> int:
    """The least common multiple of the periods at the ends."""
    period = 1
    for lags in sets:
        for piece in (lags.pieces[0], lags.pieces[-1]):
            if piece.lo == -INF or piece.hi == INF:
                period = math.lcm(period, piece.period)
    return period


def plus(total: Endless, lags: IntSet) -> Endless:
    """The sum with ``lags``."""
    p, other = total.period, endless(lags, total.period)
    lo, hi = total.lo + other.lo - 2 * p - 1, total.hi + other.hi + 2 * p + 1
    if hi - lo > MAX_SPAN:
        raise TooLarge("a receptive field without end that becomes periodic only far out")
    span = hi - lo
    # No lower end: both summands are cut from below.  No upper end: the same, reflected.
    low = total.lo + other.lo
    upper = _finite(total.cut(total.lo, hi - other.lo), lags & interval(other.lo, None), other.lo, hi - low)
    high = total.hi + other.hi
    turned = bits.reversed_bits(total.cut(lo - other.hi, total.hi), total.hi - lo + other.hi + 1)
    lower = _finite(turned, (lags & interval(None, other.hi)).reflected(), -other.hi, high - lo)
    found = upper << low - lo | bits.reversed_bits(lower, high - lo + 1)
    whole = _cyclic(total.above, other.below, p) | _cyclic(total.below, other.above, p)
    if whole:
        start = lo - lo % p
        found |= bits.repeated(whole, p, (hi - start) // p + 1) >> lo - start & bits.ones(span + 1)
    below = bits.rotated(found & bits.ones(p), lo, p)
    above = bits.rotated(found >> span + 1 - p, hi + 1 - p, p)
    return Endless(p, lo, hi, found, below, above).trimmed()


def _finite(held: int, lags: IntSet, least: int, top: int) -> int:
    """``held`` plus ``lags``, whose least possible member is ``least``, relative to it and cut to ``[0, top]``."""
    return bits.plus(held, terms_of((lags.shifted(-least)) & interval(0, top)), bits.ones(top + 1))


def _cyclic(a: int, b: int, n: int) -> int:
    """All ``(x + y) mod n``."""
    total = 0
    if a and b:
        for lo, hi in bits.runs(b):
            total |= bits.dilated(a, hi - lo) << lo
    return (total | total >> n | total >> 2 * n) & bits.ones(n)


def endless_sum(parts: Sequence[tuple[IntSet, int]]) -> Endless:
    """The sum of ``count`` times each set.  Raises `TooLarge`."""
    total = endless(interval(0, 0), common_period([lags for lags, _ in parts]))
    one_way = all(lags.least >= 0 for lags, _ in parts)
    for lags, count in parts:
        for step in range(count):
            if step > MAX_STEPS:
                raise TooLarge(f"a receptive field of more than {MAX_STEPS} layers without a closed form")
            following = plus(total, lags)
            if following == total:
                break
            total = following
            if one_way and total.holds_all_from_0():
                return total
    return total
