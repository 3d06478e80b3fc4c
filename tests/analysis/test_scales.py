"""Sums of long and short strides, against sums of sets one by one."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from patternc.analysis import nearby, scales
from patternc.analysis.intset import INF
from patternc.analysis.lagset import Term
from patternc.analysis.scales import members


def term(rng: random.Random) -> Term:
    if rng.random() < 0.3:
        return Term(-rng.randint(0, 3), 1, 0, rng.randint(0, 4))
    p = rng.choice((2, 3, 5, 13, 17, 29))
    start = rng.choice((0, 0, p, rng.randint(-20, 20)))
    return Term(start, rng.choice((p, -p)), rng.choice((1, 2, 3, 5, 9)), rng.choice((0, 0, 0, 1, 2)))


def of(some: Term, lo: int, hi: int) -> set[int]:
    blocks = (some.start + m * some.period for m in range(int(min(some.hops, hi - lo)) + 1))
    return {b + w for b in blocks for w in range(some.width + 1) if lo <= b + w <= hi}


def total(groups: list[tuple[list[Term], int]], lo: int, hi: int) -> set[int]:
    """By sums one by one, those beyond the bounds left out."""
    found = {0}
    for terms, count in groups:
        lags = {0}.union(*(of(t, lo, hi) for t in terms))
        for _ in range(count):
            found = {x + y for x in found for y in lags if lo <= x + y <= hi}
    return found


def expected(found: set[int], top: int) -> tuple[int, int | None]:
    gap = next((x for x in range(top + 1) if x not in found), None)
    return sum(0 <= x <= top for x in found), gap


@pytest.mark.parametrize("span", [0, 1 << 22])
def test_members_are_those_of_sums_one_by_one(monkeypatch: pytest.MonkeyPatch, span: int) -> None:
    """Whether what lies about a point is kept as bits or as pieces."""
    monkeypatch.setattr(nearby, "MAX_SPAN", span)
    monkeypatch.setattr(scales, "LONG_PERIODS", (6, 6))
    rng = random.Random(21)
    seen: Counter[str] = Counter()
    for _ in range(150):
        groups = [
            ([Term(0), *(term(rng) for _ in range(rng.randint(1, 3)))], rng.randint(0, 3))
            for _ in range(rng.choice((1, 1, 2)))
        ]
        held = total(groups, -2000, 2000)
        for top in {max(held), rng.randint(0, 200)}:
            found = members(groups, top)
            assert (found.count, found.gap) == expected(held, top), (groups, top)
            seen["full" if found.gap is None else "gap at once" if found.gap == 1 else "gap"] += 1
    assert min(seen.values()) >= 8, seen
    assert len(seen) == 3


@pytest.mark.parametrize("span", [0, 1 << 22])
def test_members_of_terms_without_end(monkeypatch: pytest.MonkeyPatch, span: int) -> None:
    """In one direction; the others can bring back so much only."""
    monkeypatch.setattr(nearby, "MAX_SPAN", span)
    monkeypatch.setattr(scales, "LONG_PERIODS", (6, 6))
    rng = random.Random(22)
    for _ in range(50):
        sign = rng.choice((1, -1))
        p = rng.choice((1, 2, 3, 5, 13, 17))
        endless = Term(rng.randint(-20, 20), sign * p, INF, rng.choice((0, 0, 1)))
        groups = [([Term(0), term(rng), endless], rng.randint(1, 3)), ([Term(0), term(rng)], rng.randint(0, 2))]
        top = rng.randint(0, 120)
        found = members(groups, top)
        assert (found.count, found.gap) == expected(total(groups, -1500, 1500), top), (groups, top)


def test_many_hops_are_told_from_few(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(23)
    monkeypatch.setattr(scales, "LONG_PERIODS", (6, 6))
    gaps: Counter[bool] = Counter()
    for _ in range(60):
        p = rng.choice((7, 8, 11))
        near = [
            Term(-rng.choice((0, 0, 2)), 1, 0, rng.randint(0, 4)),
            Term(0, rng.choice((2, 3, -5)), rng.randint(1, 3)),
        ]
        groups = [
            (
                [Term(0), Term(rng.choice((0, p)), p, rng.randint(25, 60)), *near[: rng.randint(0, 2)]],
                rng.randint(1, 3),
            ),
            ([Term(0), *near], rng.randint(0, 1)),
        ]
        held = total(groups, -100, 2500)
        found = members(groups, max(held))
        assert (found.count, found.gap) == expected(held, max(held)), groups
        gaps[found.gap is not None and found.gap > 25 * p] += 1
    assert min(gaps.values()) >= 5, gaps
    assert len(gaps) == 2
