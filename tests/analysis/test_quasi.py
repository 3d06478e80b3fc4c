"""Quasi-affine conditions: their normal form, their solutions, and what is recognised in `where`."""

from __future__ import annotations

import random

import pytest

from patternc.analysis.intset import congruent, interval
from patternc.analysis.quasi import function, linear, solutions
from patternc.analysis.semantics import model_of
from patternc.analysis.shapes import ChunkIn, KeyIn, LagIn, Pairs, QueryIn, Shape
from patternc.ir.expr import COMPARISONS, Expr, Int, Sym, arith, evaluate, neg
from patternc.ir.instantiate import instantiate
from tests.analysis.models import program_of


def some_expression(rng: random.Random, depth: int) -> Expr:
    if depth == 0 or rng.random() < 0.2:
        return rng.choice([Sym("x"), Int(rng.randint(-9, 9))])
    op = rng.choice(["+", "-", "*", "//", "%", "//", "%", "min", "max", "abs", "neg"])
    first = some_expression(rng, depth - 1)
    match op:
        case "abs":
            return arith(op, first)
        case "neg":
            return neg(first)
        case "*":
            return arith(op, first, Int(rng.randint(-4, 4)))
        case "//" | "%":
            return arith(op, first, Int(rng.choice([-3, -2, -1, 1, 2, 3, 4, 5, 6])))
    return arith(op, first, some_expression(rng, depth - 1))


def test_solutions() -> None:
    rng = random.Random(6)
    places = [*range(-150, 151), -1000, 999, 12345, -54321]
    for _ in range(600):
        expr, op = some_expression(rng, rng.randint(1, 4)), rng.choice(list(COMPARISONS))
        form = linear(expr, {})
        compute, found = function(form), solutions(form, op)
        for x in places:
            value = evaluate(expr, {"x": x})
            assert compute(x) == value
            assert found.contains(x) == COMPARISONS[op](value, 0), (expr, op, x)


def shape_of(relation: str) -> Shape:
    (pattern,) = program_of(f"pattern p {{ attend {relation} }}").patterns
    return model_of([instantiate(pattern, {})], True).layers[0].shape


@pytest.mark.parametrize(
    ("relation", "shape"),
    [
        ("where(q - k <= 5 and d >= 0)", LagIn(interval(0, 5))),
        ("where((q + 3 - k) % 4 == 3)", LagIn(congruent(4, 0))),
        ("where(q % 4 == k % 4)", LagIn(congruent(4, 0))),
        ("where((q + 1) % 4 == (k + 3) % 4)", LagIn(congruent(4, 2))),
        ("where(k // 4 < 2)", KeyIn(interval(None, 7))),
        ("where(2 * q % 6 == 0)", QueryIn(congruent(3, 0))),
        ("where(q // 8 == k // 8)", ChunkIn(8, 0, interval(0, 0))),
        ("where((q + 4) // 8 - (k + 4) // 8 <= 1)", ChunkIn(8, 4, interval(None, 1))),
        ("sink(0) | window(2)", LagIn(interval(0, 2))),
        ("chunk(1, 3)", LagIn(interval(0, 3))),
    ],
)
def test_conditions_are_recognised_by_their_meaning(relation: str, shape: Shape) -> None:
    assert shape_of(relation) == shape


def test_what_depends_on_both_positions_stays() -> None:
    assert isinstance(shape_of("where((q + k) % 3 == 0)"), Pairs)
