"""Every closed form against counting, on grids of parameters, layers and lengths."""

from __future__ import annotations

from collections import Counter

import pytest

from patternc.ir.program import Program
from tests.analysis import brute
from tests.analysis.families import FAMILIES, INF, Family, closed, crossed, enclosed, program, subject

LENGTHS = (1, 2, 3, 4, 5, 6, 7, 9, 11, 13, 16, 20, 25)
LAYERS = range(1, 7)

UNDECIDED = {
    # A sequence that is shorter than the two longest steps together: its ends may cut a path.
    ("symmetric_", "depth"),
    ("symmetric_endless_", "depth"),
    # Lag sets without a window, or with skips that do not begin at lag 0: their gaps have no closed form.
    *(("phased_", name) for name in ("prefix", "coverage", "depth")),
    *(("phases_", name) for name in ("prefix", "coverage", "depth")),
    # Of runs of skips that are narrower than the window, it is not known from which layer on all is seen.
    ("run_", "depth"),
    *(("far_", name) for name in ("prefix", "coverage", "depth")),
    # Two chunks at least, one key a column, and a window no longer than a chunk.
    ("window_and_ends_", "depth"),
}
"""What is not given for all parameters of the grid; everything else is."""
ENCLOSED = {
    ("symmetric_endless_", "depth"),
    ("neighbourhood_", "edges"),
    ("neighbourhoods_", "edges"),
    ("phases_", "edges"),
    ("run_", "edges"),
    ("runs_", "edges"),
}
"""What may be given by bounds."""


@pytest.fixture(scope="module")
def families() -> Program:
    return program()


def compare(family: Family, name: str, found: object, counted: float, at: object) -> str:
    """What came of a case: exact, enclosed or undecided; fails where it is wrong."""
    if found is None:
        assert (family.name, name) in UNDECIDED, f"{family.name} {at}: no {name}"
        return "undecided"
    if isinstance(found, tuple):
        assert (family.name, name) in ENCLOSED, f"{family.name} {at}: {name} is only enclosed"
        assert found[0] <= counted <= found[1], f"{family.name} {at}: {name} is {counted}, not in {found}"
        return "enclosed"
    assert found == counted, f"{family.name} {at}: {name} is {counted}, not {found}"
    return "exact"


@pytest.mark.parametrize("family", [f for f in FAMILIES if f.lags], ids=lambda f: f.name)
def test_reach_prefix_and_coverage(families: Program, family: Family) -> None:
    seen: Counter[str] = Counter()
    assert family.lags is not None
    for values in family.parameters():
        about = subject(families, family, values)
        lags = family.lags(**values)
        for layers in layers_of(family, lags):
            at = f"{values}, L = {layers}"
            counted = crossed(family, lags, layers)
            for name, value in counted.items():
                seen[compare(family, name, closed(about, name, layers), value, at)] += 1
    assert seen["exact"] > 60
    assert seen.total() == cases_by_lag(family)


def test_bounds_enclose_what_is_counted(families: Program) -> None:
    """And they are the best of their kind: both ends are met, over and over."""
    met: Counter[str] = Counter()
    for family in FAMILIES:
        for values in family.parameters() if family.lags else ():
            assert family.lags is not None
            about, lags = subject(families, family, values), family.lags(**values)
            for layers in (1, 2, 3, 5):
                counted = crossed(family, lags, layers)
                for name in ("prefix", "coverage"):
                    if (found := enclosed(about, name, layers)) is None:
                        continue
                    assert found[0] <= counted[name] <= found[1], f"{family.name} {values}, L = {layers}: {name}"
                    met[f"{name} lower"] += found[0] == counted[name]
                    met[f"{name} upper"] += found[1] == counted[name] != INF
                    met[name] += 1
    assert min(met.values()) > 400, met


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_depth_and_edges(families: Program, family: Family) -> None:
    seen: Counter[str] = Counter()
    for values in family.parameters():
        about = subject(families, family, values)
        for n in LENGTHS:
            at = f"{values}, n = {n}"
            depth = brute.depth(family.member(**values), n)
            seen[compare(family, "depth", closed(about, "depth", n), INF if depth is None else depth, at)] += 1
            edges = brute.edges(family.members(**values), n)
            seen[compare(family, "edges", closed(about, "edges", n), edges, at)] += 1
    assert seen["exact"]
    assert seen.total() == cases_by_length(family)


def layers_of(family: Family, lags: frozenset[int]) -> range:
    return LAYERS if min(lags) >= 0 or not family.endless else LAYERS[:3]


def cases_by_lag(family: Family) -> int:
    if family.lags is None:
        return 0
    return sum(3 * len(layers_of(family, family.lags(**values))) for values in family.parameters())


def cases_by_length(family: Family) -> int:
    return sum(2 * len(LENGTHS) for _ in family.parameters())


def test_there_are_many_cases() -> None:
    """Closed forms are compared with counting in this file alone so many times; each test above counts its own."""
    cases = sum(cases_by_lag(family) + cases_by_length(family) for family in FAMILIES)
    print(f"{cases} closed forms compared with counting")
    assert cases >= 100_000


def test_layers_below_one(families: Program) -> None:
    """No layer crosses lag 0 only; where a form would need one layer, it is not used."""
    for family in FAMILIES:
        if family.lags is None:
            continue
        about = subject(families, family, next(family.parameters()))
        for name, value in (("reach", 0), ("prefix", 0), ("coverage", 1)):
            assert closed(about, name, 0) in (value, None)
            assert closed(about, name, -1) is None
