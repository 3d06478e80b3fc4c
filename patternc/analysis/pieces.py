"""Periodic pieces of the integers: an interval, possibly without end, intersected with a periodic set."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias, TypeVar

T = TypeVar("T")
INF = math.inf
Bound: TypeAlias = "int | float"
"""An integer, or plus or minus infinity."""
Runs: TypeAlias = "tuple[tuple[int, int], ...]"
"""Inclusive intervals, ascending, with a gap between any two."""

MAX_RUNS = 1 << 17
"""More runs than this in one period, or intervals in one answer, and the set is refused: `TooLarge`."""

FEW_RUNS = 1 << 8
"""So few residues are compared one with another."""

FULL_PERIOD: Runs = ((0, 0),)


class TooLarge(ValueError):  # noqa: N818 - a size, not a mistake
    """A set, or the work for a question, is beyond what is kept in memory."""


def first_of(*ways: Callable[[], T]) -> T:
    """What the first of the ways says that is not too large."""
    for way in ways[:-1]:
        try:
            return way()
        except TooLarge:
            continue
    return ways[-1]()


def merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of inclusive intervals, as runs."""
    result: list[tuple[int, int]] = []
    for lo, hi in sorted(intervals):
        if result and lo <= result[-1][1] + 1:
            if hi > result[-1][1]:
                result[-1] = (result[-1][0], hi)
        else:
            result.append((lo, hi))
    return result


@dataclass(frozen=True, slots=True)
class Piece:
    """The integers x of ``[lo, hi]`` with ``x mod period`` in ``runs``."""

    lo: Bound
    hi: Bound
    period: int = 1
    runs: Runs = FULL_PERIOD

    @property
    def solid(self) -> bool:
        """Whether every number between its ends is a member."""
        return self.period == 1 and bool(self.runs)

    def contains(self, x: int) -> bool:
        """Whether ``x`` is a member."""
        if not self.lo <= x <= self.hi:
            return False
        residue = x % self.period
        i = bisect_right(self.runs, (residue, INF)) - 1
        return i >= 0 and residue <= self.runs[i][1]

    @property
    def spacing(self) -> int:
        """Members that follow one another differ by no more."""
        first, last = self.runs[0]
        again = first + self.period, last + self.period
        return max(after[0] - before[1] for before, after in pairwise([*self.runs, again]))

    def run_end(self, x: int) -> Bound | None:
        """The last member of the run of its residues that ``x`` is in; None where it is no member."""
        if not self.lo <= x <= self.hi:
            return None
        if self.solid:
            return self.hi
        residue = x % self.period
        i = bisect_right(self.runs, (residue, INF)) - 1
        if i < 0 or residue > self.runs[i][1]:
            return None
        return min(self.hi, x - residue + self.runs[i][1])

    def at_least(self, x: int) -> int | None:
        """The least member that is ``>= x``, were the piece without bounds above."""
        if not self.runs:
            return None
        if self.lo > x:
            x = int(self.lo)
        base, residue = x - x % self.period, x % self.period
        for lo, hi in self.runs:
            if residue <= hi:
                return base + max(lo, residue)
        return base + self.period + self.runs[0][0]

    def at_most(self, x: int) -> int | None:
        """The greatest member that is ``<= x``, were the piece without bounds below."""
        if not self.runs:
            return None
        if self.hi < x:
            x = int(self.hi)
        base, residue = x - x % self.period, x % self.period
        for lo, hi in reversed(self.runs):
            if residue >= lo:
                return base + min(hi, residue)
        return base - self.period + self.runs[-1][1]

    def intervals(self, lo: int, hi: int) -> Iterator[tuple[int, int]]:
        """The runs of the members within ``[lo, hi]`` (both finite); adjacent ones are not joined."""
        lo, hi = max(lo, self.lo), min(hi, self.hi)  # type: ignore[assignment]
        if lo > hi:
            return
        if self.solid:
            yield lo, hi
            return
        base = lo - lo % self.period
        while base <= hi:
            for a, b in self.runs:
                if base + b >= lo and base + a <= hi:
                    yield max(base + a, lo), min(base + b, hi)
            base += self.period

    def count_and_sum(self, lo: int, hi: int) -> tuple[int, int]:
        """How many members lie within ``[lo, hi]``, and their sum, in closed form."""
        lo, hi = max(lo, self.lo), min(hi, self.hi)  # type: ignore[assignment]
        if lo > hi:
            return 0, 0
        count = total = 0
        for a, b in self.runs:
            for m_lo, m_hi, first, last in self._blocks(lo, hi, a, b):
                blocks, width = m_hi - m_lo + 1, last - first + 1
                count += blocks * width
                centre = width * (first + last)
                total += (blocks * centre + 2 * width * self.period * _range_sum(m_lo, m_hi)) // 2
        return count, total

    def _blocks(self, lo: int, hi: int, a: int, b: int) -> Iterator[tuple[int, int, int, int]]:
        """The run ``[a, b]`` of the residues within ``[lo, hi]``: multiples m_lo..m_hi of the period, and offsets."""
        p = self.period
        whole_lo, whole_hi = -((a - lo) // p), (hi - b) // p
        if whole_lo <= whole_hi:
            yield whole_lo, whole_hi, a, b
        for m in {whole_lo - 1, whole_hi + 1}:
            first, last = max(a, lo - m * p), min(b, hi - m * p)
            if first <= last:
                yield m, m, first, last


def _range_sum(lo: int, hi: int) -> int:
    return (lo + hi) * (hi - lo + 1) // 2


def periodic(lo: Bound, hi: Bound, period: int, intervals: Iterable[tuple[int, int]]) -> Piece:
    """A piece from intervals of any integers, taken modulo the period."""
    cut: list[tuple[int, int]] = []
    for a, b in intervals:
        if b - a + 1 >= period:
            return Piece(lo, hi)
        a, b = a % period, a % period + (b - a)
        cut += [(a, b)] if b < period else [(a, period - 1), (0, b - period)]
    runs = tuple(merged(cut))
    return Piece(lo, hi) if runs == ((0, period - 1),) else Piece(lo, hi, period, runs)


def combined(a: Piece, b: Piece, lo: Bound, hi: Bound, op: Callable[[bool, bool], bool]) -> Piece:
    """The members of ``lo ... hi`` for which ``op`` holds of membership in the one and in the other."""
    if a.period == b.period == 1:
        return Piece(lo, hi, 1, FULL_PERIOD if op(bool(a.runs), bool(b.runs)) else ())
    for one, other, kept in ((a, b, lambda y: op(bool(a.runs), y)), (b, a, lambda y: op(y, bool(b.runs)))):
        if one.period == 1:
            yes, no = kept(True), kept(False)
            if yes == no:
                return Piece(lo, hi, 1, FULL_PERIOD if yes else ())
            if yes:
                return Piece(lo, hi, other.period, other.runs)
    period = math.lcm(a.period, b.period)
    if hi - lo < period:
        # A short stretch is one period of its own; its residues count from lo.
        start, period = int(lo), int(hi - lo) + 1
        x, y = _edges_within(a, start, period), _edges_within(b, start, period)
        return _shifted(_swept(x, y, period, op), lo, hi, period, start)
    for one, other, kept in ((a, b, op), (b, a, lambda x, y: op(y, x))):
        if (
            not kept(False, False)
            and not kept(False, True)
            and _runs_in(one, period) <= MAX_RUNS < _runs_in(other, period)
        ):
            return _shifted(_inside(one, other, period, kept), lo, hi, period, 0)
    if not (op(False, False) or op(False, True) or op(True, False)) and max(_size(a), _size(b)) <= FEW_RUNS:
        return _shifted(merged(_common(a, b)), lo, hi, period, 0)
    return _shifted(_swept(_edges(a, period), _edges(b, period), period, op), lo, hi, period, 0)


def _size(piece: Piece) -> int:
    """How many residues it has."""
    return sum(y - x + 1 for x, y in piece.runs)


def _common(a: Piece, b: Piece) -> Iterator[tuple[int, int]]:
    """The residues of both, modulo the least common multiple of their periods."""
    divisor = math.gcd(a.period, b.period)
    inverse = pow(a.period // divisor, -1, b.period // divisor)
    for x, y in ((x, y) for x in _residues(a) for y in _residues(b) if (x - y) % divisor == 0):
        found = x + (y - x) // divisor * inverse % (b.period // divisor) * a.period
        yield found, found


def _residues(piece: Piece) -> Iterator[int]:
    for x, y in piece.runs:
        yield from range(x, y + 1)


def _runs_in(piece: Piece, length: int) -> int:
    """How many runs a length holds, about."""
    return (length // piece.period + 1) * len(piece.runs)


def _inside(few: Piece, many: Piece, period: int, op: Callable[[bool, bool], bool]) -> list[tuple[int, int]]:
    """The runs within ``[0, period)``, where there are none outside of ``few``."""
    found: list[tuple[int, int]] = []
    for lo, hi in _line(few).intervals(0, period - 1):
        if _runs_in(many, hi - lo + 1) > MAX_RUNS:
            raise TooLarge(f"a set of period {period} with more than {MAX_RUNS} runs")
        held = list(_line(many).intervals(lo, hi))
        gaps = zip([lo, *(y + 1 for _, y in held)], [*(x - 1 for x, _ in held), hi], strict=True)
        found += [*(held if op(True, True) else ()), *((x, y) for x, y in gaps if x <= y and op(True, False))]
        if len(found) > MAX_RUNS:
            raise TooLarge(f"a set of period {period} with more than {MAX_RUNS} runs")
    return found


def _line(piece: Piece) -> Piece:
    """The piece without ends."""
    return Piece(-INF, INF, piece.period, piece.runs)


def _shifted(runs: list[tuple[int, int]], lo: Bound, hi: Bound, period: int, by: int) -> Piece:
    """A piece whose runs are counted from ``by``."""
    return periodic(lo, hi, period, [(x + by, y + by) for x, y in runs]) if runs else Piece(lo, hi, 1, ())


def _edges_within(piece: Piece, start: int, length: int) -> list[int]:
    edges: list[int] = []
    for x, y in _line(piece).intervals(start, start + length - 1):
        if edges and edges[-1] == x - start:
            edges[-1] = y - start + 1
        else:
            edges += (x - start, y - start + 1)
        if len(edges) > 2 * MAX_RUNS:
            raise TooLarge(f"a set with more than {MAX_RUNS} runs")
    return edges


def _swept(x: list[int], y: list[int], period: int, op: Callable[[bool, bool], bool]) -> list[tuple[int, int]]:
    """The runs within ``[0, period)`` where the operation on two sets, given by their edges, is true."""
    runs: list[tuple[int, int]] = []
    i = j = 0
    start: int | None = None
    for point in sorted({0, *x, *y}):
        while i < len(x) and x[i] <= point:
            i += 1
        while j < len(y) and y[j] <= point:
            j += 1
        if point == period:
            break
        inside = op(i % 2 == 1, j % 2 == 1)
        if inside and start is None:
            start = point
        elif not inside and start is not None:
            runs.append((start, point - 1))
            start = None
    if start is not None:
        runs.append((start, period - 1))
    return runs


def _edges(piece: Piece, period: int) -> list[int]:
    """Where membership changes within one ``period``, a multiple of the piece's own: starts and ends, half open."""
    if piece.period == 1:
        return [0, period] if piece.runs else []
    copies = period // piece.period
    if copies * len(piece.runs) > MAX_RUNS:
        raise TooLarge(f"a set of period {period} with more than {MAX_RUNS} runs")
    edges: list[int] = []
    for base in range(0, period, piece.period):
        for a, b in piece.runs:
            if edges and edges[-1] == base + a:
                edges[-1] = base + b + 1
            else:
                edges += (base + a, base + b + 1)
    return edges


def normal(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Pieces trimmed to their first and last member and joined where that loses nothing."""
    result: list[Piece] = []
    for piece in pieces:
        trimmed = _trimmed(piece)
        if trimmed is None:
            continue
        if result and (joined := _joined(result[-1], trimmed)) is not None:
            result[-1] = joined
        else:
            result.append(trimmed)
    return tuple(result)


def _trimmed(piece: Piece) -> Piece | None:
    if not piece.runs or piece.lo > piece.hi:
        return None
    if piece.period == 1:
        return piece
    lo = piece.at_least(int(piece.lo)) if piece.lo != -INF else -INF
    hi = piece.at_most(int(piece.hi)) if piece.hi != INF else INF
    if lo is None or hi is None or lo > hi:
        return None
    if isinstance(lo, int) and isinstance(hi, int) and hi - lo < piece.period:
        residue = lo % piece.period
        for a, b in piece.runs:
            if a <= residue <= b and hi - lo <= b - residue:
                return Piece(lo, hi)
    return Piece(lo, hi, piece.period, piece.runs)


def _joined(a: Piece, b: Piece) -> Piece | None:
    """``a`` and the next piece ``b`` as one, where they are one."""
    if a.period != b.period or a.runs != b.runs:
        return None
    if a.hi + 1 < b.lo and a.at_least(int(a.hi) + 1) != b.lo:
        return None
    return Piece(a.lo, b.hi, a.period, a.runs)
