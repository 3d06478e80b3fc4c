"""Unions of very many shifts of a few sets: how many members they have, and the least number that is none.

Sets of a short span are laid over one another as bits, where they touch; others are swept over by their ends.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TypeAlias

from patternc.analysis import bits, filling
from patternc.analysis.intset import INF, Bound, IntSet, Piece, TooLarge, interval
from patternc.analysis.lagset import sum_of
from patternc.analysis.pieces import FULL_PERIOD, Runs, combined, periodic

Point: TypeAlias = "tuple[int, int, tuple[int, ...]]"
"""A shift, the width of an interval that is added, and how often each set is added up."""
Kind: TypeAlias = "tuple[int, Runs]"
"""A period and the residues of the members."""

MAX_SPAN = 1 << 22
"""Sets of this span at most are bits."""
MAX_MOVED = 1 << 33
"""So many bits are moved at most, within a second."""
MAX_PIECES = 1 << 17
MAX_COMPARED = 1 << 24
MAX_ADDED = 1 << 14
"""So many pairs of runs are added at most."""
MAX_KINDS = 1 << 10
WHOLE: Kind = (1, FULL_PERIOD)


@dataclass(frozen=True)
class Members:
    """How many members there are within ``[0, top]``, and the least number of it that is none."""

    count: int
    gap: int | None


def members(points: Iterable[Point], sets: Sequence[IntSet], top: int) -> Members:
    """Within ``[0, top]``, of the union over the points of the sum there; 0 is in each of the finite sets.

    Raises `TooLarge`.
    """
    held = sorted(points)
    about = {(width, counts) for _, width, counts in held}
    spans = [int(s.greatest - s.least) for s in sets]
    if all(sum(k * s for k, s in zip(counts, spans, strict=True)) + width <= MAX_SPAN for width, counts in about):
        return _tallied(_stretches(held, {key: _as_bits(sets, *key) for key in about}, top), top)
    sums = _Sums(sets)
    return _tallied(_swept(held, {key: sums.at(*key) for key in about}, top), top)


def _tallied(found: Iterable[tuple[int, int, int, int | None]], top: int) -> Members:
    """From ascending stretches: their ends, how many members each has, and the least number of it that is none."""
    count, gap, at = 0, None, 0
    for lo, hi, held, missing in found:
        if gap is None and lo > at:
            gap = at
        if gap is None:
            gap = missing
        count, at = count + held, hi + 1
    return Members(count, at if gap is None and at <= top else gap)


# As bits


def _as_bits(sets: Sequence[IntSet], width: int, counts: tuple[int, ...]) -> tuple[int, int]:
    """The least member of the sum, and the sum as bits from there on."""
    least = sum(k * int(s.least) for k, s in zip(counts, sets, strict=True))
    return least, bits.dilated(filling.whole_sum([(s, k) for k, s in zip(counts, sets, strict=True) if k]), width)


def _stretches(
    points: Sequence[Point], about: dict[tuple[int, tuple[int, ...]], tuple[int, int]], top: int
) -> Iterator[tuple[int, int, int, int | None]]:
    placed: list[tuple[int, int]] = []
    for shift, width, counts in points:
        least, held = about[width, counts]
        lo = shift + least
        if lo < 0:
            lo, held = 0, held >> -lo
        if lo <= top and held:
            placed.append((lo, held if lo + held.bit_length() - 1 <= top else held & bits.ones(top - lo + 1)))
    placed.sort()
    moved = 0
    cluster: list[tuple[int, int]] = []
    end = -1
    for lo, held in [*placed, (top + 2, 1)]:
        if cluster and lo > end + 1:
            start = cluster[0][0]
            moved += (end - start + 1) * len(cluster).bit_length()
            if moved > MAX_MOVED:
                raise TooLarge("lags of several long periods at once")
            union = _laid(cluster)
            missing = start + bits.first_missing(union)
            yield start, end, union.bit_count(), missing if missing <= end else None
            cluster = []
        cluster.append((lo, held))
        end = max(end, lo + held.bit_length() - 1)


def _laid(cluster: Sequence[tuple[int, int]]) -> int:
    """The union; bit 0 stands for the least shift, which comes first."""
    if len(cluster) == 1:
        return cluster[0][1]
    half = len(cluster) // 2
    return _laid(cluster[:half]) | _laid(cluster[half:]) << cluster[half][0] - cluster[0][0]


# As pieces


class _Sums:
    """Sums of so many times each set, as sets."""

    def __init__(self, sets: Sequence[IntSet]):
        self.multiples = [[interval(0, 0)] for _ in sets]
        self.sets = sets
        self.added = 0

    def at(self, width: int, counts: tuple[int, ...]) -> IntSet:
        """The sum with an interval of that width."""
        found = interval(0, width)
        for index, count in enumerate(counts):
            known = self.multiples[index]
            while len(known) <= count:
                known.append(self._sum(known[-1], self.sets[index]))
            found = self._sum(found, known[count])
        return found

    def _sum(self, a: IntSet, b: IntSet) -> IntSet:
        self.added += a.runs * b.runs
        if self.added > MAX_ADDED:
            raise TooLarge("lags of several long periods at once")
        return sum_of(a, b)


def _swept(
    points: Sequence[Point], about: dict[tuple[int, tuple[int, ...]], IntSet], top: int
) -> Iterator[tuple[int, int, int, int | None]]:
    changes: dict[int, list[tuple[Kind, int]]] = {}
    if sum(len(about[width, counts].pieces) for _, width, counts in points) > MAX_PIECES:
        raise TooLarge("lags of several long periods at once")
    for shift, width, counts in points:
        for piece in about[width, counts].pieces:
            lo, hi = max(int(piece.lo) + shift, 0), min(int(piece.hi) + shift, top)
            if lo <= hi:
                moved = periodic(lo, hi, piece.period, [(a + shift, b + shift) for a, b in piece.runs])
                changes.setdefault(lo, []).append(((moved.period, moved.runs), 1))
                changes.setdefault(hi + 1, []).append(((moved.period, moved.runs), -1))
    active: Counter[Kind] = Counter()
    unions = _Unions()
    places = sorted(changes)
    compared = 0
    for index, place in enumerate(places):
        if active:
            before = places[index - 1]
            yield unions.between(active, before, place - 1)
            compared += len(active)
            if compared > MAX_COMPARED:
                raise TooLarge("lags of several long periods at once")
        for kind, sign in changes[place]:
            active[kind] += sign
            if not active[kind]:
                del active[kind]


class _Unions:
    """Unions of periodic sets."""

    def __init__(self) -> None:
        self.known: dict[frozenset[Kind], Piece | None] = {}

    def between(self, kinds: Iterable[Kind], lo: int, hi: int) -> tuple[int, int, int, int | None]:
        """The stretch ``[lo, hi]`` of the union."""
        if WHOLE in kinds:
            return lo, hi, hi - lo + 1, None
        some = frozenset(kinds)
        if len(some) > MAX_KINDS:
            raise TooLarge("lags of several long periods at once")
        if some not in self.known:
            try:
                self.known[some] = _union(some, -INF, INF)
            except TooLarge:
                self.known[some] = None
        # Too many together may be few within the stretch.
        whole = self.known[some] or _union(some, lo, hi)
        held = IntSet((Piece(lo, hi, whole.period, whole.runs),))
        missing = held.complement().at_least(lo)
        return lo, hi, held.count_and_sum(lo, hi)[0], missing if missing is not None and missing <= hi else None


def _union(kinds: Iterable[Kind], lo: Bound, hi: Bound) -> Piece:
    pieces = (Piece(lo, hi, *kind) for kind in sorted(kinds))
    return reduce(lambda a, b: combined(a, b, lo, hi, or_), pieces)
