"""What a layer crosses, as the terms that its pattern is written in, and sums of these."""

from __future__ import annotations

import random

import pytest

import patternc
from patternc import driver
from patternc.analysis import semantics
from patternc.analysis.filling import MAX_MOVED
from patternc.analysis.intset import INF
from patternc.analysis.lagset import union_of
from patternc.analysis.question import Question
from patternc.analysis.receptive_field import Field, field_of
from patternc.analysis.semantics import Model
from patternc.source import Source


def model(text: str) -> Model:
    program = driver.load_program(Source("test", text))
    return Question(program, driver.parse_claim("a: causal", program)).point({}).model


def relation(rng: random.Random, depth: int = 2) -> str:
    if depth and rng.random() < 0.6:
        op = rng.choice(("|", "|", "&", "-"))
        return f"({relation(rng, depth - 1)} {op} {relation(rng, depth - 1)})"
    p, hops = rng.randint(1, 9), rng.randint(0, 9)
    return rng.choice(
        (
            f"window({hops})",
            f"window({hops}, {p})",
            f"stride({p}, {hops})",
            f"stride({p}, {hops}, {rng.randint(0, 5)})",
            f"mirror(stride({p}, {hops}))",
            f"where(d % {p} < 2 and abs(d) <= {5 * hops})",
        )
    )


def test_terms_are_the_lags() -> None:
    rng = random.Random(41)
    several = 0
    for _ in range(400):
        causal, body = rng.choice(("", "causal ")), relation(rng)
        found = model(f"{causal}pattern a {{ attend {body} }}").layers[0]
        assert found.terms is not None
        assert union_of(found.terms).equals(found.lags), body
        several += len(semantics.alternatives(found.relation)) > 1
    assert several >= 100


def test_sums_of_terms_are_those_of_lags() -> None:
    rng = random.Random(42)
    for _ in range(200):
        causal, body = rng.choice(("", "causal ")), relation(rng)
        field = field_of(model(f"{causal}pattern a {{ attend {body} }}"), rng.randint(1, 5))
        assert field.known
        assert field._by_ends(MAX_MOVED) == Field(field.groups)._by_ends(MAX_MOVED), body


def test_terms_without_end() -> None:
    found = model("pattern a { attend stride(7) | mirror(stride(5)) | stride(3, 4) }").layers[0]
    assert found.terms is not None
    assert sum(term.hops == INF for term in found.terms) == 2


def test_parts_that_are_not_by_lag_have_none() -> None:
    found = model("pattern a { attend window(4) | sink(4) - sink(4) }").layers[0]
    assert found.lags.greatest == 4
    assert found.terms is None or union_of(found.terms).equals(found.lags)


def counted(strides: list[tuple[int, int, int]], layers: int) -> tuple[int, int]:
    """Coverage and prefix, with every lag as a bit; a stride is its start, its period and its hops."""
    total, below = 1, -min(0, *(start for start, _, _ in strides))
    for _ in range(layers):
        following = total << below
        for start, period, hops in strides:
            block = total << below + start
            done = 1
            while done <= hops:
                more = min(done, hops + 1 - done)
                block, done = block | block << more * period, done + more
            following |= block
        total = following
    total >>= below * layers
    return total.bit_count(), (~total & (total + 1)).bit_length() - 2


@pytest.mark.parametrize(
    ("text", "strides", "layers"),
    [
        (
            "where(d == -1760) | stride(3964, 3419) | stride(3072, 2878, 2)",
            [(-1760, 1, 0), (0, 3964, 3419), (2, 3072, 2878)],
            4,
        ),
        (
            "where(d % 19 < 3 and 0 <= d and d <= 2893 * 1346) | stride(3358, 3860) | stride(635, 3583)",
            [*((c, 19, 204946) for c in range(3)), (0, 3358, 3860), (0, 635, 3583)],
            3,
        ),
        ("window(8) | stride(4095, 4000) | mirror(stride(24, 409))", [(0, 1, 8), (0, 4095, 4000), (-9816, 24, 409)], 4),
    ],
)
def test_sets_of_very_many_runs(text: str, strides: list[tuple[int, int, int]], layers: int) -> None:
    pattern = patternc.loads(f"pattern a {{ attend {text} }}")
    coverage, prefix = counted(strides, layers)
    assert pattern.prove(f"coverage({layers}) == {coverage}").proved
    assert pattern.prove(f"prefix({layers}) == {prefix}").proved
