"""Sums of large numbers that have few relations: how many there are, and which is the first that is missing.

Let a layer hold short lags, 0 among them, and blocks ``n g + r + [0, w]`` of large numbers g.  Two sums of so many
layers touch only where the difference of their large parts is small; what combinations of the numbers are small tells
`lattice`.  Modulo these each large part has a class, and sums of unlike classes never touch.  So

- a number that takes part in no small combination only says how many layers its hops take from the others, and
- the others may be replaced by smaller numbers of the same relations: as many sums are different then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import prod

from patternc.analysis import bits, neighbours
from patternc.analysis.filling import Step, Sum
from patternc.analysis.intset import IntSet, TooLarge
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.lattice import Lattice, lattice
from patternc.analysis.nearby import Members

MAX_NUMBERS = 12
MAX_SPAN = 1 << 27
"""Sums within this span are computed as bit sets."""
MAX_MOVED = 1 << 36
MORE_BITS = 20
MAX_REST = 1 << 10
"""A lag so near a multiple of a number is that and a rest."""
MAX_SUMS = 1 << 12


@dataclass(frozen=True)
class Group:
    """Short lags, 0 among them, and long terms, each with an end, of so many layers."""

    short: IntSet
    long: Sequence[Term]
    count: int

    @property
    def least(self) -> int:
        """Of one layer."""
        return min([int(self.short.least), *(int(t.least) for t in self.long)])

    @property
    def greatest(self) -> int:
        """Of one layer."""
        return max([int(self.short.greatest), *(int(t.greatest) for t in self.long)])


@dataclass(frozen=True)
class _Block:
    """``n number + other + rest + [0, width]``, ``first <= n <= last``; ``other`` is a large number or 0."""

    number: int
    first: int
    last: int
    other: int
    rest: int
    width: int

    @property
    def ends(self) -> Iterator[tuple[int, int, int]]:
        """The numbers, and how often they are taken at least and at most."""
        yield self.number, min(self.first, 0), max(self.last, 0)
        if self.other:
            yield abs(self.other), min(self.other // abs(self.other), 0), max(self.other // abs(self.other), 0)

    def term(self, smaller: dict[int, int]) -> Term:
        """The block with other numbers."""
        number, other = smaller[self.number], 0
        if self.other:
            other = smaller[abs(self.other)] * (1 if self.other > 0 else -1)
        start, hops = self.first * number + other + self.rest, self.last - self.first
        return Term(start, number, hops, self.width) if number and hops else Term(start, 1, 0, self.width)


def members(groups: Sequence[Group], top: int) -> Members:
    """Of the whole sum, the members from 0 up; ``top`` is the greatest.  Raises `TooLarge`."""
    groups = [group for group in groups if group.count]
    blocks = _blocks(groups)
    numbers = sorted({number for number, _, _ in _ends(chain(*blocks))})
    if not 0 < len(numbers) <= MAX_NUMBERS:
        raise TooLarge("lags of several long periods at once")
    upwards = all(group.least >= 0 for group in groups)
    near = 1 + sum(_span(group.short, held) * group.count for group, held in zip(groups, blocks, strict=True))
    alone: dict[int, int] = {}
    if upwards or all(_symmetric(group) for group in groups):
        found = lattice(numbers, [_most(number, groups, blocks) for number in numbers], near)
        try:
            return _by_neighbours(numbers, found, groups, blocks, upwards, top)
        except TooLarge:
            alone = {numbers[i]: p.group for i in found.free if (p := _plain(numbers[i], groups, blocks)) is not None}
    others = [number for number in numbers if number not in alone]
    smaller = _smaller(others, [_most(number, groups, blocks) for number in others], near, upwards)
    sets: dict[IntSet, int] = Counter()
    apart: dict[IntSet, list[list[int]]] = {}
    for index, (group, held) in enumerate(zip(groups, blocks, strict=True)):
        lags = group.short | union_of(b.term(smaller) for b in held if b.number not in alone)
        sets[lags] += group.count
        own = [number for number, where in alone.items() if where == index]
        if own:
            taken = [p.high - p.low for number in own if (p := _plain(number, groups, blocks)) is not None]
            apart.setdefault(lags, []).append(_taken(taken, group.count))
    if sum(int(lags.greatest - lags.least) * count for lags, count in sets.items()) > MAX_SPAN:
        raise TooLarge("large numbers with many relations")
    whole, least = Sum(limit=MAX_MOVED), 0
    for lags, count in sets.items():
        whole.add(Step.of(lags.shifted(-int(lags.least))), count)
        least += int(lags.least) * count
    held_bits = whole.members()
    from_0 = held_bits >> -least
    gap = bits.first_missing(from_0)
    if not alone:
        return Members((held_bits if upwards else from_0).bit_count(), gap if gap <= top else None)
    ways = {lags: _together(each) for lags, each in apart.items()}
    fixed = Sum(limit=MAX_MOVED)
    for lags, count in sets.items():
        if lags not in ways:
            fixed.add(Step.of(lags.shifted(-int(lags.least))), count)
    if prod(len(taken) for taken in ways.values()) > MAX_SUMS:
        raise TooLarge("lags of several long periods at once")
    total = _counted(fixed, [(lags, sets[lags], taken) for lags, taken in ways.items()])
    return Members(total if upwards else (total + 1) // 2, gap if gap <= top else None)


def _blocks(groups: Sequence[Group]) -> list[list[_Block]]:
    """The long terms; single lags near a multiple of a period, or of a shorter lag, as that and a rest."""
    parts = [[_one_lag(term.canonical()) for term in group.long] for group in groups]
    terms = list(chain(*parts))
    if not all(isinstance(term.hops, int) for term in terms):
        raise TooLarge("long periods without end")
    known = sorted({term.period for term in terms if term.hops})
    for lag in sorted({abs(term.start) for term in terms if not term.hops}):
        if _nearest(lag, known) is None:
            known.append(lag)
    return [[_block(term, known) for term in held] for held in parts]


def _one_lag(term: Term) -> Term:
    """The term without lag 0, where that leaves one lag; 0 is a short lag anyway."""
    return Term(term.period) if (term.start, term.hops, term.width) == (0, 1, 0) else term


def _nearest(lag: int, known: Sequence[int]) -> tuple[int, int, int] | None:
    """A known number, how often it is taken, and the rest that leaves of a lag, where that is small."""
    for number in known:
        times = (2 * lag + number) // (2 * number)
        if times and abs(rest := lag - times * number) <= _small(number):
            return number, times, rest
    return None


def _small(number: int) -> int:
    return min(MAX_REST, number >> 4)


def _block(term: Term, known: Sequence[int]) -> _Block:
    if term.hops == 0:
        found = _nearest(abs(term.start), known)
        assert found is not None
        number, times, rest = found
        sign = 1 if term.start > 0 else -1
        return _Block(number, sign * times, sign * times, 0, sign * rest, term.width)
    p, hops = term.period, int(term.hops)
    first = (2 * term.start + p) // (2 * p)
    rest = term.start - first * p
    if abs(rest) <= _small(p):
        return _Block(p, first, first + hops, 0, rest, term.width)
    return _Block(p, first, first + hops, rest, 0, term.width)


def _ends(blocks: Iterable[_Block]) -> Iterator[tuple[int, int, int]]:
    for block in blocks:
        yield from block.ends


def _span(short: IntSet, blocks: Iterable[_Block]) -> int:
    """How far the lags of one layer lie from its large numbers, from end to end."""
    low = min([int(short.least), *(b.rest for b in blocks)])
    return max([int(short.greatest), *(b.rest + b.width for b in blocks)]) - low


def _most(number: int, groups: Sequence[Group], blocks: Sequence[Sequence[_Block]]) -> int:
    """By how many times the number two sums may differ."""
    total = 0
    for group, held in zip(groups, blocks, strict=True):
        ends = [(low, high) for other, low, high in _ends(held) if other == number]
        total += group.count * (max((h for _, h in ends), default=0) - min((low for low, _ in ends), default=0))
    return total


def _symmetric(group: Group) -> bool:
    turned = {t.canonical() for t in group.long}
    back = {Term(-t.start - t.width, -t.period, t.hops, t.width).canonical() for t in turned}
    return turned == back and group.short.reflected().equals(group.short)


@dataclass(frozen=True)
class _Plain:
    """A number of which the layers of one group take between ``low <= 0`` and ``high >= 0``, and ``rest`` besides."""

    group: int
    low: int
    high: int
    rest: int


def _plain(number: int, groups: Sequence[Group], blocks: Sequence[Sequence[_Block]]) -> _Plain | None:
    """How a number is taken, where it is so plainly.

    What a block adds besides must be a short lag: then fewer layers with blocks leave no less.
    """
    where = [i for i, held in enumerate(blocks) if any(number == other for other, _, _ in _ends(held))]
    own = [b for b in blocks[where[0]] if any(number == other for other, _, _ in b.ends)]
    if len(where) > 1 or any(b.number != number or b.other or b.width for b in own):
        return None
    low = high = 0
    for block in sorted(own, key=lambda b: b.first):
        if 0 <= block.first <= high + 1:
            high = max(high, block.last)
    for block in sorted(own, key=lambda b: -b.last):
        if low - 1 <= block.last <= 0:
            low = min(low, block.first)
    rests = {b.rest for b in own}
    if len(rests) > 1 or not all(low <= b.first and b.last <= high for b in own):
        return None
    rest = rests.pop()
    return _Plain(where[0], low, high, rest) if groups[where[0]].short.contains(rest) else None


def _by_neighbours(
    numbers: Sequence[int],
    found: Lattice,
    groups: Sequence[Group],
    blocks: Sequence[Sequence[_Block]],
    upwards: bool,
    top: int,
) -> Members:
    """Where all numbers are taken plainly, and few combinations are small."""
    small = found.small
    if small is None or len(small) > neighbours.MAX_NEIGHBOURS:
        raise TooLarge("large numbers with many relations")
    entries: list[list[neighbours.Entry]] = [[] for _ in groups]
    for i, number in enumerate(numbers):
        plain = _plain(number, groups, blocks)
        if plain is None or (i not in found.free and plain.rest):
            raise TooLarge("large numbers with many relations")
        entries[plain.group].append(neighbours.Entry(plain.low, plain.high, tuple(n[i] for n in small)))
    layers = [neighbours.Layers(g.short, own, g.count) for g, own in zip(groups, entries, strict=True)]
    values = [sum(n * g for n, g in zip(vector, numbers, strict=True)) for vector in small]
    total = neighbours.count(layers, values)
    gap = bits.first_missing(neighbours.cluster(layers, values))
    return Members(total if upwards else (total + 1) // 2, gap if gap <= top else None)


def _smaller(numbers: Sequence[int], most: Sequence[int], near: int, upwards: bool) -> dict[int, int]:
    """Numbers with the same small combinations, whose other combinations are larger than ``near``.

    What counts as small may be larger: then more is kept as it is, in fewer classes.  Where there is one step only,
    combinations have their signs, too.
    """
    if not numbers:
        return {}
    ways: list[list[int]] = []
    for more in range(0, MORE_BITS + 1, 2):
        found = lattice(numbers, most, near << more, listed=not more)
        room = near + 1 + sum(m * abs(x) for m, x in zip(most, found.near, strict=True))
        if upwards or (len(found.steps) <= 1 and all(abs(old) >= room for old in found.steps)):
            ways.append(_stepped(found, most, room))
    if not ways:
        raise TooLarge("several long periods in both directions")
    best = min(ways, key=lambda way: sum(m * abs(x) for m, x in zip(most, way, strict=True)))
    return dict(zip(numbers, best, strict=True))


def _stepped(found: Lattice, most: Sequence[int], step: int) -> list[int]:
    """The numbers with other steps from class to class: none is within reach of the sums of smaller ones."""
    result = list(found.near)
    for k, old in enumerate(found.steps):
        sign = 1 if old > 0 else -1
        result = [x + sign * c[k] * step for x, c in zip(result, found.classes, strict=True)]
        step += step * sum(m * abs(c[k]) for m, c in zip(most, found.classes, strict=True))
    return result


def _taken(reaches: Sequence[int], count: int) -> list[int]:
    """In how many ways hops of numbers that stand alone take c of so many layers, c = 0, 1, ..."""
    total = [1]
    for reach in reaches:
        total = _convolved(total, [1, *[reach] * count])[: count + 1]
    return total


def _together(each: Sequence[Sequence[int]]) -> list[int]:
    total = [1]
    for taken in each:
        total = _convolved(total, taken)
    return total


def _convolved(a: Sequence[int], b: Sequence[int]) -> list[int]:
    result = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            result[i + j] += x * y
    return result


def _counted(total: Sum, parts: Sequence[tuple[IntSet, int, Sequence[int]]]) -> int:
    """How many members there are with all that take layers from the parts."""
    if not parts:
        return total.members().bit_count()
    (lags, count, taken), *others = parts
    step, found, total = Step.of(lags.shifted(-int(lags.least))), 0, replace(total)
    for left in range(count + 1):
        if left:
            total.add(step, 1)
        if count - left < len(taken):
            found += taken[count - left] * _counted(total, others)
    return found
