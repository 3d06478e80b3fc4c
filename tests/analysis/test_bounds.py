"""Where a coverage or prefix is too large to count, what is known of it decides comparisons, and never wrongly."""

from __future__ import annotations

import random

import pytest

import patternc
from patternc.analysis.bounds import coverage_bounds, prefix_bounds
from patternc.analysis.intset import INF, Bound, IntSet, TooLarge, interval
from patternc.analysis.lagset import Term, union_of
from patternc.analysis.receptive_field import Field

SEEDS = 150


def drawn(rng: random.Random) -> IntSet:
    """A window, or some strides of either sign, and 0."""
    more = [
        Term(rng.randint(-4, 9), rng.choice((1, 2, 5, 7, -3)), rng.randint(0, 3), rng.choice((0, 0, 1)))
        for _ in range(rng.randint(1, 3))
    ]
    return union_of([Term(0, 1, 0, rng.choice((0, 0, 3))), *more])


@pytest.mark.parametrize("seed", range(SEEDS))
def test_bounds_hold(seed: int) -> None:
    rng = random.Random(seed)
    field = Field([(drawn(rng), rng.randint(1, 4)) for _ in range(rng.randint(1, 2))])
    low, high = coverage_bounds(field, lambda covered: False)
    assert 1 <= low <= field.coverage <= high <= field.reach + 1


@pytest.mark.parametrize("seed", range(SEEDS))
def test_bounds_of_the_prefix_hold(seed: int) -> None:
    rng = random.Random(seed)
    field = Field([(drawn(rng), rng.randint(1, 4)) for _ in range(rng.randint(1, 2))])
    low, high = prefix_bounds(field, lambda covered: False)
    assert 0 <= low <= field.prefix <= high <= field.reach


def test_bounds_of_the_prefix_ask_for_lag_0() -> None:
    with pytest.raises(TooLarge, match="lags without 0"):
        prefix_bounds(Field([(interval(1, 9), 2)]), lambda covered: False)


IRREGULAR = """causal pattern a {
    attend where(d % 254 == 70 and abs(d) <= 12246588) | where(d % 3465 < 11 and d <= 9387900)
        | where(d % 12 < 4 and -23196 <= d and d <= 4166748) | mirror(stride(19, 3939)) | window(4096)
}"""


@pytest.mark.parametrize(
    ("claim", "proved"),
    [("prefix(2) >= 8192", True), ("prefix(16) == 0", False), ("prefix(16) < 10 ** 12", True)],
)
def test_a_prefix_of_lags_that_make_no_one_set(claim: str, proved: bool) -> None:
    verdict = patternc.loads(IRREGULAR).prove(claim)
    assert (verdict.proved, verdict.refuted) == (proved, not proved)


def test_endless_lags_have_no_upper_bound() -> None:
    field = Field([(interval(0, None), 2)])
    assert coverage_bounds(field, lambda covered: False)[1] == INF


def test_the_search_ends_with_what_is_enough() -> None:
    asked: list[Bound] = []

    def enough(covered: Bound) -> bool:
        asked.append(covered)
        return True

    field = Field([(union_of([Term(0, 7, 9), Term(0, 5, 3)]), 3)])
    low, _ = coverage_bounds(field, enough)
    assert asked == [low]
    assert low < field.coverage


STRIDES = "causal pattern a { attend stride(7, 10) | stride(5, 3) }"
"""After 4 layers 197 lags up to 280; the first of the strides covers 41."""


@pytest.fixture
def one_stride(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts only what one of the strides covers."""
    exact = Field.__dict__["coverage"].func

    def coverage(field: Field) -> Bound:
        if any(lags.count(-INF, INF) > 11 for lags, _ in field.groups if isinstance(lags, IntSet)):
            raise TooLarge("too many")
        return exact(field)

    monkeypatch.setattr(Field, "coverage", property(coverage))


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("coverage(4) >= 41", "proved"),
        ("41 <= coverage(4)", "proved"),
        ("coverage(4) > 30", "proved"),
        ("coverage(4) != 30", "proved"),
        ("coverage(4) <= 281", "proved"),
        ("coverage(4) < 282", "proved"),
        ("10 < coverage(4) <= reach(4) + 1", "proved"),
        ("coverage(4) == 30", "refuted"),
        ("coverage(4) == 300", "refuted"),
        ("coverage(4) < 41", "refuted"),
        ("coverage(4) > 281", "refuted"),
        ("10 < coverage(4) < 20", "refuted"),
        ("coverage(4) >= 100", "unknown"),
        ("coverage(4) == 197", "unknown"),
        ("coverage(4) < 200", "unknown"),
        ("coverage(4) < 20 + coverage(4)", "unknown"),
    ],
)
@pytest.mark.usefixtures("one_stride")
def test_claims(claim: str, outcome: str) -> None:
    assert patternc.loads(STRIDES).prove(claim).outcome == outcome


@pytest.mark.usefixtures("one_stride")
def test_the_reason_says_what_is_known() -> None:
    pattern = patternc.loads(STRIDES)
    assert pattern.prove("coverage(4) >= 41").reason == "coverage(4) (at least 41) >= 41"
    refuted = pattern.prove("coverage(4) < 41")
    assert refuted.reason is not None
    assert refuted.reason.endswith("coverage(4) is at least 41, which is not < 41")


def test_the_numbers_of_these_tests() -> None:
    assert patternc.loads(STRIDES).prove("coverage(4) == 197").proved
