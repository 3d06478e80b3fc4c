"""Mutations of certificates: every field changed, removed, doubled or replaced, and nothing false is accepted."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import reduce
from itertools import islice
from operator import getitem
from typing import Any

import pytest

from patternc.analysis.spelling import statement_text
from tests.analysis.stated import accepted, statements, symbols, true

OPERATORS = ("<=", ">=", "==", "+", "-", "*", "**", "max", "reach", "prefix", "coverage", "covers", "misses")
JUNK: tuple[Any, ...] = (None, "z", "oo", [], {}, 1.5, True, -1, 0, 10**30, ["max", 0, 0], [["x"]], "k'", "m'")


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every value of a JSON tree stands."""
    if path:
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def mutants(statement: dict[str, Any], draw: random.Random, names: list[str]) -> Iterator[tuple[Any, Any]]:
    """The statement with one value changed, removed, doubled or replaced by junk, in any order."""
    text = json.dumps(statement)
    every = [(path, change) for path in places(statement) for change in range(5)]
    draw.shuffle(every)
    for path, change in every:
        mutant = json.loads(text)
        where, parent = path[-1], reduce(getitem, path[:-1], mutant)
        value = parent[where]
        if change == 0 and isinstance(value, int) and not isinstance(value, bool):
            parent[where] = value + draw.choice((-1, 1, 2))
        elif change == 1 and isinstance(value, str):
            parent[where] = draw.choice([*names, *OPERATORS])
        elif change == 2:
            parent[where] = draw.choice(JUNK)
        elif change == 3:
            del parent[where]
        elif change == 4 and isinstance(parent, list):
            parent.insert(where, value)
        else:
            continue
        yield path, mutant


@pytest.mark.parametrize("most", [40, pytest.param(400, marks=pytest.mark.slow)])
@pytest.mark.parametrize("share", range(4))
def test_no_mutation_makes_something_false_valid(share: int, most: int) -> None:
    """What survives is still true: another label, an unused value, or another proof of the same."""
    draw = random.Random(share + most)
    tried = survived = 0
    for index, statement in enumerate(statements()):
        if index % 4 != share:
            continue
        names = sorted(symbols([0, statement["claim"], *statement["given"]]) | {"k", "p", "L", "n"})
        for path, mutant in islice(mutants(statement, draw, names), most):
            tried += 1
            if mutant == statement or not accepted(mutant):
                continue
            survived += 1
            assert isinstance(mutant["layers"], list)
            assert true(mutant), (path, statement_text(mutant))
    assert tried > 10 * most
    assert survived < tried / 3


@pytest.mark.parametrize("most", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_an_incomplete_proof_is_rejected(most: int) -> None:
    """Without any one of its parts a proof shows nothing; unless the part was not needed, which is rare."""
    dropped = kept = 0
    for statement in statements():
        every = list(places(statement["proof"], ("proof",)))
        text = json.dumps(statement)
        for path in random.Random(0).sample(every, min(most, len(every))):
            mutant = json.loads(text)
            parent = reduce(getitem, path[:-1], mutant)
            if isinstance(parent, list) and isinstance(parent[path[-1]], list):
                del parent[path[-1]]
                dropped += 1
                kept += accepted(mutant)
    assert dropped > 10 * most
    assert kept < dropped / 50
