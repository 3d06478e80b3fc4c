"""Sets of integers and their terms, against Python's sets."""

from __future__ import annotations

import random

import pytest

from patternc.analysis import bits, lagset
from patternc.analysis.endless import common_period, endless_sum
from patternc.analysis.intset import ALL, EMPTY, INF, IntSet, TooLarge, congruent, interval
from patternc.analysis.lagset import Term, terms_of, union_of

LOW, HIGH = -60, 60
RANGE = range(LOW, HIGH + 1)
FAR = 500
"""Sums within RANGE of the sets below need no summand beyond this."""


def some_set(rng: random.Random) -> IntSet:
    result = EMPTY
    for _ in range(rng.randint(0, 3)):
        start = rng.randint(-25, 25)
        ends = rng.choice([(start, start + rng.randint(0, 30)), (start, None), (None, start), (None, None)])
        members = congruent(rng.randint(1, 9), start, rng.randint(0, 4)) if rng.random() < 0.6 else ALL
        result |= members & interval(*ends)
    return result


def members(s: IntSet, low: int = LOW, high: int = HIGH) -> set[int]:
    return {x for x in range(low, high + 1) if s.contains(x)}


@pytest.fixture(scope="module")
def pairs() -> list[tuple[IntSet, IntSet]]:
    rng = random.Random(4)
    return [(some_set(rng), some_set(rng)) for _ in range(500)]


def test_boolean_operations(pairs: list[tuple[IntSet, IntSet]]) -> None:
    for a, b in pairs:
        x, y = members(a), members(b)
        assert members(a | b) == x | y
        assert members(a & b) == x & y
        assert members(a - b) == x - y
        assert members(a.complement()) == set(RANGE) - x
        assert members(a.reflected()) == {-i for i in x}
        assert members(a.shifted(7)) == {i + 7 for i in members(a, LOW - 7, HIGH - 7)}
        assert a.within(a | b)
        assert (a & b).within(a)
        assert (a | b).equals(b | a)
        assert a.within(b) == (a - b).empty


def test_questions(pairs: list[tuple[IntSet, IntSet]]) -> None:
    rng = random.Random(5)
    for a, _ in pairs:
        low = rng.choice(RANGE)
        high = rng.randint(low, HIGH)
        held = sorted(x for x in members(a) if low <= x <= high)
        assert a.count_and_sum(low, high) == (len(held), sum(held))
        assert [x for lo, hi in a.intervals(low, high) for x in range(lo, hi + 1)] == held
        assert bits.from_set(a, low, high) == sum(1 << x - low for x in held)
        assert a.meets(low, high) == bool(held)
        above, below = a.at_least(low), a.at_most(low)
        assert above == min((x for x in members(a, LOW, 200) if x >= low), default=None)
        assert below == max((x for x in members(a, -200, HIGH) if x <= low), default=None)


def test_terms_make_the_same_set(pairs: list[tuple[IntSet, IntSet]]) -> None:
    for a, _ in pairs:
        assert lagset.union_of(lagset.terms_of(a)).equals(a)


def sums(a: IntSet, b: IntSet) -> set[int]:
    """The sums within RANGE, with bits: bit i of the result stands for i - 2 FAR."""
    x, y = (bits.from_set(s, -FAR, FAR) for s in (a, b))
    total = 0
    for i in bits.members(x):
        total |= y << i
    return {i - 2 * FAR for i in bits.members(total) if LOW <= i - 2 * FAR <= HIGH}


def test_sums(pairs: list[tuple[IntSet, IntSet]]) -> None:
    done = 0
    for a, b in pairs[:350]:
        try:
            found = lagset.sum_of(a, b)
        except TooLarge:
            continue
        assert members(found) == sums(a, b)
        done += 1
    assert done > 250


def test_sums_of_endless_sets(pairs: list[tuple[IntSet, IntSet]]) -> None:
    for a, b in pairs[:250]:
        a, b = a | interval(0, 0), b | interval(0, 0)
        assert common_period([a, b]) >= 1
        found = endless_sum([(a, 1), (b, 1)])
        held = found.cut(LOW, HIGH)
        assert {x for x in RANGE if held >> x - LOW & 1} == sums(a, b)


@pytest.mark.parametrize("p", [2, 3, 5])
@pytest.mark.parametrize("q", [2, 4, 6, 9])
def test_when_a_sum_of_terms_is_one_term(p: int, q: int) -> None:
    """For finite terms exactly where the periods agree, the blocks fill the shorter one, or it divides the longer."""
    for first in range(1, 5):
        for second in range(1, 5):
            for width in range(5):
                small, large = min(p, q), max(p, q)
                hops = first if small == p else second
                one = p == q or width >= small - 1 or (large % small == 0 and hops >= large // small - 1)
                found = lagset.add(Term(0, p, first, width), Term(0, q, second))
                assert (len(found) == 1) == one
                want = {
                    a * p + b * q + w for a in range(first + 1) for b in range(second + 1) for w in range(width + 1)
                }
                assert members(lagset.union_of(found), 0, 200) == want


def test_large_numbers() -> None:
    far = congruent(2**40, 5) & interval(0, 2**60)
    assert far.count(0, INF) == 2**20
    assert far.at_least(2**50) == 2**50 + 5
    assert lagset.sum_of(far, interval(0, 3)).count(0, INF) == 2**22
    with pytest.raises(TooLarge):
        _ = congruent(2**40, 0) | congruent(2**40 - 1, 0)


def test_strides_of_several_periods_are_few_terms() -> None:
    """Their union repeats with the common multiple only, in thousands of runs."""
    strides = [Term(0, 1, 0, 16), Term(0, 1000, INF), Term(0, 777, INF), Term(5, -13, INF, 2), Term(0, 4099, 3)]
    for few in (strides[:3], strides[3:], [*strides[:3], strides[4]]):
        held = union_of(few)
        found = terms_of(held)
        assert len(found) <= 16
        assert union_of(found).equals(held)


def strides(rng: random.Random) -> IntSet:
    """Some strides and intervals of a union, most of them finite."""
    hops = (0, 1, 4, 9, 15, INF)
    some = [
        Term(rng.randint(-20, 20), rng.choice((1, 2, 3, 5, 7, 12, -4)), rng.choice(hops), rng.choice((0, 0, 1, 3)))
        for _ in range(rng.randint(1, 6))
    ]
    return union_of(some)


def test_terms_of_strides_with_holes_make_the_same_set() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        held = strides(rng) - (strides(rng) if rng.random() < 0.5 else EMPTY)
        assert union_of(terms_of(held)).equals(held), held


def test_runs_of_members() -> None:
    rng = random.Random(1)
    seen = 0
    for _ in range(1000):
        held = strides(rng)
        for _ in range(10):
            low = rng.randint(-60, 60)
            high = low + rng.randint(0, 12)
            whole = all(held.contains(x) for x in range(low, high + 1))
            seen += whole
            assert held.holds_run(low, high) == whole, (held, low, high)
    assert seen >= 1000


@pytest.mark.parametrize(
    "some",
    [
        [Term(0, 3860, 833), Term(0, 1, 0, 647), Term(0, 463, 1757)],
        [Term(0, 1, 0, 8), Term(0, 1315, 5), Term(0, 2801, 373), Term(375 * 2801, 2801, 3721)],
        [Term(7, 4096, 4096), Term(0, 4095, 4000), Term(3, 2049, 1000, 2)],
        [Term(-3069242 + 214 * c, 499, 12301 - 200 * c) for c in range(8)],
    ],
)
def test_finite_strides_are_found_again(some: list[Term]) -> None:
    """Where they lie over one another there are thousands of runs, or pieces between the ends of others."""
    held = union_of(some)
    assert held.runs > len(some)
    found = terms_of(held)
    assert len(found) <= 2 * len(some)
    assert union_of(found).equals(held)
