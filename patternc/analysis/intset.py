"""Sets of integers that are periodic piece by piece: what a set of lags (or keys, or queries) is made of.

A set is a list of disjoint pieces in ascending order; between them there is nothing.  These sets are closed under
union, intersection, complement, shift and reflection, exactly and without a bound on the numbers.  (They are the sets
that Presburger arithmetic can define in one variable.)
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from patternc.analysis.pieces import INF, MAX_RUNS, Bound, Piece, TooLarge, combined, merged, normal, periodic

__all__ = [
    "ALL",
    "EMPTY",
    "INF",
    "Bound",
    "IntSet",
    "Piece",
    "TooLarge",
    "congruent",
    "from_intervals",
    "interval",
    "piecewise",
    "reduced",
]


@dataclass(frozen=True)
class IntSet:
    """A set of integers.  Equal sets may have different pieces: compare with `equals`."""

    pieces: tuple[Piece, ...] = ()

    def contains(self, x: int) -> bool:
        """Whether ``x`` is a member."""
        i = bisect_right(self._starts, x) - 1
        return i >= 0 and self.pieces[i].contains(x)

    @property
    def runs(self) -> int:
        """How many runs of members its pieces have, within one period each."""
        return sum(len(p.runs) for p in self.pieces)

    @property
    def spacing(self) -> int:
        """Members that follow one another differ by no more."""
        between = (int(after.lo - before.hi) for before, after in pairwise(self.pieces))
        return max((1, *between, *(piece.spacing for piece in self.pieces)))

    def piece_at(self, x: int) -> Piece:
        """The piece that a member lies in."""
        return self.pieces[bisect_right(self._starts, x) - 1]

    def holds_run(self, lo: int, hi: int) -> bool:
        """Whether every number of ``lo ... hi`` is a member."""
        at: Bound = lo
        for i in range(max(bisect_right(self._starts, lo) - 1, 0), len(self.pieces)):
            while at <= hi and (end := self.pieces[i].run_end(int(at))) is not None:
                at = end + 1
            if at > hi or at <= self.pieces[i].hi:
                break
        return at > hi

    @cached_property
    def _starts(self) -> list[Bound]:
        return [p.lo for p in self.pieces]

    @property
    def empty(self) -> bool:
        """Whether it has no member."""
        return not self.pieces

    @cached_property
    def least(self) -> Bound:
        """The least member, minus infinity where there is none (and `INF` for the empty set)."""
        return self.pieces[0].lo if self.pieces else INF

    @cached_property
    def greatest(self) -> Bound:
        """The greatest member, infinity where there is none (and ``-INF`` for the empty set)."""
        return self.pieces[-1].hi if self.pieces else -INF

    def at_least(self, x: int) -> int | None:
        """The least member that is ``>= x``."""
        for piece in self.pieces:
            if piece.hi >= x:
                found = piece.at_least(x)
                if found is not None and found <= piece.hi:
                    return found
        return None

    def at_most(self, x: int) -> int | None:
        """The greatest member that is ``<= x``."""
        for piece in reversed(self.pieces):
            if piece.lo <= x:
                found = piece.at_most(x)
                if found is not None and found >= piece.lo:
                    return found
        return None

    def nearest_zero(self) -> int | None:
        """The member of least magnitude; of two the positive one."""
        up, down = self.at_least(0), self.at_most(0)
        if up is None or down is None:
            return down if up is None else up
        return up if up <= -down else down

    def intervals(self, lo: int, hi: int) -> list[tuple[int, int]]:
        """The members within ``[lo, hi]`` as runs.  Raises `TooLarge` where there are too many."""
        found: list[tuple[int, int]] = []
        for piece in self.pieces:
            for interval in piece.intervals(lo, hi):
                if found and interval[0] == found[-1][1] + 1:
                    found[-1] = (found[-1][0], interval[1])
                else:
                    found.append(interval)
            if len(found) > 8 * MAX_RUNS:
                raise TooLarge(f"more than {8 * MAX_RUNS} separate intervals")
        return found

    def count_and_sum(self, lo: int, hi: int) -> tuple[int, int]:
        """How many members lie within ``[lo, hi]``, and their sum."""
        first = max(bisect_right(self._starts, lo) - 1, 0)
        pairs = [p.count_and_sum(lo, hi) for p in self.pieces[first : bisect_right(self._starts, hi)]]
        return sum(c for c, _ in pairs), sum(s for _, s in pairs)

    def count(self, lo: Bound, hi: Bound) -> Bound:
        """How many members lie within ``[lo, hi]``: `INF` where there is no end to them."""
        lo, hi = max(lo, self.least), min(hi, self.greatest)
        if lo > hi:
            return 0
        if not isinstance(lo, int) or not isinstance(hi, int):
            return INF
        return self.count_and_sum(lo, hi)[0]

    def shifted(self, by: int) -> IntSet:
        """The members, each ``by`` larger."""
        return IntSet(
            tuple(periodic(p.lo + by, p.hi + by, p.period, [(a + by, b + by) for a, b in p.runs]) for p in self.pieces)
        )

    def reflected(self) -> IntSet:
        """The set of all ``-x``."""
        turned = (periodic(-p.hi, -p.lo, p.period, [(-b, -a) for a, b in p.runs]) for p in self.pieces)
        return IntSet(tuple(turned)[::-1])

    def complement(self) -> IntSet:
        """The numbers that are no members."""
        return _combined(self, EMPTY, lambda a, _: not a)

    def __or__(self, other: IntSet) -> IntSet:
        if not self.pieces or not other.pieces:
            return self if self.pieces else other
        return _combined(self, other, lambda a, b: a or b)

    def __and__(self, other: IntSet) -> IntSet:
        if not self.pieces or not other.pieces:
            return EMPTY
        return _combined(self, other, lambda a, b: a and b)

    def __sub__(self, other: IntSet) -> IntSet:
        return _combined(self, other, lambda a, b: a and not b) if self.pieces and other.pieces else self

    def within(self, other: IntSet) -> bool:
        """Whether every member is a member of ``other``."""
        if len(self.pieces) == 1 and self.pieces[0].solid and (plain := other.holds_all(self.pieces[0])) is not None:
            return plain
        return (self - other).empty

    def holds_all(self, solid: Piece) -> bool | None:
        """Whether all of an interval are members, where one piece says so; else None."""
        i = bisect_right(self._starts, solid.lo) - 1
        if i < 0 or self.pieces[i].hi < solid.lo:
            return False
        piece = self.pieces[i]
        if piece.hi < solid.hi:
            return None if i + 1 < len(self.pieces) and self.pieces[i + 1].lo == piece.hi + 1 else False
        if piece.solid:
            return True
        return False if solid.hi - solid.lo >= piece.period else None

    def meets(self, lo: Bound, hi: Bound) -> bool:
        """Whether some member lies within ``[lo, hi]``."""
        if lo == -INF or hi == INF:
            return not (self & interval(lo, hi)).empty
        found = self.at_least(int(lo))
        return found is not None and found <= hi

    def equals(self, other: IntSet) -> bool:
        """Whether both have the same members."""
        return self.pieces == other.pieces or (self.within(other) and other.within(self))

    def segments(self) -> Iterator[Piece]:
        """Pieces that cover the whole line, empty ones between the others."""
        start: Bound = -INF
        for piece in self.pieces:
            if piece.lo > start:
                yield Piece(start, piece.lo - 1, 1, ())
            yield piece
            start = piece.hi + 1
            if piece.hi == INF:
                return
        yield Piece(start, INF, 1, ())


EMPTY = IntSet()
ALL = IntSet((Piece(-INF, INF),))


def interval(lo: Bound | None, hi: Bound | None) -> IntSet:
    """``lo <= x <= hi``; None is no bound."""
    lo, hi = -INF if lo is None else lo, INF if hi is None else hi
    return IntSet((Piece(lo, hi),)) if lo <= hi else EMPTY


def congruent(period: int, phase: int, width: int = 1) -> IntSet:
    """``(x - phase) mod period < width``."""
    if width <= 0:
        return EMPTY
    if width >= period:
        return ALL
    return IntSet((periodic(-INF, INF, period, [(phase, phase + width - 1)]),))


def from_intervals(intervals: Iterable[tuple[int, int]]) -> IntSet:
    """The union of intervals, their ends included, in any order."""
    return IntSet(tuple(Piece(lo, hi) for lo, hi in merged(intervals)))


def reduced(period: int, members: list[int]) -> tuple[int, list[int]]:
    """A set of residues, ascending, modulo the least divisor of the period that it repeats with."""
    left, factor = period, 2
    while factor * factor <= left or left > 1:
        if factor * factor > left:
            factor = left
        if left % factor:
            factor += 1
            continue
        left //= factor
        shorter, count = period // factor, len(members) // factor
        # It repeats where each stretch of the shorter period holds the first one's members.
        if len(members) % factor == 0 and all(x == y + shorter for x, y in zip(members[count:], members, strict=False)):
            period, members = shorter, members[:count]
    return period, members


def piecewise(pieces: Iterable[tuple[Bound, Bound, int, Iterable[tuple[int, int]]]]) -> IntSet:
    """From disjoint ascending ``(lo, hi, period, intervals)``: the x of ``[lo, hi]`` congruent to one in intervals."""
    return IntSet(normal(periodic(*p) for p in pieces))


def _combined(left: IntSet, right: IntSet, op: Callable[[bool, bool], bool]) -> IntSet:
    """The set of all x with ``op(x in left, x in right)``."""
    return IntSet(normal(_walk(list(left.segments()), list(right.segments()), op)))


def _walk(left: list[Piece], right: list[Piece], op: Callable[[bool, bool], bool]) -> Iterator[Piece]:
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        lo, hi = max(a.lo, b.lo), min(a.hi, b.hi)
        yield combined(a, b, lo, hi, op)
        i, j = i + (a.hi == hi), j + (b.hi == hi)
