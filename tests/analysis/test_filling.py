"""Sums whose middle fills up, against sums of sets; and that they take no longer than is promised."""

from __future__ import annotations

import random
import time

import pytest

from patternc.analysis import filling
from patternc.analysis.filling import Step, Sum, whole_sum
from patternc.analysis.intset import IntSet, TooLarge, from_intervals
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
