"""Sums whose middle fills up, against sums of sets; and that they take no longer than is promised."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

import patternc
from patternc.analysis import filling
from patternc.analysis.bits import repeated
from patternc.analysis.filling import MAX_MOVED, Step, Sum, added_up, whole_sum
from patternc.analysis.intset import IntSet, TooLarge, from_intervals
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.receptive_field import Field


def drawn(rng: random.Random, top: int) -> set[int]:
    dense = rng.choice((0.05, 0.2, 0.5, 0.9))
    return {0, *(x for x in range(1, top) if rng.random() < dense), rng.randint(0, top)}


def as_set(members: set[int]) -> IntSet:
    return from_intervals((x, x) for x in members)


def bits_of(members: set[int]) -> int:
    return sum(1 << x for x in members)


def test_sums_are_those_of_sets() -> None:
    rng = random.Random(11)
    filled = 0
    for _ in range(1500):
        parts = [(drawn(rng, rng.choice((1, 3, 9, 20))), rng.randint(1, 6)) for _ in range(rng.randint(1, 3))]
        expected, total = {0}, Sum()
        for members, count in parts:
            total.add(Step.of(as_set(members)), count)
            filled += total.start is not None
            for _ in range(count):
                expected = {x + y for x in expected for y in members}
            assert total.members() == bits_of(expected), parts
        assert total.top == max(expected)
        assert whole_sum([(as_set(members), count) for members, count in parts]) == bits_of(expected)
    assert filled >= 800


def test_what_is_counted_from_the_ends() -> None:
    rng = random.Random(13)
    filled = 0
    for _ in range(1000):
        parts = [(drawn(rng, rng.choice((3, 9, 20))), rng.randint(1, 6)) for _ in range(rng.randint(1, 3))]
        expected = {0}
        for members, count in parts:
            for _ in range(count):
                expected = {x + y for x in expected for y in members}
        total = added_up([(as_set(members), count) for members, count in parts])
        filled += total.start is not None
        for least in {0, *rng.sample(range(max(expected) + 1), 3 % (max(expected) + 1))}:
            assert total.count(least) == sum(x >= least for x in expected), (parts, least)
            missing = next(x for x in range(least, max(expected) + 2) if x not in expected)
            assert total.first_missing(least) == missing, (parts, least)
    assert filled >= 400


def test_the_ends_of_a_field_with_negative_lags() -> None:
    rng = random.Random(14)
    for _ in range(500):
        parts = [({x - 6 for x in drawn(rng, 15)} | {0}, rng.randint(1, 5)) for _ in range(rng.randint(1, 2))]
        expected = {0}
        for members, count in parts:
            for _ in range(count):
                expected = {x + y for x in expected for y in members}
        found = Field([(as_set(members), count) for members, count in parts])._by_ends(MAX_MOVED)
        gap = next(x for x in range(max(expected) + 2) if x not in expected)
        assert found.count == sum(x >= 0 for x in expected), parts
        assert found.gap == (None if gap > max(expected) else gap), parts


def test_multiples_of_one_number() -> None:
    rng = random.Random(17)
    divided = 0
    for _ in range(300):
        unit = rng.choice((2, 3, 6))
        parts = [({unit * (x - 4) for x in drawn(rng, 12)} | {0}, rng.randint(1, 4)) for _ in range(rng.randint(1, 2))]
        expected = {0}
        for members, count in parts:
            for _ in range(count):
                expected = {x + y for x in expected for y in members}
        groups = [(as_set(members), count) for members, count in parts]
        divided += filling.divided_sum(groups, MAX_MOVED, {})[1] > 1
        found = Field(groups)._by_ends(MAX_MOVED)
        assert found.count == sum(x >= 0 for x in expected), parts
        assert found.gap == (1 if max(expected) else None), parts
    assert divided >= 250


@pytest.mark.parametrize("layers", [4, 24])
def test_strides_of_a_common_divisor_fill_as_well(layers: int) -> None:
    """Multiples of 48, whose middle holds all of these."""
    found = patternc.loads("pattern a { attend stride(4080, 2683) | stride(3072, 4096) | mirror(stride(480, 99)) }")
    total = 1
    for _ in range(layers):
        following = 0
        # All is divided by 48; bit 0 stands for the least sum.
        for start, period, hops in ((990, 85, 2683), (990, 64, 4096), (0, 10, 99)):
            following |= repeated(total << start, period, hops + 1)
        total = following
    assert found.prove(f"coverage({layers}) == {(total >> 990 * layers).bit_count()}").proved
    assert found.prove(f"prefix({layers}) == 0").proved


def test_a_stride_that_reaches_much_farther_than_the_rest() -> None:
    rng = random.Random(16)
    alone = open_ = 0
    for _ in range(400):
        period = rng.randint(5, 40)
        far = Term(rng.choice((0, rng.randint(1, 9))), period, rng.randint(6, 14), rng.choice((0, 0, 1, 2)))
        lags = union_of([Term(0), far, *(Term(rng.randint(0, 30), 3, rng.randint(0, 2)) for _ in range(2))])
        step, count = Step.of(lags), rng.randint(2, 5)
        held = {x for x in range(int(lags.greatest) + 1) if lags.contains(x)}
        before = drawn(rng, 6)
        expected, total = before, Sum()
        total.add(Step.of(as_set(before)), 1)
        total.add(step, count)
        for _ in range(count):
            expected = {x + y for x in expected for y in held}
        assert total.members() == bits_of(expected), (lags, count, before)
        alone += step.longest is not None
        open_ += total.start is None
    assert alone >= 200
    assert open_ >= 100


def test_no_members_differ_by_more_than_is_said() -> None:
    rng = random.Random(15)
    for _ in range(500):
        some = [Term(rng.randint(0, 30), rng.randint(1, 9), rng.randint(0, 9), rng.randint(0, 3)) for _ in range(3)]
        lags = union_of([Term(0), *some])
        held = sorted(x for x in range(int(lags.greatest) + 1) if lags.contains(x))
        assert max((b - a for a, b in pairwise(held)), default=1) <= Step.of(lags).gap <= 31


@pytest.mark.parametrize(
    ("pattern", "layers", "coverage", "prefix"),
    [
        ("stride(3860, 833) | window(16) | stride(1, 647) | stride(463, 1757)", 64, 201822964, 200167712),
        ("stride(2432, 2585) | window(16) | stride(4088, 3952)", 16, 234015367, 256),
    ],
)
def test_strides_that_reach_farther_than_bits_are_kept(pattern: str, layers: int, coverage: int, prefix: int) -> None:
    """Numbers that were counted with every lag as a bit."""
    found = patternc.loads(f"causal pattern a {{ attend {pattern} }}")
    assert found.prove(f"coverage({layers}) == {coverage}").proved
    assert found.prove(f"prefix({layers}) == {prefix}").proved


def test_a_stretch_shorter_than_the_next_gap_is_given_up() -> None:
    total = Sum()
    total.add(Step.of(as_set({0, 1, 2, 3})), 3)
    total.add(Step.of(as_set({0, 40})), 2)
    assert total.members() == bits_of({x + y for x in range(10) for y in (0, 40, 80)})


def test_a_great_many_layers_that_never_fill() -> None:
    start = time.process_time()
    total = whole_sum([(as_set({0, 2, 6}), 1 << 20), (as_set({0, 3}), 1 << 10)])
    assert time.process_time() - start < 2
    assert total.bit_length() - 1 == 6 * (1 << 20) + 3 * (1 << 10)
    assert total & 0xFFFF == 0xFFFF ^ 0b10


def test_negative_lags_and_coverage() -> None:
    rng = random.Random(12)
    for _ in range(300):
        members = {x - 7 for x in drawn(rng, 15)} | {0}
        count = rng.randint(1, 6)
        expected = {0}
        for _ in range(count):
            expected = {x + y for x in expected for y in members}
        found = Field([(as_set(members), count)])
        assert found.coverage == sum(x >= 0 for x in expected), (members, count)


@pytest.mark.parametrize("lags", [8, 32, 64])
def test_an_irregular_pattern_that_reaches_far_takes_less_than_two_seconds(lags: int) -> None:
    """64 layers that reach 32 million tokens back."""
    rng = random.Random(lags)
    members = as_set({0, 500_000, *rng.sample(range(1, 500_000), lags)})
    start = time.process_time()
    found = Field([(members, 64)]).coverage
    assert time.process_time() - start < 2
    assert 20_000_000 < found < 32_000_000


def test_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "MAX_MOVED", 1000)
    with pytest.raises(TooLarge):
        whole_sum([(as_set({0, 3, 7, 100}), 9)])
