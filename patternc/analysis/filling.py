"""Sums of many sets, as bits: once the middle is full, only the two ends have to be added up.

Let S hold all of ``[a, b]``, and let D reach from 0 to t without a gap wider than ``b - a + 1``.  Then S + D holds all
of ``[a, b + t]``; below a its members are sums of members of S below a; and above ``b + t`` the same holds, reflected.
Sums of many layers are full in the middle, so that their ends are short beside them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from patternc.analysis import bits
from patternc.analysis.intset import IntSet, TooLarge
from patternc.analysis.lagset import Term, terms_of

Parts: TypeAlias = "Sequence[tuple[IntSet, int]]"
"""Finite sets, each with how often it is added."""

Known: TypeAlias = "Mapping[Any, Sequence[Term]]"
"""The terms of sets, where they are known."""

MAX_MOVED = 1 << 38
"""A sum for which more bits than this would be moved is refused."""
MAX_HELD = 1 << 31
"""More bits than this are not held at once."""
FIRST = 2
MANY_HOPS = 8
"""A term of fewer hops is as quick to add as its ends."""


@dataclass(frozen=True)
class Step:
    """A set whose least member is 0, as terms, upwards and from its greatest member down."""

    up: list[Term]
    down: list[Term]
    top: int
    gap: int
    """Members that follow one another differ by no more."""
    shifts: int
    longest: Term | None
    """The term that reaches to the top, where it reaches much farther than the others, in many hops."""
    others: list[Term]
    """All other terms, and 0."""

    @staticmethod
    def of(lags: IntSet, terms: Sequence[Term] | None = None) -> Step:
        """The step of a finite set, of which terms may be known.  Raises `TooLarge`."""
        top = int(lags.greatest)
        up = terms_of(lags) if terms is None else [term.canonical() for term in terms]
        down = [Term(top - int(term.greatest), term.period, term.hops, term.width) for term in up]
        *others, longest = sorted([Term(0), *up], key=lambda term: term.greatest)
        alone = longest.hops >= MANY_HOPS and longest.greatest >= 2 * others[-1].greatest
        shifts = sum(_shifts(t) for t in (*up, *down))
        return Step(up, down, top, lags.spacing, shifts, longest if alone else None, others)

    @property
    def unit(self) -> int:
        """What divides all members, 0 where these are 0 only."""
        if any(term.width for term in self.up):
            return 1
        return math.gcd(*(term.start for term in self.up), *(term.period for term in self.up if term.hops))

    def divided(self, unit: int) -> Step:
        """The step of the members divided by what divides all."""
        if unit == 1:
            return self
        up, down, others, longest = (
            [Term(t.start // unit, t.period // unit if t.hops else 1, t.hops) for t in terms]
            for terms in (self.up, self.down, self.others, [self.longest] if self.longest else [])
        )
        longest = longest[0] if longest else None
        return Step(up, down, self.top // unit, -(-self.gap // unit), self.shifts, longest, others)

    def added_to(self, held: int, fewer: int, mask: int) -> tuple[int, int]:
        """One more of it, and one more of the others: ``fewer`` is the sum to which the longest was not added yet.

        Let B be the longest term, W its first and last blocks, S the sum before, X_k = S + k (B | others), and U_k = S
        + k others.  Then X_k = U_k | X_{k-1} + B, and X_{k-1} + B = U_{k-1} + B | X_{k-2} + B + B.  But B + B = B + W,
        so that the last part lies within X_{k-1} + W: not all hops are added to a sum that holds them already.
        """
        b = self.longest
        if b is None:
            return bits.plus(held, self.up, mask), held
        following = bits.plus(fewer, self.others, mask)
        ends = bits.dilated(bits.repeated(held << b.start, b.period * int(b.hops), 2), b.width)
        return following | bits.plus_term(fewer, b, mask) | ends, following

    def work(self, held: int, fewer: int) -> int:
        """How many bits are moved for that, about."""
        if self.longest is None:
            return self.shifts * (held.bit_length() + self.top)
        few = self.longest.width.bit_length() + 3
        return self.shifts * (fewer.bit_length() + self.top) + few * (held.bit_length() + self.top)


def _shifts(term: Term) -> int:
    return sum(int(x + 1).bit_length() for x in (term.width, term.hops))


@dataclass
class Sum:
    """A sum, first as bits, then as its ends: below ``start``, and so many below the greatest member."""

    low: int = 1
    high: int = 0
    start: int | None = None
    rest: int = 0
    top: int = 0
    moved: int = 0
    limit: int = field(default_factory=lambda: MAX_MOVED)
    """So many bits are moved at most."""

    def add(self, step: Step, count: int) -> None:
        """Adds the step so many times.  Raises `TooLarge`."""
        fewer: int | None = None
        for done in range(count):
            if self.start is None:
                self._fill(step.gap)
            start = self.start
            if start is not None and self.top - self.rest - start + 1 >= step.gap:
                before, fewer = (self.low, self.high), None
                self.low = bits.plus(self.low, step.up, bits.ones(start))
                self.high = bits.plus(self.high, step.down, bits.ones(self.rest))
                self.moved += step.shifts * (start + self.rest)
                if before == (self.low, self.high):
                    self.top += step.top * (count - done)
                    return
                self._trim()
            else:
                if self.top + step.top > MAX_HELD:
                    raise TooLarge(f"a sum of more than {MAX_HELD} lags")
                held, self.start = self.members(), None
                fewer = held if fewer is None else fewer
                self.moved += step.work(held, fewer)
                self.low, fewer = step.added_to(held, fewer, bits.ones(self.top + step.top + 1))
                if self.low == held | held << step.top:
                    # What adds no more than a shift by t does so again: T + 2 D = (T + D) | (T + D + t).
                    self.low = bits.repeated(held, step.top, count - done + 1)
                    self.top += step.top * (count - done)
                    return
            self.top += step.top
            if self.moved > self.limit:
                raise TooLarge("a sum of too many layers")

    def _trim(self) -> None:
        """What has filled up of the ends is counted to the middle."""
        if self.start is not None:
            self.start = (~self.low & bits.ones(self.start)).bit_length()
            self.rest = (~self.high & bits.ones(self.rest)).bit_length()
            self.low &= bits.ones(self.start)
            self.high &= bits.ones(self.rest)

    def members(self) -> int:
        """All members, one by one."""
        if self.start is None:
            return self.low
        middle = bits.ones(self.top - self.rest - self.start + 1) << self.start
        end = bits.reversed_bits(self.high, self.rest) << self.top - self.rest + 1 if self.rest else 0
        return self.low | middle | end

    def count(self, least: int) -> int:
        """How many members there are from ``least`` up."""
        if self.start is None:
            return (self.low >> least).bit_count()
        last = self.top - self.rest
        # The ends overlap nothing: below ``start``, up to ``last``, and above it from the greatest member down.
        low = (self.low >> least).bit_count()
        middle = max(last - max(self.start, least) + 1, 0)
        high = self.high & bits.ones(self.top - max(last + 1, least) + 1)
        return low + middle + high.bit_count()

    def first_missing(self, least: int) -> int:
        """The first number from ``least`` up that is no member."""
        if self.start is None:
            return least + bits.first_missing(self.low >> least)
        last = self.top - self.rest
        if least < self.start and (found := least + bits.first_missing(self.low >> least)) < self.start:
            return found
        if least <= last:
            least = last + 1
        left = self.top - least + 1
        missing = bits.ones(left) & ~self.high if left > 0 else 0
        return self.top + 1 - missing.bit_length()

    def _fill(self, gap: int) -> None:
        """Finds a stretch without a hole that is as long as the gap, near the middle."""
        base = max(self.top // 2 - 2 * gap, 0)
        near = self.low >> base & bits.ones(min(4 * gap, self.top + 1 - base))
        missing = near ^ bits.ones(min(4 * gap, self.top + 1 - base))
        # A number that is left ends a stretch: none of the ``gap`` numbers up to it is missing.
        ends = near & ~bits.repeated(missing, 1, gap) & ~bits.ones(gap - 1)
        if not ends:
            return
        end = base + ends.bit_length() - 1
        self.start = (~self.low & bits.ones(end)).bit_length()
        last = end + bits.first_missing(self.low >> end) - 1
        self.rest = self.top - last
        self.high = bits.reversed_bits(self.low >> last + 1, self.rest) if self.rest else 0
        self.low &= bits.ones(self.start)


def whole_sum(parts: Parts) -> int:
    """The sum of so many times each finite set; bit 0 stands for the sum of their least members."""
    return added_up(parts).members()


def added_up(parts: Parts, limit: int | None = None, known: Known | None = None) -> Sum:
    """The same with its middle as it is; no more bits than the limit are moved for it."""
    return _added([(_step(lags, None if known is None else known.get(lags)), count) for lags, count in parts], limit)


def divided_sum(parts: Parts, limit: int, known: Known) -> tuple[Sum, int]:
    """The same divided by a number that divides all members, and that number: what has no others never fills up."""
    steps = [(_step(lags, known.get(lags)), count) for lags, count in parts]
    unit = math.gcd(*(step.unit for step, _ in steps)) or 1
    return _added([(step.divided(unit), count) for step, count in steps], limit), unit


def _added(steps: list[tuple[Step, int]], limit: int | None) -> Sum:
    """The sum of so many times each step.

    Short ones go first, and one or two of each before the others: then it is still short where it fills.
    """
    total = Sum() if limit is None else Sum(limit=limit)
    steps.sort(key=lambda part: part[0].top)
    for step, count in steps:
        total.add(step, min(count, FIRST))
    for step, count in steps:
        total.add(step, max(count - FIRST, 0))
    return total


def _step(lags: IntSet, terms: Sequence[Term] | None) -> Step:
    """The step of the lags counted from their least one."""
    least = int(lags.least)
    return Step.of(lags.shifted(-least), terms and [replace(term, start=term.start - least) for term in terms])
