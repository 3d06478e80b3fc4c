"""Sums at two scales: the hops of long periods as points, and what lies about each point as a set.

Let the lags of a layer be short terms, 0 among them, and long ones.  A sum of k layers takes some long blocks in c of
them, which lead to a point, and about it lie the sums of the short terms of the other k - c layers.  Since 0 is short,
the sums of fewer layers are among those of more: of each point the least c is enough.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

from patternc.analysis import generic, nearby
from patternc.analysis.generic import Group
from patternc.analysis.intset import INF, Bound, TooLarge
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.nearby import Members, Point
from patternc.analysis.pieces import first_of

LONG_PERIODS = (1 << 20, 1 << 8)
"""Terms of a longer period are long ones; tried one after another."""
FEW_BESIDE = 3
MAX_POINTS = 1 << 19
MAX_MOVES = 1 << 21
MAX_LONG = 24
"""More long terms lead to too many points."""

Groups: TypeAlias = "Sequence[tuple[Sequence[Term], int]]"
"""Unions of terms, each with the number of layers that have it."""
Entry: TypeAlias = "tuple[int, int, int]"
"""Where some copies of a term lead, how wide they are, and how many they are at least."""


def members(groups: Groups, top: int) -> Members:
    """Of the sum of so many times each union of terms, 0 in each, what lies within ``[0, top]``.

    Raises `TooLarge`.
    """
    clipped, whole = _within(groups, top)
    return _with_fewer_hops(clipped, top) if whole else _members(clipped, top)


def by_relations(groups: Groups, top: int) -> Members:
    """The same of the whole sum, where its long periods have few relations.  Raises `TooLarge`."""
    clipped, whole = _within(groups, top)
    if not whole:
        raise TooLarge("lags without end")
    return _by_relations(clipped, top)


def _within(groups: Groups, top: int) -> tuple[list[tuple[list[Term], int]], bool]:
    """What of the terms is of use within ``[0, top]``, and whether no sum is larger."""
    up, down = (sum(_end(terms, sign) * count for terms, count in groups if count) for sign in (1, -1))
    if up == down == INF:
        raise TooLarge("lags of several long periods without end to both sides")
    # A lag is of use where the others can bring it back to [0, top].
    return [([c for t in terms for c in _clipped(t, -up, top + down)], count) for terms, count in groups], top == up


def _by_relations(groups: Groups, top: int) -> Members:
    first, second = ([_split(terms, count, longest) for terms, count in groups] for longest in LONG_PERIODS)
    ways = [first] if first == second else [first, second]
    return first_of(*(lambda some=some: generic.members(some, top) for some in ways))


def _whole(groups: Groups, top: int) -> Members:
    return first_of(lambda: _by_relations(groups, top), lambda: _members(groups, top))


def _members(groups: Groups, top: int) -> Members:
    first, second = ([_split(terms, count, longest) for terms, count in groups] for longest in LONG_PERIODS)
    try:
        return _about_points(first, top)
    except TooLarge:
        if first == second:
            raise
        return _about_points(second, top)


def _about_points(groups: Sequence[Group], top: int) -> Members:
    return nearby.members(_points(groups, top), [group.short for group in groups], top)


def _with_fewer_hops(groups: Groups, top: int) -> Members:
    """All members from 0 up, from those of a stride with fewer hops.

    Let a layer's stride have H hops of the period P, and the rest of the sum span less than (K - 1) P.  Its i-th hop is
    taken by the least number c of layers with i <= c H, and where i is further than K from all multiples of H the sum
    repeats with P.  So one hop more adds a period to each of these parts, and nothing else is changed.
    """
    found = _most_hops(groups)
    if found is None:
        return _members(groups, top)
    index, term, count = *found, groups[found[0]][1]
    p = term.period
    # Lag 0 is a member anyway.
    hops = int(term.hops) + term.start // p
    apart = [([t for t in terms if t != term or i != index], n) for i, (terms, n) in enumerate(groups)]
    rest = sum((_end(terms, 1) + _end(terms, -1)) * n for terms, n in apart)
    k = int(rest) // p + 2
    few = 2 * k + 2
    if hops <= few + 1:
        return _members(groups, top)
    some, more = (
        _whole(
            [([*terms, Term(0, p, h)] if i == index else terms, n) for i, (terms, n) in enumerate(apart)],
            top - count * p * (hops - h),
        )
        for h in (few, few + 1)
    )
    gap = some.gap
    if gap is not None:
        # The first gap of a part that repeats is in its first period.
        gap += (gap + k * p) // (few * p) * (hops - few) * p
    return Members(some.count + (hops - few) * (more.count - some.count), gap)


def _most_hops(groups: Groups) -> tuple[int, Term] | None:
    """The stride from 0 up, that has the most hops of a long period."""
    strides = [
        (t.hops, index, t)
        for index, (terms, count) in enumerate(groups)
        for t in terms
        if count and t.hops and t.start in (0, t.period) and t.width == 0 and t.period > LONG_PERIODS[0]
    ]
    if not strides:
        return None
    _, index, term = max(strides)
    return index, term


def _end(terms: Iterable[Term], sign: int) -> Bound:
    """How far the terms reach upwards, or downwards."""
    return max((t.greatest if sign > 0 else -t.least for t in terms), default=0)


def _clipped(term: Term, lo: Bound, hi: Bound) -> Iterator[Term]:
    """The blocks of the term that meet ``[lo, hi]``, whole."""
    if term.greatest < lo or term.least > hi:
        return
    term = term.canonical()
    start, p, hops = term.start, term.period, term.hops
    if hops == 0:
        yield term
        return
    if p > 0:
        first = max(0, -int((start + term.width - lo) // p)) if lo != -INF else 0
        last = min(hops, (hi - start) // p) if hi != INF else hops
    else:
        first = max(0, -int((hi - start) // -p)) if hi != INF else 0
        last = min(hops, (start + term.width - lo) // -p) if lo != -INF else hops
    if first <= last:
        yield Term(start + first * p, p, int(last) - first, term.width).canonical()


def _split(terms: Iterable[Term], count: int, longest: int) -> Group:
    short, long, single = [Term(0)], [], set()
    for t in terms:
        near = t.period <= longest if t.hops else t.start <= longest and t.start + t.width >= -longest
        if near:
            short.append(t)
        elif t.hops or t.width > FEW_BESIDE:
            long.append(t)
        else:
            # Hops of two periods may lie side by side.
            single.update(range(t.start, t.start + t.width + 1))
    long += _multiples(single)
    return Group(union_of(short), sorted(long), count)


def _multiples(numbers: set[int]) -> Iterator[Term]:
    """Numbers other than 0, and 0 itself, as multiples of as few as can be."""
    left = sorted(numbers, key=abs, reverse=True)
    while left:
        least = left.pop()
        hops = 1
        while (hops + 1) * least in numbers:
            hops += 1
        yield Term(0, least, hops).canonical()
        left = [x for x in left if x % least or not 0 < x // least <= hops]


def _points(groups: Sequence[Group], top: int) -> Iterator[Point]:
    """Where the long terms lead, as far as it matters within ``[0, top]``."""
    if any(len(group.long) > MAX_LONG for group in groups):
        raise TooLarge("lags of several long periods at once")
    found: dict[Point, int] = {(0, 0, ()): 0}
    moves = 0
    for index, group in enumerate(groups):
        for at, term in enumerate(group.long):
            # What is not yet in the points: all short terms, and the long ones that follow.
            left = [Group(g.short, [], g.count) for g in groups[:index]]
            left += [Group(group.short, group.long[at + 1 :], group.count), *groups[index + 1 :]]
            lo, hi = sum(g.least * g.count for g in left), sum(g.greatest * g.count for g in left)
            least, most = min(p for p, _, _ in found), max(p + w for p, w, _ in found)
            entries = sorted(_entries(term, group.count, -hi - most, top - lo - least))
            found, moves = _moved(found, entries, group.count, (-hi, top - lo), moves)
        following: dict[Point, int] = {}
        for (place, width, done), taken in found.items():
            following[place, width, (*done, group.count - taken)] = 0
        found = following
    return iter(found)


def _moved(
    found: dict[Point, int], entries: list[Entry], count: int, bounds: tuple[int, int], tried: int
) -> tuple[dict[Point, int], int]:
    """The points moved on by the entries, those that come to lie within the bounds; and how many were tried so far."""
    lo, hi = bounds
    result: dict[Point, int] = {}
    wide = max((w for _, w, _ in entries), default=0)
    for (place, width, done), taken in found.items():
        first = bisect_left(entries, (lo - place - width - wide,))
        last = bisect_right(entries, (hi - place + 1,))
        tried += last - first
        if tried > MAX_MOVES:
            raise TooLarge("lags of several long periods at once")
        for by, more, copies in entries[first:last]:
            if taken + copies <= count:
                key = place + by, width + more, done
                if result.get(key, count + 1) > taken + copies:
                    result[key] = taken + copies
        if len(result) > MAX_POINTS:
            raise TooLarge("lags of several long periods at once")
    return result, tried


def _entries(term: Term, count: int, lo: int, hi: int) -> Iterator[Entry]:
    """Where up to so many copies of a finite term lead within ``[lo, hi]``, and by how many copies at least."""
    start, p, hops, wide = term.start, term.period, int(term.hops), term.width
    first, last = start // p, start // p + hops
    if wide == 0 and start % p == 0 and hops and first <= 1 and last >= -1:
        # Each multiple between the ends of so many copies is a sum of them, and 0.
        low, high = max(min(first, 0) * count, -(-lo // p)), min(max(last, 0) * count, hi // p)
        _check(high - low + 1)
        for n in range(low, high + 1):
            yield n * p, 0, -(-n // last) if n > 0 else -(-n // first) if n < 0 else 0
        return
    least: dict[tuple[int, int], int] = {}
    for copies in range(count + 1):
        at, width = copies * start, copies * wide
        low, high = max(0, -((at + width - lo) // p)), min(copies * hops, (hi - at) // p)
        _check(len(least) + high - low)
        for n in range(low, high + 1):
            least.setdefault((at + n * p, width), copies)
    for (place, width), copies in least.items():
        yield place, width, copies


def _check(size: int) -> None:
    if size > MAX_POINTS:
        raise TooLarge("long periods with too many hops")
