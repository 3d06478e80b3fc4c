"""Reach, coverage, prefix and depth of lag sets, against sums of sets; and that these tests would notice a mistake."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from itertools import product

import pytest

from patternc.analysis.depth import depth
from patternc.analysis.intset import INF, Bound, IntSet, congruent, from_intervals, interval
from patternc.analysis.receptive_field import Field, _bit_sum, _set_sum
from patternc.analysis.semantics import Layer, Model
from patternc.analysis.skip_family import Skips, skips_of
from patternc.ir.expr import Int
from patternc.ir.relation import Intersection, Lag, LagMod, Union
from tests.oracle import graph

WINDOWS, PERIODS, HOPS, LAYERS = range(7), range(1, 15), (0, 1, 2, 3, INF), range(1, 10)
HORIZON = 400
"""Endless strides are cut here: prefixes below are exact, and one that gets here has no end."""


def skip_set(k: int, p: int, hops: Bound, both: bool) -> IntSet:
    back = interval(0, k) | (congruent(p, 0) & interval(0, None if hops == INF else p * int(hops)))
    return back | back.reflected() if both else back


def family() -> Iterator[tuple[int, int, Bound, bool]]:
    yield from product(WINDOWS, PERIODS, HOPS, (False, True))


def brute(k: int, p: int, hops: Bound, both: bool) -> Iterator[tuple[Bound, Bound, Bound]]:
    """Reach, coverage and prefix layer by layer, with bits: bit i is the lag i (to both sides: i - an offset)."""
    last = HORIZON if hops == INF else p * int(hops)
    own = {*range(k + 1), *range(0, last + 1, p)}
    own |= {-x for x in own} if both else set()
    offset, span = (2 * HORIZON, 4 * HORIZON) if both else (0, 2 * HORIZON)
    total = 1 << offset
    for _ in LAYERS:
        total = sum_of_bits(total, own) & ((1 << span + 1) - 1)
        back = total >> offset
        prefix = (~back & (back + 1)).bit_length() - 2
        if hops == INF:
            yield INF, INF, INF if prefix >= HORIZON // 2 else prefix
        else:
            yield back.bit_length() - 1, back.bit_count(), prefix


def sum_of_bits(total: int, lags: set[int]) -> int:
    result = 0
    for lag in lags:
        result |= total << lag if lag >= 0 else total >> -lag
    return result


def mistakes() -> int:
    """How many values of the closed forms are wrong, over the whole family."""
    wrong = 0
    for k, p, hops, both in family():
        # To both sides without end the brute force would need the whole line.
        if both and hops == INF:
            continue
        lags = skip_set(k, p, hops, both)
        for layers, want in zip(LAYERS, brute(k, p, hops, both), strict=True):
            field = Field([(lags, layers)])
            wrong += sum(a != b for a, b in zip((field.reach, field.coverage, field.prefix), want, strict=True))
    return wrong


def test_closed_forms() -> None:
    assert mistakes() == 0
    assert sum(1 for _ in family()) * len(LAYERS) * 3 >= 26_000


def shifted(name: str, by: int) -> Callable[..., Bound]:
    exact = getattr(Skips, name)

    def perturbed(self: Skips, *arguments: int) -> Bound:
        return exact(self, *arguments) + by

    return perturbed


def test_paths_and_the_lags_beside_a_hole() -> None:
    """A path for every lag that is crossed and for no other; and what lies nearest to one that is not."""
    for k, p, hops, layers in product(range(6), range(1, 9), (0, 1, 2, 3), (1, 2, 4)):
        lags = {*range(k + 1), *range(0, hops * p + 1, p)}
        crossed = graph.lags_after([lags] * layers)
        skips = Skips(k, p, hops)
        for lag in range(max(crossed) + 2):
            path = skips.path(lag, layers)
            assert (path is not None) == (lag in crossed), (skips, layers, lag)
            if path is not None:
                assert (len(path), sum(path)) == (layers, lag)
                assert lags.issuperset(path)
            elif (beside := skips.neighbours(lag, layers)) is not None:
                below, above = (x for x in crossed if x < lag), (x for x in crossed if x > lag)
                assert beside == (max(below), min(above, default=None)), (skips, layers, lag)


@pytest.mark.parametrize("name", ["prefix", "coverage", "_prefix_of_both"])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_closed_form_that_is_off_by_one_is_noticed(name: str, by: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Skips, name, shifted(name, by))
    assert mistakes() > 100


@pytest.mark.parametrize("change", ["window", "period", "hops"])
def test_a_set_that_is_read_wrongly_is_noticed(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def misread(lags: IntSet) -> Skips | None:
        found = skips_of(lags)
        if found is None or found.hops == 0:
            return found
        fields = {"window": found.window, "period": found.period, "hops": found.hops}
        return Skips(**{**fields, change: fields[change] + 1}, both=found.both)  # type: ignore[arg-type]

    monkeypatch.setattr("patternc.analysis.receptive_field.skips_of", misread)
    assert mistakes() > 100


def test_depth_of_the_family() -> None:
    """On sequences, up to the lengths where every form has turned over; causal and to both sides."""
    cases = 0
    for k, p, hops, both in family():
        held = window_and_skips(k, p, hops, both)
        model = Model((Layer(((held,),)),), endless=True)
        lengths = (*range(1, 20), 23, 29, 36, 48) if not both else (2, 5, 11, 19)
        masks = mask_of(k, p, hops, both, max(lengths))
        for n in lengths:
            assert depth(model, n) == graph.depth([masks[:n, :n]], True), (k, p, hops, both, n)
            cases += 1
    assert cases >= 11_000


def window_and_skips(k: int, p: int, hops: Bound, both: bool) -> Union:
    end = None if hops == INF else Int(p * int(hops))
    skips = Intersection((LagMod(False, Int(p)), Lag(False, Int(0), end)))
    back = Union((Lag(False, Int(0), Int(k)), skips))
    if not both:
        return back
    return Union((back, *(Intersection(tuple(a.mirrored() for a in skips.parts)), Lag(False, Int(-k), Int(0)))))  # type: ignore[union-attr]


def mask_of(k: int, p: int, hops: Bound, both: bool, n: int) -> graph.Mask:
    back = graph.mask(("|", ("window", k), ("stride", p, None if hops == INF else hops)), n)
    return back | back.T if both else back


def some_lags(rng: random.Random, both: bool) -> set[int]:
    lags = {*range(rng.randint(0, 4) + 1)}
    p = rng.randint(1, 9)
    lags |= {p * m for m in range(rng.randint(0, 3) + 1)}
    low = rng.randint(-9, 9) if both else rng.randint(0, 12)
    return lags | set(range(low, low + rng.randint(0, 3)))


def test_layers_of_any_kind() -> None:
    """Several lag sets, irregular and of both signs; each way to the sum by itself, too."""
    rng = random.Random(7)
    for i in range(2500):
        both = i % 3 == 0
        kinds = [some_lags(rng, both) for _ in range(rng.randint(1, 3))]
        layers = [rng.choice(kinds) for _ in range(rng.randint(1, 4))]
        groups = [
            (from_intervals((x, x) for x in s), layers.count(s)) for s in map(set, {frozenset(s) for s in layers})
        ]
        total = graph.lags_after(layers)
        field = Field(groups)
        assert (field.reach, field.coverage, field.prefix) == graph.measures(total)
        back = {x for x in total if x >= 0}
        clipped = field._clipped(int(field.reach))
        assert _bit_sum(clipped) == sum(1 << x for x in back)
        assert _set_sum(clipped).intervals(0, 200) == from_intervals((x, x) for x in back).intervals(0, 200)


def test_endless_lags() -> None:
    """Strides without end, several at once and in both directions: the prefix, and where there is none."""
    rng = random.Random(8)
    for _ in range(600):
        groups: list[tuple[IntSet, int]] = []
        for _ in range(rng.randint(1, 2)):
            lags = interval(0, rng.randint(0, 4)) | (
                congruent(rng.randint(1, 9), rng.randint(0, 5)) & interval(0, None)
            )
            if rng.random() < 0.3:
                lags |= congruent(rng.randint(1, 8), 0) & interval(0, None)
            if rng.random() < 0.2:
                lags |= interval(-2, 1)
            if rng.random() < 0.15:
                lags |= congruent(rng.randint(1, 8), 0) & interval(None, 0)
            groups.append((lags, rng.randint(1, 2)))
        total = 1 << HORIZON
        for lags, count in groups:
            for _ in range(count):
                held = {x for x in range(-HORIZON, HORIZON + 1) if lags.contains(x)}
                total = sum_of_bits(total, held) & ((1 << 2 * HORIZON + 1) - 1)
        back = total >> HORIZON
        prefix = (~back & (back + 1)).bit_length() - 2
        field = Field(groups)
        assert field.reach == field.coverage == INF
        assert field.prefix == (INF if prefix > 150 else prefix)


def test_times() -> None:
    """n = 1,048,576 and 64 layers: printed, not judged."""
    rng = random.Random(9)
    irregular = from_intervals((x, x) for x in [0, 1, *rng.sample(range(2, 16384), 30)])
    questions: list[tuple[str, list[tuple[IntSet, int]]]] = [
        ("window and one skip", [(interval(0, 128) | interval(4096, 4096), 64)]),
        ("window and 16 hops", [(skip_set(128, 4096, 16, False), 64)]),
        ("two periods", [(skip_set(64, 4096, 4, False) | skip_set(0, 5000, 3, False), 64)]),
        ("irregular, 32 lags", [(irregular, 64)]),
        ("to both sides", [(skip_set(64, 4096, 4, True), 64)]),
        ("doubling", [(interval(0, 128) | interval(129 * 2**i, 129 * 2**i), 1) for i in range(13)]),
    ]
    for name, groups in questions:
        begin = time.perf_counter()
        found = Field(groups)
        values = (found.reach, found.coverage, found.prefix)
        print(f"{name}: {values}, {1e3 * (time.perf_counter() - begin):.2f} ms")
        assert values[2] <= values[0]
