"""Terms of random relations against the brute-force oracle: their union is the relation, and disjoint ones are that."""

from __future__ import annotations

from hypothesis import Phase, given, settings

from patternc.lowering.terms import TooManyTermsError, disjoint, masked, meet, subtract, terms
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
