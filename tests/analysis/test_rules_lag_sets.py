"""Lags that isl computes, for all layers or for open periods, against counting."""

from __future__ import annotations

from itertools import product

import pytest

from patternc import driver
from patternc.analysis.rules import decide
from patternc.analysis.symbolic.formula import formula
from patternc.analysis.symbolic.lag_fields import Run, prefix
from patternc.ir.expr import Expr, Int, evaluate
from patternc.source import Source
from tests.analysis import brute


def run(start: str, width: str, period: str = "1", hops: str | None = "0", down: bool = False) -> Run:
    return Run(formula(start), formula(width), formula(period), None if hops is None else formula(hops), down)


def lags(runs: tuple[Run, ...], values: dict[str, int], longest: int) -> frozenset[int]:
    """The lags of the runs, up to ``longest``."""
    found: set[int] = set()
    for r in runs:
        start, width, period = (int(evaluate(e, values)) for e in (r.start, r.width, r.period))
        hops = longest // period if r.hops is None else int(evaluate(r.hops, values))
        held = {start + m * period + i for m in range(hops + 1) for i in range(width + 1)}
        found |= {-d for d in held} if r.down else held
    return frozenset(d for d in found if abs(d) <= longest)


def value(pieces: list[tuple[Expr, Expr | None]], values: dict[str, int]) -> float:
    """What the pieces say for given numbers: exactly one of them speaks."""
    found = [v for condition, v in pieces if evaluate(condition, values)]
    assert len(found) == 1
    return float("inf") if found[0] is None else evaluate(found[0], values)


OPEN_LAYERS = {
    "a window and a skip": (run("0", "3"), run("0", "0", "7", "1")),
    "two periods": (run("0", "2"), run("0", "0", "5", "1"), run("0", "0", "8", "1")),
    "an open window": (run("0", "1"), run("3", "0")),
    "no window": (run("2", "0"), run("3", "1")),
    "both sides": (run("0", "2"), run("1", "1", down=True), run("0", "0", "6", "1"), run("6", "0", down=True)),
}


@pytest.mark.parametrize("name", OPEN_LAYERS)
def test_all_layers_at_once(name: str) -> None:
    runs = OPEN_LAYERS[name]
    pieces = prefix(runs, formula("L"), (formula("L >= 1"),), ("L",))
    assert pieces is not None
    for layers in range(1, 12):
        counted = brute.prefix(brute.sums(lags(runs, {}, 100), layers))
        assert value(pieces, {"L": layers}) == counted


def test_an_endless_stride_over_all_layers() -> None:
    runs = (run("0", "2"), run("0", "0", "7", None))
    pieces = prefix(runs, formula("L"), (formula("L >= 1"),), ("L",))
    assert pieces is not None
    for layers in range(1, 8):
        counted = brute.prefix_of_bits(brute.bits(lags(runs, {}, 140), layers)[layers] & (2 << 140) - 1)
        assert value(pieces, {"L": layers}) == (counted if counted < 120 else float("inf"))


OPEN_PERIODS = {
    "a window and a skip": (run("0", "k"), run("0", "0", "p", "1")),
    "a window and three skips": (run("0", "k"), run("0", "0", "p", "3")),
    "two skips": (run("0", "k"), run("p", "0"), run("q", "0")),
    "both sides": (run("0", "k"), run("1", "k - 1", down=True), run("p", "0"), run("p", "0", down=True)),
}


@pytest.mark.parametrize("name", OPEN_PERIODS)
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_all_periods_at_once(name: str, layers: int) -> None:
    runs = OPEN_PERIODS[name]
    given = tuple(formula(c) for c in ("k >= 1", "p >= 1", "q >= 1"))
    pieces = prefix(runs, Int(layers), given, ("k", "p", "q"))
    if pieces is None:
        # Too many cases for isl within its limits; that is allowed, a wrong answer is not.
        assert (name, layers) == ("two skips", 3)
        return
    for k, p, q in product(range(1, 4), range(1, 9), range(1, 9, 2)):
        values = {"k": k, "p": p, "q": q}
        counted = brute.prefix(brute.sums(lags(runs, values, 100), layers))
        assert value(pieces, values) == counted, values


def test_what_is_not_linear_is_left_alone() -> None:
    one = (run("0", "k"), run("0", "0", "p", "1"))
    given = (formula("k >= 1"), formula("p >= 1"), formula("L >= 1"))
    assert prefix(one, formula("L"), given, ("L", "k", "p")) is None
    assert prefix(one, Int(40), given, ("L", "k", "p")) is None
    assert prefix((run("0", "0", "p", None),), Int(2), given, ("L", "k", "p")) is None


@pytest.mark.parametrize(
    ("claim", "outcome"),
    [
        ("two: prefix(2) >= 2*k", "proved"),
        ("two: prefix(2) <= 2*max(k, p, q)", "proved"),
        ("two: prefix(2) >= 2*k + 1", "refuted"),
        ("two(k = 2, p = 5, q = 8): prefix(L) >= 2*L", "proved"),
        ("two(k = 2, p = 5, q = 8) if L >= 3, n <= 8*L - 8: covers(n, layers = L)", "proved"),
    ],
)
def test_claims(claim: str, outcome: str) -> None:
    text = (
        f"causal pattern two(k = 3, p = 7, q = 11) {{ attend window(k) | stride(p, 1) | stride(q, 1) }}\nprove {claim}"
    )
    program = driver.load_program(Source("two", text))
    found = decide(program, program.proves[0])
    assert found is not None
    assert found.outcome == outcome, found.reason
