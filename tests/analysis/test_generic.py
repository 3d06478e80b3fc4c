"""Sums of large numbers with few relations, against sums one by one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import product

import pytest

from patternc.analysis import generic, neighbours, scales
from patternc.analysis.filling import Step, Sum
from patternc.analysis.generic import Group, members
from patternc.analysis.intset import IntSet, TooLarge, interval
from patternc.analysis.lagset import Term, terms_of, union_of
from patternc.analysis.lattice import lattice
from tests.analysis.test_scales import expected, total


def test_no_small_combination_is_missed() -> None:
    rng = random.Random(41)
    free = small = listed = 0
    for _ in range(1500):
        size = rng.randint(1, 3)
        numbers = [rng.randint(1, rng.choice((50, 500, 5000))) for _ in range(size)]
        most, near = [rng.randint(1, 5) for _ in range(size)], rng.randint(1, 20)
        found = lattice(numbers, most, near)
        for number, left, own in zip(numbers, found.near, found.classes, strict=True):
            assert number == left + sum(c * s for c, s in zip(own, found.steps, strict=True))
        seen = set()
        for n in product(*(range(-m, m + 1) for m in most)):
            if any(n) and abs(sum(x * g for x, g in zip(n, numbers, strict=True))) <= near:
                small += 1
                seen.add(n if n > (0,) * size else tuple(-x for x in n))
                assert not any(
                    sum(x * c[k] for x, c in zip(n, found.classes, strict=True)) for k in range(len(found.steps))
                )
                assert not any(n[i] for i in found.free)
        free += len(found.free)
        if found.small is not None:
            assert set(found.small) == seen
            assert len(found.small) == len(seen)
            listed += len(seen)
    assert listed > 100
    assert small > 300
    assert free > 500


def drawn_term(rng: random.Random, both: bool) -> Term:
    p = rng.choice((rng.randint(30, 60), rng.randint(100, 300), 97, 98, 99, 196, rng.randint(400, 900)))
    hops, width = rng.choice((1, 1, 2, 3)), rng.choice((0, 0, 0, 1, 2))
    start = rng.choice((0, 0, 0, p, rng.randint(0, 5), rng.randint(0, 200)))
    return Term(-start - width, -p, hops, width) if both and rng.random() < 0.5 else Term(start, p, hops, width)


def drawn(rng: random.Random, both: bool) -> Group:
    long = [drawn_term(rng, both) for _ in range(rng.randint(1, 2))]
    short = interval(-rng.choice((0, 0, 2)) if both else 0, rng.choice((0, 1, 2, 4))) | union_of(
        [Term(0, 3, rng.randint(0, 3))]
    )
    if both and rng.random() < 0.5:
        long += [Term(-t.start - t.width, -t.period, t.hops, t.width) for t in long]
        short |= short.reflected()
    return Group(short, long, rng.randint(1, 3))


def test_members_are_those_of_sums_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(42)
    seen: Counter[str] = Counter()
    apart = generic._counted

    def counted(*args: object) -> int:
        seen["apart"] += 1
        return apart(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(generic, "_counted", counted)
    for _ in range(500):
        both = rng.random() < 0.4
        groups = [drawn(rng, both) for _ in range(rng.choice((1, 1, 1, 2)))]
        terms = [([*terms_of(g.short), *(t.canonical() for t in g.long)], g.count) for g in groups]
        held = total(terms, -20000, 20000)
        try:
            found = members(groups, max(held))
        except TooLarge:
            seen["too large"] += 1
            continue
        assert (found.count, found.gap) == expected(held, max(held)), groups
        seen["both" if both else "up"] += 1
    assert min(seen[way] for way in ("both", "up")) >= 100, seen
    assert seen["apart"] >= 10, seen
    assert seen["too large"] < 60, seen


def related(rng: random.Random) -> list[Group]:
    """Strides of periods of which few combinations are small, beside the same short lags or windows."""
    base, both, same = rng.choice((30, 50, 100)), rng.random() < 0.3, rng.random() < 0.5
    window, others = rng.randint(0, 3), [Term(0, rng.choice((2, 3, 5)), rng.randint(0, 2))]
    groups: list[Group] = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        multiples = (
            base * 2,
            base * 3,
            base * 5,
            base * 2 + 1,
            base * 3 - 1,
            base * 7 + 2,
            rng.randint(base, 9 * base),
        )
        long = [Term(0, rng.choice(multiples), rng.choice((1, 1, 2, 3))) for _ in range(rng.randint(1, 3))]
        short = interval(0, window) | union_of(others) if same else interval(0, rng.randint(0, 3))
        if both:
            long += [Term(0, -t.period, t.hops) for t in long]
            short |= short.reflected()
        groups.append(Group(short, long, rng.randint(1, 3 if len(long) < 3 else 2)))
    return groups


def test_neighbours_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(44)
    seen: Counter[str] = Counter()
    count = neighbours.count

    def counted(groups: Sequence[neighbours.Layers], values: Sequence[int]) -> int:
        found = count(groups, values)
        seen["none near" if not values else "one near" if len(values) == 1 else "several near"] += 1
        seen["one group" if len(groups) == 1 else "several groups"] += 1
        return found

    monkeypatch.setattr(neighbours, "count", counted)
    for _ in range(250):
        groups = related(rng)
        terms = [([*terms_of(g.short), *(t.canonical() for t in g.long)], g.count) for g in groups]
        held = total(terms, -30000, 30000)
        try:
            found = members(groups, max(held))
        except TooLarge:
            seen["too large"] += 1
            continue
        assert (found.count, found.gap) == expected(held, max(held)), groups
    assert min(seen[kind] for kind in ("one near", "several near", "several groups")) >= 10, seen
    assert seen["too large"] < 10, seen


@pytest.mark.parametrize(
    ("window", "long", "layers"),
    [
        # 90 is 89 and a rest, beside 89 without one.
        (1, [Term(0, 90, 1), Term(0, 89, 2)], 3),
        (5, [Term(0, 500, 3), Term(5, 500, 2)], 3),
        (2, [Term(700, 1, 0, 2), Term(0, 690, 1), Term(3, 2000, 2)], 3),
    ],
)
def test_blocks_that_leave_several_rests(window: int, long: list[Term], layers: int) -> None:
    held = total([([Term(0, 1, 0, window), *long], layers)], 0, 1 << 20)
    found = members([Group(interval(0, window), long, layers)], max(held))
    assert (found.count, found.gap) == expected(held, max(held))


def bit_by_bit(lags: IntSet, count: int) -> int:
    held, sums = [x for a, b in lags.intervals(0, int(lags.greatest)) for x in range(a, b + 1)], 1
    for _ in range(count):
        found = 0
        for lag in held:
            found |= sums << lag
        sums = found
    return sums.bit_count()


@pytest.mark.parametrize(
    ("shifts", "hops", "layers"), [((0, -1, 3), (4, 4, 4), 24), ((0, 5, -7), (3, 6, 2), 20), ((0, 0, 0), (2, 9, 5), 12)]
)
def test_large_numbers_count_as_small_ones_of_the_same_relations(
    shifts: tuple[int, ...], hops: tuple[int, ...], layers: int
) -> None:
    """Strides of periods near one another: what is counted near 2^13, bit by bit, is said near 2^30."""

    def long(base: int) -> list[Term]:
        numbered = enumerate(zip(shifts, hops, strict=True))
        return [Term(i * (3 * i + 1), base + by, many) for i, (by, many) in numbered]

    window = interval(0, 2)
    small = bit_by_bit(window | union_of(long(1 << 13)), layers)
    top = layers * max(int(t.greatest) for t in long(1 << 30))
    assert members([Group(window, long(1 << 30), layers)], top).count == small


def test_numbers_without_relations_are_counted_by_layers() -> None:
    """Periods that differ much: a hop is a place of its own, and takes a layer from the window."""
    for hops in ((1,), (3,), (2, 1), (4, 3), (1, 2, 2)):
        long = [Term(0, 1_000_003 * 7**i + 11 * i, many) for i, many in enumerate(hops)]
        for layers in range(1, 5):
            held = total([([Term(0, 1, 0, 2), *long], layers)], 0, 1 << 40)
            assert members([Group(interval(0, 2), long, layers)], max(held)).count == len(held)


def test_a_thousand_million_hops_are_counted_at_once() -> None:
    window, hops = interval(0, 3), 10**9
    # 64 layers, c of them for hops.
    count = 3 * 64 + 1 + sum(hops * (3 * (64 - c) + 1) for c in range(1, 65))
    found = members([Group(window, [Term(0, 1 << 30, hops)], 64)], 64 * hops << 30)
    assert (found.count, found.gap) == (count, 193)


def test_a_sum_that_moves_too_many_bits_is_refused() -> None:
    step = Step.of(interval(0, 1) | interval(1000, 1001))
    Sum().add(step, 200)
    with pytest.raises(TooLarge):
        Sum(limit=1000).add(step, 200)


def test_few_hops_tell_of_many_where_the_rest_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """By relations as by points: a stride with many hops, and a long one back."""
    rng = random.Random(43)
    monkeypatch.setattr(scales, "LONG_PERIODS", (6, 6))
    decided = 0
    for _ in range(40):
        p = rng.choice((40, 41, 60))
        terms = [
            Term(0, 1, 0, rng.randint(0, 3)),
            Term(0, p, rng.randint(14, 30)),
            Term(0, -p + rng.choice((0, 1, 2)), 2),
        ]
        layers = rng.randint(1, 2)
        held = total([(terms, layers)], -400, 5000)
        found = scales.members([(terms, layers)], max(held))
        assert (found.count, found.gap) == expected(held, max(held)), (terms, layers)
        decided += 1
    assert decided == 40
