"""Endless strides, modulo their period: what is said to be crossed is, and nothing near it is missed."""

from __future__ import annotations

import random

import pytest

import patternc
from patternc.analysis import residues
from patternc.analysis.intset import INF, IntSet, from_intervals, interval
from patternc.analysis.pieces import Piece

FAR = 4000


def stride(start: int, period: int, width: int = 0) -> IntSet:
    """An endless stride of blocks."""
    runs = tuple(sorted((start + w) % period for w in range(min(width + 1, period))))
    return IntSet((Piece(start, INF, period, tuple((r, r) for r in runs)),))


def crossed(groups: list[tuple[IntSet, int]]) -> set[int]:
    """The sums of so many members of each, one by one, as far as members of up to ``FAR`` reach."""
    total = {0}
    for lags, count in groups:
        members = [x for x in range(-60, FAR) if lags.contains(x)]
        for _ in range(count):
            total = {x + y for x in total for y in members if x + y < FAR}
    return total


def drawn(random: random.Random) -> list[tuple[IntSet, int]]:
    finite = from_intervals([(x, x + random.randrange(3)) for x in (random.randrange(-30, 12) for _ in range(3))])
    endless = stride(random.randrange(-9, 9), random.randrange(2, 12), random.randrange(2)) | interval(0, 0)
    return [(finite, random.randrange(1, 3)), (endless, 1)]


def test_what_is_said_to_be_crossed_is() -> None:
    said = missed = 0
    for seed in range(400):
        groups = drawn(random.Random(seed))
        all_there = set(range(300)) <= crossed(groups)
        found = residues.crosses_all_from_0(groups)
        assert all_there or not found, (seed, groups)
        said, missed = said + found, missed + (all_there and not found)
    assert said > 80
    assert missed < said / 4


@pytest.mark.parametrize("wrong", ["_least", "_added"])
def test_a_wrong_rule_is_noticed(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = getattr(residues, wrong)

    def off(*given: object) -> object:
        found = plain(*given)
        return found and {residue: least - 12 for residue, least in found.items()}

    monkeypatch.setattr(residues, wrong, off)
    with pytest.raises(AssertionError):
        test_what_is_said_to_be_crossed_is()


@pytest.mark.parametrize("layers", [2, 3, 4, 25, 64])
def test_an_endless_stride_with_strides_to_both_sides(layers: int) -> None:
    pattern = patternc.loads("pattern a { attend stride(355, 3884) | mirror(stride(4080, 3480)) | stride(894) }")
    known = (f"gapfree({layers})", f"prefix({layers}) == 0")
    proved, refuted = known if layers > 2 else known[::-1]
    assert pattern.prove(proved).proved
    assert pattern.prove(refuted).refuted
