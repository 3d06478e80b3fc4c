"""The normal form of lag sets: finite unions of ``{a + m p + [0, w] : 0 <= m <= M}``, closed under union and sum.

Information that crosses two layers with lag sets A and B travels the lags of ``A + B = {a + b}``, so receptive fields
are sums.  The sum of two terms is one term exactly where `_one_term` says so; otherwise it is a union of at most
``min(M1, M2) + 1`` terms, and with an endless term of at most as many as there are residues to tell apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from patternc.analysis import bits
from patternc.analysis.intset import EMPTY, INF, Bound, IntSet, Piece, TooLarge, from_intervals, interval, piecewise

MAX_TERMS = 1 << 15
"""A union of more terms than this is refused: `TooLarge`."""
FEW_RUNS = 8
MAX_PERIOD = 1 << 21
"""Periods up to this are searched for shorter ones that some runs have."""
MAX_COMPARED = 256
MAX_PAIRS = 1 << 18
"""So many pairs of strides and single blocks are compared."""
MAX_AHEAD = 64
FEW_HOPS = 3
"""A row of fewer blocks is no term."""
MAX_STRETCH = 1 << 12
"""So many hops the terms of one piece are made longer; of more pieces fewer, since each looks at all."""
MAX_INTERVALS = 1 << 19
"""So many pairs of intervals are added one by one."""


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """``{start + m period + [0, width] : 0 <= m <= hops}``; ``hops`` may be `INF`, ``period`` may point down."""

    start: int
    period: int = 1
    hops: Bound = 0
    width: int = 0

    @property
    def least(self) -> Bound:
        """The least lag."""
        return self.start if self.period > 0 or not self.hops else self.start + self.period * self.hops

    @property
    def greatest(self) -> Bound:
        """The greatest lag."""
        return self.start + self.width + (self.period * self.hops if self.period > 0 and self.hops else 0)

    def canonical(self) -> Term:
        """The same set with blocks that touch made one interval, a finite term pointing up."""
        start, p, hops, width = self.start, self.period, self.hops, self.width
        if hops == 0:
            return Term(start, 1, 0, width)
        if isinstance(hops, int):
            if p < 0:
                start, p = start + p * hops, -p
            return Term(start, 1, 0, width + p * hops) if width >= p - 1 else Term(start, p, hops, width)
        if width >= abs(p) - 1:
            return Term(start, 1, INF) if p > 0 else Term(start + width, -1, INF)
        return self

    def pieces(self) -> Iterator[tuple[Bound, Bound, int, list[tuple[int, int]]]]:
        """The term for `piecewise`: its ends, its period, its runs."""
        yield self.least, self.greatest, abs(self.period), [(self.start, self.start + self.width)]

    def as_set(self) -> IntSet:
        """The lags of the term."""
        if self.hops == 0:
            return interval(self.start, self.start + self.width)
        return piecewise(self.pieces())


def add(a: Term, b: Term) -> list[Term]:
    """The sum of two terms."""
    a, b = a.canonical(), b.canonical()
    if (one := _one_term(a, b) or _one_term(b, a)) is not None:
        return [one.canonical()]
    if isinstance(a.hops, float) and isinstance(b.hops, float) and a.period * b.period < 0:
        # m p1 - m' p2 takes every multiple of the greatest common divisor, of both signs.
        p, start, width = math.gcd(a.period, b.period), a.start + b.start, a.width + b.width
        return [Term(start, p, INF, width).canonical(), Term(start, -p, INF, width).canonical()]
    few, many = (a, b) if _copies(a, b) <= _copies(b, a) else (b, a)
    copies = _copies(few, many)
    if copies > MAX_TERMS:
        raise TooLarge(f"a sum of more than {MAX_TERMS} terms")
    shifted = (many.start + few.start + m * few.period for m in range(int(copies)))
    return [Term(s, many.period, many.hops, many.width + few.width).canonical() for s in shifted]


def _copies(few: Term, many: Term) -> Bound:
    """How many shifts of ``many`` the blocks of ``few`` give, those left out that an endless ``many`` holds already."""
    copies = few.hops + 1
    if many.hops == INF and few.period * many.period > 0:
        copies = min(copies, abs(many.period) // math.gcd(few.period, many.period))
    return copies


def _one_term(a: Term, b: Term) -> Term | None:
    """The sum as one term, where it is one and ``a`` has the smaller period (or a single block)."""
    start, width = a.start + b.start, a.width + b.width
    if a.hops == 0:
        return Term(start, b.period, b.hops, width)
    if a.period == b.period:
        return Term(start, a.period, a.hops + b.hops, width)
    if not 0 < a.period < b.period:
        if b.hops == INF and a.hops != INF and 0 < a.period < -b.period:
            return _one_term(Term(a.start + a.period * int(a.hops), -a.period, a.hops, a.width), b)
        if not (a.period < 0 and b.period < 0 and a.period > b.period):
            return None
    p, q = abs(a.period), abs(b.period)
    if width >= p - 1 and a.hops != INF:
        low = start if a.period > 0 else start - p * int(a.hops)
        return Term(low, b.period, b.hops, p * int(a.hops) + width)
    if q % p == 0 and a.hops >= q // p - 1:
        return Term(start, a.period, a.hops + q // p * b.hops, width)
    return None


def union_of(terms: Iterable[Term]) -> IntSet:
    """The set that is the union of the terms."""
    distinct = _maximal({t.canonical() for t in terms})
    if len(distinct) > MAX_TERMS:
        raise TooLarge(f"a union of more than {MAX_TERMS} terms")
    blocks = [t for t in distinct if t.hops == 0]
    sets = [from_intervals((t.start, t.start + t.width) for t in blocks)]
    sets += [t.as_set() for t in sorted(distinct - set(blocks))]
    while len(sets) > 1:
        sets = [sets[i] | sets[i + 1] if i + 1 < len(sets) else sets[i] for i in range(0, len(sets), 2)]
    return sets[0] if sets else EMPTY


def within(term: Term, endless: Term) -> bool:
    """Whether all of a term plainly lies within one that has no end."""
    q = endless.period
    if not (term.least >= endless.start if q > 0 else term.greatest <= endless.start + endless.width):
        return False
    aligned = term.hops == 0 or term.period % q == 0
    return abs(q) == 1 or (aligned and (term.start - endless.start) % abs(q) + term.width <= endless.width)


def _maximal(terms: set[Term]) -> set[Term]:
    """The terms without those within an interval that has no end."""
    up = min((t.start for t in terms if t.hops == INF and t.period == 1), default=INF)
    down = max((t.start for t in terms if t.hops == INF and t.period == -1), default=-INF)
    if up <= down + 1:
        return {Term(int(up), 1, INF), Term(int(up), -1, INF)}
    ends = {Term(int(s), p, INF) for s, p in ((up, 1), (down, -1)) if abs(s) != INF}
    return {t for t in terms if t.least < up and t.greatest > down} | ends


@lru_cache(maxsize=64)
def terms_of(lags: IntSet) -> list[Term]:
    """``lags`` as a union of terms, each made as long as the set allows.

    So the multiples of p within ``window(k) | stride(p)`` start at 0, though the window holds the first ones.
    """
    found: dict[Term, None] = {}
    further = max(MAX_STRETCH // len(lags.pieces), 1) if lags.pieces else 0
    for piece in lags.pieces:
        for term in _piece_terms(piece):
            found[_stretched(term.canonical(), lags, further)] = None
            if len(found) > MAX_TERMS:
                raise TooLarge(f"a set of more than {MAX_TERMS} terms")
    strides = [t for t in found if t.hops]
    blocks = [t for t in found if not t.hops]
    if len(strides) * len(blocks) <= MAX_PAIRS:
        blocks = [t for t in blocks if not any(_has(s, t) for s in strides)]
    if len(blocks) <= FEW_RUNS:
        kept = set(blocks)
        return [t for t in found if t.hops or t in kept]
    return list(dict.fromkeys([*strides, *(_stretched(t, lags, further) for t in _in_rows(blocks))]))


def _in_rows(blocks: Iterable[Term]) -> Iterator[Term]:
    """Single blocks as terms of many, where they stand in rows: the hops of several periods side by side."""
    by_width: dict[int, list[int]] = {}
    for block in blocks:
        by_width.setdefault(block.width, []).append(block.start)
    for width, unsorted in by_width.items():
        starts = sorted(unsorted)
        known, taken = set(starts), set[int]()
        for i, start in enumerate(starts):
            if start in taken:
                continue
            left = islice((x for x in starts[i + 1 : i + 1 + MAX_AHEAD] if x not in taken), FEW_RUNS)
            hops, period = max(((_hops_in(known, start, x - start), x - start) for x in left), default=(0, 1))
            if hops < FEW_HOPS:
                yield Term(start, 1, 0, width)
                continue
            taken.update(range(start, start + hops * period + 1, period))
            yield Term(start, period, hops, width)


def _hops_in(starts: set[int], start: int, period: int) -> int:
    hops = 0
    while start + period * (hops + 1) in starts:
        hops += 1
    return hops


def _has(stride: Term, block: Term) -> bool:
    """Whether a single block lies within one of the stride's blocks."""
    hop, ahead = divmod(block.start - stride.start, stride.period)
    if stride.period < 0:
        hop, ahead = hop + (ahead < 0), ahead - stride.period if ahead < 0 else 0
    return 0 <= hop <= stride.hops and ahead + block.width <= stride.width


def _piece_terms(piece: Piece) -> Iterator[Term]:
    lo, hi, p = piece.lo, piece.hi, piece.period
    if piece.solid:
        if isinstance(lo, int):
            yield Term(lo, 1, INF) if hi == INF else Term(lo, 1, 0, int(hi) - lo)
        else:
            yield Term(int(hi) if hi != INF else 0, -1, INF)
            if hi == INF:
                yield Term(0, 1, INF)
        return
    if isinstance(lo, int) and isinstance(hi, int) and hi - lo < 2 * p and len(piece.runs) > FEW_RUNS:
        # Where nothing is repeated, the period tells nothing of the rows that there are.
        yield from (Term(a, 1, 0, b - a) for a, b in piece.intervals(lo, hi))
        return
    runs = _around(list(piece.runs), p)
    for period, a, b in _grouped(runs, p):
        if isinstance(lo, int) and isinstance(hi, int):
            yield from _clipped(lo, hi, period, a, b)
        elif isinstance(lo, int):
            first = a + period * -((a - lo) // period)
            if first - period + b - a >= lo:
                yield Term(lo, 1, 0, first - period + b - a - lo)
            yield Term(first, period, INF, b - a)
        else:
            last = a + period * ((int(hi) - b) // period) if hi != INF else a
            if hi != INF and last + period <= hi:
                yield Term(last + period, 1, 0, int(hi) - last - period)
            yield Term(last, -period, INF, b - a)
            if hi == INF:
                yield Term(a, period, INF, b - a)


def _grouped(runs: list[tuple[int, int]], period: int) -> Iterator[tuple[int, int, int]]:
    """The runs as ``[a, b] + q Z``, each with the shortest period q that it has: ``(q, a, b)``.

    A union of strides of several periods repeats with their common multiple only, in very many runs.
    """
    if len(runs) <= FEW_RUNS or period > MAX_PERIOD:
        yield from ((period, a, b) for a, b in runs)
        return
    held = 0
    for a, b in runs:
        held |= bits.ones(b - a + 1) << a
    held = (held | held >> period) & bits.ones(period)
    missing, left = held ^ bits.ones(period), held
    for q in _divisors(period):
        copies = period // q
        if held.bit_count() < copies:
            continue
        whole = bits.ones(q) & ~bits.repeated_down(missing, q, copies)
        every = bits.repeated(whole, q, copies) if whole else 0
        if every & left:
            yield from ((q, a, b) for a, b in _around(list(bits.runs(whole)), q))
            left &= ~every
        if not left:
            return


def _around(runs: list[tuple[int, int]], period: int) -> list[tuple[int, int]]:
    """Runs of residues, the one that goes on from the last residue to the first in one piece."""
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == period - 1:
        return [*runs[1:-1], (runs[-1][0], period + runs[0][1])]
    return runs


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def _clipped(lo: int, hi: int, p: int, a: int, b: int) -> Iterator[Term]:
    """Blocks ``[a, b] + p Z`` within ``[lo, hi]``: the whole ones as one term, what is left of others on its own."""
    first, last = -((a - lo) // p), (hi - b) // p
    if first <= last:
        yield Term(a + first * p, p, last - first, b - a)
    for m in {first - 1, last + 1}:
        start, end = max(a + m * p, lo), min(b + m * p, hi)
        if start <= end:
            yield Term(start, 1, 0, end - start)


def _stretched(term: Term, lags: IntSet, limit: int) -> Term:
    """``term`` with more hops at its ends, as far as they stay within ``lags``.

    What a piece holds for a whole period it holds to its end; other hops are tried one by one, ``limit`` at most.
    """
    if term.hops == 0 or abs(term.period) == 1:
        return term
    start, p, hops = term.start, term.period, term.hops
    before = _further(lags, start - p, -p, term.width, limit)
    start, hops = start - p * before, hops + before
    if isinstance(hops, int):
        hops += _further(lags, start + p * (hops + 1), p, term.width, limit)
    return Term(start, p, hops, term.width)


def _further(lags: IntSet, start: int, step: int, width: int, limit: int) -> int:
    """How many of the blocks from ``start`` on, a step apart, are surely held."""
    found, alike, last = 0, 0, None
    for _ in range(limit):
        at = start + step * found
        if not lags.holds_run(at, at + width):
            break
        piece = lags.piece_at(at)
        whole = at + width <= piece.hi
        found, alike, last = found + 1, alike + 1 if whole and piece is last else int(whole), piece if whole else None
        if whole and alike * step % piece.period == 0:
            found += _left_in(piece, at, step, width)
    return found


def _left_in(piece: Piece, at: int, step: int, width: int) -> int:
    """How many steps lead on from a block within the piece, where there is an end to them."""
    end = piece.hi - width if step > 0 else piece.lo
    return int((end - at) // step) if isinstance(end, int) else 0


def sum_of(a: IntSet, b: IntSet) -> IntSet:
    """The set of all ``x + y`` with x in ``a`` and y in ``b``.  Raises `TooLarge`."""
    if (solid := _solid_sum(a, b)) is not None:
        return solid
    left, right = terms_of(a), terms_of(b)
    if len(left) * len(right) > MAX_TERMS:
        raise TooLarge(f"a sum of more than {MAX_TERMS} terms")
    return union_of(t for x in left for y in right for t in add(x, y))


def _solid_sum(a: IntSet, b: IntSet) -> IntSet | None:
    """The sum of finite unions of many intervals; None of others."""
    pairs = len(a.pieces) * len(b.pieces)
    if not MAX_COMPARED < pairs <= MAX_INTERVALS or not all(
        p.solid and isinstance(p.lo, int) and isinstance(p.hi, int) for p in (*a.pieces, *b.pieces)
    ):
        return None
    left, right = ([(int(p.lo), int(p.hi)) for p in lags.pieces] for lags in (a, b))
    return from_intervals((x + z, y + w) for x, y in left for z, w in right)
