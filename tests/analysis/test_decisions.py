"""`causal`, `nonempty`, `subset` and `equal`: decided for every length, the first witness against brute force."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest

from patternc.analysis import decisions
from patternc.analysis.decisions import Witness, first_future_pair, first_pair, first_query_without_key
from patternc.ir.relation import Relation, difference
from tests.analysis.models import models_of, verdict_of
from tests.oracle import graph

LENGTHS = 40


def first(found: dict[int, np.ndarray]) -> int | None:
    """The least length at which something is found."""
    return next((n for n, where in found.items() if where.any()), None)


def agrees(found: Witness | None, want: int | None) -> bool:
    """A witness at the least length; one beyond the lengths that were tried is none here."""
    return want is None if found is None or found.n >= LENGTHS else found.n == want


@pytest.fixture(scope="module")
def drawn() -> list[tuple[graph.Tree, Relation]]:
    rng = random.Random(10)
    trees = [graph.some_relation(rng, 5, parts=2) for _ in range(300)]
    return [(t, m.layers[0].relation) for t, m in zip(trees, models_of([(t,) for t in trees]), strict=True)]


@pytest.mark.parametrize("short", [2, decisions.SHORT])
def test_first_witness(drawn: list[tuple[graph.Tree, Relation]], short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the search of short lengths, and (where that is cut off early) by isl."""
    monkeypatch.setattr(decisions, "SHORT", short)
    outcomes: dict[tuple[str, bool], int] = {}

    def count(kind: str, found: Witness | None) -> None:
        outcomes[kind, found is None] = outcomes.get((kind, found is None), 0) + 1

    for (tree, relation), (other_tree, other) in pairwise(drawn):
        masks = {n: graph.mask(tree, n) for n in range(1, LENGTHS)}
        extra = {n: masks[n] & ~graph.mask(other_tree, n) for n in masks}
        found = first_future_pair(relation)
        assert agrees(found, first({n: np.triu(m, 1) for n, m in masks.items()})), graph.text(tree)
        count("future", found)
        if found is not None and found.n < LENGTHS:
            assert masks[found.n][found.query, found.key]
        found = first_query_without_key(relation)
        assert agrees(found, first({n: ~m.any(axis=1) for n, m in masks.items()})), graph.text(tree)
        count("empty", found)
        if found is not None and found.n < LENGTHS:
            assert not masks[found.n][found.query].any()
        found = first_pair(difference(relation, other))
        assert agrees(found, first(extra)), (graph.text(tree), graph.text(other_tree))
        count("difference", found)
    assert min(outcomes.values()) >= 10, outcomes


def splits(n: int) -> Iterator[list[int]]:
    """Where documents may begin: for each token the start of its document."""
    for bits in range(2 ** (n - 1)):
        starts = [0]
        for i in range(1, n):
            starts.append(i if bits >> i - 1 & 1 else starts[-1])
        yield starts


def in_documents(tree: graph.Tree, n: int, starts: list[int]) -> graph.Mask:
    """`per_document` of a tree, document by document."""
    found = np.zeros((n, n), bool)
    for start in set(starts):
        length = starts.count(start)
        found[start : start + length, start : start + length] = graph.mask(tree, length)
    return found


def test_documents_may_begin_anywhere() -> None:
    """`per_document(R)` against `R` and `S`: the first length and split that tell them apart."""
    rng = random.Random(11)
    pairs = [(graph.some_relation(rng, 4, 2), graph.some_relation(rng, 4, 2)) for _ in range(40)]
    seen = {True: 0, False: 0}
    for inner, outer in pairs:
        text = f"pattern a {{ attend per_document({graph.text(inner)}) }} pattern b {{ attend {graph.text(outer)} }}"
        verdict = verdict_of(text, "a: subset(b)", budget=0)
        want = next(
            (n for n in range(1, 8) for s in splits(n) if (in_documents(inner, n, s) & ~graph.mask(outer, n)).any()),
            None,
        )
        if verdict.proved:
            assert want is None
        elif verdict.refuted:
            assert verdict.counterexample is not None
            n = verdict.counterexample["n"]
            assert want == n or (want is None and n > 7)
            lengths = verdict.counterexample["documents"]
            starts = [sum(lengths[:i]) for i, length in enumerate(lengths) for _ in range(length)]
            q, k = verdict.counterexample["pair"]
            assert sum(lengths) == n
            assert in_documents(inner, n, starts)[q, k]
            assert not graph.mask(outer, n)[q, k]
        else:
            assert "%" in text or "n //" in text or "ring" in text or "per_document" in graph.text(outer), (
                verdict.reason
            )
            continue
        seen[verdict.proved] += 1
    assert min(seen.values()) >= 5, seen


@pytest.mark.parametrize(
    ("text", "claim", "outcome"),
    [
        ("causal pattern a { attend per_document(window(4) | sink(2)) }", "a: causal", "proved"),
        ("pattern a { attend per_document(window(4, 1)) }", "a: causal", "refuted"),
        ("pattern a { attend per_document(window(4)) }", "a: nonempty", "proved"),
        ("pattern a { attend per_document(window(4)) - window(0) }", "a: nonempty", "refuted"),
        (
            "pattern a { attend same_document & window(4) } pattern b { attend per_document(window(4)) }",
            "a: equal(b)",
            "proved",
        ),
        (
            "pattern a { attend same_document & sink(2) } pattern b { attend per_document(sink(2)) }",
            "a: equal(b)",
            "refuted",
        ),
        ("pattern a { attend per_document(window(4)) } pattern b { attend window(4) }", "a: subset(b)", "proved"),
        ("pattern a { attend per_document(window(4)) } pattern b { attend window(4) }", "a: equal(b)", "refuted"),
        ("pattern a { attend per_document(ring(3)) } pattern b { attend same_document }", "a: subset(b)", "proved"),
        ("pattern a { attend ring(3, 2) } pattern b { attend ring(4, 2) }", "a: subset(b)", "proved"),
        ("pattern a { attend window(3, 3) } pattern b { attend ring(3, 3) }", "a: subset(b)", "proved"),
        ("pattern a { attend ring(3, 3) } pattern b { attend window(3, 3) }", "a: subset(b)", "refuted"),
        ("pattern a { attend chunk(4) } pattern b { attend where(q // 4 == k // 4) }", "a: equal(b)", "proved"),
        ("pattern a { attend where(k > q and q >= 100000) }", "a: causal", "refuted"),
    ],
)
def test_for_every_length(text: str, claim: str, outcome: str) -> None:
    assert verdict_of(text, claim).outcome == outcome


def test_far_witnesses_are_found() -> None:
    verdict = verdict_of("pattern a { attend where(k > q and q >= 100000) }", "a: causal")
    assert verdict.counterexample is not None
    assert (verdict.counterexample["n"], verdict.counterexample["pair"]) == (100002, [100000, 100001])
