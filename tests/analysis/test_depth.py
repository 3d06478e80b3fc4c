"""Depth, covers and edges on sequences, against boolean matrices."""

from __future__ import annotations

import random
import time

import pytest

from patternc.analysis import intervals, large
from patternc.analysis.depth import _on_graph, depth, enclosed, sees_all, sees_future
from patternc.analysis.edges import edges
from patternc.analysis.intset import INF
from patternc.analysis.rows import targets
from patternc.analysis.semantics import Model
from tests.analysis.models import models_of
from tests.oracle import graph

PATTERNS = 1000
SMALL = (1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 23)


@pytest.fixture(scope="module")
def drawn() -> list[tuple[tuple[graph.Tree, ...], Model]]:
    """Patterns drawn at random, some with a gate."""
    rng = random.Random(1)
    trees = [
        tuple(graph.some_relation(rng, rng.choice((3, 6, 9))) for _ in range(rng.choice((1, 1, 1, 2))))
        for _ in range(PATTERNS)
    ]
    return list(zip(trees, models_of(trees), strict=True))


def union(branches: tuple[graph.Tree, ...], n: int) -> graph.Mask:
    found = [graph.mask(b, n) for b in branches]
    result = found[0].copy()
    for other in found[1:]:
        result |= other
    return result


def wrong_depths(drawn: list[tuple[tuple[graph.Tree, ...], Model]], lengths: tuple[int, ...]) -> int:
    """How many depths differ from brute force."""
    return sum(
        depth(Model((model.layers[0],), True), n) != graph.depth([union(trees, n)], True)
        for trees, model in drawn
        for n in lengths
    )


@pytest.mark.parametrize(
    ("place", "mistake"),
    [
        ("depth._opposite_pair", lambda lags: 0),
        ("depth.on_a_ring", lambda lags, n: True),
        ("depth._shifts_to_full", lambda total, top, mask: 1),
        ("depth.targets", lambda n, causal: targets(n, True)),
        ("intervals._solid_about_0", lambda members: members.contains(0)),
        ("large._repeats", lambda model: (1, 0)),
        ("large._filled", None),
    ],
)
def test_a_wrong_rule_is_noticed(
    drawn: list[tuple[tuple[graph.Tree, ...], Model]], place: str, mistake: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules for long sequences are used on short ones here, and each is broken in turn."""
    monkeypatch.setattr("patternc.analysis.depth.SMALL_GRAPH", 0)
    few = drawn[:400]
    assert wrong_depths(few, (9, 16, 100)) == 0
    if mistake is None:
        monkeypatch.setattr("patternc.analysis.large._Room.filled", lambda self, asked, up: asked)
    else:
        monkeypatch.setattr(f"patternc.analysis.{place}", mistake)
    assert wrong_depths(few, (9, 16, 100)) > 0


def test_depth_of_a_pattern(drawn: list[tuple[tuple[graph.Tree, ...], Model]]) -> None:
    cases, finite = 0, 0
    rng = random.Random(2)
    for trees, model in drawn:
        for n in (*rng.sample(SMALL, 5), rng.choice((24, 31, 48, 64))):
            want = graph.depth([union(trees, n)], True)
            assert depth(model, n) == want, (n, [graph.text(t) for t in trees])
            for layers in (1, 2, 3, 5):
                assert sees_all(model, n, layers) == (want <= layers)
            cases += 5
            finite += want != INF
    assert cases >= 25_000
    assert finite >= 1000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_many_more_patterns(seed: int) -> None:
    """The same with other seeds, larger arguments and all lengths."""
    rng = random.Random(seed)
    trees = [
        tuple(graph.some_relation(rng, rng.choice((4, 9, 14)), 4) for _ in range(rng.choice((1, 2))))
        for _ in range(500)
    ]
    found = list(zip(trees, models_of(trees), strict=True))
    assert wrong_depths(found, tuple(rng.sample(range(1, 65), 8))) == 0


def test_every_rule_that_applies_agrees(drawn: list[tuple[tuple[graph.Tree, ...], Model]]) -> None:
    """The rules for long sequences are tried on short ones, where the graph can be asked."""
    agreed = {"graph": 0, "intervals": 0, "large": 0}
    for trees, model in drawn[:500]:
        for n in (9, 16):
            want = graph.depth([union(trees, n)], True)
            causal = not sees_future(model.layers[0], n)
            for name, rule in (("graph", _on_graph), ("intervals", intervals.depth), ("large", large.depth)):
                found = rule(model, n, INF, causal)
                assert found in (None, want), (name, n, [graph.text(t) for t in trees])
                agreed[name] += found is not None
    assert min(agreed.values()) >= 200, agreed


def test_bounds_of_endless_skips_to_both_sides() -> None:
    bodies = [
        (k, p, ("|", ("window", k, k), ("stride", p), ("mirror", ("stride", p))))
        for p in range(2, 9)
        for k in (1, 2, 3)
    ]
    checked = 0
    for (k, p, body), model in zip(bodies, models_of([(body,) for _, _, body in bodies]), strict=True):
        for n in range(1, 34):
            bounds = enclosed(model, n)
            assert (bounds is not None) == (k < p and n >= 3 * p)
            if bounds is not None:
                assert bounds[0] <= graph.depth([graph.mask(body, n)], True) <= bounds[1]
                checked += 1
    assert checked >= 200


def test_depth_of_a_stack(drawn: list[tuple[tuple[graph.Tree, ...], Model]]) -> None:
    rng = random.Random(3)
    for _ in range(1200):
        chosen = rng.choices(drawn, k=rng.randint(1, 4))
        model = Model(tuple(m.layers[0] for _, m in chosen), endless=False)
        n = rng.choice((2, 5, 9, 14, 20, 33))
        want = graph.depth([union(t, n) for t, _ in chosen], False)
        assert depth(model, n) == want, (n, [[graph.text(b) for b in t] for t, _ in chosen])


def test_edges(drawn: list[tuple[tuple[graph.Tree, ...], Model]]) -> None:
    cases = 0
    for trees, model in drawn:
        for n in (1, 2, 3, 6, 11, 17, 32):
            want = sum(int(graph.mask(t, n).sum()) for t in trees)
            assert edges(model, n) == want, (n, [graph.text(t) for t in trees])
            cases += 1
    assert cases >= 7000


@pytest.mark.parametrize("n", [1 << 20, 1_000_003])
def test_long_sequences(n: int) -> None:
    """Windows, skips, rings and chunks of a million tokens, by closed forms; the times are printed, not judged."""
    trees: list[tuple[tuple[graph.Tree, ...], float]] = [
        ((("window", 128),), -(-(n - 1) // 128)),
        ((("|", ("window", 128), ("stride", 4096)),), 33),
        ((("window", 64, 64),), -(-(n - 1) // 64)),
        ((("ring", 64, 63),), -(-(n - 1) // 127)),
        ((("&", ("chunk", 256, 1), ("causal",)),), (n - 1) // 256),
        ((("|", ("window", 16, 16), ("global", 1)),), 2),
        ((("&", ("|", ("window", 1024), ("sink", 4)), ("causal",)),), -(-(n - 1 - 3) // 1024)),
        ((("&", ("|", ("chunk", 64), ("columns", 64, 63)), ("causal",)),), 2),
    ]
    for (branches, want), model in zip(trees, models_of([b for b, _ in trees]), strict=True):
        begin = time.perf_counter()
        found = depth(model, n)
        print(f"{graph.text(branches[0])}, n = {n}: depth {found}, {1e3 * (time.perf_counter() - begin):.1f} ms")
        assert found == want
