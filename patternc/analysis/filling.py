"""Sums of many sets, as bits: once the middle is full, only the two ends have to be added up.

Let S hold all of ``[a, b]``, and let D reach from 0 to t without a gap wider than ``b - a + 1``.  Then S + D holds all
of ``[a, b + t]``; below a its members are sums of members of S below a; and above ``b + t`` the same holds, reflected.
Sums of many layers are full in the middle, so that their ends are short beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from patternc.analysis import bits
from patternc.analysis.intset import IntSet, TooLarge
from patternc.analysis.lagset import Term, terms_of

MAX_MOVED = 1 << 38
"""A sum for which more bits than this would be moved is refused."""


@dataclass(frozen=True)
class Step:
    """A set whose least member is 0, as terms, upwards and from its greatest member down."""

    up: list[Term]
    down: list[Term]
    top: int
    gap: int
    """The largest difference of members that follow one another."""
    shifts: int

    @staticmethod
    def of(lags: IntSet) -> Step:
        """The step of a finite set.  Raises `TooLarge`."""
        top = int(lags.greatest)
        runs = lags.intervals(0, top)
        gap = max((after[0] - before[1] for before, after in pairwise(runs)), default=1)
        up, down = terms_of(lags), terms_of(lags.reflected().shifted(top))
        return Step(up, down, top, gap, sum(_shifts(t) for t in (*up, *down)))


def _shifts(term: Term) -> int:
    return sum(2 * int(x + 1).bit_length() for x in (term.width, term.hops))


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
        for done in range(count):
            if self.start is None:
                self._fill(step.gap)
            start = self.start
            if start is not None and self.top - self.rest - start + 1 >= step.gap:
                before = self.low, self.high
                self.low = bits.plus(self.low, step.up, bits.ones(start))
                self.high = bits.plus(self.high, step.down, bits.ones(self.rest))
                self.moved += step.shifts * (start + self.rest)
                if before == (self.low, self.high):
                    self.top += step.top * (count - done)
                    return
            else:
                held, self.start = self.members(), None
                self.low = bits.plus(held, step.up, bits.ones(self.top + step.top + 1))
                self.moved += step.shifts * (self.top + step.top)
                if self.low == held | held << step.top:
                    # What adds no more than a shift by t does so again: T + 2 D = (T + D) | (T + D + t).
                    self.low = bits.repeated(held, step.top, count - done + 1)
                    self.top += step.top * (count - done)
                    return
            self.top += step.top
            if self.moved > self.limit:
                raise TooLarge("a sum of too many layers")

    def members(self) -> int:
        """All members, one by one."""
        if self.start is None:
            return self.low
        middle = bits.ones(self.top - self.rest - self.start + 1) << self.start
        end = bits.reversed_bits(self.high, self.rest) << self.top - self.rest + 1 if self.rest else 0
        return self.low | middle | end

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


def whole_sum(parts: Sequence[tuple[IntSet, int]]) -> int:
    """The sum of so many times each finite set; bit 0 stands for the sum of their least members."""
    total = Sum()
    for lags, count in parts:
        total.add(Step.of(lags.shifted(-int(lags.least))), count)
    return total.members()
