"""Closed forms of empty and full tiles against the tiles themselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from patternc.ir.relation import Relation
from patternc.lowering.arrays import evaluate
from patternc.lowering.emptiness import every_pair, some_pair
from patternc.view.mask import relation_mask
from tests.view.relations import random_relation, relation_of


def tiles(relation: Relation, n: int, size: int, join: Callable[..., Any]) -> Any:
    """Of every tile whether some, or all, of its pairs are live."""
    mask = relation_mask(relation, n)
    edges = [*range(0, n, size), n]
    return np.array([[bool(join(mask[a:b, c:d])) for c, d in pairwise(edges)] for a, b in pairwise(edges)])


def predicted(test: Any, n: int, size: int) -> Any:
    first = np.arange(0, n, size)
    last = np.minimum(first + size, n) - 1
    values = {".first_q": first[:, None], ".last_q": last[:, None], ".first_k": first, ".last_k": last, ".n": n}
    return np.broadcast_to(evaluate(test, values), (len(first), len(first)))


@pytest.mark.parametrize("seed", range(6))
def test_random_relations(seed: int) -> None:
    rng = random.Random(seed)
    known = 0
    for _ in range(60):
        text, n, size = random_relation(rng), rng.randint(1, 60), rng.choice((4, 8))
        relation = relation_of(text)
        for closed_form, join in ((some_pair, np.any), (every_pair, np.all)):
            test = closed_form(relation, size)
            if test is not None:
                known += 1
                assert np.array_equal(predicted(test, n, size), tiles(relation, n, size, join)), (text, n, size)
    assert known > 60


@pytest.mark.parametrize(
    "text",
    [
        "window(5)",
        "window(3, 2)",
        "stride(7, 4, 2)",
        "causal & (stride(9) | window(4))",
        "ring(3, 2)",
        "causal & chunk(16, 1)",
        "causal & columns(12, 5, 3)",
        "sink(3) | window(6)",
        "global(2) | window(4, 4)",
        "chunk(16) & where(q % 4 == 1 and k % 4 == 1)",
        "causal & where(q % 5 == 2 and k % 5 == 1)",
    ],
)
def test_the_usual_patterns_have_a_closed_form(text: str) -> None:
    relation = relation_of(text)
    for n in (1, 8, 33, 64):
        some, every = some_pair(relation, 8), every_pair(relation, 8)
        assert some is not None
        assert every is not None
        assert np.array_equal(predicted(some, n, 8), tiles(relation, n, 8, np.any))
        assert np.array_equal(predicted(every, n, 8), tiles(relation, n, 8, np.all))


@pytest.mark.parametrize("text", ["where((q + 2 * k) % 7 == 3)", "same_document"])
def test_what_has_none_says_so(text: str) -> None:
    assert some_pair(relation_of(text), 8) is None
