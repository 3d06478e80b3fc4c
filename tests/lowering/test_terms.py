"""Terms of random relations against the brute-force oracle: their union is the relation, and disjoint ones are that."""

from __future__ import annotations

import random

import pytest
from hypothesis import Phase, given, settings

from patternc.ir.expr import Int, evaluate
from patternc.ir.relation import ChunkLag
from patternc.lowering.terms import Term, TooManyTermsError, disjoint, masked, meet, subtract, terms
from tests.fuzz.programs import Sample, samples
from tests.lowering.brute import Sequence, instance_of
from tests.oracle import section1


@settings(max_examples=400, phases=[Phase.generate])
@given(samples(tokens=9))
def test_terms_and_disjoint_terms_hold_the_relation(sample: Sample) -> None:
    here = Sequence.of(sample)
    heads = sample.drawn.heads
    oracle = section1.mask(sample.drawn.pattern, heads, here.nk, nq=here.nq, ends=here.ends)
    for h, head in enumerate(instance_of(sample).heads(heads)):
        for b, relation in enumerate(head.branches):
            expected = {(q + here.queries.start, k) for q, k in oracle[b][h]}
            assert here.live(masked(relation).member) == expected
            try:
                found = terms(relation)
                pieces = disjoint(found)
            except TooManyTermsError:
                continue
            assert set().union(*(here.live(t.member) for t in found)) == expected
            count = sum(len(here.live(p.member)) for p in pieces)
            union = set().union(*(here.live(p.member) for p in pieces))
            assert union == expected
            assert count == len(union), "a pair lies in two of the disjoint terms"


@settings(max_examples=150, phases=[Phase.generate])
@given(samples(tokens=9), samples(tokens=9))
def test_meet_and_subtract(one: Sample, other: Sample) -> None:
    here = Sequence.of(one)
    try:
        left = terms(instance_of(one).heads(one.drawn.heads)[0].branches[0])[:3]
        right = terms(instance_of(other).heads(other.drawn.heads)[0].branches[0])[:3]
    except TooManyTermsError:
        return
    for a in left:
        for b in right:
            pairs_a, pairs_b = here.live(a.member), here.live(b.member)
            both = meet(a, b)
            assert (set() if both is None else here.live(both.member)) == pairs_a & pairs_b
            rest = [here.live(t.member) for t in subtract(a, b)]
            assert set().union(*rest) == pairs_a - pairs_b
            assert sum(map(len, rest)) == len(pairs_a - pairs_b)


@pytest.mark.parametrize("seed", range(40))
def test_nested_chunks(seed: int) -> None:
    """Chunk distances of sizes that divide each other: what one implies of the other is left out, and no pair lost."""
    draw = random.Random(seed)
    left, right = (
        ChunkLag(size=Int(draw.choice((2, 4, 8, 3, 12))), lo=_bound(draw), hi=_bound(draw)) for _ in range(2)
    )
    joined = meet(Term(), Term(atoms=(left, right)))
    held = [] if joined is None else joined.parts()
    for q in range(-9, 30):
        for k in range(30):
            values = {".q": q, ".k": k}
            expected = all(evaluate(a.member(), values) for a in (left, right))
            assert (joined is not None and all(evaluate(a.member(), values) for a in held)) == expected


def _bound(draw: random.Random) -> Int | None:
    return draw.choice((None, *(Int(i) for i in range(-3, 4))))


def test_chunks_that_larger_ones_imply_are_left_out() -> None:
    far, near = ChunkLag(size=Int(8), hi=Int(-1)), ChunkLag(size=Int(4), hi=Int(-1))
    assert meet(Term(atoms=(near,)), Term(atoms=(far,))) == Term(atoms=(far,))
    assert meet(Term(atoms=(ChunkLag(size=Int(4), lo=Int(1)),)), Term(atoms=(far,))) is None
