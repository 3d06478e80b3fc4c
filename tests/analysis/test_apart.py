"""Lags of long periods, kept apart: what is said of them is what is said where they fit into one set."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from patternc import driver
from patternc.analysis import lagset, pieces
from patternc.analysis.apart import Apart, first_gap
from patternc.analysis.intset import ALL, INF, Bound, IntSet, TooLarge, congruent, interval
from patternc.analysis.lagset import Term, within
from patternc.analysis.prove import prove
from patternc.analysis.receptive_field import Field
from patternc.analysis.shapes import Both, Either, LagIn, Shape
from patternc.source import Source

LONG = """
pattern strides { attend stride(1073741824) | stride(5) }
pattern back { attend mirror(stride(1073741824) | stride(5)) | window(7) }
pattern less { attend (stride(1073741824) | stride(5)) - stride(7) }
pattern rare { attend stride(1073741824) & stride(5) }
pattern rarer { attend stride(1073741824) & stride(1073741823) }
pattern ended { attend stride(1073741824, 64) | stride(5, 1000000000) }
pattern both_ways { attend stride(1073741825) | mirror(stride(1073741824)) }
pattern three { attend stride(5, all, 1073741824) | stride(1048583, all, 3) | stride(7, all, 999999999) }
pattern wide { attend where(d % 1073741824 <= 536870912) & stride(5) }
pattern nearly_all { attend where(d % 1073741824 != 536870912) | stride(5) | stride(1073741823) }
pattern all_around { attend (stride(1073741824) | stride(5) | stride(7)) | window(4) }
"""


@pytest.mark.parametrize(
    "claim",
    [
        "strides: reach(1) == oo",
        "strides: coverage(1) >= 2",
        "strides: prefix(64) == 0",
        "back: reach(3) == 21",
        "back: coverage(3) == 22",
        "back: prefix(3) == 21",
        "less: coverage(2) == oo",
        "less: prefix(64) == 0",
        "rare: coverage(1) == oo",
        "rarer: reach(2) == oo",
        "ended: reach(3) == 206158430208",
        # Multiples of 5 up to 5e9, and 65 multiples of 2^30, of which 13 are multiples of 5 and one 0 is both.
        "ended: coverage(1) == 1000000001 + 65 - 1",
        "both_ways: prefix(1) == 0",
        "both_ways: prefix(2) == oo",
        "three: prefix(4) == 0",
        "wide: coverage(1) == oo",
        "wide: prefix(1) == 0",
        "nearly_all: prefix(1) == 536870911",
        "nearly_all: prefix(2) == oo",
        "all_around: prefix(1) == 5",
        "all_around: gapfree(2)",
    ],
)
def test_long_periods_with_numbers_are_decided(claim: str) -> None:
    program = driver.load_program(Source("long", LONG))
    found = prove(program, driver.parse_claim(claim, program))
    assert found.proved, (claim, found.outcome, found.reason)


def test_too_long_a_sequence_is_said_to_be_so() -> None:
    """It once took all memory."""
    text = "causal pattern f { attend per_document(columns(16, 5, 3)) | stride(2, 1073741823, 33) }"
    program = driver.load_program(Source("far", text))
    found = prove(program, driver.parse_claim("f: depth(35433480159) > 2", program))
    assert found.unknown
    assert "too many to follow" in found.reason


def leaf(rng: random.Random) -> IntSet:
    period = rng.choice((2, 3, 4, 5, 7, 9, 11))
    width = rng.randint(1, min(3, period))
    lo = rng.choice((None, None, -rng.randint(0, 30), rng.randint(0, 6)))
    hi = rng.choice((None, rng.randint(6, 60)))
    if rng.random() < 0.3:
        return interval(rng.randint(-3, 0), rng.randint(0, 4))
    return congruent(period, rng.randint(0, period - 1), width) & interval(lo, hi)


def drawn(rng: random.Random) -> Shape:
    parts: list[Shape] = [LagIn(interval(0, 0))]
    for _ in range(rng.randint(1, 3)):
        one = LagIn(leaf(rng))
        parts.append(Both((one, LagIn(leaf(rng)))) if rng.random() < 0.3 else one)
    return Either(tuple(parts))


def merged(shape: Shape) -> IntSet:
    match shape:
        case LagIn(lags):
            return lags
        case Both(parts):
            found = ALL
            for part in parts:
                found &= merged(part)
            return found
        case Either(parts):
            found = interval(0, 0)
            for part in parts:
                found |= merged(part)
            return found
        case _:
            raise AssertionError(shape)


def asked(field: Callable[[], Field], name: str) -> Bound | None:
    try:
        return getattr(field(), name)
    except TooLarge:
        return None


def test_parts_kept_apart_say_what_one_set_says(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(5)
    cases = [(drawn(rng), rng.randint(1, 5)) for _ in range(700)]
    names = ("reach", "coverage", "prefix")
    expected = [[asked(lambda s=s, c=c: Field([(merged(s), c)]), n) for n in names] for s, c in cases]
    monkeypatch.setattr(pieces, "MAX_RUNS", 6)
    decided: Counter[str] = Counter()
    for (shape, count), values in zip(cases, expected, strict=True):
        for name, value in zip(names, values, strict=True):
            found = asked(lambda s=shape, c=count: Field([(Apart(s), c)]), name)
            if found is not None:
                assert found == value, (shape, count, name)
                decided[f"{name} {'oo' if found == INF else 'finite'}"] += 1
    assert min(decided.values()) >= 80, decided


def test_an_end_is_not_taken_for_none() -> None:
    """Both hold 0 to 3; from 10 on the one holds even lags and the other odd ones."""
    even, odd = (LagIn(interval(0, 3) | (congruent(2, phase) & interval(10, None))) for phase in (0, 1))
    with pytest.raises(TooLarge):
        _ = Apart(Both((even, odd))).greatest
    assert Apart(Both((even, LagIn(congruent(3, 0))))).greatest == INF
    assert Apart(Both((even, LagIn(interval(0, 21))))).greatest == 20


def test_sums_of_terms_that_leave_some_out_say_no_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(7)
    cases = [(drawn(rng), rng.randint(2, 4)) for _ in range(300)]
    expected = [asked(lambda s=s, c=c: Field([(merged(s), c)]), "prefix") for s, c in cases]
    monkeypatch.setattr(lagset, "MAX_TERMS", 2)
    refused = 0
    for (shape, count), value in zip(cases, expected, strict=True):
        try:
            assert first_gap([(Apart(shape), count)]) - 1 == value, (shape, count)
        except TooLarge:
            refused += 1
    assert 20 <= refused <= 280


def test_what_both_have_is_found_without_listing_either(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(6)
    pairs = [(leaf(rng), leaf(rng)) for _ in range(800)]
    expected = [(a & b, a - b) for a, b in pairs]
    monkeypatch.setattr(pieces, "MAX_RUNS", 3)
    seen = 0
    for (a, b), (common, rest) in zip(pairs, expected, strict=True):
        for operation, value in ((lambda x=a, y=b: x & y, common), (lambda x=a, y=b: x - y, rest)):
            try:
                found = operation()
            except TooLarge:
                continue
            seen += 1
            assert all(found.contains(x) == value.contains(x) for x in range(-130, 131)), (a, b)
    assert seen >= 1000


def test_terms_within_endless_ones() -> None:
    """`within` may miss some, and never says it of a term that is not within."""
    said = 0
    for q in (-4, -3, -1, 1, 2, 3, 6):
        for width in range(0 if abs(q) == 1 else abs(q) - 1):
            endless = Term(2, q, INF, width).canonical()
            for term in (
                Term(s, p, hops, w) for s in range(-9, 10) for p in (1, 2, 3, 6) for hops in (0, 2) for w in (0, 1)
            ):
                if within(term.canonical(), endless):
                    said += 1
                    assert term.as_set().within(endless.as_set()), (term, endless)
    assert said >= 100
