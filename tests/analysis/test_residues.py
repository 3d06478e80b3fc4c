"""Endless strides, modulo their period: what is said to be crossed is, and nothing near it is missed."""

from __future__ import annotations

import random

import pytest

import patternc
from patternc.analysis import residues
from patternc.analysis.intset import INF, IntSet, from_intervals, interval
from patternc.analysis.pieces import Piece
from patternc.analysis.receptive_field import Field

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
    said = missed = later = 0
    for seed in range(400):
        groups = drawn(random.Random(seed))
        held = crossed(groups)
        all_there = set(range(300)) <= held
        start = residues.crosses_all_from(groups)
        assert start == INF or set(range(int(start), 300)) <= held, (seed, groups)
        said, missed = said + (start == 0), missed + (all_there and start != 0)
        later += 0 < start < 300
    assert said > 80
    assert later > 30
    assert missed < said / 4


def test_prefixes_where_lags_go_back() -> None:
    """Exact, whether a lag is missing or all from somewhere on are there and so are those before."""
    endless = gaps = 0
    for seed in range(300):
        groups = [(lags | interval(0, 0), count) for lags, count in drawn(random.Random(seed))]  # as every layer's
        held = crossed(groups)
        gap = next((x for x in range(500) if x not in held), None)
        found = Field([*groups])
        assert found.prefix == (INF if gap is None else gap - 1), (seed, groups)
        assert found.first_missing(400) == (gap if gap is not None and gap <= 400 else None), (seed, groups)
        endless, gaps = endless + (gap is None), gaps + (gap is not None)
    assert min(endless, gaps) > 50


def test_a_window_beside_a_stride_that_it_fills() -> None:
    """Seen at once, though other terms of several periods reach five million lags to both sides."""
    pattern = patternc.loads("""pattern a {
        attend gate(stride(2549, 52, 2124), window(1000, 8), stride(7), stride(533, 3710) - stride(366, 4095),
                    stride(278, 611, 139), where(d % 512 == 312 and abs(d) <= 1828 * 2893))
    }""")
    assert pattern.prove("gapfree(8)").proved
    assert pattern.prove("prefix(8) == oo").proved


def test_a_stride_that_stands_alone_only_far_out() -> None:
    """Six strides and runs up to 6,767,750, then one: found where sums of all terms did not end."""
    pattern = patternc.loads("""pattern a {
        attend window(31) | stride(575) | stride(6, 2880) | mirror(stride(512, 22))
             | where(d % 2437 < 19 and -2965 <= d and d <= 1942 * 3485)
    }""")
    assert pattern.prove("gapfree(2)").proved
    assert pattern.prove("prefix(2) == oo").proved
    assert pattern.prove("prefix(1) == 31").proved


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
