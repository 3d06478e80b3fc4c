"""Closed forms of random programs' parts, tile by tile: bounds hold every live pair, and `full` says what is full."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hypothesis import Phase, given, settings

from patternc.ir.expr import FALSE, Expr
from patternc.ir.plan import Segment
from patternc.lowering.parts import part_of
from patternc.lowering.schedule import schedule
from patternc.lowering.terms import number
from tests.fuzz.programs import Sample, samples
from tests.lowering.brute import Sequence, instance_of, tiles


@dataclass(frozen=True)
class Piece:
    """A segment of one head, and what it must compute."""

    segment: Segment
    member: Expr
    """What pairs it holds."""
    period: int
    """Tiles are rows of one residue class: so far apart."""

    def tiles(self, positions: range, block: int) -> Iterator[range]:
        for residue in range(min(self.period, len(positions))):
            yield from tiles(positions[residue :: self.period], block)


def pieces(sample: Sample) -> Iterator[Piece]:
    """Those of every head and branch, before heads are merged."""
    heads = instance_of(sample).heads(sample.drawn.heads)
    for relation in dict.fromkeys(r for head in heads for r in head.branches):
        for scheduled in schedule(relation):
            part = part_of(scheduled)
            period = 1 if part.period is None else number(part.period)
            for i, segment in enumerate(part.segments):
                member = segment.mask if part.kind == "blocks" else scheduled.terms[i].member
                yield Piece(segment, member, period or 1)


@settings(max_examples=300, phases=[Phase.generate])
@given(samples(tokens=10))
def test_bounds_hold_all_live_pairs(sample: Sample) -> None:
    here = Sequence.of(sample)
    for piece in pieces(sample):
        segment, live = piece.segment, here.live(piece.member)
        for queries in piece.tiles(here.queries, 1 + sample.options[0] % 4):
            keys = [k for q, k in live if q in queries]
            lo, hi = (here.of_tile(e, queries, None) for e in (segment.key_lo, segment.key_hi))
            if keys:
                assert lo <= min(keys) <= max(keys) <= hi
                assert here.of_tile(segment.queries_live, queries, None)
        for keys in piece.tiles(range(here.nk), 1 + sample.options[1] % 4):
            queries = [q for q, k in live if k in keys]
            lo, hi = (here.of_tile(e, None, keys) for e in (segment.query_lo, segment.query_hi))
            if queries:
                assert lo <= min(queries) <= max(queries) <= hi
                assert here.of_tile(segment.keys_live, None, keys)


@settings(max_examples=300, phases=[Phase.generate])
@given(samples(tokens=10))
def test_full_is_exact(sample: Sample) -> None:
    """A tile that is said to be full is, and where a closed form exists it finds every full tile."""
    here = Sequence.of(sample)
    for piece in pieces(sample):
        segment = piece.segment
        if segment.full == FALSE:
            continue
        live = here.live(segment.mask)
        for queries in tiles(here.queries, 1 + sample.options[0] % 4):
            for keys in tiles(range(here.nk), 1 + sample.options[1] % 4):
                complete = all((q, k) in live for q in queries for k in keys)
                assert here.of_tile(segment.full, queries, keys) == complete, (queries, keys, segment.text)
