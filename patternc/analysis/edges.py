"""Edges: how many query-key scores a layer computes at length n, in closed form for any n where there is one.

A conjunction holds the pairs with ``q - k`` in A, k in B and q in C.  Two of the three sets being intervals, the number
of pairs for a member x of the third is a trapezoid in x, whose sum over the set is closed.  Two of them being periodic,
the residues are taken one by one; chunks are taken by the residue of the query.  Unions by inclusion and exclusion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from itertools import combinations

from patternc.analysis.intset import IntSet, Piece, TooLarge, congruent, interval
from patternc.analysis.large import Part, parts_of
from patternc.analysis.rows import rows_of
from patternc.analysis.semantics import Layer, Model
from patternc.analysis.shapes import Shape, by_lag, lag_set

MAX_UNION = 10
FEW = 64
MAX_WORK = 1 << 17
"""So many trapezoids are summed at most."""
LITTLE_WORK = 1 << 10
"""So many where counting row by row does not take long either."""
MAX_ROWS = 8192


def edges(model: Model, n: int) -> int:
    """The scores of the costliest head of the costliest layer; a gate's branches are summed.  Raises `TooLarge`."""
    return max(layer_edges(layer, n) for layer in model.distinct)


def layer_edges(layer: Layer, n: int) -> int:
    """Scores that a layer computes at length ``n`` in its costliest head, its branches summed."""
    if (lags := layer.branch_lags) is not None:
        return max(sum(_by_lag(branch, n) for branch in head) for head in lags)
    return max(sum(count(shape, n) for shape in head) for head in layer.branch_shapes(n))


def count(shape: Shape, n: int) -> int:
    """How many pairs of a sequence of ``n`` tokens the shape (built for this n) holds."""
    if by_lag(shape):
        return _by_lag(lag_set(shape), n)
    try:
        return _by_parts(parts_of(shape), n, MAX_WORK if n > MAX_ROWS else LITTLE_WORK)
    except TooLarge:
        if n > MAX_ROWS:
            raise
    return sum(row.bit_count() for row in rows_of(shape, n))


def _by_lag(lags: IntSet, n: int) -> int:
    back, back_sum = lags.count_and_sum(0, n - 1)
    forth, forth_sum = lags.count_and_sum(1 - n, -1)
    return n * (back + forth) - back_sum + forth_sum


def _by_parts(parts: list[Part] | None, n: int, budget: int) -> int:
    if parts is None or len(parts) > MAX_UNION:
        raise TooLarge(f"the pairs of a sequence of {n} tokens, one by one")
    total = 0
    for size in range(1, len(parts) + 1):
        for chosen in combinations(parts, size):
            found, work = _conjunction(chosen, n, budget)
            total, budget = total + (found if size % 2 else -found), budget - work
    return total


def _conjunction(parts: tuple[Part, ...], n: int, budget: int) -> tuple[int, int]:
    everywhere = interval(0, n - 1)
    keys = queries = everywhere
    lags = interval(1 - n, n - 1)
    for part in parts:
        lags, keys, queries = lags & part.lags, keys & part.keys, queries & part.queries
    if not (lags.pieces and keys.pieces and queries.pieces):
        return 0, 1
    total, work = 0, 0
    for some_lags, some_queries in _by_residues(parts, lags, queries, budget):
        if some_lags.pieces and some_queries.pieces:
            found, spent = _pairs(some_lags, keys, some_queries, budget - work)
            total, work = total + found, work + spent
            if work > budget:
                raise TooLarge("so many residues")
    return total, work + 1


def _by_residues(
    parts: tuple[Part, ...], lags: IntSet, queries: IntSet, budget: int
) -> Iterator[tuple[IntSet, IntSet]]:
    """Queries of one residue modulo the chunk sizes at a time; then chunk distances are bounds of the lag."""
    chunks = [c for part in parts for c in part.chunks]
    period = math.lcm(*(c.size for c in chunks))
    if period > budget:
        raise TooLarge("so many residues")
    for r in range(period):
        held = lags
        for c in chunks:
            within = (r + c.offset) % c.size
            spans = ((within + c.size * (p.lo - 1) + 1, within + c.size * p.hi) for p in c.distances.pieces if p.solid)
            if not all(p.solid for p in c.distances.pieces):
                raise TooLarge("chunk distances that are periodic")
            allowed = IntSet()
            for lo, hi in spans:
                allowed |= interval(lo, hi)
            held &= allowed
        yield held, queries & congruent(period, r)


def _solid(members: IntSet) -> bool:
    return len(members.pieces) <= FEW and all(p.solid for p in members.pieces)


def _pairs(lags: IntSet, keys: IntSet, queries: IntSet, budget: int) -> tuple[int, int]:
    """How many pairs have their lag, key and query in the sets, and how many trapezoids that took."""
    if _solid(keys) and _solid(queries):
        return _trapezoids(lags, keys, queries)
    if _solid(lags) and _solid(queries):
        return _trapezoids(keys, lags, queries)
    if _solid(lags) and _solid(keys):
        return _trapezoids(queries.reflected(), lags, keys.reflected())
    period = math.lcm(*(p.period for s in (lags, keys, queries) for p in s.pieces))
    if period > budget:
        raise TooLarge("so many residues")
    by_lag, by_key, by_query = (_every(s, period) for s in (lags, keys, queries))
    total, work = 0, 0
    for r, some_keys in by_key.items():
        for s, some_lags in _partners(r, by_lag, by_query, period):
            wraps, residue = divmod(r + s, period)
            found, spent = _trapezoids(some_lags, some_keys, by_query[residue].shifted(-wraps))
            total, work = total + found, work + spent
        if work > budget:
            raise TooLarge("so many residues")
    return total, work


def _partners(
    r: int, by_lag: dict[int, IntSet], by_query: dict[int, IntSet], period: int
) -> Iterator[tuple[int, IntSet]]:
    """The residues of lags that lead from a key of residue ``r`` to some query."""
    if len(by_lag) <= len(by_query):
        yield from ((s, lags) for s, lags in by_lag.items() if (r + s) % period in by_query)
    else:
        yield from ((s, by_lag[s]) for t in by_query if (s := (t - r) % period) in by_lag)


def _every(members: IntSet, period: int) -> dict[int, IntSet]:
    """By residue all i with ``residue + period * i`` a member; the period is a multiple of the pieces' own."""
    found: dict[int, list[IntSet]] = {}
    for p in members.pieces:
        for residue in _residues(p, period):
            some = interval(-((residue - p.lo) // period), (p.hi - residue) // period)
            if some.pieces:
                found.setdefault(residue, []).append(some)
    return {residue: reduce(lambda a, b: a | b, sets) for residue, sets in found.items()}


def _residues(piece: Piece, period: int) -> Iterator[int]:
    for base in range(0, period, piece.period):
        for lo, hi in piece.runs:
            yield from range(base + lo, base + hi + 1)


def _trapezoids(free: IntSet, some: IntSet, sums: IntSet) -> tuple[int, int]:
    """How many (x, y) with x in ``free``, y in ``some`` have ``x + y`` in ``sums``; the latter two are solid."""
    total = 0
    for a in some.pieces:
        for b in sums.pieces:
            total += _trapezoid(free, int(a.lo), int(a.hi), int(b.lo), int(b.hi))
    return total, len(some.pieces) * len(sums.pieces)


def _trapezoid(free: IntSet, a0: int, a1: int, b0: int, b1: int) -> int:
    """The sum over x in ``free`` of how many y in [a0, a1] have x + y in [b0, b1]."""
    low, high = min(b0 - a0, b1 - a1), max(b0 - a0, b1 - a1)
    rising, rising_sum = free.count_and_sum(b0 - a1, low - 1)
    level, _ = free.count_and_sum(low, high)
    falling, falling_sum = free.count_and_sum(high + 1, b1 - a0)
    height = min(a1 - a0, b1 - b0) + 1
    return rising_sum + rising * (a1 - b0 + 1) + level * height + falling * (b1 - a0 + 1) - falling_sum
