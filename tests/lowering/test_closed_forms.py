"""Closed forms of random programs' plans, tile by tile: bounds hold every live pair, and `full` says what is full."""

from __future__ import annotations

from hypothesis import Phase, given, settings

from patternc.ir.expr import FALSE, Expr
from patternc.ir.plan import Plan, Segment
from patternc.lowering.schedule import lower
from tests.fuzz.programs import Sample, samples
from tests.lowering.brute import Sequence, at_head, instance_of, tiles


def segments(plan: Plan, heads: int) -> list[tuple[int, Segment]]:
    """Every segment of the plan with a head that it serves."""
    return [
        (h, segment)
        for branch in plan.branches
        for part in branch.parts
        for h in (range(heads) if part.heads is None else part.heads)
        for segment in part.segments
    ]


@settings(max_examples=300, phases=[Phase.generate])
@given(samples(tokens=10))
def test_bounds_hold_all_live_pairs(sample: Sample) -> None:
    here = Sequence.of(sample)
    for h, segment in segments(lower(instance_of(sample), sample.drawn.heads), sample.drawn.heads):

        def form(expr: Expr, h: int = h) -> Expr:
            return at_head(expr, h)

        live = here.live(form(segment.mask))
        for queries in tiles(here.queries, 1 + sample.options[0] % 4):
            keys = [k for q, k in live if q in queries]
            lo, hi = (here.of_tile(form(e), queries, None) for e in (segment.key_lo, segment.key_hi))
            if keys:
                assert lo <= min(keys) <= max(keys) <= hi
                assert here.of_tile(form(segment.queries_live), queries, None)
        for keys in tiles(range(here.nk), 1 + sample.options[1] % 4):
            queries = [q for q, k in live if k in keys]
            lo, hi = (here.of_tile(form(e), None, keys) for e in (segment.query_lo, segment.query_hi))
            if queries:
                assert lo <= min(queries) <= max(queries) <= hi
                assert here.of_tile(form(segment.keys_live), None, keys)


@settings(max_examples=300, phases=[Phase.generate])
@given(samples(tokens=10))
def test_full_is_exact(sample: Sample) -> None:
    """A tile that is said to be full is, and where a closed form exists it finds every full tile."""
    here = Sequence.of(sample)
    for h, segment in segments(lower(instance_of(sample), sample.drawn.heads), sample.drawn.heads):
        full = at_head(segment.full, h)
        if full == FALSE:
            continue
        live = here.live(at_head(segment.mask, h))
        for queries in tiles(here.queries, 1 + sample.options[0] % 4):
            for keys in tiles(range(here.nk), 1 + sample.options[1] % 4):
                complete = all((q, k) in live for q in queries for k in keys)
                assert here.of_tile(full, queries, keys) == complete, (queries, keys, segment.text)
