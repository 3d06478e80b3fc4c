"""Sums of large numbers of which few are near one another: each lag is counted once, where it is met last.

A sum has a large part ``n . g``, and about it lie the sums of the short lags of those layers that took no hop.  Two of
these sets meet only where their n differ by one of few vectors.  Let each lag be counted for the last n, in the order
of tuples, that leads to it: of the set about n those are left that are in none about ``n + v``, v > 0.  How many these
are depends on the layers that n takes, and on how many more or fewer each neighbour takes; these numbers are sums over
the entries of n, so that the tuples of each kind are counted by products of polynomials.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from patternc.analysis import bits
from patternc.analysis.filling import Step
from patternc.analysis.intset import IntSet, TooLarge, interval

MAX_NEIGHBOURS = 40
MAX_KINDS = 1 << 15
MAX_SIZES = 1 << 19
MAX_LENGTH = 1 << 15
MAX_CLUSTER = 1 << 12

Kind: TypeAlias = "tuple[int | None, ...]"
"""How many more layers each neighbour takes; None where there is none."""
Ways: TypeAlias = "dict[Kind, int]"
"""For each kind the numbers of tuples that take 0, 1, ... layers, as the digits of one number."""


@dataclass(frozen=True)
class Entry:
    """A number of which a layer takes between ``low <= 0`` and ``high >= 0``, and what it adds to each neighbour."""

    low: int
    high: int
    steps: tuple[int, ...]

    def layers(self, n: int) -> int:
        """The fewest layers that take so many."""
        return -(-n // self.high) if n > 0 else -(n // -self.low) if n < 0 else 0


@dataclass(frozen=True)
class Layers:
    """So many layers with the same short lags and entries."""

    short: IntSet
    entries: Sequence[Entry]
    count: int


def count(groups: Sequence[Layers], values: Sequence[int]) -> int:
    """How many members the sum has; ``values`` are the distances of the neighbours.  Raises `TooLarge`."""
    if len(values) > MAX_NEIGHBOURS:
        raise TooLarge("large numbers with many relations")
    sets, weights = _about(groups)
    slot = sum(prod((e.high - e.low) * g.count + 1 for e in g.entries).bit_length() for g in groups) + 1
    total: Ways = {(0,) * len(values): 1}
    for group, weight in zip(groups, weights, strict=True):
        total = _product(total, _of_layers(group, weight, slot, len(values)))
    if len(total) * len(sets) > MAX_SIZES:
        raise TooLarge("large numbers with many relations")
    found = 0
    for kind, ways in total.items():
        for taken, many in enumerate(_digits(ways, slot)):
            if many:
                left = sets[taken]
                for more, value in zip(kind, values, strict=True):
                    if more is not None:
                        other = sets[taken + more]
                        left &= ~(other << value if value >= 0 else other >> -value)
                found += many * left.bit_count()
    return found


def cluster(groups: Sequence[Layers], values: Sequence[int]) -> int:
    """The members about 0 and its neighbours, and theirs, as bits; those from 0 up.  Raises `TooLarge`."""
    sets, weights = _about(groups)
    lowest = -sum(int(g.short.least) * g.count for g in groups)
    origin = tuple((0,) * len(g.entries) for g in groups)
    at, left, found = {origin: 0}, [origin], 0
    while left:
        point = left.pop()
        taken = [_layers(g, own) for g, own in zip(groups, point, strict=True)]
        held = sets[sum(t * w for t, w in zip(taken, weights, strict=True))]
        place = at[point] - lowest
        found |= held << place if place >= 0 else held >> -place
        for sign in (1, -1):
            for j, value in enumerate(values):
                near = tuple(
                    tuple(n + sign * e.steps[j] for e, n in zip(g.entries, own, strict=True))
                    for g, own in zip(groups, point, strict=True)
                )
                if near not in at and all(_taken(g, own) for g, own in zip(groups, near, strict=True)):
                    at[near] = at[point] + sign * value
                    left.append(near)
        if len(at) > MAX_CLUSTER:
            raise TooLarge("large numbers with many relations")
    return found


def _taken(group: Layers, point: Sequence[int]) -> bool:
    """Whether so many layers take so much."""
    inside = all(e.low * group.count <= n <= e.high * group.count for e, n in zip(group.entries, point, strict=True))
    return inside and _layers(group, point) <= group.count


def _layers(group: Layers, point: Sequence[int]) -> int:
    return sum(e.layers(n) for e, n in zip(group.entries, point, strict=True))


def _about(groups: Sequence[Layers]) -> tuple[list[int], list[int]]:
    """What lies about a point, as bits from the least sum of short lags on, by what is taken; what a layer takes."""
    shorts = [g.short for g in groups]
    layers = sum(g.count for g in groups)
    if all(s.equals(shorts[0]) for s in shorts):
        # The sums of fewer layers, each moved up by the least short lag.
        least = -int(shorts[0].least)
        if (int(shorts[0].greatest) + 2 * least) * layers > MAX_LENGTH:
            raise TooLarge("many short lags beside large numbers")
        step = Step.of(shorts[0].shifted(least))
        sums = [1]
        for done in range(layers):
            sums.append(bits.plus(sums[-1], step.up, bits.ones((done + 1) * step.top + 1)))
        return [held << least * taken for taken, held in enumerate(reversed(sums))], [1] * len(groups)
    if any(s.least < 0 or not s.equals(interval(0, int(s.greatest))) for s in shorts):
        raise TooLarge("layers with several kinds of short lags beside large numbers")
    weights = [int(s.greatest) for s in shorts]
    whole = sum(w * g.count for w, g in zip(weights, groups, strict=True))
    if whole > MAX_LENGTH:
        raise TooLarge("many short lags beside large numbers")
    return [bits.ones(whole - taken + 1) for taken in range(whole + 1)], weights


def _of_layers(group: Layers, weight: int, slot: int, neighbours: int) -> Ways:
    """The ways to take up to so many layers, by what neighbours take."""
    total: Ways = {(0,) * neighbours: 1}
    for entry in group.entries:
        own: Ways = defaultdict(int)
        low, high = entry.low * group.count, entry.high * group.count
        if high - low > MAX_LENGTH:
            raise TooLarge("long periods with too many hops")
        for n in range(low, high + 1):
            taken = entry.layers(n)
            others = (n + step for step in entry.steps)
            own[tuple(entry.layers(m) - taken if low <= m <= high else None for m in others)] += 1 << slot * taken
        total = _product(total, own)
    result: Ways = defaultdict(int)
    for kind, ways in total.items():
        for taken, many in enumerate(_digits(ways, slot)):
            if many and taken <= group.count:
                held = (None if d is None or taken + d > group.count else d * weight for d in kind)
                result[tuple(held)] += many << slot * taken * weight
    return result


def _product(a: Ways, b: Ways) -> Ways:
    if len(a) * len(b) > MAX_KINDS * 16:
        raise TooLarge("large numbers with many relations")
    result: Ways = defaultdict(int)
    for x, many in a.items():
        for y, more in b.items():
            result[tuple(None if d is None or e is None else d + e for d, e in zip(x, y, strict=True))] += many * more
    if len(result) > MAX_KINDS:
        raise TooLarge("large numbers with many relations")
    return result


def _digits(number: int, slot: int) -> Iterator[int]:
    mask = bits.ones(slot)
    while number:
        yield number & mask
        number >>= slot
